"""Focal loss: registered, through the kit, and right where its values are known."""

import math

import neurosim_focal
import pytest
from neurosim_focal import (
    categorical_focal,
    focal,
    focal_gradient,
    sigmoid_focal,
    sigmoid_focal_gradient,
    softmax_focal,
    softmax_focal_gradient,
)

import neurosim
from neurosim.testing import assert_passes


def sigmoid(z):
    return 1.0 / (1.0 + math.exp(-z)) if z > 0.0 else math.exp(z) / (1.0 + math.exp(z))


def softmax(z):
    powers = [math.exp(entry - max(z)) for entry in z]
    return [power / sum(powers) for power in powers]


def test_it_gives_two_losses(empty_registry):
    empty_registry.register(neurosim_focal)
    assert empty_registry.losses.names() == ["categorical_focal", "focal"]


@pytest.mark.parametrize("name", ["focal", "categorical_focal"])
def test_they_pass_the_kit(empty_registry, name):
    empty_registry.register(neurosim_focal)
    assert_passes(empty_registry.losses.get(name))


# Closed values ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.01, 0.3, 0.5, 0.9, 0.999])
def test_without_gamma_it_is_cross_entropy(p):
    assert 2 * focal([p], [1.0], 0.0, 0.5) == pytest.approx(-math.log(p))
    assert 2 * focal([p], [0.0], 0.0, 0.5) == pytest.approx(-math.log(1 - p))
    assert categorical_focal([p, 1 - p], 0, 0.0) == pytest.approx(-math.log(p))


@pytest.mark.parametrize(("p", "factor"), [(0.9, 100), (0.968, 976.5625)])
def test_easy_examples_count_less(p, factor):
    """The paper: with gamma = 2 the loss is 100 times lower at p = 0.9, about 1000 times at 0.968."""
    assert categorical_focal([p, 1 - p], 0, 0.0) / categorical_focal([p, 1 - p], 0, 2.0) == pytest.approx(factor)


def test_alpha_weighs_the_classes():
    assert focal([0.5], [1.0], 2.0, 0.25) == pytest.approx(0.25 * 0.25 * math.log(2))
    assert focal([0.5], [0.0], 2.0, 0.25) == pytest.approx(0.75 * 0.25 * math.log(2))


def test_it_is_the_mean_over_the_outputs():
    both = focal([0.2, 0.7], [0.0, 1.0], 2.0, 0.25)
    assert both == pytest.approx((focal([0.2], [0.0], 2.0, 0.25) + focal([0.7], [1.0], 2.0, 0.25)) / 2)


# The pairs with an output activation -------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("z", [-20.0, -2.0, 0.0, 0.7, 15.0])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_the_pair_with_sigmoid_is_the_loss_of_the_probability(z, y, gamma):
    p = sigmoid(z)
    assert sigmoid_focal([z], [p], [y], gamma, 0.25) == pytest.approx(focal([p], [y], gamma, 0.25), rel=1e-6)
    from_z, from_p = [math.nan], [math.nan]
    sigmoid_focal_gradient([z], [p], [y], from_z, gamma, 0.25)
    focal_gradient([p], [y], from_p, gamma, 0.25)
    assert from_z[0] == pytest.approx(from_p[0] * p * (1 - p), rel=1e-6, abs=1e-15)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("y", [0, 1, 2])
def test_the_pair_with_softmax_is_the_loss_of_the_probabilities(y, gamma):
    z = [0.3, -1.2, 2.0]
    a = softmax(z)
    assert softmax_focal(z, a, y, gamma) == pytest.approx(categorical_focal(a, y, gamma))
    dz = [math.nan] * 3
    softmax_focal_gradient(z, a, y, dz, gamma)
    # From the definition: dL/dp of the right class, times the row of softmax's Jacobian.
    p = a[y]
    slope = gamma * (1 - p) ** (gamma - 1) * math.log(p) - (1 - p) ** gamma / p
    assert dz == pytest.approx([slope * p * ((k == y) - a[k]) for k in range(3)])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("z", [-700.0, 700.0])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_sure_answers_stay_finite(z, y, gamma):
    """Right or wrong: the loss of a sure mistake grows with z and no faster."""
    wrong = (z > 0.0) != (y > 0.5)
    dz = [math.nan]
    sigmoid_focal_gradient([z], [sigmoid(z)], [y], dz, gamma, 0.5)
    assert sigmoid_focal([z], [sigmoid(z)], [y], gamma, 0.5) == pytest.approx(350.0 if wrong else 0.0)
    assert dz[0] == pytest.approx(math.copysign(0.5, z) if wrong else 0.0)
    rows = [z, 0.0]
    both = [math.nan, math.nan]
    softmax_focal_gradient(rows, softmax(rows), 0, both, gamma)
    assert both == pytest.approx([-1.0, 1.0] if z < 0.0 else [0.0, 0.0])


def test_a_network_learns_with_it():
    registry = neurosim.build_registry(entry_points=False)
    registry.register(neurosim_focal)
    changes = {"network.loss": "categorical_focal", "training.epochs": 60}
    scenario = neurosim.load_scenario("iris", registry=registry, overrides=changes)
    assert neurosim.run(scenario).metrics["train_accuracy"] > 0.95
