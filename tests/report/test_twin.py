"""The engine of the page that trains, in headless Chromium: step for step what the reference backend computes."""

import json
import tomllib
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import neurosim
from neurosim.backends.reference.backend import ReferenceBackend
from neurosim.formulas.javascript import Script
from neurosim.play.formulas import read_activation
from neurosim.problem.assembly import assemble
from neurosim.report.engine import engine
from neurosim.report.twin import catalog, splits
from neurosim.scenario import load_scenario
from neurosim.training.simulator import Simulator
from neurosim.worksheet.step import sample_loss, take_step

REGISTRY = neurosim.build_registry([])
# Trains in the page; the numbers of arrays come as text that holds their bytes.
TRAIN = """
({ scenario, catalog, splits, inputs, steps, seed }) => [true, false].map((quick) => {
  const { Rows, Trainer } = engine();
  const given = Object.entries(splits).map(([name, split]) => [name, new Rows(split, inputs)]);
  const trainer = new Trainer(scenario, Object.fromEntries(given), inputs, catalog, quick);
  const { machine } = trainer.network;
  if (seed !== null) trainer.restart(seed);
  const start = [...trainer.network.values];
  for (let step = 0; step < steps; step += 1) trainer.step();
  const { values, statistics } = trainer.network;
  return {
    start,
    values: [...values],
    statistics: [...statistics],
    measures: trainer.evaluate("train"),
    made: machine === null ? null : machine.updates.every((update) => update !== null) ? "all" : "no updates",
  };
})
"""

EXPLAIN = """
({ scenario, catalog, splits, inputs, steps, watched }) => {
  const { Rows, Trainer } = engine();
  const given = Object.entries(splits).map(([name, split]) => [name, new Rows(split, inputs)]);
  const trainer = new Trainer(scenario, Object.fromEntries(given), inputs, catalog);
  for (let step = 0; step < steps; step += 1) trainer.step();
  const kept = [...trainer.network.values];
  const found = trainer.explain(watched);
  return { ...found, untouched: trainer.network.values.every((value, k) => value === kept[k]) };
}
"""

MAKE = """
([section, catalog, outputs, targets]) => {
  const { makeTable, splitsOf } = engine();
  const { splits } = splitsOf(makeTable(section, catalog), section, { outputs, targets });
  const listed = ({ x, values, ...rest }) => ({ ...rest, x: [...x], values: values && [...values] });
  return Object.fromEntries(Object.entries(splits).map(([name, split]) => [name, listed(split)]));
}
"""


@pytest.fixture(scope="module")
def trained(browser):
    """Trains a scenario in the browser and on the reference backend; gives the problem, the page's numbers and it."""
    script = Script()
    known_at_first = catalog(REGISTRY, script)
    context = browser.new_context()
    page = context.new_page()
    page.add_script_tag(content=engine(script))

    def train(scenario, steps, seed=None):
        problem, more = assemble(scenario), len(script.texts)
        known = catalog(REGISTRY, script, {scenario.network.loss.name: problem.network.loss.record})
        if len(script.texts) > more:
            page.add_script_tag(content=engine(script))
        tables = tomllib.loads(scenario.to_toml())
        given = {"scenario": tables, "catalog": known, "splits": splits(problem), "inputs": problem.network.inputs}
        # The browser's own conversion of arguments takes long for large tables.
        found = page.evaluate(
            f"(text) => ({TRAIN})(JSON.parse(text))", json.dumps({**given, "steps": steps, "seed": seed})
        )
        own = scenario.scenario.seed if seed is None else seed
        backend = ReferenceBackend(problem.network, problem.training, own)
        for taken in found:
            assert taken["start"] == backend.parameters.tolist()
        backend.losses = []
        rows, epoch, done = problem.splits["train"], 0, 0
        while done < steps:
            last = min(backend.course(rows.count).steps(epoch), steps - done)
            totals = backend.train_epoch(rows, epoch, 0, last)
            backend.losses.append(totals.mean_loss)
            done, epoch = done + last, epoch + 1
        return found, backend, rows

    train.page, train.known = page, known_at_first
    yield train
    context.close()


def agrees(found, backend, rows, within=1e-9):
    """All that is learned and measured, with machine code and without; gives how much of it there was."""
    with backend.averaged():
        totals = backend.evaluate(rows)
    for taken in found:
        measures = taken["measures"]
        assert measures["loss"] == pytest.approx(totals.mean_loss, rel=within)
        assert measures["accuracy"] == totals.accuracy_share
        np.testing.assert_allclose(taken["values"], backend.parameters, rtol=within, atol=within)
        np.testing.assert_allclose(taken["statistics"], backend.statistics, rtol=within, atol=within)
    quick, plain = (taken["made"] for taken in found)
    assert plain is None
    return quick


@pytest.mark.ci
@pytest.mark.parametrize("name", ["xor", "moons", "spirals", "sine", "iris"])
def test_a_thousand_steps_of_a_scenario(trained, name):
    assert agrees(*trained(load_scenario(name), 1000)) == "all"


BATCH_NORM = {"kind": "batch_norm", "epsilon": 1e-5, "momentum": 0.1}


@pytest.mark.parametrize(
    ("name", "place", "norm"),
    [("iris", 1, False), ("iris", 0, False), ("sine", 2, False), ("iris", 2, True), ("moons", 0, True)],
)
def test_the_numbers_of_a_step_are_those_of_the_worksheet(trained, name, place, norm):
    scenario = load_scenario(name)
    if norm:
        # The worksheet is of the batch that has the row, also where that is the last of few rows.
        first, *others = tomllib.loads(scenario.to_toml())["network"]["layers"]
        scenario = load_scenario(
            name, overrides={"network.layers": [first, BATCH_NORM, *others], "training.batch_size": 7}
        )
    problem = assemble(scenario)
    given = {"scenario": tomllib.loads(scenario.to_toml()), "catalog": trained.known, "splits": splits(problem)}
    row = 5 if not norm else problem.splits["train"].count - 1
    watched = {"row": row, "place": place, "unit": 0}
    given |= {"inputs": problem.network.inputs, "steps": 20, "watched": watched}
    found = trained.page.evaluate(f"(text) => ({EXPLAIN})(JSON.parse(text))", json.dumps(given))
    step = take_step(Simulator(scenario, backend="reference"), row, 20, None)
    layer = step.network.layers[place]
    own = [layer.weight.span.start + k * layer.units for k in range(len(found["inputs"]))] + [layer.bias.span.start]
    near = partial(pytest.approx, rel=1e-9, abs=1e-12)
    assert found["untouched"]
    assert found["z"] == near(step.sums(layer)[0])
    assert found["a"] == near(step.outputs(layer)[0])
    assert found["delta"] == near(step.errors(layer)[0])
    assert found["loss"] == near(step.objective if norm else sample_loss(step))
    assert found["slopes"] == near(step.gradient[own])
    assert found["before"] == near(step.before[own])
    assert found["after"] == near(step.after["w"][own])


def scenario_of(**sections):
    """A small network on few rows, with some sections replaced or added to."""
    tables = {
        "scenario": {"name": "small", "title": "Small", "seed": 3},
        "data": {"source": "xor"},
        "network": {
            "loss": "binary_cross_entropy",
            "layers": [dense(3, "tanh"), dense(1, "sigmoid")],
        },
        "optimizer": {"name": "sgd", "lr": 0.1},
        "training": {"epochs": 1000, "batch_size": 3},
    }
    return neurosim.scenario(
        {**tables, **{name: {**tables.get(name, {}), **table} for name, table in sections.items()}}
    )


def dense(units, activation="identity", **more):
    return {"kind": "dense", "units": units, "activation": activation, **more}


@pytest.mark.parametrize("name", sorted(entry.record.name for entry in REGISTRY.optimizers))
def test_optimizers(trained, name):
    assert agrees(*trained(scenario_of(optimizer={"name": name, "lr": 0.01}), 300)) == "all"


@pytest.mark.parametrize("name", sorted(entry.record.name for entry in REGISTRY.losses))
def test_losses(trained, name):
    record = REGISTRY.losses.get(name)
    width = record.outputs_per_target
    if record.targets == "classes":
        data, layers = {"source": "blobs", "samples": 20}, [dense(4, "tanh"), dense(3, "softmax")]
    elif record.from_logits or name in ("hinge", "perceptron"):
        data, layers = {"source": "moons", "samples": 20}, [dense(4, "tanh"), dense(1, "sigmoid")]
    else:
        data, layers = {"source": "sine", "samples": 20}, [dense(4, "tanh"), dense(width)]
    scenario = scenario_of(data=data, network={"loss": name, "layers": layers})
    assert agrees(*trained(scenario, 100)) == "all"


# They learn numbers of their own: JavaScript trains with them.
WITHOUT_MACHINE_CODE = ("learnable_swish", "prelu")


@pytest.mark.parametrize("name", sorted(entry.record.name for entry in REGISTRY.activations))
def test_activations(trained, name):
    scenario = scenario_of(network={"layers": [dense(3, "tanh"), dense(4, name), dense(1, "sigmoid")]})
    assert agrees(*trained(scenario, 100)) == (None if name in WITHOUT_MACHINE_CODE else "all")


# Functions, and how many units in the last place machine code may be away from JavaScript's own.
FUNCTIONS = {
    "exp(z)": 3, "expm1(z)": 4, "log(z)": 2, "log1p(z)": 4, "tanh(z)": 3, "erf(z)": 8, "1 / (1 + exp(-z))": 4,
    "sqrt(abs(z)) if z < 0 else max(z, 1) // 2": 0, "copysign(3, z) if isfinite(z) and not z == 1 else min(z, 2)": 0,
}  # fmt: skip
COMPARE = """
({ sections, catalog, x }) => sections.map((section) => {
  const { Network } = engine();
  const network = new Network(section, 1, catalog);
  network.start(1);
  const pass = { rows: x.length, training: false, keys: null };
  const plain = [...network.forward(Float64Array.from(x, Number), pass)];
  network.hasten();
  const [quick] = network.machine.through(Float64Array.from(x, Number), x.length);
  return [plain, [...quick]].map((row) => row.map(String));
})
"""


def test_functions_are_those_of_javascript(trained):
    script = Script()
    records = [read_activation(text, ()) for text in FUNCTIONS]
    records = [replace(record, name=f"own{place}") for place, record in enumerate(records)]
    known = catalog(REGISTRY, script, activations=records)
    own = {"weight": [[1.0]], "bias": False, "kind": "dense", "units": 1}
    sections = [{"loss": "mse", "layers": [{**own, "activation": record.name}]} for record in records]
    rng = np.random.default_rng(4)
    numbers = [
        *rng.normal(size=300),
        *rng.normal(size=300) * 300,
        *np.exp(rng.uniform(-700, 700, 400)),
        0.34,
        1.0,
        1e-310,
    ]
    x = [
        *map(str, [*numbers, *(-number for number in numbers)]),
        "0",
        "-0",
        "NaN",
        "Infinity",
        "-Infinity",
        "709.78",
        "-745",
    ]
    given = {"sections": sections, "catalog": known, "x": x}
    page = trained.page.context.new_page()
    page.add_script_tag(content=engine(script))
    found = page.evaluate(f"(text) => ({COMPARE})(JSON.parse(text))", json.dumps(given))
    page.close()
    for (text, most), (plain, quick) in zip(FUNCTIONS.items(), np.array(found, dtype=float), strict=True):
        np.testing.assert_array_equal(np.isnan(plain), np.isnan(quick), err_msg=text)
        finite = np.isfinite(plain)
        np.testing.assert_array_equal(plain[~finite], quick[~finite], err_msg=text)
        off = np.abs(plain[finite] - quick[finite]) / np.spacing(np.maximum(np.abs(plain[finite]), 1e-307))
        assert off.max() <= most, (text, np.array(x)[finite][off.argmax()])


LAYERS = {
    "batch_norm": [dense(4), {"kind": "batch_norm"}, {"kind": "activation", "activation": "relu"}],
    "layer_norm": [dense(4), {"kind": "layer_norm"}, {"kind": "activation", "activation": "softmax"}],
    "dropout": [dense(6, "tanh"), {"kind": "dropout", "rate": 0.3}, dense(5), {"kind": "dropout", "rate": 0.5}],
    "gated": [dense(12), {"kind": "gated", "gate": "swiglu"}, {"kind": "maxout", "pieces": 3}],
    "residual": [
        dense(3),
        {"kind": "residual", "repeat": 2, "activation": "relu", "layers": [dense(4, "gelu"), dense(3)]},
        {"kind": "residual", "layers": [dense(5, "tanh")]},
    ],
    "shortcut": [
        {
            "kind": "residual",
            "layers": [dense(5)],
            "shortcut": [dense(5, "tanh"), {"kind": "batch_norm", "momentum": 0.3}],
        },
        {"kind": "concatenation", "branches": [[], [dense(3), {"kind": "layer_norm"}]]},
    ],
    "learned": [
        dense(5, {"name": "prelu", "per": "unit"}),
        {"kind": "activation", "activation": {"name": "learnable_swish", "beta": 0.7}},
    ],
    "group": [{"kind": "group", "repeat": 2, "layers": [dense(3, "tanh", bias=False), dense(2, init="he_normal")]}],
    "penalties": [dense(4, "tanh", l1=0.01, l2=0.1, init={"name": "normal", "deviation": 0.5})],
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(trained, name):
    layers = [*LAYERS[name], dense(1, "sigmoid", bias=[0.25])]
    data = {"source": "moons", "samples": 14}
    made = agrees(*trained(scenario_of(network={"layers": layers}, data=data), 100, seed=2**40 + 7))
    assert made == ("all" if name in ("dropout", "group", "penalties") else None)


WAYS = {
    "momentum with a schedule": {"optimizer": {"name": "sgd", "momentum": 0.9, "schedules": {"momentum": "cosine"}}},
    "biases of their own": {"optimizer": {"name": "adamw", "biases": {"weight_decay": 0.0}}},
    "clip_value": {"training": {"clip_value": 0.01}},
    "clip_norm": {"training": {"clip_norm": 0.1}},
    "in order": {"training": {"shuffle": False}},
    "ema": {"training": {"average": {"kind": "ema", "start": 5, "decay": 0.9}}},
    "swa": {"training": {"average": {"kind": "swa", "start": 20}}},
    "class weights": {"network": {"class_weights": [1.0, 3.0]}},
    "made inputs": {
        "data": {"source": "moons", "samples": 14, "standardize": True, "inputs": ["x1^2", "x1*x2", "exp(sin(x2))"]}
    },
}


@pytest.mark.parametrize("name", WAYS)
def test_ways_to_train(trained, name):
    assert agrees(*trained(scenario_of(**{"data": {"source": "moons", "samples": 14}, **WAYS[name]}), 150)) == "all"


@pytest.mark.parametrize("name", sorted(entry.record.name for entry in REGISTRY.schedules))
def test_schedules(trained, name):
    own = {"reduce_on_plateau": {"patience": 0.0, "threshold": 0.01}, "milestones": {"at": [3.0, 25.0]}}
    chosen = {"name": name, **own[name]} if name in own else name
    agrees(*trained(scenario_of(optimizer={"schedule": chosen}, training={"epochs": 40}), 80))


DATA = {
    "xor": {"source": "xor"},
    "blobs": {"source": "blobs", "samples": 50, "noise": 0.7, "classes": 4, "test_fraction": 0.3, "seed": 5},
    "circles": {"source": "circles", "samples": 41, "validation_fraction": 0.2, "test_fraction": 0.25},
    "moons": {"source": "moons", "standardize": True, "test_fraction": 0.5},
    "spirals": {"source": "spirals", "noise": 0.3, "turns": 1.2, "seed": 9},
    "sine": {"source": "sine", "standardize": True, "standardize_targets": True, "validation_fraction": 0.1},
    "made": {
        "source": "circles", "standardize": True, "test_fraction": 0.25,
        "inputs": ["x1", "x2", "x1^2", "x2^2", "x1*x2", "sin(x1)", "sin(x2)"],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_data_sets(trained, name):
    regression = name == "sine"
    last = dense(4, "softmax") if name == "blobs" else dense(1) if regression else dense(1, "sigmoid")
    loss = "categorical_cross_entropy" if name == "blobs" else "mse" if regression else "binary_cross_entropy"
    scenario = scenario_of(data=DATA[name], network={"loss": loss, "layers": [last]})
    problem = assemble(scenario)
    made = trained.page.evaluate(
        MAKE,
        [
            tomllib.loads(scenario.to_toml())["data"],
            trained.known,
            problem.network.outputs,
            problem.network.loss.record.targets,
        ],
    )
    for split, rows in problem.splits.items():
        np.testing.assert_allclose(made[split]["x"], rows.features.ravel(), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(made[split]["values"] or [], rows.values.ravel(), rtol=1e-6, atol=1e-6)
        assert (made[split]["classes"] or []) == rows.classes.tolist()
        assert made[split]["accuracy"] == rows.accuracy
