"""Class weights against PyTorch: live where it is installed, else against the weights written out."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import support

import neurosim
from neurosim import load_model, load_scenario, run
from neurosim.errors import ScenarioError
from neurosim.interactive import explain

STEPS, LR = 50, 0.1
WEIGHTS = {"softmax": (1.0, 3.0, 0.5), "sigmoid": (0.5, 2.0)}
LOSSES = {"softmax": "categorical_cross_entropy", "sigmoid": "binary_cross_entropy"}
# The loss in the first and in the last step, as PyTorch gave them.
STORED = {"softmax": (1.434323770691473, 1.246832065759853), "sigmoid": (1.1388941955429293, 0.6375794083858678)}
ROWS = 12


def allowed(backend):
    """The relative error after all steps."""
    return 1e-12 if backend.name == "reference" else 1e-5


def rows(output):
    x = np.linspace(-1.0, 1.0, ROWS).astype(np.float32)
    classes = (np.arange(ROWS) * 5 % 7 % len(WEIGHTS[output])).astype(np.int32)
    values = classes[:, None].astype(np.float32) if output == "sigmoid" else np.zeros((0, 3), np.float32)
    accuracy = "threshold" if output == "sigmoid" else "argmax"
    return support.Rows(np.stack([x, x * x], axis=1), values, classes, accuracy)


def network(output):
    loss = support.BUILTINS.losses.get(LOSSES[output]).weighted(WEIGHTS[output])
    made = support.network(2, [support.Dense(4, "tanh"), support.Dense(3 if output == "softmax" else 1, output)])
    return replace(made, loss=support.choose(loss))


def trained(backend, output):
    """Losses of all steps and the parameters after them."""
    bench = backend.make(network(output), support.training(("sgd", {"lr": LR}), batch=ROWS))
    losses = [bench.train_step(rows(output)) for _ in range(STEPS)]
    return np.array(losses), bench.parameters.astype(np.float64)


@functools.cache
def torch_trained(output):
    torch = pytest.importorskip("torch")
    net, given = network(output), rows(output)
    start = net.named(net.start_values(0).astype(np.float64))
    made = [torch.tensor(start[name], requires_grad=True) for name in start]
    x, classes = torch.tensor(given.features.astype(np.float64)), torch.tensor(given.classes.astype(np.int64))
    weights = torch.tensor(WEIGHTS[output], dtype=torch.float64)
    optimizer = torch.optim.SGD(made, lr=LR)
    losses = []
    for _ in range(STEPS):
        z = torch.tanh(x @ made[0] + made[1]) @ made[2] + made[3]
        # A mean over the rows; PyTorch's own mean divides by the sum of the weights.
        if output == "softmax":
            loss = torch.nn.functional.cross_entropy(z, classes, weight=weights, reduction="sum") / ROWS
        else:
            each = torch.nn.functional.binary_cross_entropy_with_logits(z[:, 0], classes.double(), reduction="none")
            loss = (weights[classes] * each).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return np.array(losses), np.concatenate([array.detach().numpy().ravel() for array in made])


@pytest.mark.parametrize("output", WEIGHTS)
def test_50_steps_are_those_of_pytorch(backend, output):
    losses, parameters = trained(backend, output)
    assert [losses[0], losses[-1]] == pytest.approx(STORED[output], rel=10 * allowed(backend))
    expected, theirs = torch_trained(output)
    assert support.error(losses, expected) < allowed(backend)
    assert support.error(parameters, theirs) < allowed(backend)


@pytest.mark.parametrize("record", [entry.record for entry in support.BUILTINS.losses], ids=lambda record: record.name)
def test_every_loss_is_multiplied(record):
    if record.outputs_per_target > 1:
        pytest.skip("it is for values, not for classes")
    weights = (0.5, 2.0, 3.0)
    weighted = record.weighted(weights)
    a, params = np.array([0.2, 0.5, 0.3]), list(record.params.values())
    for k in range(3):
        y = k if record.targets == "classes" else np.eye(3)[k]
        assert weighted.value(a, y, *params) == pytest.approx(weights[k] * record.value(a, y, *params))
        found, plain = np.zeros(3), np.zeros(3)
        weighted.gradient(a, y, found, *params)
        record.gradient(a, y, plain, *params)
        assert found == pytest.approx(weights[k] * plain)
        for ours, theirs in zip(weighted.from_logits, record.from_logits, strict=True):
            assert ours.value(a, a, y, *params) == pytest.approx(weights[k] * theirs.value(a, a, y, *params))


def test_a_scenario_gives_the_weights(tmp_path):
    changes = {"network.class_weights": [1, 2, 0.5], "training.epochs": 3, "expect": {}}
    scenario = load_scenario("iris", overrides=changes)
    result = run(scenario, out=tmp_path / "run")
    assert "class_weights = [1.0, 2.0, 0.5]" in (tmp_path / "run/scenario.toml").read_text()
    simulator = result.simulator
    classes = simulator.data.train.targets
    outputs = simulator.forward(simulator.data.train.features)
    chances = outputs[np.arange(len(classes)), classes]
    expected = np.mean(np.array([1.0, 2.0, 0.5])[classes] * -np.log(chances))
    assert result.metrics["train_loss"] == pytest.approx(expected, rel=1e-5)
    assert load_model(tmp_path / "run").predict(simulator.data.to_raw(simulator.data.train.features)).shape == (120,)
    assert "derivative of weighted_categorical_cross_entropy" in str(explain(scenario))
    # Weights of 1 change nothing.
    plain = run(load_scenario("iris", overrides={**changes, "network.class_weights": [1, 1, 1]}))
    assert plain.metrics == run(load_scenario("iris", overrides={"training.epochs": 3, "expect": {}})).metrics


@pytest.mark.parametrize(
    ("name", "weights", "told"),
    [
        ("iris", [1, 2], "network.class_weights: 2 weights for 3 classes"),
        ("sine", [1, 2], "the targets of this data set are values, not classes"),
        ("iris", [1, -2, 1], "network.class_weights.1: expected a number of at least 0, not -2"),
        ("iris", [1], "network.class_weights: expected at least 2 of them"),
        ("iris", "balance", "network.class_weights: expected 'balanced', not \"balance\""),
        ("iris", {"setosa": -1}, "network.class_weights.setosa: expected a number of at least 0, not -1"),
        ("iris", {"virginia": 2}, 'network.class_weights: unknown class "virginia"'),
        ("sine", "balanced", "the targets of this data set are values, not classes"),
    ],
)
def test_weights_that_do_not_fit_are_refused(name, weights, told):
    with pytest.raises(ScenarioError, match=told):
        run(load_scenario(name, overrides={"network.class_weights": weights, "expect": {}}))


X = np.sin(np.arange(200.0) ** 2).reshape(100, 2)
# 30 rows of the first class, 50 of the second, 20 that nobody could label.
LABELS = np.repeat([0, 1, -100], [30, 50, 20])[np.arange(100) * 37 % 100]


@pytest.mark.parametrize("backend_name", ["reference", "cpu"])
def test_balanced_weights_and_ignored_rows_are_those_of_pytorch(backend_name):
    """Where a step takes all rows: the mean weight is 1, and PyTorch divides by the sum of the weights."""
    torch = pytest.importorskip("torch")
    layers = [
        {"kind": "dense", "units": 4, "activation": "tanh"},
        {"kind": "dense", "units": 2, "activation": "softmax"},
    ]
    scenario = neurosim.scenario(
        data={"ignore": [-100]},
        network={"loss": "categorical_cross_entropy", "class_weights": "balanced", "layers": layers},
        optimizer={"name": "sgd", "lr": LR},
        training={"epochs": STEPS, "batch_size": 80, "shuffle": False},
    )
    result = run(scenario, data=(X, LABELS), backend=backend_name)
    simulator = result.simulator
    assert simulator.network.class_weights == pytest.approx((80 / 60, 80 / 100))
    start = simulator.network.named(simulator.network.start_values(simulator.seed).astype(np.float64))
    made = [torch.tensor(array, requires_grad=True) for array in start.values()]
    weights = torch.tensor(simulator.network.class_weights, dtype=torch.float64)
    optimizer, losses = torch.optim.SGD(made, lr=LR), []
    for _ in range(STEPS):
        z = torch.tanh(torch.tensor(X.astype(np.float32).astype(float)) @ made[0] + made[1]) @ made[2] + made[3]
        loss = torch.nn.functional.cross_entropy(z, torch.tensor(LABELS), weight=weights, ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    most = 1e-12 if backend_name == "reference" else 1e-5
    assert support.error(np.array(result.history.train_loss), np.array(losses)) < most
    for ours, theirs in zip(simulator.parameters.values(), made, strict=True):
        assert support.error(ours, theirs.detach().numpy()) < most


def test_balanced_weights_count_rows_as_much_as_they_weigh():
    classes = np.array([0, 0, 0, 1])
    table = neurosim.Table(X[:4], classes, ("a", "b"), weights=np.array([1.0, 1.0, 1.0, 2.0]))
    layers = [{"kind": "dense", "units": 2, "activation": "softmax"}]
    scenario = neurosim.scenario(
        network={"loss": "categorical_cross_entropy", "class_weights": "balanced", "layers": layers},
        optimizer={"name": "sgd"},
        training={"epochs": 1},
    )
    simulator = run(scenario, data=table, backend="reference").simulator
    assert simulator.network.class_weights == pytest.approx((5 / 6, 5 / 4))
    both = np.array(simulator.network.class_weights)[classes] * simulator.split_rows("train").weights
    assert both.mean() == pytest.approx(1.0)


def test_weights_by_name_are_those_in_order(tmp_path):
    changes = {"training.epochs": 2, "expect": {}}
    named = run(load_scenario("iris", overrides={**changes, "network.class_weights": {"virginica": 2.5}}))
    listed = run(load_scenario("iris", overrides={**changes, "network.class_weights": [1, 1, 2.5]}))
    assert named.metrics == listed.metrics
    assert named.scenario.network.class_weights == {"virginica": 2.5}


def test_a_model_has_balanced_weights_written_out(tmp_path):
    """Of its data, from which they follow, it has only the names of the classes."""
    changes = {"training.epochs": 1, "expect": {}, "network.class_weights": "balanced"}
    result = run(load_scenario("iris", overrides=changes), out=tmp_path / "run")
    assert 'class_weights = "balanced"' in (tmp_path / "run/scenario.toml").read_text()
    model = load_model(tmp_path / "run")
    assert model.network.class_weights == result.simulator.network.class_weights == (1.0, 1.0, 1.0)
