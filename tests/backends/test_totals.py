"""Sums over rows: losses and right answers, in every way an answer can be told."""

import numpy as np
import pytest
import support
from support import Dense


def identity_network(backend, units, loss="mse"):
    """Outputs are the inputs."""
    bench = backend.make(support.network(units, [Dense(units)], loss), support.training(("sgd", {"lr": 0.0}), batch=3))
    bench.parameters[:] = [*np.eye(units).ravel(), *[0.0] * units]
    return bench


def both_totals(bench, rows):
    return [bench.evaluate(rows), bench.train_epoch(rows, 0)]


def test_the_largest_output_is_the_answer(backend):
    x = np.array([[3, 1, 2], [0, 0, 1], [1, 2, 2], [5, 5, 5], [-1, -2, -3]], np.float32)
    classes = np.array([0, 1, 1, 0, 2], np.int32)  # right, wrong, first of equals: right, right, wrong
    rows = support.Rows(x, np.zeros((5, 3), np.float32), classes, "argmax")
    for totals in both_totals(identity_network(backend, 3), rows):
        assert totals.correct == 3.0
        assert totals.accuracy_share == 0.6
        assert totals.loss == pytest.approx(np.sum(x**2) / 3.0)
        assert totals.mean_loss == pytest.approx(np.sum(x**2) / 15.0)


@pytest.mark.parametrize(("loss", "threshold"), [("mse", 0.5), ("perceptron", 0.0), ("hinge", 0.0)])
def test_one_unit_is_held_against_the_threshold_of_the_loss(backend, loss, threshold):
    """0.5 for values of 0 and 1, exactly 0.5 is class 0; 0 for the losses that use a sign."""
    x = np.array([[0.5], [0.6], [-0.2], [0.3], [0.0]], np.float32)
    classes = np.array([0, 1, 1, 0, 1], np.int32)
    rows = support.Rows(x, classes[:, None].astype(np.float32), classes, "threshold")
    by_hand = np.sum((x[:, 0] > threshold) == classes)
    for totals in both_totals(identity_network(backend, 1, loss), rows):
        assert totals.correct == by_hand


def test_regression_has_no_right_answers(backend):
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    rows = support.Rows(x, x + 1.0, np.zeros(0, np.int32), "none")
    for totals in both_totals(identity_network(backend, 2), rows):
        assert totals.correct == 0.0
        assert totals.accuracy_share is None
        assert totals.loss == pytest.approx(2.0)


@pytest.mark.parametrize("count", [1, 16, 129, 300])
@pytest.mark.parametrize("units", [1, 4])
def test_backends_count_alike(backend, count, units):
    kind, loss = ("sigmoid", "binary_cross_entropy") if units == 1 else ("softmax", "categorical_cross_entropy")
    net = support.network(4, [Dense(6, "tanh", init="normal"), Dense(units, kind, init="normal")], loss)
    rows = support.rows(count, 4, units)
    bench = backend.make(net, support.training(("sgd", {"lr": 0.05}), batch=128))
    reference = support.REFERENCE.make(net, support.training(("sgd", {"lr": 0.05}), batch=128))
    for found, expected in zip(both_totals(bench, rows), both_totals(reference, rows), strict=True):
        assert found.rows == count
        assert found.correct == expected.correct
        assert found.loss == pytest.approx(expected.loss, rel=backend.values)


def test_totals_of_an_epoch_are_those_before_each_update(backend):
    """As a user would sum them up: step by step, no dropout, in order."""
    net = support.network(4, [Dense(6, "tanh"), Dense(3, "softmax")], "categorical_cross_entropy")
    rows = support.rows(10, 4, 3)
    whole, single = (backend.make(net, support.training(("sgd", {"lr": 0.5}), batch=4)) for _ in range(2))
    totals = whole.train_epoch(rows, 0)
    loss = correct = 0.0
    for span in (slice(0, 4), slice(4, 8), slice(8, 10)):
        part = support.Rows(rows.features[span], rows.values[span], rows.classes[span], "argmax")
        correct += single.evaluate(part).correct
        loss += single.train_step(part) * part.count
    assert totals.loss == pytest.approx(loss, rel=1e-6)
    assert totals.correct == correct
    assert support.error(whole.parameters, single.parameters) < 1e-6


def test_divergence_shows_as_nan_or_infinity(backend):
    net = support.network(2, [Dense(4, "relu"), Dense(1)], "mse")
    rows = support.rows(8, 2, 1)
    bench = backend.make(net, support.training(("sgd", {"lr": 1e8}), batch=4))
    with np.errstate(all="ignore"):
        for epoch in range(30):
            totals = bench.train_epoch(rows, epoch)
    assert not np.isfinite(totals.loss)
    assert not np.isfinite(bench.parameters).all()
    broken = support.Rows(np.array([[np.nan, 0.0]], np.float32), rows.values[:1], rows.classes[:1], "threshold")
    fresh = backend.make(support.network(2, [Dense(4, "tanh"), Dense(1)], "mse"), support.training())
    assert np.isnan(fresh.evaluate(broken).loss)
    assert np.isnan(fresh.forward(broken.features)).all()
