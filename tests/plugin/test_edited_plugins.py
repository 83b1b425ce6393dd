"""An edited plugin file is used as it stands now, whatever its size and times say."""

import json
import os
import py_compile

import numpy as np
import pytest

import neurosim
from neurosim import build_registry
from neurosim.cli.application import execute

TEXT = """\
from neurosim import Activation, hookimpl

def helper(z):
    return {factor} * z

def f(z):
    return helper(z)

def df(z, a):
    return {factor}

@hookimpl
def neurosim_activations():
    return [Activation("mine", f, df)]
"""
ALIKE = ("2.0", "3.0", "2.0", "4.0")


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Write the plugin with another factor, so that no time, size or name tells that it has changed."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.py"

    def edit(factor):
        path.write_text(TEXT.format(factor=factor))
        os.utime(path, (1_700_000_000, 1_700_000_000))
        return path

    return edit


def test_edits_within_one_process(plugin):
    for factor in ALIKE:
        assert build_registry([plugin(factor)]).activations.get("mine").f(1.0) == float(factor)
        assert build_registry(plugin_folders=["."]).activations.get("mine").f(1.0) == float(factor)


def test_no_stale_bytecode_is_taken(plugin):
    py_compile.compile(str(plugin("2.0")))
    assert build_registry([plugin("3.0")]).activations.get("mine").f(1.0) == 3.0


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_compiled_and_plain_code_follow(plugin, backend):
    for factor in ALIKE:
        overrides = {"network.layers.1.activation": "mine", "network.loss": "mse"}
        scenario = neurosim.load_scenario("xor", overrides=overrides, plugins=[plugin(factor)])
        simulator = neurosim.Simulator(scenario, backend=backend, seed=0, threads=1)
        rows = np.array([[1.0, 0.5]], np.float32)
        hidden = np.tanh(rows @ simulator.parameters["layers.0.weight"] + simulator.parameters["layers.0.bias"])
        z = hidden @ simulator.parameters["layers.1.weight"] + simulator.parameters["layers.1.bias"]
        assert simulator.forward(rows) == pytest.approx(float(factor) * z, rel=1e-5)


def test_runs_of_the_command_follow(plugin, tmp_path, capsys):
    words = ["run", "sine", "--plugin", "mine.py", "--backend", "reference", "--json", "--set", "training.epochs=1"]
    words += ["--set", "network.layers.0.activation=mine", "--set", "expect={}", "--set", "data.samples=20"]
    losses, hashes = [], []
    for number, factor in enumerate(("0.1", "0.2", "0.1")):
        plugin(factor)
        assert execute([*words, "--out", f"run{number}"]) == 0
        losses.append(json.loads(capsys.readouterr().out)["final"]["train_loss"])
        hashes.append(json.loads((tmp_path / f"run{number}/summary.json").read_text())["plugins"][0]["sha256"])
    assert losses[0] == losses[2] != losses[1]
    assert hashes[0] == hashes[2] != hashes[1]


def test_a_file_that_breaks_and_is_mended(plugin, tmp_path):
    assert build_registry([plugin("2.0")]).activations.get("mine")
    (tmp_path / "mine.py").write_text("1 / 0\n")
    assert build_registry(plugin_folders=["."]).broken()
    assert build_registry([plugin("2.0")]).activations.get("mine")
