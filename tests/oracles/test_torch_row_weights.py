"""Weights of rows: against PyTorch, against rows that stand there several times, and against scikit-learn."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import support

STEPS, LR, ROWS = 50, 0.2, 12
LOSSES = {"softmax": "categorical_cross_entropy", "sigmoid": "binary_cross_entropy", "identity": "mse"}
OUTPUTS = {"softmax": 3, "sigmoid": 1, "identity": 2}
WEIGHTS = np.array([0.0, 1.0, 2.0, 0.5, 3.0, 1.5, 0.25, 0.0, 1.0, 4.0, 0.75, 1.0])


def allowed(backend):
    """The relative error after all steps."""
    return 1e-12 if backend.name == "reference" else 1e-5


# Slopes and intercept of LogisticRegression(C=np.inf).fit(x, classes, sample_weight=weights) in scikit-learn 1.9.1.
LOGISTIC = [2.571222795783212, 2.8608424286870444, 1.072041333244389]


@pytest.fixture(
    params=[pytest.param(backend, id=backend.name, marks=backend.long_marks) for backend in support.BACKENDS]
)
def backend(request):
    """Each backend, also in the CUDA simulator."""
    return request.param


def network(output, penalty=0.0, hidden=4):
    last = support.Dense(OUTPUTS[output], output, l2=penalty)
    return support.network(2, [support.Dense(hidden, "tanh"), last], LOSSES[output])


def rows(output, weights=WEIGHTS):
    """Without weights where these are None."""
    x = np.linspace(-1.0, 1.0, ROWS).astype(np.float32)
    features = np.stack([x, x * x], axis=1)
    classes = (np.arange(ROWS) * 5 % 7 % max(OUTPUTS[output], 2)).astype(np.int32)
    values = {
        "softmax": np.zeros((0, 3), np.float32),
        "sigmoid": classes[:, None].astype(np.float32),
        "identity": np.stack([np.sin(3.0 * x), x], axis=1).astype(np.float32),
    }[output]
    judge = {"softmax": "argmax", "sigmoid": "threshold", "identity": "none"}[output]
    made = support.Rows(features, values, classes if output != "identity" else classes[:0], judge)
    return made if weights is None else replace(made, weights=np.asarray(weights, np.float64))


@functools.cache
def torch_trained(output):
    """The gradient of the first step, all losses, and the parameters after them: mean of weight times loss."""
    torch = pytest.importorskip("torch")
    net, given = network(output), rows(output)
    start = net.named(net.start_values(0).astype(np.float64))
    made = [torch.tensor(start[name], requires_grad=True) for name in start]
    x, weights = torch.tensor(given.features.astype(np.float64)), torch.tensor(WEIGHTS)
    optimizer = torch.optim.SGD(made, lr=LR)
    functional = torch.nn.functional
    losses, first = [], None
    for _ in range(STEPS):
        z = torch.tanh(x @ made[0] + made[1]) @ made[2] + made[3]
        if output == "softmax":
            each = functional.cross_entropy(z, torch.tensor(given.classes.astype(np.int64)), reduction="none")
        elif output == "sigmoid":
            y = torch.tensor(given.values[:, 0].astype(np.float64))
            each = functional.binary_cross_entropy_with_logits(z[:, 0], y, reduction="none")
        else:
            y = torch.tensor(given.values.astype(np.float64))
            each = functional.mse_loss(z, y, reduction="none").mean(dim=1)
        loss = (weights * each).mean()
        optimizer.zero_grad()
        loss.backward()
        if first is None:
            first = np.concatenate([array.grad.numpy().ravel() for array in made])
        optimizer.step()
        losses.append(float(loss.detach()))
    return first, np.array(losses), np.concatenate([array.detach().numpy().ravel() for array in made])


@pytest.mark.parametrize("output", LOSSES)
def test_gradients_and_50_steps_are_those_of_pytorch(backend, output):
    gradient, expected, theirs = torch_trained(output)
    bench = backend.make(network(output), support.training(("sgd", {"lr": LR}), batch=ROWS, shuffle=False))
    given = rows(output)
    loss, found = bench.gradients(given)
    assert loss == pytest.approx(expected[0], rel=allowed(backend))
    assert support.error(found, gradient) < allowed(backend)
    losses = [bench.train_step(given) for _ in range(STEPS)]
    assert support.error(losses, expected) < allowed(backend)
    assert support.error(bench.parameters, theirs) < allowed(backend)


@pytest.mark.parametrize("output", LOSSES)
def test_50_epochs_are_those_of_pytorch(backend, output):
    """Epochs of small networks are computed elsewhere than single steps; those with penalties are not small."""
    _, expected, theirs = torch_trained(output)
    training = support.training(("sgd", {"lr": LR}), batch=ROWS, shuffle=False, epochs=STEPS)
    bench = backend.make(network(output), training)
    losses = [bench.train_epoch(rows(output), epoch).mean_loss for epoch in range(STEPS)]
    assert support.error(losses, expected) < allowed(backend)
    assert support.error(bench.parameters, theirs) < allowed(backend)


@pytest.mark.parametrize("output", LOSSES)
@pytest.mark.parametrize("penalty", [0.0, 0.01])
def test_shuffled_batches_and_evaluation_are_those_of_the_reference(backend, output, penalty):
    found = []
    for one in (support.REFERENCE, backend):
        training = support.training(("adam", {"lr": 0.05}), batch=5, shuffle=True, epochs=4)
        bench = one.make(network(output, penalty), training)
        losses = [bench.train_epoch(rows(output), epoch).loss for epoch in range(4)]
        totals = bench.evaluate(rows(output))
        found.append([*losses, totals.loss, totals.correct, *bench.parameters])
    assert support.error(found[1], found[0]) < 1e-5


@pytest.mark.parametrize("output", LOSSES)
def test_weights_of_1_give_the_bits_of_rows_without_weights(backend, output):
    def trained(weights):
        training = support.training(("sgd", {"lr": LR}), batch=5, shuffle=True, epochs=3)
        bench = backend.make(network(output), training)
        given = rows(output, weights)
        losses = [bench.train_epoch(given, epoch).loss for epoch in range(3)]
        return [*losses, bench.train_step(given), bench.evaluate(given).loss, *bench.parameters]

    assert trained(np.ones(ROWS)) == trained(None)


@pytest.mark.parametrize("output", LOSSES)
def test_a_weight_of_2_is_the_row_twice(backend, output):
    counts = np.arange(ROWS) % 4
    bench = backend.make(network(output), support.training(("sgd", {"lr": LR}), batch=ROWS))
    loss, gradient = bench.gradients(rows(output, counts * ROWS / counts.sum()))
    repeated = rows(output, None).some(np.repeat(np.arange(ROWS), counts))
    wanted, expected = bench.gradients(repeated)
    assert loss == pytest.approx(wanted, rel=allowed(backend))
    assert support.error(gradient, expected) < allowed(backend)


def test_a_row_without_weight_is_left_out_whatever_its_loss_is(backend):
    given = rows("identity", np.where(np.arange(ROWS) == 3, 0.0, 1.0))
    given.values[3] = np.inf
    bench = backend.make(network("identity"), support.training(("sgd", {"lr": LR}), batch=ROWS, shuffle=False))
    left = rows("identity", None).some(np.delete(np.arange(ROWS), 3))
    wanted, expected = bench.gradients(left)
    loss, gradient = bench.gradients(given)
    assert loss * ROWS / (ROWS - 1) == pytest.approx(wanted, rel=allowed(backend))
    assert support.error(gradient * ROWS / (ROWS - 1), expected) < allowed(backend)
    assert bench.evaluate(given).loss == pytest.approx(bench.evaluate(left).loss, rel=allowed(backend))
    assert np.isfinite(bench.train_epoch(given, 0).loss)


def test_many_networks_together_are_as_each_alone():
    from neurosim.backends.select import make_small_ensemble

    training = support.training(("adam", {"lr": 0.05}), batch=5, shuffle=True, epochs=3)
    for output in LOSSES:
        given = rows(output)
        alone = [support.COMPILED[0].make(network(output), training, seed=seed) for seed in range(3)]
        for bench in alone:
            for epoch in range(3):
                bench.train_epoch(given, epoch)
        like = support.COMPILED[0].make(network(output), training)
        like.prepare()
        together = make_small_ensemble(like, [0, 1, 2], [given])
        together.train(3)
        assert np.array_equal(together.parameters, [bench.parameters for bench in alone])
        totals = [bench.evaluate(given) for bench in alone]
        assert np.array_equal(together.evaluate(given), [[one.loss, one.correct] for one in totals])


def test_logistic_regression_is_that_of_scikit_learn():
    random = np.random.default_rng(3)
    x = random.normal(size=(60, 2)).astype(np.float32)
    classes = (x.sum(axis=1) + 0.8 * random.normal(size=60) > 0).astype(np.int32)
    weights = random.integers(0, 4, 60).astype(np.float64)
    weights /= weights.mean()
    given = support.Rows(x, classes[:, None].astype(np.float32), classes, "threshold", weights=weights)
    training = support.training(("sgd", {"lr": 2.0, "momentum": 0.9}), batch=60, shuffle=False, epochs=400)
    net = support.network(2, [support.Dense(1, "sigmoid")], "binary_cross_entropy")
    bench = support.COMPILED[0].make(net, training)
    for epoch in range(400):
        bench.train_epoch(given, epoch)
    assert support.error(bench.parameters, LOGISTIC) < 1e-4
