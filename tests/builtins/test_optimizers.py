"""Optimizers: first steps by hand. Trajectories of 100 steps are held to PyTorch in tests/oracles."""

import math

import numpy as np
import pytest
import support

from neurosim.backends.invariants import split_update


def steps(backend, rule, start, gradients):
    """Parameter of a single bias after each of the given gradients."""
    bench = backend.make(support.network(1, [support.Dense(1)], "mse"), support.training(rule))
    bench.parameters[:] = [0.0, start]
    found = []
    for gradient in gradients:
        # The loss is (a - y)**2 with a = bias: a target half a gradient below gives this gradient.
        target = np.array([[bench.parameters[1] - gradient / 2.0]], np.float64)
        bench.train_step(support.Rows(np.zeros((1, 1), np.float32), target, np.zeros(0, np.int32), "none"))
        found.append(float(bench.parameters[1]))
    return found


def test_the_built_in_optimizers_are_all_there(registry):
    names = "sgd dampened_sgd rmsprop centered_rmsprop adagrad adam adamw amsgrad amsgradw nadam radam"
    of_arrays = "lars lamb adafactor muon"
    assert set(registry.optimizers.names()) == {*names.split(), *of_arrays.split()}


def test_steps_by_hand(backend):
    """Two gradients of 2 and -1, from 1, with a learning rate of 0.5."""
    hands = {
        ("sgd", ()): [0.0, 0.5],
        ("sgd", (("momentum", 0.5),)): [0.0, 0.0],  # v = 2, then 1 - 1 = 0
        ("sgd", (("momentum", 0.5), ("nesterov", 1.0))): [1.0 - 0.5 * 3.0, -0.5 + 0.5 * 1.0],
        ("sgd", (("weight_decay", 0.1),)): [1.0 - 0.5 * 2.1, -0.05 - 0.5 * (-1.0 - 0.005)],
        ("adagrad", ()): [0.5, 0.5 + 0.5 / math.sqrt(5.0)],
        ("rmsprop", (("rho", 0.75),)): [0.0, 0.5 / math.sqrt(1.0)],
        ("adam", ()): [0.5, 0.5 - 0.5 * (0.08 / 0.19) / math.sqrt((0.001 * (0.999 * 4.0 + 1.0)) / (1.0 - 0.999**2))],
        ("adamw", (("weight_decay", 0.2),)): [0.9 - 0.5],
        ("dampened_sgd", (("momentum", 0.5), ("dampening", 0.75))): [0.0, -0.375],  # v = 2, then 1 - 0.25
        ("dampened_sgd", (("momentum", 0.0),)): [0.0, 0.5],
        # Squares of 1 and 1, without those of the means 0.5 and 0.125.
        ("centered_rmsprop", (("rho", 0.75), ("eps", 1e-8))): [
            1.0 - 1.0 / math.sqrt(0.75),
            1.0 - 1.0 / math.sqrt(0.75) + 0.5 / math.sqrt(1.0 - 0.125**2),
        ],
        # The second moment stays where the first gradient took it.
        ("amsgrad", (("beta2", 0.5),)): [0.5, 0.5 - 0.5 * (0.08 / 0.19) / math.sqrt(2.0 / 0.75)],
        ("amsgradw", (("beta2", 0.5), ("weight_decay", 0.2))): [0.9 - 0.5],
    }
    for (name, params), expected in hands.items():
        found = steps(backend, (name, {"lr": 0.5, **dict(params)}), 1.0, [2.0, -1.0])
        assert found[: len(expected)] == pytest.approx(expected, rel=2e-6, abs=2e-6), (name, params)


def test_the_first_steps_of_adam_are_the_learning_rate(backend):
    """Whatever the gradient's size; in float32 too, where 1 - 0.999**1 would have lost four digits."""
    for size in (1e-3, 1.0, 100.0):
        found = steps(backend, ("adam", {"lr": 0.5}), 1.0, [size])[0]
        assert found == pytest.approx(0.5, rel=2e-5 if size < 1.0 else 2e-6)


def test_a_gradient_of_zero_moves_nothing_but_by_decay(backend, registry):
    for name in registry.optimizers.names():
        if name == "muon" and backend.name == "cuda":
            continue
        plain = steps(backend, (name, {"lr": 0.5, "weight_decay": 0.0}), 1.0, [0.0, 0.0])
        assert plain == [1.0, 1.0], name
    assert steps(backend, ("adamw", {"lr": 0.5, "weight_decay": 0.5}), 1.0, [0.0])[0] == 0.75


def test_bias_correction_is_worked_out_once_a_step_in_float64(registry):
    """Not once a parameter, and not in float32."""
    split = split_update(registry.optimizers.get("adam"))
    assert "**" not in split.update
    assert any("exact_math.pow(beta2_, t_)" in line for line in split.constants)
    assert split.update.count("/") == 1


def test_late_steps_keep_their_precision(backend):
    """After a million steps the correction is 1 and the step still the learning rate for a steady gradient."""
    bench = backend.make(support.network(1, [support.Dense(1)], "mae"), support.training(("adam", {"lr": 0.5})))
    bench.parameters[:] = [0.0, 0.0]
    bench.state[0], bench.state[1] = 1.0, 1.0
    bench.steps_done = 1_000_000
    bench.train_step(support.Rows(np.zeros((1, 1), np.float32), np.array([[-9.0]]), np.zeros(0, np.int32), "none"))
    assert bench.parameters[1] == pytest.approx(-0.5, rel=1e-6)
