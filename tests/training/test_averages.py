"""Averages of the weights: what they are, and that they are measured and kept in the place of the weights."""

from dataclasses import replace

import numpy as np
import pytest
import support
from support import Dense, LayerNorm

import neurosim
from neurosim.errors import ScenarioError
from neurosim.network.training import Average
from neurosim.runs.model import MODEL, read_model
from neurosim.training.ensemble import Ensemble
from neurosim.training.simulator import Simulator

NET = support.network(3, [Dense(5, "tanh"), LayerNorm(), Dense(2, "softmax")], "categorical_cross_entropy")
STEPS = 20
KINDS = {"ema": Average(4, 1, 0.8), "polyak": Average(5, 1), "swa": Average(6, 3)}
SMALL = """
[scenario]
name = "averaged"
title = "Averaged"
[data]
source = "moons"
samples = 60
validation_fraction = 0.2
test_fraction = 0.2
[network]
loss = "binary_cross_entropy"
layers = [{{ kind = "dense", units = {units}, activation = "tanh" }}, {{ kind = "dense", units = 1, activation = "sigmoid" }}]
[optimizer]
name = "adam"
lr = 0.05
[training]
epochs = 6
batch_size = 8
average = {average}
"""  # noqa: E501


def plain_average(kind, weights):
    """Written from the papers: `weights` are those after each step."""
    if kind == "ema":
        found = weights[3]
        for later in weights[4:]:
            found = 0.8 * found + 0.2 * later
        return found
    return np.mean(weights[4:] if kind == "polyak" else weights[5::3], axis=0)


@pytest.mark.parametrize("rule", ["adam", "lamb"])
@pytest.mark.parametrize("kind", KINDS)
def test_averages_as_in_the_papers(backend, kind, rule):
    settings = support.training(rule)
    rows = support.rows(6, 3, 2)
    bench, plain = (backend.make(NET, training) for training in (replace(settings, average=KINDS[kind]), settings))
    weights = []
    for _ in range(STEPS):
        bench.train_step(rows)
        plain.train_step(rows)
        weights.append(plain.parameters.astype(np.float64))
    assert bench.parameters.tobytes() == plain.parameters.tobytes()
    assert support.error(bench.average, plain_average(kind, weights)) < (1e-13 if backend.name == "reference" else 1e-6)


@pytest.mark.parametrize("kind", ["ema", "polyak"])
def test_averages_as_pytorch_has_them(kind):
    torch = pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
    from torch.optim import swa_utils

    settings = support.training("adam")
    rows = support.rows(6, 3, 2)
    bench = support.REFERENCE.make(NET, replace(settings, average=replace(KINDS[kind], first=1)))
    module = torch.nn.Module()
    module.weights = torch.nn.Parameter(torch.zeros(NET.size, dtype=torch.float64))
    how = swa_utils.get_ema_avg_fn(0.8) if kind == "ema" else swa_utils.get_swa_avg_fn()
    average = swa_utils.AveragedModel(module, avg_fn=how)
    for _ in range(STEPS):
        bench.train_step(rows)
        with torch.no_grad():
            module.weights.copy_(torch.tensor(bench.parameters))
        average.update_parameters(module)
    assert support.error(bench.average, average.module.weights.detach().numpy()) < 1e-13


@pytest.fixture
def scenario(tmp_path):
    """The scenario with an average, and so many units: few are trained by other code than many."""

    def write(average='{ kind = "ema", decay = 0.8 }', units=4, more=""):
        path = tmp_path / "averaged.toml"
        path.write_text(SMALL.format(average=average, units=units) + more)
        return neurosim.load_scenario(path)

    return write


@pytest.mark.parametrize("backend_name", ["cpu", "reference"])
def test_the_average_is_measured_and_kept_at_the_end(scenario, backend_name):
    averaged = Simulator(scenario(), backend_name)
    weights = Simulator(scenario(), backend_name)
    averaged.train()
    while not weights.is_trained:
        weights.train_epoch()
    average, last = averaged.parameters, weights.parameters
    assert any((average[name] != last[name]).any() for name in last)
    # Before the end, the simulator has the weights; the history has what the average does.
    assert weights.evaluate("validation")["loss"] != weights.history[-1]["validation_loss"]
    assert averaged.evaluate("validation")["loss"] == weights.history[-1]["validation_loss"]
    assert averaged.history[-1]["train_loss"] == weights.history[-1]["train_loss"]
    assert averaged.watch.messages["averaged"].startswith(
        "exponential moving average (decay 0.8) of the weights after all steps from epoch 1 on"
    )


@pytest.mark.parametrize("units", [4, 2000], ids=["lanes", "blocks"])
@pytest.mark.parametrize("average", ['{ kind = "ema", decay = 0.8 }', '{ kind = "swa", start = 3 }'])
def test_a_resumed_run_has_the_same_bits(scenario, average, units):
    whole, first, second = (Simulator(scenario(average, units)) for _ in range(3))
    whole.train()
    first.train_to(4 * first.steps_per_epoch + 1)
    state = first.state()
    # The checkpoint has the weights and their average.
    assert state["optimizer"].shape[0] == 3
    assert state["parameters"].tobytes() != state["optimizer"][2].tobytes()
    second.restore(state, first.history)
    second.train()
    for name, array in whole.parameters.items():
        assert array.tobytes() == second.parameters[name].tobytes()
    assert [record["test_loss"] for record in whole.history] == [record["test_loss"] for record in second.history]


def test_the_best_weights_are_averages(scenario):
    simulator = Simulator(scenario(more='keep_best = "validation_loss"\n'))
    simulator.train()
    best = min(record["validation_loss"] for record in simulator.history)
    assert simulator.evaluate("validation")["loss"] == best


def test_many_seeds_are_averaged_as_one_is(scenario):
    chosen = scenario('{ kind = "polyak", start = 2 }')
    members = Ensemble(chosen, [3, 4]).train()
    for seed, member in zip((3, 4), members, strict=True):
        alone = Simulator(chosen, seed=seed)
        alone.train()
        assert member.measures["test_loss"] == alone.evaluate("test")["loss"]


def test_the_model_file_has_the_average(scenario, tmp_path):
    result = neurosim.run(scenario(), out=tmp_path / "run")
    arrays, _ = read_model(tmp_path / "run" / MODEL)
    simulator = Simulator(scenario())
    simulator.train()
    for name, array in simulator.parameters.items():
        assert arrays[name].tobytes() == array.tobytes()
    assert result.simulator.history[-1]["test_loss"] == simulator.evaluate("test")["loss"]


@pytest.mark.parametrize(
    ("average", "words"),
    [
        ('{ kind = "swa", decay = 0.5 }', 'training.average.decay: swa is a mean and has no decay; kind = "ema"'),
        ('{ kind = "ema", decay = 1.5 }', "training.average.decay: expected a number below 1, not 1.5"),
        ('{ kind = "ema", start = 7 }', "training.average.start: there are only 6 epochs"),
        ('{ kind = "mean" }', "training.average.kind: expected 'ema', 'swa' or 'polyak', not \"mean\""),
    ],
)  # fmt: skip
def test_wrong_averages(scenario, average, words):
    with pytest.raises(ScenarioError) as caught:
        scenario(average)
    assert words in caught.value.message


def test_a_mean_does_not_go_with_batch_norm(scenario, tmp_path):
    text = SMALL.format(average='{ kind = "swa" }', units=3)
    text = text.replace("layers = [", 'layers = [{ kind = "batch_norm" }, ')
    (tmp_path / "normalized.toml").write_text(text)
    with pytest.raises(ScenarioError) as caught:
        neurosim.load_scenario(tmp_path / "normalized.toml")
    assert 'use kind = "ema", or layer_norm' in caught.value.message
    assert scenario('{ kind = "ema" }').training.average.decay == 0.999
