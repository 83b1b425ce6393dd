"""Parameters that are vectors of numbers: in formulas, in scenarios, in models, and with the wrong values."""

import math
from dataclasses import replace

import numpy as np
import pytest
import support

from neurosim import (
    Activation,
    FromLogits,
    Gate,
    Initializer,
    Loss,
    Optimizer,
    RowActivation,
    Schedule,
    build_registry,
    load_model,
    load_scenario,
    run,
)
from neurosim.errors import PluginError, ScenarioError, ShapeError
from neurosim.interactive import explain
from neurosim.plugin.vectors import constants_of, with_vectors
from neurosim.runs.identity import determining
from neurosim.scenario.json_schema import json_schema
from neurosim.testing import assert_passes

PLUGIN = """
import math
from neurosim import Activation, Loss, Optimizer, Schedule, hookimpl


def weighted(a, y, weight):
    return -weight[y] * math.log(max(a[y], 1e-30))


def poly(z, c):
    total = 0.0
    for k in reversed(c):
        total = total * z + k
    return total


def momentum(w, g, v, t, lr, betas):
    v = betas[0] * v + betas[1] * g
    return w - lr * v, v


def milestones(epoch, epochs, at):
    return 0.5 ** sum(1 for mark in at if epoch >= mark)


@hookimpl
def neurosim_losses():
    weight = {"weight": (1.0,)}
    free = Loss("free", weighted, params=weight, targets="classes", widths=(1,))
    return [free, Loss("weighted", weighted, params=weight, targets="classes", per_output=("weight",))]


@hookimpl
def neurosim_activations():
    return [Activation("poly", poly, params={"c": (0.0, 1.0, 0.25)})]


@hookimpl
def neurosim_optimizers():
    return [Optimizer("momentum", momentum, ("v",), {"lr": 0.1, "betas": (0.9, 1.0)})]


@hookimpl
def neurosim_schedules():
    return [Schedule("milestones", milestones, {"at": (10.0, 20.0)}, unit="epochs")]
"""
SCENARIO = """
[scenario]
name = "vectors"
title = "Vectors"
[data]
source = "moons"
samples = 40
[network]
loss = { name = "weighted", weight = [1.0, 5.0] }
[[network.layers]]
kind = "dense"
units = 3
activation = { name = "poly", c = [0.0, 1, 0.1] }
[[network.layers]]
kind = "dense"
units = 2
activation = "softmax"
[optimizer]
name = "momentum"
lr = 0.05
betas = [0.5, 1.0]
schedule = { name = "milestones", at = [2, 3] }
[training]
epochs = 4
batch_size = 8
"""


@pytest.fixture
def files(tmp_path):
    plugin, scenario = tmp_path / "vectors.py", tmp_path / "vectors.toml"
    plugin.write_text(PLUGIN)
    scenario.write_text(SCENARIO)
    return scenario, [plugin]


def tally(row, factors):
    return sum(v * f for v, f in zip(row, factors))  # noqa: B905


def scaled(a, y, scale, power):
    return tally(a, scale) ** 2 + sum(s * abs(p - t) ** power for p, t, s in zip(a, y, scale))  # noqa: B905


def from_sums(z, a, y, scale, power):
    return scale[0] * (z[0] - y[0]) ** 2 + scale[-1] * power * z[1]


def from_sums_gradient(z, a, y, dz, scale, power):
    dz[0] = 2.0 * scale[0] * (z[0] - y[0])
    dz[1] = scale[-1] * power
    for k in range(2, len(z)):
        dz[k] = 0.0


def tempered(z, a, s):
    for k in range(len(z)):
        a[k] = z[k] * s[k % len(s)] / (1.0 + abs(z[k]))


def mixed(u, v, c):
    return c[0] * u + c[1] * u * v


def tuned(w, g, v, t, lr, betas):
    v = betas[0] * v + (1.0 - betas[0]) * g
    return w - lr * v * betas[1], v


def constant(random, shape, fan_in, fan_out, levels):
    return np.full(shape, levels[1])


def marks(epoch, epochs, at):
    return 0.5 ** sum(epoch >= mark for mark in at)


RECORDS = [
    Loss("scaled", scaled, params={"scale": (1.0,), "power": 2.0}, per_output=("scale",)),
    RowActivation("tempered", tempered, params={"s": (1.0, 2.0)}),
    Gate("mixed", mixed, params={"c": (0.5, 0.25)}),
    Optimizer("tuned", tuned, ("v",), {"lr": 0.1, "betas": (0.5, 1.0)}),
    Initializer("constant", constant, params={"levels": (0.0, 0.5)}),
    Schedule("marks", marks, params={"at": (3.0, 6.0)}, unit="epochs"),
]


@pytest.mark.ci
@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_records_of_all_kinds_pass_the_kit(record):
    assert_passes(record, backends=["reference", "cpu"])


def test_a_vector_is_a_constant_of_every_formula_also_of_pairs_and_helpers():
    pair = FromLogits("identity", from_sums, from_sums_gradient)
    record = Loss("paired", scaled, params={"scale": (1.0, 2.0), "power": 2.0}, from_logits=(pair,))
    made = with_vectors(record, {"scale": [3.0, 4.0]})
    assert made is with_vectors(record, {"scale": (3, 4)})
    assert list(made.params) == ["power"]
    assert constants_of(made) == {"scale": (3.0, 4.0)}
    assert made.place == record.place
    a, y = np.array([1.0, 2.0]), np.array([0.0, 0.0])
    assert made.value(a, y, 2.0) == (3 + 8) ** 2 + 3 + 16
    assert made.from_logits[0].value(a, a, y, 2.0) == 3.0 + 4.0 * 2.0 * 2.0


def test_weights_of_classes_as_a_vector_are_class_weights(backend):
    """The same numbers as with the built-in loss and `class_weights`, which PyTorch has checked."""

    def log_loss(a, y, weight):
        return -weight[y] * math.log(max(a[y], 1e-30))

    def steps(loss):
        layers = [support.Dense(3, "tanh"), support.Dense(2, "softmax")]
        network = replace(support.network(2, layers), loss=loss)
        bench = backend.make(network, support.training(("sgd", {"lr": 0.5}), batch=7))
        classes = np.arange(7, dtype=np.int32) % 2
        rows = support.Rows(support.rows(7, 2, 1).features, np.zeros((0, 2), np.float32), classes, "argmax")
        return [bench.train_step(rows) for _ in range(20)], bench.parameters

    own = support.choose(
        Loss("own", log_loss, params={"weight": (1.0, 1.0)}, targets="classes"), {"weight": [1.0, 5.0]}
    )
    built_in = support.choose(support.BUILTINS.losses.get("categorical_cross_entropy").weighted([1.0, 5.0]))
    (losses, found), (wanted, expected) = steps(own), steps(built_in)
    assert losses == pytest.approx(wanted, rel=1e-5)
    assert support.error(found, expected) < 1e-5


def test_a_run_keeps_its_vectors_in_the_scenario_the_model_and_the_worksheet(files, tmp_path):
    scenario, plugins = files
    result = run(scenario, plugins=plugins, out=tmp_path / "run")
    written = (tmp_path / "run" / "scenario.toml").read_text()
    assert 'loss = { name = "weighted", weight = [1.0, 5.0] }' in written
    assert 'activation = { name = "poly", c = [0.0, 1.0, 0.1] }' in written
    assert "at = [2.0, 3.0]" in written
    assert "betas = [0.5, 1.0]" in written
    again = load_scenario(tmp_path / "run" / "scenario.toml", plugins=plugins)
    assert determining(again) == determining(result.scenario)
    x = result.simulator.split_rows("train").features[:3]
    model = load_model(tmp_path / "run", registry=build_registry(plugins))
    assert np.array_equal(model.outputs(x), result.simulator.forward(x))
    text = str(explain(load_scenario(scenario, plugins=plugins)))
    assert "In weighted, weight = [1, 5]." in text
    assert "In momentum, betas = [0.5, 1]." in text


def test_a_worksheet_has_the_vectors_of_each_layer(files):
    scenario, plugins = files
    hidden = [{"kind": "dense", "units": 2, "activation": {"name": "poly", "c": [0.0, c]}} for c in (1.0, 0.5, 1.0)]
    layers = [*hidden, {"kind": "dense", "units": 2, "activation": "softmax"}]
    text = str(explain(load_scenario(scenario, plugins=plugins, overrides={"network.layers": layers})))
    assert text.count("In poly, c = [0, 1].") == 1
    assert text.count("In poly, c = [0, 0.5].") == 1


def test_other_vectors_are_another_scenario_and_other_numbers(files):
    scenario, plugins = files
    first, second = (
        run(scenario, plugins=plugins, overrides={"network.loss.weight": weight}) for weight in ([1, 5], [5, 1])
    )
    assert determining(first.scenario) != determining(second.scenario)
    assert first.metrics["train_loss"] != second.metrics["train_loss"]


def test_one_number_stands_for_all_outputs(files):
    scenario, plugins = files
    one, two = (
        run(scenario, plugins=plugins, overrides={"network.loss.weight": weight}) for weight in ([3.0], [3.0, 3.0])
    )
    assert one.metrics == two.metrics


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("network.loss.weight", 2.0, "expected a list of numbers, such as [1.0], not 2.0; weight is a vector"),
        ("network.loss.weight", [], "expected a number, not []"),
        ("network.loss.weight", ["a"], 'expected a number, not "a"'),
        ("network.loss", {"name": "mse", "weight": [1.0]}, "unknown parameter of loss mse; it has no parameters"),
        (
            "network.layers.0.activation",
            {"name": "leaky_relu", "alpha": [0.1]},
            "expected a number, not [0.1]; alpha of leaky_relu is a single number, not a vector",
        ),
        ("optimizer.lr", [0.1], "expected a number, not [0.1]; lr of momentum is a single number, not a vector"),
        ("optimizer.biases", {"betas": [0.1, 0.2]}, "a vector is the same for weights and biases; leave it out"),
        ("optimizer.schedules", {"betas": "cosine"}, "a schedule changes a single number, and betas is a vector"),
    ],
)
def test_what_a_scenario_cannot_say(files, key, value, words):
    scenario, plugins = files
    with pytest.raises(ScenarioError) as caught:
        load_scenario(scenario, plugins=plugins).changed({key: value})
    assert words in caught.value.message


def test_a_vector_for_each_output_has_as_many_numbers(files):
    scenario, plugins = files
    with pytest.raises(ShapeError) as caught:
        run(scenario, plugins=plugins, overrides={"network.loss.weight": [1.0, 2.0, 3.0]})
    assert "weight of weighted has 3 numbers, but the network has 2 outputs" in caught.value.message
    assert caught.value.hint == "Give one number for each class, or a single one for all: [1]."


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_an_index_outside_of_a_vector_is_refused_before_training(files, backend):
    scenario, plugins = files
    with pytest.raises(PluginError, match=r"weight\[1\] is outside the vector: it has one entry, weight\[0\]"):
        run(scenario, plugins=plugins, backend=backend, overrides={"network.loss": {"name": "free"}})


def number(a, y, weight):
    return weight * a[0]


def assigned(a, y, weight):
    weight = weight[0]
    return weight * a[0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: assert_passes(Loss("x", number, params={"weight": (1.0,)})), "the tuple weight is used as a number"),
        (lambda: assert_passes(Loss("x", assigned, params={"weight": (1.0,)})), "the vector weight is assigned to"),
        (lambda: Loss("x", number, params={"weight": ()}), "parameter 'weight' has an empty vector as its default"),
        (lambda: Loss("x", number, params={"weight": (1.0, "a")}), "parameter 'weight', entry 1, needs a number"),
        (lambda: Loss("x", number, params={"weight": 1.0}, per_output=("weight",)), "which is not one of its vectors"),
        (lambda: Loss("x", number, params={"weight": (1.0,)}, per_output="weight"), "must be a tuple of names"),
        (lambda: Activation("x", mixed, params={"v": 1.0, "c": (1.0,)}, learn=["c"]), "'c', which is a vector"),
        (lambda: Optimizer("x", tuned, ("v",), {"lr": (0.1,), "betas": (1.0,)}), "'lr' must be one number"),
    ],
)
def test_what_a_record_cannot_say(make, words):
    with pytest.raises((PluginError, AssertionError)) as caught:
        make()
    assert words in str(caught.value)


def test_editors_offer_lists():
    parameter = json_schema()["$defs"]["NetworkSection"]["properties"]["loss"]["anyOf"][-1]["additionalProperties"]
    assert parameter == {
        "type": ["number", "boolean", "array"],
        "items": {"type": ["number", "boolean"]},
        "minItems": 1,
    }
