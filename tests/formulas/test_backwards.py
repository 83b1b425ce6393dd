"""Gradients of row activations that are worked out: against differences, PyTorch and those written by hand."""

import functools
import inspect
import math
import textwrap

import numpy as np
import pytest
import support
from hypothesis import given as given_values
from hypothesis import strategies as st
from oracles import row_activations

from neurosim.backends.uncompiled import uncompiled
from neurosim.builtins.activations import softmax, softmax_backward
from neurosim.errors import PluginError
from neurosim.formulas.derivatives import derive_backward, source_of
from neurosim.plugin import RowActivation
from neurosim.testing import check

each = functools.partial(pytest.mark.parametrize, "function", ids=lambda function: function.__name__)


def filled(function, z, *params):
    a = np.full(z.size, np.nan)
    with np.errstate(all="ignore"):
        uncompiled(function)(z, a, *params)
    return a


def backward(function, z, da, *params):
    dz = np.full(z.size, np.nan)
    with np.errstate(all="ignore"):
        uncompiled(derive_backward(function))(z, filled(function, z, *params), da, dz, *params)
    return dz


@each(row_activations.DERIVED)
def test_they_agree_with_differences(function):
    random = np.random.default_rng(1)
    for units in (1, 2, 5):
        z, da = random.normal(size=(2, units))

        def weighted(at, k, z=z, da=da):
            return float(da @ filled(function, np.where(np.arange(z.size) == k, at, z)))

        expected = [support.slope(functools.partial(weighted, k=k), z[k]) for k in range(units)]
        np.testing.assert_allclose(backward(function, z, da), expected, rtol=1e-8, atol=1e-8)


def test_softmax_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(2)
    for units in (1, 3, 10):
        z, da = 3.0 * random.normal(size=(2, units))
        leaf = torch.tensor(z, requires_grad=True)
        torch.softmax(leaf, 0).backward(torch.tensor(da))
        np.testing.assert_allclose(backward(softmax, z, da), leaf.grad.numpy(), rtol=1e-12, atol=1e-12)


def test_softmax_and_its_logarithm_are_derived_as_by_hand():
    """What was subtracted does not matter, and exponentials follow from the outputs, as their sum does."""
    assert source_of(derive_backward(softmax)) == textwrap.dedent(SOFTMAX)
    assert source_of(derive_backward(row_activations.log_softmax)) == textwrap.dedent(LOG_SOFTMAX)


SOFTMAX = """\
    def softmax_backward(z, a, da, dz):
        d_log_total = 0.0
        for k in range(len(z)):
            d_log_total = d_log_total - a[k] * da[k]
        for k2 in range(len(z)):
            dz[k2] = a[k2] * (da[k2] + d_log_total)
    """
LOG_SOFTMAX = """\
    def log_softmax_backward(z, a, da, dz):
        d_t1 = 0.0
        for k in range(len(z)):
            d_t1 = d_t1 - da[k]
        for place1 in range(len(z)):
            d_t2 = 0.0 if d_t1 == 0.0 else math.exp(a[place1]) * d_t1
            dz[place1] = da[place1] + d_t2
    """


def test_the_mean_of_a_variance_gets_nothing_from_it():
    """The deviations from it add up to 0."""
    text = source_of(derive_backward(row_activations.standardized))
    assert [line.strip() for line in text.splitlines() if "d_mean = d_mean" in line] == ["d_mean = d_mean - t2 / t1"]


def test_softmax_far_out_is_finite():
    found = backward(softmax, np.array([1e4, -1e4, 0.0]), np.array([1.0, -2.0, 0.5]))
    np.testing.assert_allclose(found, 0.0, atol=1e-30)


@each(row_activations.DERIVED)
def test_what_is_derived_is_written_plainly(function):
    assert support.translate(derive_backward(function), ["row"] * 4).source


def test_the_text_can_be_read():
    assert source_of(derive_backward(row_activations.spherical)) == textwrap.dedent(TEXT)


TEXT = """\
    def spherical_backward(z, a, da, dz):
        total = 0.0
        for k in range(len(z)):
            total = total + (z[k] * z[k] + 0.01)
        d_log_total = 0.0
        for k2 in range(len(z)):
            t1 = da[k2]
            d_log_total = d_log_total - (0.0 if t1 == 0.0 else a[k2] * t1)
        for k in range(len(z)):
            dz[k] = 2.0 * z[k] * ((da[k] + d_log_total) / total)
    """


@pytest.mark.parametrize(
    ("function", "why"), row_activations.REFUSED.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_refusals_name_the_line_and_the_reason(function, why):
    lines, first = inspect.getsourcelines(function)
    line = first + next(number for number, text in enumerate(lines) if "# here" in text)
    with pytest.raises(PluginError) as caught:
        derive_backward(function)
    assert caught.value.message.startswith(f"{function.__code__.co_filename}:{line}: in {function.__name__}: backward")
    assert why in caught.value.message
    assert caught.value.hint == "Instead: give backward(z, a, da, dz), which fills dz from da."


def test_a_record_without_backward_trains_as_one_with_it():
    """Softmax under another loss than its own, on every backend, for fifty steps where that is quick."""
    given = RowActivation("given", softmax, softmax_backward)
    derived = RowActivation("derived", softmax)
    for backend, steps, tolerance in zip(support.BACKENDS, (50, 50, 3), (1e-12, 1e-5, 1e-5), strict=True):
        data = backend.rows(8, 3, 4)
        ends = []
        for record in (given, derived):
            net = support.network(3, [support.Dense(5, record), support.Dense(4)], "mse")
            bench = backend.make(net, support.training(batch=8), seed=1)
            for epoch in range(steps):
                bench.train_epoch(data, epoch)
            ends.append(bench.parameters)
        assert support.error(*ends) < tolerance


def sharpened(z, a, power):
    total = sum(math.exp(power * v) for v in z)
    for k in range(len(z)):
        a[k] = math.exp(power * z[k]) / total


def test_the_kit_checks_what_is_derived(empty_registry):
    record = RowActivation("sharpened", sharpened, params={"power": 1.5}, domain=(-20.0, 20.0))
    verdicts = {verdict.item: verdict for verdict in check(record, backends=["reference", "cpu"])}
    assert "derived from f" in verdicts["derivative"].detail
    assert {verdict.outcome for verdict in verdicts.values()} <= {"passed", "skipped", "noted"}


def test_the_kit_tells_that_nothing_can_be_derived(empty_registry):
    verdicts = check(RowActivation("halved", row_activations.halved), backends=["reference"])
    failed = [verdict for verdict in verdicts if verdict.outcome == "failed"]
    assert [verdict.item for verdict in failed] == ["formula"]
    assert "backward cannot be worked out" in failed[0].detail


# Sorted rows -------------------------------------------------------------------------------------------------


def ranked(z, a):
    ordered = sorted(z)
    for k in range(len(z)):
        a[k] = ordered[k] * (k + 1)


def ranked_down(z, a):
    ordered = sorted(z, reverse=True)
    for k in range(len(z)):
        a[k] = ordered[k] * (k + 1)


@pytest.mark.parametrize(("function", "descending"), [(ranked, False), (ranked_down, True)])
@given_values(st.lists(st.sampled_from([-1.5, -0.0, 0.0, 0.25, 2.0, math.inf]), min_size=1, max_size=30))
def test_the_derivative_goes_where_a_stable_sort_took_the_number_from(function, descending, z):
    torch = pytest.importorskip("torch")
    _, order = torch.sort(torch.tensor(z), stable=True, descending=descending)
    expected = np.zeros(len(z))
    expected[order.numpy()] = np.arange(len(z)) + 1.0
    np.testing.assert_array_equal(backward(function, np.array(z), np.ones(len(z))), expected)


def test_the_derivative_of_a_sorted_nan_is_nan():
    for function, expected in ((ranked, [2.0, math.nan, 1.0]), (ranked_down, [2.0, math.nan, 3.0])):
        found = backward(function, np.array([0.5, math.nan, -1.0]), np.ones(3))
        np.testing.assert_array_equal(found, expected)


def test_a_record_that_sorts_trains_on_every_backend_as_one_with_backward():
    given = RowActivation("given", row_activations.sparsemax, sparsemax_backward)
    derived = RowActivation("derived", row_activations.sparsemax)
    for backend, steps, tolerance in zip(support.BACKENDS, (20, 20, 2), (1e-12, 1e-5, 1e-5), strict=True):
        data = backend.rows(8, 3, 4)
        ends = []
        for record in (given, derived):
            net = support.network(3, [support.Dense(5, record), support.Dense(4)], "mse")
            bench = backend.make(net, support.training(batch=8), seed=1)
            for epoch in range(steps):
                bench.train_epoch(data, epoch)
            ends.append(bench.parameters)
        assert support.error(*ends) < tolerance


def sparsemax_backward(z, a, da, dz):
    mean = sum(d for p, d in zip(a, da, strict=True) if p != 0.0) / sum(1.0 for p in a if p != 0.0)
    for k, p in enumerate(a):
        dz[k] = 0.0 if p == 0.0 else da[k] - mean
