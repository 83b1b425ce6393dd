"""Mish: registered, through the kit, and right where its values are known."""

import math

import neurosim_mish
import pytest
from neurosim_mish import mish, mish_derivative

import neurosim
from neurosim.testing import assert_passes


@pytest.fixture
def record(empty_registry):
    empty_registry.register(neurosim_mish)
    return empty_registry.activations.get("mish")


def test_it_gives_one_activation(empty_registry):
    empty_registry.register(neurosim_mish)
    assert empty_registry.activations.names() == ["mish"]


def test_it_passes_the_kit(record):
    assert_passes(record)


def closed_form(z):
    """tanh(ln(1 + e^z)) = ((1 + e^z)^2 - 1) / ((1 + e^z)^2 + 1), without tanh or logarithm."""
    e = math.exp(z)
    return z * (e * e + 2 * e) / (e * e + 2 * e + 2)


@pytest.mark.parametrize("z", [-20.0, -5.0, -1.1924, -0.5, 0.0, 1e-3, 0.5, 3.0, 20.0])
def test_it_is_the_closed_form(z):
    assert mish(z) == pytest.approx(closed_form(z), rel=1e-12)


def test_published_values():
    # As printed in the documentation of Keras.
    for z, value in {-3.0: -0.14564745, -1.0: -0.30340144, 0.0: 0.0, 1.0: 0.86509836}.items():
        assert mish(z) == pytest.approx(value, abs=5e-8)


def test_its_lowest_point():
    """The paper: bounded below by about -0.31; there the derivative changes its sign."""
    lowest = min((mish(k / 1000), k / 1000) for k in range(-3000, 0))
    assert lowest[0] == pytest.approx(-0.30884, abs=1e-5)
    assert mish_derivative(lowest[1] - 0.01, 0.0) < 0.0 < mish_derivative(lowest[1] + 0.01, 0.0)


@pytest.mark.parametrize("z", [k / 4 for k in range(-80, 81)])
def test_the_derivative_is_that_of_the_paper(z):
    """e^z w / d^2 with w = 4 (z + 1) + 4 e^2z + e^3z + e^z (4 z + 6) and d = 2 e^z + e^2z + 2."""
    e = math.exp(z)
    omega = 4 * (z + 1) + 4 * e**2 + e**3 + e * (4 * z + 6)
    delta = 2 * e + e * e + 2
    assert mish_derivative(z, mish(z)) == pytest.approx(e * omega / delta**2, rel=1e-9, abs=1e-15)


def test_a_network_learns_with_it():
    registry = neurosim.build_registry(entry_points=False)
    registry.register(neurosim_mish)
    scenario = neurosim.load_scenario(
        "moons", registry=registry, overrides={"network.layers.0.activation": "mish", "training.epochs": 60}
    )
    assert neurosim.run(scenario).metrics["train_accuracy"] > 0.95
