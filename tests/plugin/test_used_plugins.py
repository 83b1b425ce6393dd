"""Runs record the plugins that they use, and no others."""

import hashlib
import json

import pytest
import safetensors

import neurosim
from neurosim.cli.application import execute

HEADER = "import numpy as np\nfrom neurosim import *\n"
PLUGINS = {
    "act": "def f(z):\n    return z\ndef df(z, a):\n    return 1.0\n"
    "@hookimpl\ndef neurosim_activations():\n    return [Activation('act', f, df, usual_init='own_init')]\n"
    "def weight(random, shape, fan_in, fan_out):\n    return np.full(shape, 0.1)\n"
    "@hookimpl\ndef neurosim_initializers():\n    return [Initializer('own_init', weight)]\n",
    "gate": "def both(u, v):\n    return u * v\n@hookimpl\ndef neurosim_gates():\n    return [Gate('both', both)]\n",
    "loss": "def value(a, y):\n    return (a[0] - y[0]) ** 2\ndef gradient(a, y, da):\n    da[0] = 2 * (a[0] - y[0])\n"
    "@hookimpl\ndef neurosim_losses():\n    return [Loss('loss', value, gradient)]\n",
    "rule": "def update(w, g, t, lr):\n    return w - lr * g\n"
    "@hookimpl\ndef neurosim_optimizers():\n    return [Optimizer('rule', update, params={'lr': 0.1})]\n",
    "init": "def weight(random, shape, fan_in, fan_out):\n    return np.full(shape, 0.1)\n"
    "@hookimpl\ndef neurosim_initializers():\n    return [Initializer('init', weight)]\n",
    "plan": "def factor(step, steps):\n    return 1.0\n"
    "@hookimpl\ndef neurosim_schedules():\n    return [Schedule('plan', factor)]\n",
    "score": "def value(outputs, targets):\n    return 1.0\n"
    "@hookimpl\ndef neurosim_metrics():\n    return [Metric('score', value, 'larger')]\n",
    "ear": "def hear(progress):\n    pass\n"
    "@hookimpl\ndef neurosim_observers():\n    return [RunObserver('ear', epoch=hear)]\n",
    "rows": "def load(request):\n    return Table(np.eye(2), np.array([0, 1]), classes=('a', 'b'))\n"
    "@hookimpl\ndef neurosim_datasets():\n    return [Dataset('rows', load)]\n",
}
QUICK = {"training.epochs": 1, "expect": {}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with a folder of plugins."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins").mkdir()
    for name, text in PLUGINS.items():
        (tmp_path / f"plugins/{name}.py").write_text(HEADER + text)
    (tmp_path / "plugins/broken.py").write_text("1 / 0\n")
    return tmp_path


@pytest.mark.parametrize(
    ("overrides", "used"),
    [
        ({}, []),
        ({"network.layers.0.activation": "act"}, ["act"]),
        ({"network.layers.0.init": "own_init"}, ["act"]),
        ({"network.layers.1.init": "init"}, ["init"]),
        ({"network.layers.1": {"kind": "gated", "gate": "both"}}, ["gate"]),
        ({"network.loss": "loss"}, ["loss"]),
        ({"optimizer": {"name": "rule", "lr": 0.1}}, ["rule"]),
        ({"optimizer.schedule": "plan"}, ["plan"]),
        ({"training.metrics": ["score"]}, ["score"]),
        ({"training.observers": ["ear"]}, ["ear"]),
        ({"data.source": "rows"}, ["rows"]),
        ({"requires.plugins": ["plan"]}, ["plan"]),
        ({"requires.plugins": ["plan", "act"], "network.layers.0.activation": "act"}, ["act", "plan"]),
    ],
)
def test_used(folder, overrides, used):
    scenario = neurosim.load_scenario("xor", overrides=overrides, plugins=["plugins"])
    assert [plugin.name for plugin in scenario.plugins] == used


def test_a_run_records_them(folder):
    overrides = {**QUICK, "network.layers.0.activation": "act", "network.loss": "loss"}
    neurosim.run("xor", backend="reference", overrides=overrides, plugins=["plugins"], out="run")
    expected = [
        {
            "name": name,
            "version": "",
            "sha256": hashlib.sha256((folder / f"plugins/{name}.py").read_bytes()).hexdigest(),
        }
        for name in ("act", "loss")
    ]
    assert json.loads((folder / "run/summary.json").read_text())["plugins"] == expected
    with safetensors.safe_open(folder / "run/model.safetensors", "numpy") as model:
        assert json.loads(model.metadata()["neurosim"])["identity"]["plugins"] == expected


def test_a_run_without_plugins_records_none(folder):
    assert (
        execute(
            [
                "run",
                "xor",
                "--plugins-dir",
                "plugins",
                "--backend",
                "reference",
                "--out",
                "run",
                "--quiet",
                "--set",
                "training.epochs=1",
                "--set",
                "expect={}",
            ]
        )
        == 0
    )
    assert json.loads((folder / "run/summary.json").read_text())["plugins"] == []


def test_a_run_of_many_seeds_records_them(folder):
    assert (
        execute(
            [
                "run",
                "xor",
                "--plugin",
                "plugins/rows.py",
                "--seeds",
                "2",
                "--out",
                "run",
                "--quiet",
                "--set",
                "training.epochs=1",
                "--set",
                "data.source=rows",
            ]
        )
        == 0
    )
    (plugin,) = json.loads((folder / "run/summary.json").read_text())["plugins"]
    assert plugin["name"] == "rows"


def test_python_takes_files_and_folders(folder):
    overrides = {"network.layers.0.activation": "act"}
    for plugins in (["plugins"], [folder / "plugins"], ["plugins/act.py"], [folder / "plugins/act.py", "plugins"]):
        scenario = neurosim.load_scenario("xor", overrides=overrides, plugins=plugins)
        assert scenario.network.layers[0].activation.name == "act"
