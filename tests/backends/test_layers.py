"""Every kind of layer on every backend: training against evaluation, dropout on maps, pools of equal cells."""

import numpy as np
import pytest
import support
from support import (
    Activation,
    BatchNorm,
    Concatenation,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    Gated,
    GlobalAvgPool,
    LayerNorm,
    Maxout,
    Pool,
    Residual,
)

from neurosim.randomness import drop_below, key, uniform_bits

CCE = "categorical_cross_entropy"
LAST = (Flatten(), Dense(2, "softmax"))
CONV = Conv2d(2, (2, 2), "tanh")
# inputs, layers: less than a hundred parameters, so that the simulator of CUDA takes them too.
SMALL = {
    "conv": ((4, 4, 1), [CONV, *LAST]),
    "conv, same, stride 2": ((5, 4, 2), [Conv2d(2, (3, 3), "relu", stride=(2, 2), padding="same"), *LAST]),
    "conv, stride larger than the kernel": ((5, 4, 2), [Conv2d(2, (1, 2), "tanh", stride=(2, 3)), *LAST]),
    "conv of a conv": ((4, 4, 1), [CONV, Conv2d(2, (2, 2), "relu", bias=False), *LAST]),
    "conv, map of one cell": ((1, 1, 3), [Conv2d(3, (3, 3), "tanh", padding="same"), *LAST]),
    "conv last": ((3, 3, 1), [CONV, Conv2d(2, (2, 2), "sigmoid")]),
    "max pool": ((5, 5, 1), [CONV, Pool("max"), *LAST]),
    "max pool, overlapping, same": ((4, 4, 1), [CONV, Pool("max", (3, 3), (2, 2), "same"), *LAST]),
    "avg pool": ((5, 5, 1), [CONV, Pool("avg"), *LAST]),
    "avg pool, overlapping, same": ((4, 4, 1), [CONV, Pool("avg", (3, 3), (2, 2), "same"), *LAST]),
    "global avg pool": ((4, 3, 1), [CONV, GlobalAvgPool(), Dense(2, "softmax")]),
    "global avg pool last": ((4, 3, 1), [CONV, GlobalAvgPool()]),
    "batch norm": (3, [Dense(4, "tanh"), BatchNorm(), Dense(2, "softmax")]),
    "batch norm on a map": ((4, 4, 1), [CONV, BatchNorm(0.3), Activation("relu"), *LAST]),
    "batch norm first and last": (3, [BatchNorm(), Dense(2, "tanh"), BatchNorm()]),
    "layer norm": (3, [Dense(4, "tanh"), LayerNorm(), Dense(2, "softmax")]),
    "layer norm on a map": ((4, 4, 1), [Conv2d(3, (2, 2)), LayerNorm(), Activation("gelu"), *LAST]),
    "activations": ((3, 3, 1), [CONV, Activation("swish"), Flatten(), Dense(2), Activation("softmax")]),
    "activation first": (3, [Activation("tanh"), Dense(2, "softmax")]),
    "gated": (3, [Dense(6), Gated("swiglu"), Dense(2, "softmax")]),
    "gated, after an activation and dropout": (3, [Dense(4, "tanh"), Dropout(0.3), Gated("glu"), Dense(2, "softmax")]),
    "gated first, and last": (4, [Gated("glu"), Dense(4), Gated("gated_tanh")]),
    "gated in a residual": (3, [Dense(3), Residual((Dense(6), Gated("bilinear"))), Dense(2, "softmax")]),
    "gated, with other gates": (4, [Dense(8), Gated("reglu"), LayerNorm(), Gated("geglu"), Dense(2, "softmax")]),
    "maxout": (3, [Dense(6), Maxout(3), Dense(2, "softmax")]),
    "maxout of two, last": (3, [Dense(6), BatchNorm(), Gated("glu"), Dense(4), Maxout()]),
    "residual": (3, [Dense(4, "tanh"), Residual((Dense(4, "relu"),)), Dense(2, "softmax")]),
    "residual, projection": (3, [Residual((Dense(4, "tanh"), Dense(5))), Activation("relu"), Dense(2, "softmax")]),
    "residual in a residual": (
        3,
        [Residual((Dense(4, "tanh"), Residual((LayerNorm(), Dense(4, "tanh"))))), Dense(2, "softmax")],
    ),
    "shortcut": (
        3,
        [
            Dense(3, "tanh"),
            Residual((Dense(2, "tanh"), Dense(3)), (Dense(3, "relu", bias=False), BatchNorm())),
            Residual((Activation("tanh"),), (BatchNorm(), Dropout(0.3))),
            Dense(2, "softmax"),
        ],
    ),
    "shortcut on a map": (
        (4, 4, 1),
        [
            Conv2d(1, (2, 2), padding="same"),
            Residual(
                (Conv2d(2, (3, 3), "tanh", (2, 2), "same"), BatchNorm()),
                (Conv2d(2, (1, 1), stride=(2, 2), bias=False), BatchNorm()),
            ),
            *LAST,
        ],
    ),
    "concatenation": (
        3,
        [
            Concatenation(((), (Dense(2, "tanh"), Dropout(0.3)), (LayerNorm(),))),
            Concatenation(
                ((Dense(2, bias=False), BatchNorm()), (), (Residual((Concatenation(((Dense(3),), (Dense(5),))),)),))
            ),
            Dense(2, "softmax"),
        ],
    ),
    "concatenation on a map": (
        (3, 3, 1),
        [
            Conv2d(2, (2, 2)),
            Concatenation(
                ((BatchNorm(), Conv2d(1, (1, 1), "tanh")), (), (Pool("max", (2, 2), (1, 1), "same"), Dropout(0.3)))
            ),
            *LAST,
        ],
    ),
    "concatenation last": (3, [Dense(4, "tanh"), Concatenation(((Dense(2, "sigmoid"),), (Dense(1),)))]),
    "residual last": (3, [Dense(2, "tanh"), Residual((Dense(2, "tanh"),))]),
    "residual on a map, stride": (
        (4, 4, 1),
        [Residual((Conv2d(2, (3, 3), stride=(2, 2), padding="same"), BatchNorm())), Activation("relu"), *LAST],
    ),
    "global average first": ((3, 2, 3), [GlobalAvgPool(), Dense(2, "softmax")]),
    "dropout on a map": ((4, 4, 1), [CONV, Dropout(0.4), *LAST]),
    "dropout first, on a map": ((4, 4, 1), [Dropout(0.4), CONV, *LAST]),
    "dropout in a residual": ((3, 3, 1), [Residual((Dropout(0.4), Conv2d(1, padding="same"))), *LAST]),
    "dropouts around norms and pools": (
        (4, 4, 1),
        [CONV, Dropout(0.3), BatchNorm(), Dropout(0.4), Pool("max"), Flatten(), Dropout(0.5), Dense(2, "softmax")],
    ),
    "penalties": ((4, 4, 1), [Conv2d(2, (2, 2), "tanh", l1=0.02, l2=0.1), Flatten(), Dense(2, "softmax", l2=0.3)]),
}
BOUNDS = {"no bound": {}, "clip value": {"clip_value": 0.05}, "clip norm": {"clip_norm": 0.1}}


def small(name):
    inputs, layers = SMALL[name]
    net = support.network(inputs, layers, CCE if layers[-1] in (Activation("softmax"), Dense(2, "softmax")) else "mse")
    return net, support.rows(7, net.inputs, net.outputs)


def pair(compiled, net, **how):
    """A backend and the reference, with the same numbers that are 0 or 1 nowhere."""
    settings = support.training(("sgd", {"lr": 0.1}), batch=3, shuffle=True, **how)
    return [support.scattered(backend.make(net, settings, seed=3)) for backend in (compiled, support.REFERENCE)]


def check_state(net, bench, reference, tolerance):
    """Parameters and running statistics."""
    for named, found, expected in (
        (net.named, bench.parameters, reference.parameters),
        (net.named_statistics, bench.statistics, reference.statistics),
    ):
        errors = support.named_errors(named(found), named(expected))
        assert max(errors.values(), default=0.0) < tolerance, errors


@pytest.mark.parametrize("name", SMALL)
def test_agreement_on_small_networks(compiled, name):
    """A pass, a shuffled epoch with dropout and a last batch of one row, and a step."""
    net, rows = small(name)
    bench, reference = pair(compiled, net)
    assert support.error(bench.forward(rows.features), reference.forward(rows.features)) < compiled.values
    found, expected = bench.gradients(rows), reference.gradients(rows)
    assert found[0] == pytest.approx(expected[0], rel=compiled.values)
    errors = support.named_errors(net.named(found[1]), net.named(expected[1]))
    assert max(errors.values()) < compiled.values, errors
    found, expected = bench.train_epoch(rows, 0), reference.train_epoch(rows, 0)
    assert found.loss == pytest.approx(expected.loss, rel=compiled.values)
    assert found.correct == expected.correct
    check_state(net, bench, reference, compiled.values)
    assert bench.train_step(rows) == pytest.approx(reference.train_step(rows), rel=compiled.values)
    check_state(net, bench, reference, compiled.values)
    assert bench.evaluate(rows).loss == pytest.approx(reference.evaluate(rows).loss, rel=compiled.values)


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("name", ["penalties", "batch norm"])
def test_agreement_of_bounded_steps(compiled, name, bound):
    net, rows = small(name)
    bench, reference = pair(compiled, net, **BOUNDS[bound])
    bench.train_epoch(rows, 0)
    reference.train_epoch(rows, 0)
    check_state(net, bench, reference, compiled.values)


@pytest.mark.parametrize("name", SMALL)
def test_looking_leaves_statistics_and_training_alone(backend, name):
    """forward, gradients and evaluate, on other rows, between the epochs."""
    net, rows = small(name)
    other = support.rows(9, net.inputs, net.outputs, seed=2)
    settings = support.training("adam", batch=3, shuffle=True)
    plain, watched = (support.scattered(backend.make(net, settings, seed=5)) for _ in range(2))
    for epoch in range(2):
        plain.train_epoch(rows, epoch)
        watched.train_epoch(rows, epoch)
        before = watched.statistics.tobytes()
        watched.forward(other.features)
        watched.gradients(other)
        watched.evaluate(other)
        assert watched.statistics.tobytes() == before
    assert plain.parameters.tobytes() == watched.parameters.tobytes()
    assert plain.statistics.tobytes() == watched.statistics.tobytes()
    assert plain.state.tobytes() == watched.state.tobytes()


def batch_norm_alone(backend, momentum, lr=0.0):
    """Outputs are those of a batch normalization with gamma 1 and beta 0."""
    net = support.network((2, 1, 2), [BatchNorm(momentum), Flatten()], "mse")
    return backend.make(net, support.training(("sgd", {"lr": lr}), batch=3))


# Three rows of a map with two positions and two channels: channel 0 has mean 3 and variance 14 / 3.
MAPS = np.array([[[1, 10], [2, 30]], [[3, 10], [0, 50]], [[5, 10], [7, 10]]], np.float32)
TARGETS = np.zeros((3, 4), np.float32)


def maps(chosen=slice(None)):
    features = MAPS.reshape(3, 4)[chosen]
    return support.Rows(features, TARGETS[chosen], np.zeros(0, np.int32), "none")


def test_batch_norm_uses_the_batch_in_training_and_running_statistics_in_evaluation(backend):
    """By hand (NumPy): gradients() and steps see the batch, forward and evaluate do not."""
    bench = batch_norm_alone(backend, momentum=0.1)
    assert support.error(bench.forward(MAPS.reshape(3, 4)), MAPS.reshape(3, 4) / np.sqrt(1 + 1e-5)) < 1e-6
    running = np.sum(MAPS.astype(np.float64) ** 2) / (1 + 1e-5) / 4
    assert bench.evaluate(maps()).loss == pytest.approx(running, rel=1e-5)
    variance = MAPS.astype(np.float64).var(axis=(0, 1))
    seen = np.mean(variance / (variance + 1e-5))
    assert bench.gradients(maps())[0] == pytest.approx(seen, rel=1e-5)
    assert bench.train_epoch(maps(), 0).mean_loss == pytest.approx(seen, rel=1e-5)
    assert bench.evaluate(maps()).loss < 0.98 * running


@pytest.mark.parametrize("momentum", [0.1, 0.25, 1.0])
def test_running_statistics_move_by_momentum(backend, momentum):
    """Toward the batch's mean and its variance divided by n - 1, n counting rows and positions."""
    bench = batch_norm_alone(backend, momentum)
    mean, variance = np.zeros(2), np.ones(2)
    for _ in range(3):
        bench.train_step(maps())
        values = MAPS.astype(np.float64).reshape(6, 2)
        mean += momentum * (values.mean(axis=0) - mean)
        variance += momentum * (values.var(axis=0, ddof=1) - variance)
        found = bench.network.named_statistics(bench.statistics)
        assert support.error(found["layers.0.mean"], mean) < 1e-6
        assert support.error(found["layers.0.variance"], variance) < 1e-6


def test_each_batch_of_an_epoch_moves_the_statistics(backend):
    """The incomplete one by what it is: here of a single row."""
    net = support.network((2, 1, 2), [BatchNorm(0.5), Flatten()], "mse")
    bench = backend.make(net, support.training(("sgd", {"lr": 0.0}), batch=2))
    bench.train_epoch(maps(), 0)
    mean, variance = np.zeros(2), np.ones(2)
    for span in (slice(0, 2), slice(2, 3)):
        values = MAPS[span].astype(np.float64).reshape(-1, 2)
        mean += 0.5 * (values.mean(axis=0) - mean)
        variance += 0.5 * (values.var(axis=0, ddof=1) - variance)
    found = bench.network.named_statistics(bench.statistics)
    assert support.error(found["layers.0.mean"], mean) < 1e-6
    assert support.error(found["layers.0.variance"], variance) < 1e-6


def test_batch_norm_of_one_value(backend):
    """Mean is the value and variance 0: outputs are beta, and the gradient before it is 0."""
    net = support.network(3, [Dense(4, "tanh"), BatchNorm(0.5), Dense(2)], "mse")
    bench = support.scattered(backend.make(net, support.training(("sgd", {"lr": 0.0}), batch=1)))
    start = bench.statistics.astype(np.float64)
    rows = support.rows(1, 3, 2)
    gradient = net.named(bench.gradients(rows)[1])
    for name in ("layers.0.weight", "layers.0.bias", "layers.1.gamma"):
        assert not gradient[name].any()
    assert gradient["layers.1.beta"].any()
    bench.train_step(rows)
    values = net.named(bench.parameters.astype(np.float64))
    mean = np.tanh(rows.features[0] @ values["layers.0.weight"] + values["layers.0.bias"])
    expected = np.concatenate([(start[:4] + mean) / 2.0, start[4:] / 2.0])
    assert support.error(bench.statistics, expected) < 1e-6


def test_rows_do_not_mix_in_evaluation(backend):
    """A row's outputs are its own, with batch normalization too, but a training step depends on all rows."""
    net = support.network((4, 4, 1), [CONV, BatchNorm(), Activation("relu"), *LAST], CCE)
    bench = support.scattered(backend.make(net, support.training()))
    rows = support.rows(40, 16, 2)
    whole = bench.forward(rows.features)
    for count in (1, 2, 17):
        assert support.error(bench.forward(rows.features[:count]), whole[:count]) < 1e-6


def test_dropout_on_maps_is_only_on_while_training(backend):
    """Evaluation passes everything on, unscaled; a mask has a bit of its own for each cell and channel."""
    net = support.network((3, 2, 2), [Dropout(0.3), Flatten(), Dense(12)], "mse")
    bench = backend.make(net, support.training(("sgd", {"lr": 0.0}), batch=2), seed=6)
    bench.parameters[:] = [*np.eye(12).ravel(), *[0.0] * 12]
    x = 1.0 + np.arange(36, dtype=np.float32).reshape(3, 12)
    rows = support.Rows(x, np.zeros((3, 12), np.float32), np.zeros(0, np.int32), "none")
    assert (bench.forward(x) == x).all()
    assert bench.evaluate(rows).loss == pytest.approx(np.sum(x**2) / 12.0)
    assert bench.gradients(rows)[0] == pytest.approx(np.mean(x**2))
    for epoch in range(2):
        kept = uniform_bits(key(6, "dropout", 0, epoch), np.arange(3), 12) >= drop_below(0.3)
        assert bench.train_epoch(rows, epoch).loss == pytest.approx(np.sum((x * kept / 0.7) ** 2) / 12.0, rel=1e-6)


def test_masks_behind_a_convolution_are_in_the_order_of_the_map(backend):
    """Height, width, channels: the gradient of each output's bias tells whether the cell was kept."""
    net = support.network((2, 3, 1), [Conv2d(2, (1, 1), init="zeros"), Dropout(0.5), Flatten(), Dense(12)], "mse")
    bench = backend.make(net, support.training(("sgd", {"lr": 1.0}), batch=1), seed=9)
    values = net.named(bench.parameters)
    values["layers.0.bias"][:] = 1.0
    values["layers.3.weight"][:] = np.eye(12)
    values["layers.3.bias"][:] = 0.0
    rows = support.Rows(np.ones((1, 6), np.float32), np.zeros((1, 12), np.float32), np.zeros(0, np.int32), "none")
    bench.train_epoch(rows, 0)
    kept = uniform_bits(key(9, "dropout", 0, 0), np.arange(1), 12)[0] >= 2**31
    assert 0 < kept.sum() < 12
    assert support.error(values["layers.3.bias"], -2.0 / 12.0 * 2.0 * kept) < 1e-6


def test_one_of_equal_cells_is_the_largest(backend):
    """The first in reading order, as in PyTorch: the gradient goes there alone."""
    net = support.network((4, 4, 1), [Conv2d(1, (1, 1), init="zeros"), Pool("max"), Flatten(), Dense(1)], "mse")
    bench = backend.make(net, support.training())
    values = net.named(bench.parameters)
    values["layers.0.bias"][:] = 1.0
    values["layers.3.weight"][:, 0] = [1.0, 10.0, 100.0, 1000.0]
    values["layers.3.bias"][:] = 0.0
    x = np.arange(1.0, 17.0, dtype=np.float32).reshape(1, 16)
    # The weight of the convolution is 0, so all cells are 1; its gradient tells which input was looked at.
    rows = support.Rows(x, np.zeros((1, 1), np.float32), np.zeros(0, np.int32), "none")
    gradient = net.named(bench.gradients(rows)[1])
    assert gradient["layers.0.weight"].ravel() == pytest.approx(
        [2.0 * 1111.0 * (1.0 * 1 + 10.0 * 3 + 100.0 * 9 + 1000.0 * 11)], rel=1e-6
    )


def test_padding_is_no_cell(backend):
    """A maximum below zero beats the padding; a mean is that of the cells of the map."""
    x = np.array([[-1.0, -2.0, -3.0, -4.0]], np.float32)
    for kind, expected in (("max", [-1.0, -1.0, -1.0, -1.0]), ("avg", [-2.5, -2.5, -2.5, -2.5])):
        net = support.network((2, 2, 1), [Pool(kind, (3, 3), (1, 1), "same"), Flatten()], "mse")
        assert support.error(backend.make(net, support.training()).forward(x), [expected]) < 1e-6


def test_penalties_are_part_of_the_objective_but_not_of_recorded_losses(backend):
    weight, l1, l2 = np.array([[1.0, -2.0], [0.5, 0.0]]), 0.1, 0.3
    net = support.network(2, [Dense(2, l1=l1, l2=l2)], "mse")
    bench = backend.make(net, support.training(("sgd", {"lr": 0.0})))
    net.named(bench.parameters)["layers.0.weight"][:] = weight
    rows = support.rows(5, 2, 2)
    plain = bench.evaluate(rows).mean_loss
    cost = l1 * 3.5 + l2 / 2 * 5.25
    assert bench.gradients(rows)[0] == pytest.approx(plain + cost, rel=1e-6)
    assert bench.train_step(rows) == pytest.approx(plain + cost, rel=1e-6)
    assert bench.train_epoch(rows, 0).mean_loss == pytest.approx(plain, rel=1e-6)
    assert bench.evaluate(rows).mean_loss == pytest.approx(plain, rel=1e-6)


def test_the_length_that_is_bounded_is_that_of_the_whole_gradient(backend):
    """One step of rate 1 with clip_norm 0.1 has length 0.1, over all arrays together."""
    net, rows = small("penalties")
    bench = support.scattered(backend.make(net, support.training(("sgd", {"lr": 1.0}), clip_norm=0.1)))
    before = bench.parameters.astype(np.float64)
    gradient = bench.gradients(rows)[1].astype(np.float64)
    assert np.linalg.norm(gradient) > 0.2
    bench.train_step(rows)
    moved = bench.parameters - before
    assert np.linalg.norm(moved) == pytest.approx(0.1, rel=1e-5)
    assert support.error(moved, -gradient * 0.1 / np.linalg.norm(gradient)) < 1e-5
