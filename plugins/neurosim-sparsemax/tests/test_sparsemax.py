"""Sparsemax and 1.5-entmax: registered, through the kit, and what their definitions say they are."""

import math

import neurosim_sparsemax
import pytest
from neurosim_sparsemax import entmax15, entmax15_backward, entmax15_loss, sparsemax, sparsemax_backward, sparsemax_loss

import neurosim
from neurosim.testing import assert_passes

ROWS = [
    [0.0],
    [0.3, 0.3],
    [0.1, 1.1, 0.9],
    [3.0, -1.0, 0.2, 2.9],
    [-0.7, -0.6, -0.65, -0.61, -0.2],
    [1000.25, 1000.0, 999.5, 998.0],
]


def bisection(z, probability):
    """The definition: the row of probabilities max(z - tau) whose sum is 1, tau by halving an interval."""
    low, high = min(z) / 2 - 2.0, max(z) + 2.0
    for _ in range(200):
        tau = (low + high) / 2
        low, high = (tau, high) if sum(probability(v, tau) for v in z) > 1.0 else (low, tau)
    return [probability(v, low) for v in z]


def filled(function, z, *given):
    row = [math.nan] * len(z)
    function(z, *given, row)
    return row


def test_it_gives_two_activations_and_their_losses(empty_registry):
    empty_registry.register(neurosim_sparsemax)
    assert empty_registry.activations.names() == ["entmax15", "sparsemax"]
    assert empty_registry.losses.names() == ["entmax15_loss", "sparsemax_loss"]


@pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
def test_they_pass_the_kit(empty_registry, name):
    empty_registry.register(neurosim_sparsemax)
    assert_passes(empty_registry.activations.get(name))


# Definitions and closed forms ----------------------------------------------------------------------------------


@pytest.mark.parametrize("z", ROWS)
def test_the_threshold_makes_them_probabilities(z):
    assert filled(sparsemax, z) == pytest.approx(bisection(z, lambda v, tau: max(v - tau, 0.0)), abs=1e-12)
    assert filled(entmax15, z) == pytest.approx(bisection(z, lambda v, tau: max(v / 2 - tau, 0.0) ** 2), abs=1e-12)


@pytest.mark.parametrize("t", [-3.0, -1.0, -0.4, 0.0, 0.7, 1.0, 2.5])
def test_two_classes(t):
    """Martins and Astudillo, section 2.2: a straight line between 0 and 1, cut off."""
    assert filled(sparsemax, [t, 0.0])[0] == pytest.approx(min(max((t + 1) / 2, 0.0), 1.0))


def test_far_classes_get_nothing():
    assert filled(sparsemax, [3.0, 0.0, -1.0]) == [1.0, 0.0, 0.0]
    assert filled(entmax15, [3.0, 0.0, -1.0]) == [1.0, 0.0, 0.0]
    assert filled(sparsemax, [0.5, 0.5, -4.0]) == [0.5, 0.5, 0.0]


@pytest.mark.parametrize(("f", "backward"), [(sparsemax, sparsemax_backward), (entmax15, entmax15_backward)])
@pytest.mark.parametrize("z", ROWS)
def test_backward_is_the_product_with_the_jacobian(f, backward, z):
    da = [math.sin(k + 1.0) for k in range(len(z))]
    found = filled(lambda z, dz: backward(z, filled(f, z), da, dz), z)
    for k in range(len(z)):

        def weighted(at, k=k):
            return sum(d * p for d, p in zip(da, filled(f, [*z[:k], at, *z[k + 1 :]]), strict=True))

        assert found[k] == pytest.approx((weighted(z[k] + 1e-6) - weighted(z[k] - 1e-6)) / 2e-6, abs=1e-5)


# Losses ----------------------------------------------------------------------------------------------------------


def written_out(z, y, p, entropy):
    """The definition: what z . p + H(p) exceeds z[y] by."""
    return sum(v * q for v, q in zip(z, p, strict=True)) + entropy(p) - z[y]


@pytest.mark.parametrize("z", ROWS)
def test_losses_are_those_of_the_papers(z):
    for y in range(len(z)):
        gini = written_out(z, y, filled(sparsemax, z), lambda p: 0.5 * (1.0 - sum(q * q for q in p)))
        assert sparsemax_loss(z, y) == pytest.approx(gini, abs=1e-9)
        tsallis = written_out(z, y, filled(entmax15, z), lambda p: (1.0 - sum(q**1.5 for q in p)) / 0.75)
        assert entmax15_loss(z, y) == pytest.approx(tsallis, abs=1e-9)


def test_a_certain_and_right_row_costs_nothing():
    assert sparsemax_loss([1.5, 0.0, -1.0], 0) == 0.0
    assert entmax15_loss([2.5, 0.0, -1.0], 0) == pytest.approx(0.0, abs=1e-15)
    assert sparsemax_loss([0.0, 0.0], 0) == pytest.approx(0.25)


def test_a_network_learns_with_it():
    registry = neurosim.build_registry(entry_points=False)
    registry.register(neurosim_sparsemax)
    changes = {"network.layers.1.activation": "sparsemax", "network.loss": "sparsemax_loss", "training.epochs": 60}
    scenario = neurosim.load_scenario("iris", registry=registry, overrides=changes)
    assert neurosim.run(scenario).metrics["train_accuracy"] > 0.95
