"""``list``, ``info``, ``schema``, help and version."""

import json
import re
from pathlib import Path

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


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("list activation", "there is no 'activation'; did you mean \"activations\"?"),
        ("list nonsense", "it can be activations, losses, optimizers"),
        ("run xor --backend gpu", 'did you mean "cuda"?'),
        ("run xor --backend nonsense", "it can be cpu, reference, cuda"),
        ("run xor --seed x", "'x' is not a whole number"),
        ("run xor --seed -3", "must be at least 0, not -3"),
        ("run xor --seeds 1000001", "must be at most 1000000, not 1000001"),
        ("explain xor --step 1.5", "'1.5' is not a whole number"),
        ("data fetch", "which data set? Try: neurosim data fetch mnist"),
        ("plugins new", "what is it called? Try: neurosim plugins new soft-step"),
        ("predict", "which model, and which rows? Try: neurosim predict last --data flowers.csv"),
        ("predict model.safetensors", "which rows? Try: neurosim predict model.safetensors --data flowers.csv"),
        ("replay", "which run? Try: neurosim replay last --from epoch:20"),
        ("export", "which run? Try: neurosim export last --to numpy --out network.py"),
        ("export xor", "to what? Try: neurosim export xor --to numpy --out network.py"),
        ("export xor --to onnx", "into which file? Try: neurosim export xor --to onnx --out network.onnx"),
        ("export xor --to numpy", "into which file? Try: neurosim export xor --to numpy --out network.py"),
        ("import", "which file, and into which folder? Try: neurosim import model.onnx --out imported"),
        ("import a.onnx", "into which folder? Try: neurosim import a.onnx --out imported"),
        ("doctor", "which run? Try: neurosim doctor last"),
        ("report", "which run? Try: neurosim report last"),
        ("plot", "which run? Try: neurosim plot last"),
    ],
)
def test_what_is_missing_or_wrong_is_said_with_an_example(neurosim, typed, words):
    done = neurosim(*typed.split())
    assert done.code == 2
    assert words in done.err


def test_no_help_page_shows_the_bounds_of_a_number_as_an_inequality(neurosim):
    for command in COMMANDS:
        page = neurosim(command, "--help").out
        assert "<=x" not in page, command
        assert "x>=" not in page, command
        assert "INTEGER RANGE" not in page, command


def test_the_readme_lists_the_commands_as_the_help_does():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `neurosim ([a-z]+)` \| (.+) \|$", readme, re.MULTILINE)) == COMMANDS


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
    "what",
    [
        "activations",
        "losses",
        "optimizers",
        "layers",
        "datasets",
        "initializers",
        "schedules",
        "metrics",
        "observers",
        "gates",
        "scenarios",
    ],
)
def test_list_one_kind(neurosim, what):
    rows = json.loads(neurosim("list", what, "--json").out)[what]
    assert len(rows) >= 2
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
