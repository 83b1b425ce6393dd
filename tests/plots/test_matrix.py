"""Every picture on every kind of problem: it is drawn, or refused with the reason that its record names."""

import json

import pytest

from neurosim import Simulator, load_scenario
from neurosim.analysis import inputs, surfaces, units
from neurosim.analysis.catalog import missing
from neurosim.analysis.facts import RunFacts, run_facts
from neurosim.formulas.javascript import Script
from neurosim.plots.pictures import draw
from neurosim.plugin.host import build_registry
from neurosim.report.live import live_data
from neurosim.scenario.pictures import PICTURES
from neurosim.scenario.study import QUANTITIES

PLUGIN = """
import numpy as np
from neurosim import Dataset, Table, hookimpl


def load(request, width, outputs, classes, image):
    shape = () if not image else (4, 4) if image == 1 else (4, 4, image)
    features = np.random.default_rng(0).normal(size=(24, 16 * image if image else width)).astype(np.float32)
    total = features.sum(axis=1)
    if classes:
        ranks = np.argsort(np.argsort(total))
        return Table(features, ranks * classes // len(ranks), tuple("abcdefghijkl"[:classes]), image_shape=shape)
    return Table(features, np.stack([total * (k + 1) for k in range(outputs)], axis=1), image_shape=shape)


@hookimpl
def neurosim_datasets():
    options = {"width": 1, "outputs": 1, "classes": 0, "image": 0}
    return [Dataset("rows", load, options=options)]
"""
SCENARIO = """
[scenario]
name = "matrix"
title = "A kind of problem"
[data]
source = "rows"
{data}
[network]
loss = "{loss}"
layers = [
{layers}
]
[optimizer]
name = "sgd"
lr = 0.01
[training]
epochs = {epochs}
batch_size = 8
[record]
quantities = {quantities}
rows = 8
"""
# Options of the data: how many inputs, or which images.
INPUTS = {
    "one input": "width = 1",
    "two inputs": "width = 2",
    "many inputs": "width = 5",
    "gray images": "image = 1",
    "images of two channels": "image = 2",
    "colored images": "image = 3",
}
# Options of the data, the loss, and the output layer.
TASKS = {
    "a value": ("outputs = 1", "mse", 'units = 1, activation = "identity"'),
    "values": ("outputs = 3", "mse", 'units = 3, activation = "identity"'),
    "two classes": ("classes = 2", "binary_cross_entropy", 'units = 1, activation = "sigmoid"'),
    "two classes, two outputs": ("classes = 2", "categorical_cross_entropy", 'units = 2, activation = "softmax"'),
    "many classes": ("classes = 9", "categorical_cross_entropy", 'units = 9, activation = "softmax"'),
}
SPLITS = {
    "training rows only": "",
    "validation": "validation_fraction = 0.25",
    "test": "test_fraction = 0.25",
    "validation and test": "validation_fraction = 0.25\ntest_fraction = 0.25",
}
HIDDEN = '{ kind = "dense", units = 3, activation = "tanh" },'
CONVOLUTION = '{ kind = "conv2d", channels = 2, kernel = 3, activation = "relu" },\n{ kind = "flatten" },'
NETWORKS = {
    "one hidden layer": HIDDEN,
    "no hidden layer": "",
    "batch normalization": HIDDEN + '\n{ kind = "batch_norm" },',
    "two hidden layers and dropout": HIDDEN + '\n{ kind = "dropout", rate = 0.2 },\n' + HIDDEN,
}
# What shows rows of the splits; whatever else there is does not depend on them.
RECORDED = [name for name in PICTURES if name in QUANTITIES]
OTHERS = [name for name in PICTURES if name not in RECORDED]
OF_SPLITS = [
    "learning_curves", "decision_boundary", "fitted_curve", "fitted_surface", "hidden_space", "confusion_matrix",
    "worst_mistakes",
]  # fmt: skip
LATER = pytest.mark.ci


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trains a network on a kind of problem; everything is recorded."""
    folder = tmp_path_factory.mktemp("matrix")
    (folder / "rows.py").write_text(PLUGIN)
    registry = build_registry([folder / "rows.py"], entry_points=False)

    def train(inputs, task, split="validation and test", layers=HIDDEN, epochs=2):
        options, loss, output = TASKS[task]
        text = SCENARIO.format(
            data=f"{INPUTS[inputs]}\n{options}\n{SPLITS[split]}",
            loss=loss,
            layers=layers + '\n{ kind = "dense", ' + output + " },",
            epochs=epochs,
            quantities=json.dumps(list(QUANTITIES)),
        )
        (folder / "scenario.toml").write_text(text)
        simulator = Simulator(load_scenario(folder / "scenario.toml", registry=registry), backend="reference")
        simulator.train()
        return simulator

    return train


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Small grids: these tests are not about how fine pictures are."""
    monkeypatch.setattr(inputs, "GRID", 12)
    monkeypatch.setattr(inputs, "CURVE", 20)
    monkeypatch.setattr(units, "GRID", 8)
    monkeypatch.setattr(surfaces, "FINEST", 5)
    monkeypatch.setattr(surfaces, "COARSEST", 5)


def check(simulator, names=PICTURES):
    """Every picture is drawn, also from facts that were sent to another process, or there is a reason."""
    facts = run_facts(simulator, names)
    for name in names:
        reason = missing(name, simulator)
        assert reason == "" or (reason and "\n" not in reason)
        assert (name in facts.pictures) == (not reason) or (not reason and PICTURES[name].nothing)
    sent = RunFacts.from_bytes(facts.to_bytes())
    drawn = {name: draw(name, sent) for name in facts.pictures}
    assert all(figure.axes for figure in drawn.values())
    json.dumps(live_data(simulator, Script()), allow_nan=False)
    return drawn


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "inputs",
    [pytest.param(kind, marks=LATER if kind.endswith("channels") or "colored" in kind else ()) for kind in INPUTS],
)
def test_every_picture_on_every_kind_of_problem(trained, inputs, task):
    # What is recorded of the layers does not depend on the inputs.
    drawn = check(trained(inputs, task), PICTURES if inputs == "two inputs" else OTHERS)
    assert "learning_curves" in drawn
    if "image" in inputs:
        assert {"filters", "feature_maps"} <= set(check(trained(inputs, task, layers=CONVOLUTION), OTHERS))


def test_every_record_is_drawn_for_some_of_them(trained):
    drawn = set()
    for kind, task, layers in (
        ("one input", "a value", ""),
        ("two inputs", "a value", HIDDEN),
        ("two inputs", "many classes", HIDDEN),
        ("gray images", "many classes", HIDDEN),
        ("gray images", "many classes", CONVOLUTION),
    ):
        drawn |= set(run_facts(trained(kind, task, layers=layers), PICTURES).pictures)
    assert drawn == set(PICTURES)


@pytest.mark.parametrize("split", [split for split in SPLITS if split != "validation and test"])
@pytest.mark.parametrize("task", TASKS)
def test_with_validation_with_test_and_without(trained, task, split):
    for kind in ("one input", "two inputs", "many inputs"):
        check(trained(kind, task, split), OF_SPLITS)


@pytest.mark.ci
@pytest.mark.parametrize("network", [network for network in NETWORKS if network != "one hidden layer"])
@pytest.mark.parametrize("task", TASKS)
def test_other_networks(trained, task, network):
    check(trained("two inputs", task, layers=NETWORKS[network]))


@pytest.mark.parametrize("task", TASKS)
def test_nothing_was_trained(trained, task):
    assert "learning_curves" not in check(trained("two inputs", task, epochs=0))
