"""Lion: registered, through the kit, and its first steps worked out by hand."""

import math

import neurosim_lion
import pytest
from neurosim_lion import lion, sign

import neurosim
from neurosim.testing import assert_passes

PLAIN = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0}


def test_it_gives_one_optimizer(empty_registry):
    empty_registry.register(neurosim_lion)
    assert empty_registry.optimizers.names() == ["lion"]


def test_it_passes_the_kit(empty_registry):
    empty_registry.register(neurosim_lion)
    assert_passes(empty_registry.optimizers.get("lion"))


def test_the_first_steps_by_hand():
    w, m = lion(1.0, 2.0, 0.0, 1, **PLAIN)
    assert (w, m) == pytest.approx((0.9, 0.02))  # c = 0.1 * 2 > 0;  m = 0.01 * 2
    w, m = lion(w, -4.0, m, 2, **PLAIN)
    assert (w, m) == pytest.approx((1.0, -0.0202))  # c = 0.9 * 0.02 - 0.1 * 4 < 0;  m = 0.99 * 0.02 - 0.01 * 4
    w, m = lion(w, 0.1, m, 3, **PLAIN)
    assert (w, m) == pytest.approx((1.1, -0.018998))  # c = -0.9 * 0.0202 + 0.1 * 0.1 < 0: the memory decides


def test_the_size_of_a_gradient_does_not_matter():
    moved = {lion(1.0, g, 0.0, 1, **PLAIN)[0] for g in (1e-6, 0.3, 1e6)}
    assert moved == {0.9}


def test_without_a_gradient_nothing_moves():
    assert lion(1.0, 0.0, 0.0, 1, **PLAIN) == (1.0, 0.0)


def test_weight_decay_is_decoupled():
    """It pulls at the weight, and never enters the memory of gradients."""
    w, m = lion(2.0, 1.0, 0.0, 1, lr=0.1, beta1=0.9, beta2=0.99, weight_decay=0.5)
    assert w == pytest.approx(2.0 - 0.1 * (1.0 + 0.5 * 2.0))
    assert m == pytest.approx(0.01)


def test_a_gradient_that_is_not_a_number_stays_visible():
    assert math.isnan(sign(math.nan))
    assert math.isnan(lion(1.0, math.nan, 0.0, 1, **PLAIN)[0])


def test_a_network_learns_with_it():
    registry = neurosim.build_registry(entry_points=False)
    registry.register(neurosim_lion)
    changes = {"optimizer": {"name": "lion", "lr": 0.003, "weight_decay": 0.1}, "training.epochs": 100}
    scenario = neurosim.load_scenario("moons", registry=registry, overrides=changes)
    assert neurosim.run(scenario).metrics["train_accuracy"] > 0.95
