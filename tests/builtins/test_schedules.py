"""Schedules: factors at the start, in the middle and at the end, and how training uses them."""

import math

import numpy as np
import pytest
import support


def factor(name, step, steps, **params):
    chosen = support.chosen(support.BUILTINS.schedules, name, params)
    return chosen.record.factor(step, steps, *chosen.values)


def test_the_built_in_schedules_are_all_there(registry):
    assert set(registry.schedules.names()) == {"constant", "step_decay", "exponential", "cosine"}


def test_every_schedule_starts_at_one(registry):
    for name in registry.schedules.names():
        assert factor(name, 0, 1000) == 1.0


def test_constant():
    assert [factor("constant", step, 10) for step in (0, 5, 9)] == [1.0, 1.0, 1.0]


def test_step_decay_drops_at_equal_distances():
    found = [factor("step_decay", step, 9, drops=2, factor=0.1) for step in range(9)]
    assert found == pytest.approx([1.0] * 3 + [0.1] * 3 + [0.01] * 3)


def test_exponential_goes_to_its_final_factor():
    assert factor("exponential", 500, 1000, final=0.01) == pytest.approx(0.1)
    assert factor("exponential", 999, 1000, final=0.01) == pytest.approx(0.01, rel=0.01)


def test_cosine_is_half_way_in_the_middle():
    assert factor("cosine", 250, 1000, final=0.0) == pytest.approx(0.5 * (1.0 + math.sqrt(0.5)))
    assert factor("cosine", 500, 1000, final=0.0) == pytest.approx(0.5)
    assert factor("cosine", 500, 1000, final=0.2) == pytest.approx(0.6)
    assert factor("cosine", 1000, 1000, final=0.2) == pytest.approx(0.2)


def test_rates_of_all_epochs_are_one_smooth_course():
    settings = support.training(("sgd", {"lr": 0.5}), epochs=4, schedule="cosine")
    rates = np.concatenate([settings.rates(epoch, 5) for epoch in range(4)])
    assert rates[0] == 0.5
    assert (np.diff(rates) < 0.0).all()
    assert rates == pytest.approx([0.5 * factor("cosine", step, 20) for step in range(20)])


def test_backends_follow_the_schedule(backend):
    """Gradient 1 at every step (the weight times a constant input): parameters fall by the rates."""
    settings = support.training(("sgd", {"lr": 0.25}), batch=2, epochs=3, schedule="exponential")
    net = support.network(1, [support.Dense(1)], "mae")
    bench = backend.make(net, settings)
    bench.parameters[:] = [10.0, 10.0]
    rows = support.Rows(np.zeros((6, 1), np.float32), np.zeros((6, 1), np.float32), np.zeros(0, np.int32), "none")
    for epoch in range(3):
        bench.train_epoch(rows, epoch)
    total = sum(settings.rates(epoch, 3).sum() for epoch in range(3))
    assert bench.parameters[0] == 10.0
    assert bench.parameters[1] == pytest.approx(10.0 - total, rel=1e-6)
