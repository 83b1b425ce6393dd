"""Two plugins that give one name: an error that names both, and the spelling that tells them apart.

A name of a built-in record goes on meaning that one, with a line about the other.
"""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import neurosim
from neurosim import build_registry, load_scenario
from neurosim.cli.application import execute
from neurosim.errors import PluginError, ScenarioError
from neurosim.plugin.host import Entry, Registry
from neurosim.plugin.host.files import add_file

TEXT = """\
import numpy as np
from neurosim import Activation, Initializer, Schedule, hookimpl

def f(z):
    return {factor} * z

def df(z, a):
    return {factor}

def weight(random, shape, fan_in, fan_out):
    return np.full(shape, {factor})

def factor(step, steps):
    return 0.0

@hookimpl
def neurosim_activations():
    return [Activation("{name}", f, df, usual_init="{init}")]

@hookimpl
def neurosim_initializers():
    return [Initializer("he_uniform", weight)]

@hookimpl
def neurosim_schedules():
    return [Schedule("constant", factor)]
"""
QUICK = {"training.epochs": 2, "expect": {}}
FIRST = "network.layers.0.activation"


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Write a plugin file into the working folder; its activation multiplies by a factor."""
    monkeypatch.chdir(tmp_path)

    def write(path, name, factor=2.0, init="he_uniform"):
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(TEXT.format(name=name, factor=factor, init=init))
        return path

    return write


def first_layer(scenario, **arguments):
    return load_scenario("xor", overrides={FIRST: scenario}, **arguments).network.layers[0]


# Errors -----------------------------------------------------------------------------------------------------


def test_two_plugins(plugin):
    plugins = [plugin("one.py", "same"), plugin("two.py", "same", 3.0)]
    with pytest.raises(ScenarioError) as caught:
        first_layer("same", plugins=plugins)
    assert caught.value.message == (
        "override network.layers.0.activation=same: network.layers.0.activation: "
        'activation "same" is given by 2 plugins: one (one.py), two (two.py); write "one:same" or "two:same"'
    )
    assert caught.value.hint == ""


def test_a_name_that_one_plugin_gives_may_be_qualified_too(plugin):
    registry = build_registry([plugin("mine.py", "own")])
    assert registry.activations.get("mine:own") is registry.activations.get("own")
    with pytest.raises(PluginError) as caught:
        registry.activations.get("mine:onw")
    assert caught.value.hint == 'did you mean "mine:own"?'
    with pytest.raises(PluginError) as caught:
        registry.activations.get("mina:own")
    assert caught.value.hint == 'did you mean "mine:own"?'


def test_plugins_of_one_name_cannot_be_told_apart(plugin):
    registry = build_registry([plugin("a/mine.py", "same"), plugin("b/mine.py", "same")])
    for name in ("same", "mine:same"):
        with pytest.raises(PluginError) as caught:
            registry.activations.get(name)
        assert caught.value.message == ('activation "same" is given by 2 plugins: mine (a/mine.py), mine (b/mine.py)')
        assert "rename one" in caught.value.hint


# A built-in record goes before -------------------------------------------------------------------------------

NOTE = (
    'activation "tanh" is neurosim\'s own; plugin mine (mine.py) has another of this name: '
    'write "mine:tanh" for that one'
)


def test_a_name_that_a_builtin_has_means_the_builtin(plugin):
    registry = build_registry([plugin("mine.py", "relu"), plugin("yours.py", "relu", 3.0)])
    assert registry.activations.get("relu") is registry.activations.get("builtin:relu")
    assert registry.activations.get("relu").f(2.0) == 2.0
    assert registry.activations.get("mine:relu").f(2.0) == 4.0
    assert registry.activations.get("yours:relu").f(2.0) == 6.0


def test_a_line_names_the_other_one(plugin):
    plugins = [plugin("mine.py", "tanh")]
    assert load_scenario("xor", plugins=plugins).notes == (NOTE,)
    chosen = load_scenario("xor", overrides={FIRST: "mine:tanh"}, plugins=plugins)
    assert chosen.notes == ()
    assert chosen.network.layers[0].activation.record.f(1.0) == 2.0


def test_the_command_says_it_once(plugin, capsys):
    plugin("mine.py", "tanh")
    words = ["run", "xor", "--plugin", "mine.py", "--backend", "reference", "--set", "training.epochs=1"]
    assert execute([*words, "--set", "expect={}", "--set", "network.layers.1.activation=tanh"]) == 0
    assert capsys.readouterr().err.splitlines().count(NOTE) == 1


def test_a_study_says_it_once(plugin, tmp_path):
    text = load_scenario("xor").to_toml()
    variants = "".join(f'[[variants]]\nname = "{name}"\ntraining.epochs = 2\n' for name in ("one", "two"))
    (tmp_path / "mine.toml").write_text(text + variants)
    assert load_scenario("mine.toml", plugins=[plugin("mine.py", "tanh")]).notes == (NOTE,)


def test_installed_packages_change_nothing_about_shipped_scenarios(plugin):
    """Nor are users told each time: the line is for names that they have written themselves."""
    registry = build_registry()
    add_file(registry, Path(plugin("mine.py", "tanh")))
    entry = registry.activations.entry("mine:tanh")
    installed = Registry()
    for kind in ("activations", "losses", "optimizers", "initializers", "schedules", "datasets"):
        for own in getattr(registry, kind):
            of_package = Entry(own.record, replace(own.plugin, version="1.0"))
            getattr(installed, kind).add(own if own.built_in else of_package)
    usual = load_scenario("xor", registry=installed)
    assert usual.notes == ()
    assert usual.network.layers[0].activation.entry.built_in
    assert entry.record is installed.activations.get("mine:tanh")
    written = load_scenario("xor", registry=installed, overrides={FIRST: "tanh"})
    assert written.notes == (NOTE,)


# What goes on working ---------------------------------------------------------------------------------------


def test_what_records_say_of_others_stays_true(plugin):
    """The initializer and the schedule that nobody named are neurosim's, or the activation's own plugin's."""
    plugins = [plugin("mine.py", "own"), plugin("other.py", "another", init="glorot_uniform")]
    assert first_layer("relu", plugins=plugins).init.name == "he_uniform"
    assert first_layer("own", plugins=plugins).init.name == "mine:he_uniform"
    assert first_layer("another", plugins=plugins).init.name == "glorot_uniform"
    result = neurosim.run("xor", backend="reference", overrides=QUICK, plugins=plugins)
    assert result.history[0]["lr"] == 0.05


def test_the_fused_loss_is_of_the_activation_it_was_made_for(plugin):
    """binary_cross_entropy knows the sigmoid of neurosim; another sigmoid has another gradient."""
    mine = plugin("mine.py", "sigmoid", factor=0.5)
    rows = np.array([[0.2, 0.9]], np.float32), np.array([[1.0]])
    found = []
    for name in ("builtin:sigmoid", "mine:sigmoid"):
        overrides = {"network.layers.1.activation": name, "network.layers.0.init": "mine:he_uniform"}
        overrides["network.layers.1.init"] = "mine:he_uniform"  # all weights are positive
        scenario = load_scenario("xor", overrides=overrides, plugins=[mine])
        simulator = neurosim.Simulator(scenario, backend="reference", seed=1)
        output = simulator.forward(rows[0])[0, 0]
        assert simulator.gradients(*rows)[0] == pytest.approx(-np.log(output), rel=1e-9)
        found.append(simulator.network.pair is not None)
    assert found == [True, False]


@pytest.mark.parametrize("name", ["builtin:relu", "mine:relu"])
def test_a_run_with_the_qualified_name_can_be_run_again(plugin, tmp_path, name, capsys):
    plugin("mine.py", "relu")
    words = ["--plugin", "mine.py", "--backend", "reference", "--json"]
    settings = ["--set", f"{FIRST}={name}", "--set", "training.epochs=2", "--set", "expect={}"]
    assert execute(["run", "xor", *words, *settings, "--out", "first"]) == 0
    written = tomllib.loads((tmp_path / "first/scenario.toml").read_text())["network"]["layers"][0]
    assert written["activation"] == name
    assert written["init"] == ("mine:he_uniform" if name == "mine:relu" else "he_uniform")
    assert execute(["run", "first/scenario.toml", *words, "--out", "second"]) == 0
    parameters = [(tmp_path / run / "model.safetensors").read_bytes() for run in ("first", "second")]
    assert parameters[0] == parameters[1]


def test_list_shows_both(plugin, capsys):
    plugin("mine.py", "relu")
    assert execute(["list", "activations", "--plugin", "mine.py"]) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "mine:relu from mine" in lines
    assert "relu Nair and Hinton 2010" in lines
    assert execute(["list", "activations", "--plugin", "mine.py", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["activations"]
    assert {row["name"]: row["plugin"] for row in rows if row["name"].endswith("relu")} == {
        "relu": "builtin",
        "mine:relu": "mine",
        "leaky_relu": "builtin",
        "prelu": "builtin",
    }


def test_editors_are_offered_what_a_scenario_can_say(plugin):
    from neurosim.scenario.json_schema import json_schema

    text = json.dumps(json_schema(build_registry([plugin("mine.py", "relu")])))
    assert '"mine:relu"' in text
    assert '"relu"' in text
