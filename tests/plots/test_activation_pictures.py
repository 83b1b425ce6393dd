"""Pictures of activations: the numbers in them, and how lines and kinks are drawn."""

import math

import numpy as np
import pytest
import support

from neurosim.analysis.activations import activation_curves
from neurosim.plots.activations import activation_figure
from neurosim.plots.style import save
from neurosim.plugin import Activation


def lines_of(figure):
    """The curves in each panel, without the axes through 0 and the points at kinks."""
    return [[line for line in panel.get_lines() if len(line.get_xdata()) > 2] for panel in figure.get_axes()]


def test_curves_are_the_function_and_its_derivative(registry):
    shown = activation_curves(registry.activations.get("tanh"))
    np.testing.assert_allclose(shown.curves[0].a, np.tanh(shown.z), rtol=1e-14)
    np.testing.assert_allclose(shown.curves[0].slope, 1.0 - np.tanh(shown.z) ** 2, atol=1e-15)
    assert (shown.z[0], shown.z[-1]) == (-6.0, 6.0)
    assert not shown.derived


def test_a_derivative_that_was_left_out_is_drawn_and_said():
    def bend(z):
        return z / (1.0 + abs(z))

    shown = activation_curves(Activation("bend", bend))
    np.testing.assert_allclose(shown.curves[0].slope, 1.0 / (1.0 + np.abs(shown.z)) ** 2, rtol=1e-12)
    assert "derived from f" in activation_figure(shown).get_axes()[1].get_ylabel()


def test_half_and_twice_a_parameter_are_drawn_too(registry):
    shown = activation_curves(registry.activations.get("swish"))
    assert [curve.label for curve in shown.curves] == ["beta = 1", "beta = 0.5", "beta = 2"]
    np.testing.assert_allclose(shown.curves[2].a, shown.z / (1.0 + np.exp(-2.0 * shown.z)), rtol=1e-12)
    figure = activation_figure(shown)
    assert [len(lines) for lines in lines_of(figure)] == [3, 3]
    legend = [text.get_text() for text in figure.get_axes()[0].get_legend().get_texts()]
    assert legend == ["beta = 1 (default)", "beta = 0.5", "beta = 2"]


def test_kinks_are_not_joined_by_a_line(registry):
    shown = activation_curves(registry.activations.get("step"))
    (function,), _ = lines_of(activation_figure(shown))
    x, y = function.get_data()
    assert np.isnan(y[x == 0.0]).all()
    joined = ~np.isnan(y[:-1]) & ~np.isnan(y[1:])
    assert np.abs(np.diff(y))[joined].max() == 0.0


def test_the_value_at_a_kink_is_a_full_point(registry):
    shown = activation_curves(registry.activations.get("step"))
    panel, slopes = activation_figure(shown).get_axes()
    points = {
        line.get_ydata()[0]: line.get_markerfacecolor() == line.get_color()
        for line in panel.get_lines()
        if line.get_marker() == "o"
    }
    assert points == {0.0: False, 1.0: True}
    assert not [line for line in slopes.get_lines() if line.get_marker() == "o"]


def test_numbers_that_are_not_finite_leave_a_gap():
    def logarithm(z):
        return math.log(z)

    shown = activation_curves(Activation("logarithm", logarithm))
    assert np.isnan(shown.curves[0].a[shown.z <= 0.0]).all()
    assert np.isfinite(shown.curves[0].a[shown.z > 0.0]).all()


@pytest.mark.parametrize("name", ["identity", "hard_sigmoid", "leaky_relu", "elu"])
def test_the_same_curves_give_the_same_bytes(tmp_path, name):
    record = support.BUILTINS.activations.get(name)
    files = [save(activation_figure(activation_curves(record)), tmp_path / f"{k}.png", name) for k in range(2)]
    assert files[0].read_bytes() == files[1].read_bytes()
