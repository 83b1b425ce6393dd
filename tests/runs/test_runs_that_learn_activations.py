"""Activations that learn, from the scenario to the files of a run: their numbers are parameters like any other."""

import json

import numpy as np
import pytest

import neurosim
from neurosim.cli.application import execute
from neurosim.errors import ScenarioError
from neurosim.runs import Observer
from neurosim.worksheet import explain

TOML = """
[scenario]
name = "bent"
title = "Activations that learn"
[data]
source = "moons"
samples = 40
[network]
loss = "binary_cross_entropy"
[[network.layers]]
kind = "dense"
units = 4
activation = { name = "prelu", per = "unit", alpha = 0.5 }
[[network.layers]]
kind = "activation"
activation = "learnable_swish"
[[network.layers]]
kind = "dense"
units = 1
activation = "sigmoid"
[optimizer]
name = "adam"
lr = 0.05
[training]
epochs = 6
batch_size = 8
[record]
quantities = ["parameters", "dead", "saturated"]
"""
ALPHA, BETA = "layers.0.alpha", "layers.1.beta"


@pytest.fixture
def bent(tmp_path):
    path = tmp_path / "bent.toml"
    path.write_text(TOML)
    return path


class Stop(Observer):
    """Ctrl-C at the end of an epoch."""

    def epoch(self, record):
        if record["epoch"] == 3:
            raise KeyboardInterrupt


def test_scenarios_say_who_has_a_parameter(bent):
    own = neurosim.Simulator(neurosim.load_scenario(bent), "reference")
    shared = neurosim.Simulator(
        neurosim.load_scenario(bent, overrides={"network.layers.0.activation": "prelu"}), "reference"
    )
    assert own.parameters[ALPHA].tolist() == [0.5] * 4
    assert own.parameters[BETA].tolist() == [1.0]
    assert shared.parameters[ALPHA].tolist() == [0.25]


def test_written_scenarios_say_it_too(bent):
    written = neurosim.load_scenario(bent).to_toml()
    assert 'activation = { name = "prelu", per = "unit", alpha = 0.5 }' in written
    assert 'activation = { name = "learnable_swish", per = "layer", beta = 1.0 }' in written
    bent.write_text(written)
    assert neurosim.load_scenario(bent).to_toml() == written


PER = "bent.toml:13:32: network.layers.0.activation.per: expected 'layer' or 'unit', not "
FAULTS = {
    'per = "channel"': PER + '"channel"',
    "per = 2": PER + "2",
    "each = true": "unknown parameter of activation prelu",
}


@pytest.mark.parametrize("wrong", FAULTS)
def test_other_words_are_refused(bent, wrong):
    bent.write_text(TOML.replace('per = "unit"', wrong))
    with pytest.raises(ScenarioError) as refused:
        neurosim.load_scenario(bent)
    assert FAULTS[wrong] in str(refused.value)


def test_what_learns_nothing_has_nothing_per_unit(bent):
    bent.write_text(TOML.replace('"prelu"', '"leaky_relu"').replace("alpha = 0.5", "alpha = 0.1"))
    with pytest.raises(ScenarioError, match="activation leaky_relu learns none of its parameters"):
        neurosim.load_scenario(bent)


def test_a_resumed_run_has_the_same_bits(bent, tmp_path):
    whole = neurosim.run(bent, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        neurosim.run(bent, out=tmp_path / "stopped", observer=Stop())
    resumed = neurosim.run(tmp_path / "stopped/scenario.toml", resume=tmp_path / "stopped")
    models = [(result.folder / "model.safetensors").read_bytes() for result in (whole, resumed)]
    assert models[0] == models[1]
    assert whole.simulator.parameters[ALPHA].std() > 0.0
    assert whole.simulator.parameters[BETA][0] != 1.0


def test_a_model_file_answers_as_the_trained_network(bent, tmp_path):
    result = neurosim.run(bent, out=tmp_path / "run")
    data = result.simulator.data
    rows = data.train.features[:5]
    model = neurosim.load_model(result.folder / "model.safetensors")
    np.testing.assert_allclose(
        model.outputs(data.to_raw(rows.astype(np.float64))), result.simulator.forward(rows), rtol=1e-5
    )


def test_their_numbers_are_recorded_with_the_epochs(bent):
    recording = neurosim.run(bent).recording
    assert np.shape(recording.parameters[ALPHA]) == (7, 4)
    assert recording.parameters[ALPHA][0].tolist() == [0.5] * 4
    # Of layers whose units are bent in ways of their own there is no one region in which units are dead.
    dead = dict(zip(recording.layers, recording.values["dead"][-1], strict=True))
    assert np.isnan(dead["layers.0"])
    assert dead["layers.1"] == 0.0


def test_info_counts_them(bent, capsys):
    assert execute(["info", str(bent), "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert [layer["parameters"] for layer in layers] == [8 + 4 + 4, 1, 5]


def test_lists_mark_them(capsys):
    assert execute(["list", "activations"]) == 0
    assert "alpha = 0.25 (learned)" in capsys.readouterr().out


def test_a_worksheet_works_out_their_gradients_and_the_update(bent):
    """One row alone, by the optimizer's plain rule: new = old - lr gradient."""
    scenario = neurosim.load_scenario(bent, overrides={"optimizer.name": "sgd", "optimizer.lr": 0.5})
    simulator = neurosim.Simulator(scenario, "reference")
    sheet = explain(simulator, 2)
    found = sheet.values
    row = simulator.data.train.features[2:3] * simulator.data.scale + simulator.data.shift
    _, gradients = simulator.gradients(row, simulator.data.train.targets[2:3])
    slopes = {f"alpha1[{k + 1}]": gradients[ALPHA][k] for k in range(4)} | {"beta2": gradients[BETA][0]}
    for name, slope in slopes.items():
        assert found[f"∂L/∂{name}"] == pytest.approx(slope, rel=1e-5, abs=1e-7)
    # Of each layer the rule is worked out for one number; the second layer has no other.
    assert found["new beta2"] == pytest.approx(1.0 - 0.5 * slopes["beta2"], rel=1e-6)
