"""What the layers compute, as every backend tells it, and epochs that are trained in parts."""

import itertools

import numpy as np
import pytest
import support
from support import Activation, BatchNorm, Dense, Dropout
from test_layers import SMALL, small

from neurosim.backends.uncompiled import apply
from neurosim.network.layers import Activate, Conv2d
from neurosim.network.layers import Dense as DenseLayer
from neurosim.plugin import RowActivation

MIXED = {
    "sigmoid, from logits": (3, [Dense(4, "relu"), Dense(1, "sigmoid")], "binary_cross_entropy"),
    "relu outputs": (3, [Dense(4, "tanh"), Dense(2, "relu")], "mse"),
    "dense, norm, activation": (3, [Dense(5), BatchNorm(), Activation("relu"), Dense(2)], "mse"),
}
ALL = [*SMALL, *MIXED]


def problem(name):
    if name in SMALL:
        return small(name)
    inputs, layers, loss = MIXED[name]
    net = support.network(inputs, layers, loss)
    return net, support.rows(7, inputs, net.outputs)


def make(backend, net, **how):
    settings = support.training(("adam", {"lr": 0.05}), **how)
    return support.scattered(backend.make(net, settings, seed=3))


# Inspection -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_the_definition_keeps_what_it_computes(name):
    """Against what must hold between inputs, sums, outputs, errors and gradients, whatever computes them."""
    net, rows = problem(name)
    bench = make(support.REFERENCE, net)
    seen = bench.inspect(rows)
    loss, gradient = bench.gradients(rows)
    assert seen.loss == loss
    assert np.array_equal(seen.gradient, gradient)
    named = net.named(gradient)
    assert list(seen.layers) == [layer.name for layer in net.parts]
    for layer in net.parts:
        signals = seen.layers[layer.name]
        assert signals.outputs.shape == (rows.count, *layer.output_shape)
        if isinstance(layer, DenseLayer | Conv2d | Activate):
            record = layer.activation.record
            if not isinstance(record, RowActivation):
                assert np.allclose(apply(record.f, signals.sums, params=layer.activation.values), signals.outputs)
        else:
            assert signals.sums is None
        if not isinstance(layer, DenseLayer | Conv2d):
            assert signals.errors is None
        elif layer.bias is not None:
            but_last = tuple(range(signals.errors.ndim - 1))
            assert np.allclose(signals.errors.sum(axis=but_last), named[layer.bias.name])


def test_errors_are_slopes_of_the_objective(monkeypatch):
    """Central differences: what one more unit of weighted sum of one unit and row costs."""
    net, rows = problem("relu outputs")
    bench = make(support.REFERENCE, net)
    seen = bench.inspect(rows)
    first = net.layers[0]
    from neurosim.backends.reference.kinds import PASSES

    plain = PASSES[DenseLayer]

    def objective(row, unit, nudge):
        def nudged(layer, x, trace):
            if layer is not first:
                return plain.forward(layer, x, trace)
            z = x @ trace.weights[layer.weight.name] + trace.weights[layer.bias.name]
            z[row, unit] += nudge
            a = np.tanh(z)
            trace.saved[layer.name] = (x, z, a)
            return a

        with monkeypatch.context() as patch:
            patch.setitem(PASSES, DenseLayer, plain._replace(forward=nudged))
            return bench.inspect(rows).loss

    for row, unit in ((0, 0), (3, 2), (6, 3)):
        found = support.slope(lambda nudge, row=row, unit=unit: objective(row, unit, nudge), 0.0)
        assert seen.layers[first.name].errors[row, unit] == pytest.approx(found, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", ["sigmoid, from logits", "dense, norm, activation"])
def test_what_layers_compute_needs_no_targets(backend, name):
    net, rows = problem(name)
    bench = make(backend, net)
    seen, found = bench.inspect(rows).layers, bench.signals(rows.features)
    assert list(found) == list(seen)
    for layer, signals in found.items():
        assert np.array_equal(signals.outputs, seen[layer].outputs)
        assert (signals.sums is None) == (seen[layer].sums is None)
        assert signals.sums is None or np.array_equal(signals.sums, seen[layer].sums)
        assert signals.errors is None


@pytest.mark.parametrize("name", ALL)
def test_every_backend_tells_the_same(compiled, name):
    net, rows = problem(name)
    bench, reference = make(compiled, net), make(support.REFERENCE, net)
    before = bench.parameters.copy(), bench.state.copy(), bench.statistics.copy(), bench.steps_done
    found, expected = bench.inspect(rows), reference.inspect(rows)
    after = bench.parameters, bench.state, bench.statistics, bench.steps_done
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    assert found.loss == pytest.approx(expected.loss, rel=1e-4)
    assert list(found.layers) == list(expected.layers)
    for layer, theirs in expected.layers.items():
        ours = found.layers[layer]
        for kind in ("outputs", "sums", "errors"):
            one, other = getattr(ours, kind), getattr(theirs, kind)
            assert (one is None) == (other is None), (layer, kind)
            if other is not None:
                assert one.shape == other.shape, (layer, kind)
                # Errors before batch normalization may be 0 but for rounding.
                room = 1e-6 if kind == "errors" else 0.0
                assert np.abs(one - other).max() <= 1e-4 * np.abs(other).max() + room, (layer, kind)


def test_inspection_is_of_the_rows_that_were_given_last(compiled):
    net = support.network(3, [Dense(4, "tanh"), Dense(2, "softmax")], "categorical_cross_entropy")
    bench = make(compiled, net)
    many, few = support.rows(7, 3, 2), support.rows(2, 3, 2, seed=5)
    first = bench.inspect(few).layers["layers.0"].outputs
    kept = first.copy()
    bench.inspect(many)
    assert np.array_equal(first, kept), "copies"
    assert np.array_equal(bench.inspect(few).layers["layers.0"].outputs, kept)


# Epochs in parts --------------------------------------------------------------------------------------------


PARTED = {
    "small": (3, [Dense(4, "tanh"), Dropout(0.4), Dense(2, "softmax")], {}),
    "clipped": (3, [Dense(4, "tanh"), Dense(2, "softmax")], {"clip_norm": 0.1}),
    "norm": (3, [Dense(4), BatchNorm(), Activation("relu"), Dropout(0.3), Dense(2, "softmax")], {}),
    "map": (*SMALL["dropouts around norms and pools"], {}),
}


@pytest.mark.parametrize("name", PARTED)
@pytest.mark.parametrize("batch", [3, 5, 20])
@pytest.mark.parametrize("tested", support.BACKENDS, ids=lambda backend: backend.name)
def test_an_epoch_in_parts_is_the_same_to_the_bit(tested, name, batch):
    if tested.simulated and batch != 5:
        pytest.skip("in the simulator one size of batches is enough")
    inputs, layers, how = PARTED[name]
    net = support.network(inputs, layers, "categorical_cross_entropy")
    rows = support.rows(13, net.inputs, 2)
    schedule = ("cosine", {"warmup": 0.2})
    whole, parts = (make(tested, net, batch=batch, shuffle=True, schedule=schedule, **how) for _ in range(2))
    steps = -(-rows.count // batch)
    for epoch in (0, 1):
        total = whole.train_epoch(rows, epoch)
        cuts = sorted({0, 1, max(steps - 1, 0), steps})
        told = [parts.train_epoch(rows, epoch, first, last) for first, last in itertools.pairwise(cuts)]
        assert sum(part.rows for part in told) == total.rows == rows.count
        assert sum(part.loss for part in told) == pytest.approx(total.loss, rel=1e-6)
        assert sum(part.correct for part in told) == total.correct
    assert whole.steps_done == parts.steps_done == 2 * steps
    for what in ("parameters", "state", "statistics"):
        assert getattr(whole, what).tobytes() == getattr(parts, what).tobytes(), what
