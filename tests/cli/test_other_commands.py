"""``list``, ``info``, ``schema``, help and version."""

import json

import jsonschema
import pytest

from neurosim.cli.application import COMMANDS
from neurosim.version import __version__


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["data", "list"], ["data", "fetch"]])
def test_every_command_has_help(neurosim, command):
    done = neurosim(*command, "--help")
    assert done.code == 0
    assert "Usage: neurosim" in done.out
    assert done.err == ""


def test_version(neurosim):
    assert __version__ in neurosim("--version").out


def test_no_command_shows_the_help(neurosim):
    done = neurosim()
    assert "neurosim run xor" in done.out + done.err


def test_list_names_everything(neurosim):
    done = neurosim("list")
    assert done.code == 0
    for word in (
        "leaky_relu",
        "alpha = 0.01",
        "huber",
        "adamw",
        "torch_linear",
        "cosine",
        "mnist",
        "dropout",
        "spirals",
    ):
        assert word in done.out


@pytest.mark.parametrize(
    "what", ["activations", "losses", "optimizers", "layers", "datasets", "initializers", "schedules", "scenarios"]
)
def test_list_one_kind(neurosim, what):
    rows = json.loads(neurosim("list", what, "--json").out)[what]
    assert len(rows) >= 3
    assert all(row["name"] and isinstance(row["about"], str) for row in rows)
    plain = neurosim("list", what).out
    assert all(row["name"] in plain for row in rows)


def test_list_shows_plugins_and_where_they_come_from(neurosim, tmp_path):
    (tmp_path / "two.py").write_text(
        "from neurosim import Activation, hookimpl\n"
        "def f(z):\n    return 2.0 * z\n"
        "def df(z, a):\n    return 2.0\n"
        "@hookimpl\ndef neurosim_activations():\n    return [Activation('double', f, df)]\n"
    )
    assert "from two" in neurosim("list", "activations", "--plugin", "two.py").out


def test_info(neurosim):
    facts = json.loads(neurosim("info", "--json").out)
    assert facts["versions"]["neurosim"] == __version__
    assert facts["machine"]["threads"] >= 1
    assert "numba" in neurosim("info").out


def test_schema_is_a_schema(neurosim):
    schema = json.loads(neurosim("schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)


def test_debug_shows_the_traceback_and_ends_as_without(neurosim):
    plain, debug = (neurosim("run", "no-such.toml", *more) for more in ([], ["--debug"]))
    assert "Traceback (most recent call last):" in debug.err
    assert debug.err.endswith(plain.err)
    assert "Traceback" not in plain.err
    assert (plain.code, debug.code) == (3, 3)
