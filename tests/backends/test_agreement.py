"""Compiled backends against the reference: outputs, losses, gradients and short trainings."""

import numpy as np
import pytest
import support
from support import Dense, Dropout, Flatten

from neurosim.randomness import key, uniform_bits

ACTIVATIONS = support.BUILTINS.activations.names()
# Output activations that make sense for a loss; the others take any.
OUTPUTS = {
    "binary_cross_entropy": ["sigmoid", "softmax", "hard_sigmoid"],
    "categorical_cross_entropy": ["softmax", "sigmoid", "softplus", "hard_sigmoid"],
}
# Output activations that losses are usually paired with.
PAIRED = ("identity", "sigmoid", "softmax", "step")
PAIRINGS = [(loss, act) for loss in support.BUILTINS.losses.names() for act in OUTPUTS.get(loss, ACTIVATIONS)]


def check_pass(compiled, net, rows, settings=None, seed=3):
    """Outputs, loss and gradient with dropout off; returns both backends."""
    settings = settings or support.training()
    bench, reference = compiled.make(net, settings, seed), support.REFERENCE.make(net, settings, seed)
    scaled = rows.features.astype(np.float64) * rows.scale + rows.shift
    assert support.error(bench.forward(scaled), reference.forward(scaled)) < compiled.values
    found, expected = bench.gradients(rows), reference.gradients(rows)
    assert found[0] == pytest.approx(expected[0], rel=compiled.values, abs=1e-7)
    errors = support.array_errors(net, found[1], expected[1])
    assert max(errors.values()) < compiled.values, errors
    check_totals(bench.evaluate(rows), reference.evaluate(rows), compiled.values)
    return bench, reference


def check_totals(found, expected, tolerance):
    assert found.loss == pytest.approx(expected.loss, rel=tolerance, abs=1e-6)
    assert found.correct == expected.correct
    assert found.rows == expected.rows
    assert found.accuracy_share == expected.accuracy_share


@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize(("output", "loss"), [("softmax", "categorical_cross_entropy"), ("identity", "mse")])
def test_every_hidden_activation(compiled, hidden, output, loss):
    if compiled.simulated and loss != "mse":
        pytest.skip("in the simulator once for each activation")
    net = support.network(5, [Dense(7, hidden, init="normal"), Dense(3, output, init="normal")], loss)
    check_pass(compiled, net, compiled.rows(37, 5, 3))


@pytest.mark.parametrize(("loss", "output"), PAIRINGS)
def test_every_loss_with_every_output_activation(compiled, loss, output):
    if compiled.simulated and loss not in ("mse", "categorical_cross_entropy") and output not in PAIRED:
        pytest.skip("in the simulator two losses with every activation, and every loss with the usual ones")
    each = support.BUILTINS.losses.get(loss).outputs_per_target
    net = support.network(5, [Dense(7, "tanh"), Dense(3 * each, output, init="normal")], loss)
    check_pass(compiled, net, compiled.rows(37, 5, 3, spread=0.8))


@pytest.mark.parametrize("params", [("leaky_relu", {"alpha": 0.3}), ("elu", {"alpha": 0.5}), ("swish", {"beta": 2.5})])
def test_parameters_of_activations_arrive(compiled, params):
    net = support.network(5, [Dense(7, params), Dense(3, params)], ("huber", {"delta": 0.2}))
    check_pass(compiled, net, compiled.rows(20, 5, 3))


HALF = Dropout(0.5)
CCE = "categorical_cross_entropy"
# inputs, layers, loss, rows, batch
STRUCTURES = {
    "one layer": (4, [Dense(3, "softmax")], CCE, 20, 8),
    "one unit": (4, [Dense(1, "sigmoid")], "binary_cross_entropy", 20, 8),
    "one unit, step": (4, [Dense(1, "step")], "perceptron", 20, 1),
    "no bias": (4, [Dense(6, "relu", bias=False), Dense(3, "softmax", bias=False)], CCE, 20, 8),
    "bias in the last only": (4, [Dense(6, "relu", bias=False), Dense(3, "softmax")], CCE, 20, 8),
    "batch of one": (4, [Dense(6, "tanh"), Dense(3, "softmax")], CCE, 9, 1),
    "batch larger than the data": (4, [Dense(6, "tanh"), Dense(3, "softmax")], CCE, 9, 64),
    "last batch incomplete": (4, [Dense(6, "tanh"), Dense(3, "softmax")], CCE, 29, 10),
    "last batch of one": (4, [Dense(6, "tanh"), Dense(3, "softmax")], CCE, 21, 10),
    "one row": (4, [Dense(6, "tanh"), HALF, Dense(3, "softmax")], CCE, 1, 8),
    "one input": (1, [Dense(6, "tanh"), Dense(1, "identity")], "mse", 20, 8),
    "hidden softmax": (4, [Dense(6, "softmax"), Dense(3, "softmax")], CCE, 40, 20),
    "hidden softmax, wide": (4, [Dense(70, "softmax"), Dense(3, "softmax")], CCE, 40, 20),
    "hidden softmax before dropout": (4, [Dense(6, "softmax"), HALF, Dense(3, "softmax")], CCE, 40, 20),
    "hidden softmax, wide, before dropouts": (4, [Dense(70, "softmax"), HALF, HALF, Dense(3, "tanh")], "mse", 40, 20),
    "two hidden softmax": (4, [Dense(6, "softmax"), Dense(40, "softmax"), Dense(3, "softmax")], "mse", 40, 20),
    "dropout first": (4, [HALF, Dense(6, "tanh"), Dense(3, "softmax")], CCE, 40, 16),
    "dropout first, then wide": (40, [HALF, Dense(70, "tanh"), Dense(3, "softmax")], CCE, 40, 16),
    "two dropouts first": (4, [HALF, HALF, Dense(6, "tanh"), Dense(3, "softmax")], CCE, 40, 16),
    "dropout last": (4, [Dense(6, "tanh"), Dense(3, "tanh"), HALF], "mse", 40, 16),
    "dropout last, of logits' pair": (4, [Dense(6, "tanh"), Dense(3, "softmax"), HALF], CCE, 40, 16),
    "dropout last, wide": (4, [Dense(70, "tanh"), HALF], "mse", 40, 16),
    "two dropouts": (4, [Dense(6, "tanh"), Dropout(0.3), HALF, Dense(3, "softmax")], CCE, 40, 16),
    "two dropouts, wide": (4, [Dense(70, "tanh"), Dropout(0.3), HALF, Dense(3, "softmax")], CCE, 40, 16),
    "dropout of nothing": (4, [Dense(6, "tanh"), Dropout(0.0), Dense(3, "softmax")], CCE, 40, 16),
    "dropout of almost everything": (4, [Dense(6, "tanh"), Dropout(0.95), Dense(3, "softmax")], CCE, 40, 16),
    "wide": (40, [Dense(70, "relu"), Dense(64, "tanh"), Dense(3, "softmax")], CCE, 40, 16),
    "widths around block sizes": (33, [Dense(65, "relu"), Dense(63, "tanh"), Dense(31, "tanh")], "mse", 33, 17),
    "wide output": (4, [Dense(70, "identity")], "mse", 40, 16),
    "large batch": (4, [Dense(70, "relu"), Dense(6, "tanh"), Dense(3, "softmax")], CCE, 333, 200),
    "flatten": ((2, 3), [Flatten(), Dense(6, "tanh"), Flatten(), HALF, Dense(3, "softmax")], CCE, 20, 8),
    "deep": (4, [*[Dense(5, "tanh") for _ in range(6)], Dense(3, "softmax")], CCE, 20, 8),
}


@pytest.mark.parametrize(("inputs", "layers", "loss", "count", "batch"), STRUCTURES.values(), ids=STRUCTURES.keys())
def test_structures(compiled, inputs, layers, loss, count, batch):
    """One pass, then two shuffled epochs with dropout."""
    net = support.network(inputs, layers, loss)
    # In the simulator every row costs; two batches, the second one not full, are there with fewer, too.
    count = min(count, 2 * batch - 5) if compiled.simulated and batch == 16 else count
    rows = support.rows(count, net.inputs, net.outputs)
    settings = support.training(("sgd", {"lr": 0.05}), batch=batch, shuffle=True)
    bench, reference = check_pass(compiled, net, rows, settings)
    for epoch in range(1 if compiled.simulated else 2):
        check_totals(bench.train_epoch(rows, epoch), reference.train_epoch(rows, epoch), compiled.trajectory)
    assert bench.train_step(rows) == pytest.approx(reference.train_step(rows), rel=compiled.trajectory, abs=1e-6)
    assert bench.steps_done == reference.steps_done
    errors = support.array_errors(net, bench.parameters, reference.parameters)
    assert max(errors.values()) < compiled.trajectory, errors


def test_very_wide_layers(compiled):
    """Several blocks of columns, more than two where blocks are of 256 or 512 units."""
    net = support.network(600, [Dense(1100, "relu"), Dense(3, "softmax")], CCE)
    check_pass(compiled, net, support.rows(24, 600, 3))


def test_bytes_are_read_with_scale_and_shift(compiled):
    """uint8 features, as of images: value * scale + shift."""
    net = support.network(9, [Dense(6, "tanh"), Dense(3, "softmax")], CCE)
    plain = support.rows(30, 9, 3)
    features = np.random.default_rng(0).integers(0, 256, (30, 9)).astype(np.uint8)
    features[0], features[1] = 0, 255
    rows = support.Rows(features, plain.values, plain.classes, "argmax", 1 / 255 / 0.3081, -0.1307 / 0.3081)
    bench, reference = check_pass(compiled, net, rows)
    as_numbers = support.Rows(
        features.astype(np.float32), plain.values, plain.classes, "argmax", rows.scale, rows.shift
    )
    assert bench.gradients(rows)[1].tobytes() == bench.gradients(as_numbers)[1].tobytes()
    bench.train_epoch(rows, 0)
    reference.train_epoch(rows, 0)
    assert support.error(bench.parameters, reference.parameters) < compiled.values


def test_layouts_of_arrays_do_not_matter(compiled):
    """Fortran order, strides, float64 and int64 give what contiguous arrays give."""
    net = support.network(4, [Dense(6, "tanh"), Dense(3, "softmax")], CCE)
    bench = compiled.make(net, support.training())
    rows = support.rows(20, 4, 3)
    expected = bench.gradients(rows)[1].tobytes()
    for features in (np.asfortranarray(rows.features), np.repeat(rows.features, 2, axis=0)[::2], rows.features * 1.0):
        other = support.Rows(features, rows.values, rows.classes.astype(np.int64), "argmax")
        assert bench.gradients(other)[1].tobytes() == expected
        assert bench.forward(features).tobytes() == bench.forward(rows.features).tobytes()


def test_given_rows_are_left_alone(backend):
    net = support.network(4, [Dropout(0.5), Dense(6, "tanh"), Dense(3, "softmax")], CCE)
    bench = backend.make(net, support.training(batch=4, shuffle=True))
    rows = support.rows(10, 4, 3)
    before = [array.copy() for array in (rows.features, rows.values, rows.classes)]
    bench.train_epoch(rows, 0)
    bench.train_step(rows)
    bench.gradients(rows)
    bench.evaluate(rows)
    for array, copy in zip((rows.features, rows.values, rows.classes), before, strict=True):
        assert (array == copy).all()


def test_looking_changes_nothing(backend):
    """forward, gradients and evaluate between steps leave training as it would have been."""
    net = support.network(4, [Dense(6, "tanh"), Dropout(0.3), Dense(3, "softmax")], CCE)
    rows, other = support.rows(20, 4, 3), support.rows(50, 4, 3, seed=2)
    settings = support.training("adam", batch=8, shuffle=True)
    plain, watched = (backend.make(net, settings, seed=5) for _ in range(2))
    for epoch in range(3):
        plain.train_epoch(rows, epoch)
        watched.train_epoch(rows, epoch)
        watched.forward(other.features)
        watched.gradients(other)
        watched.evaluate(other)
    assert plain.parameters.tobytes() == watched.parameters.tobytes()
    assert plain.state.tobytes() == watched.state.tobytes()


def test_evaluating_fewer_or_more_rows_gives_the_same_outputs(backend):
    """A row's output does not depend on how many rows come with it, beyond rounding."""
    net = support.network(4, [Dense(70, "relu"), Dense(3, "softmax")], CCE)
    bench = backend.make(net, support.training())
    rows = support.rows(300, 4, 3)
    whole = bench.forward(rows.features)
    for count in (1, 15, 16, 17, 127, 128, 129, 256):
        assert support.error(bench.forward(rows.features[:count]), whole[:count]) < 1e-6


RULES = {
    "sgd": {"lr": 0.1},
    "sgd momentum": {"lr": 0.05, "momentum": 0.9},
    "sgd nesterov": {"lr": 0.05, "momentum": 0.9, "nesterov": 1.0, "weight_decay": 0.01},
    "rmsprop": {"lr": 0.01, "weight_decay": 0.01},
    "dampened_sgd": {"lr": 0.05, "weight_decay": 0.01},
    "centered_rmsprop": {"lr": 0.01, "eps": 0.01, "weight_decay": 0.01},
    "amsgrad": {"lr": 0.01, "weight_decay": 0.01},
    "amsgradw": {"lr": 0.01},
    "adagrad": {"lr": 0.05, "weight_decay": 0.01},
    "adam": {"lr": 0.01, "weight_decay": 0.01},
    "adamw": {"lr": 0.01},
    "nadam": {"lr": 0.01, "weight_decay": 0.01},
    "radam": {"lr": 0.01, "weight_decay": 0.01},
}


@pytest.mark.parametrize("rule", RULES)
def test_whole_trainings(compiled, rule):
    """Three epochs with shuffling, dropout, a schedule and an incomplete last batch."""
    net = support.network(
        6, [Dropout(0.1), Dense(12, "tanh"), Dropout(0.2), Dense(8, "gelu"), Dense(3, "softmax")], CCE
    )
    rows = support.rows(43, 6, 3)
    settings = support.training((rule.split()[0], RULES[rule]), batch=10, shuffle=True, schedule="cosine")
    bench, reference = compiled.make(net, settings, 8), support.REFERENCE.make(net, settings, 8)
    for epoch in range(3):
        check_totals(bench.train_epoch(rows, epoch), reference.train_epoch(rows, epoch), compiled.trajectory)
    assert bench.steps_done == reference.steps_done == 15
    errors = support.array_errors(net, bench.parameters, reference.parameters)
    assert max(errors.values()) < compiled.trajectory, errors
    for found, expected in zip(bench.state, reference.state, strict=True):
        assert support.error(found, expected) < compiled.trajectory
    assert not np.array_equal(bench.parameters, net.start_values(8))


def test_the_seed_decides_the_training(backend):
    net = support.network(4, [Dense(6, "tanh"), Dropout(0.3), Dense(3, "softmax")], CCE)
    rows = support.rows(20, 4, 3)
    results = []
    for seed in (1, 1, 2):
        bench = backend.make(net, support.training(batch=8, shuffle=True), seed)
        bench.parameters[:] = net.start_values(0)
        bench.train_epoch(rows, 0)
        results.append(bench.parameters.tobytes())
    assert results[0] == results[1] != results[2]


def test_dropout_is_only_on_while_training(backend):
    """Evaluation passes everything on, unscaled; the bits of a mask are those that `randomness` defines."""
    net = support.network(3, [Dense(3), Dropout(0.5)], "mse")
    bench = backend.make(net, support.training(("sgd", {"lr": 0.0}), batch=4), seed=6)
    bench.parameters[:] = [*np.eye(3).ravel(), 0.0, 0.0, 0.0]
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
    rows = support.Rows(x, np.zeros((2, 3), np.float32), np.zeros(0, np.int32), "none")
    assert (bench.forward(x) == x).all()
    assert bench.evaluate(rows).loss == pytest.approx(np.sum(x**2) / 3.0)
    kept = uniform_bits(key(6, "dropout", 0, 0), np.arange(2), 3) >= 2**31
    assert bench.train_epoch(rows, 0).loss == pytest.approx(np.sum((2.0 * x * kept) ** 2) / 3.0)
