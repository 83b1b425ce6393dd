"""Mistakes that beginners make in plugins, each with all that a user is told about it.

The plugins and what is said stand in `wrong/`, to be read there: every message has been, with a beginner's eyes. To see
what is said now:  ``python tests/plugin/test_wrong_plugins.py``.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from neurosim.cli.application import execute

FOLDER = Path(__file__).parent / "wrong"
# What a plugin is tried as, on what, and the setting that names it there.
USES = {
    "activation": "network.layers.0.activation",
    "loss": "network.loss",
    "optimizer": "optimizer.name",
    "initializer": "network.layers.0.init",
    "schedule": "optimizer.schedule",
    "dataset": "data.source",
}
QUICK = ["--quiet", "--no-report", "--out", "out", "--set", "training.epochs=2", "--set", "expect={}"]


def plugins():
    return [plugin for file in sorted(FOLDER.glob("*.toml")) for plugin in tomllib.loads(file.read_text())["plugin"]]


def told(plugin, folder, backend="reference"):
    """Exit status and all that is printed about it when a plugin is used in a folder."""
    (folder / "mine.py").write_text(plugin["text"])
    if "beside" in plugin:
        (folder / plugin["beside"]).write_text("def double(x):\n    return 2.0 * x\n")
    words = ["run", "xor", "--plugin", "mine.py", "--backend", backend, *QUICK]
    words += ["--set", f"{USES[plugin.get('use', 'activation')]}=mine"]
    out = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = execute(words)
    # What is said about every run that diverges is not about the plugin.
    return code, "".join(line for line in out.getvalue().splitlines(True) if not line.startswith("neurosim doctor "))


@pytest.mark.parametrize("plugin", plugins(), ids=lambda plugin: plugin["what"])
def test_the_user_is_told(plugin, tmp_path):
    code, text = told(plugin, tmp_path)
    assert text == plugin["says"]
    assert code in ((4,) if "diverged" in text else (2, 3))


@pytest.mark.ci
@pytest.mark.parametrize("plugin", plugins(), ids=lambda plugin: plugin["what"])
def test_the_user_is_told_the_same_where_it_is_compiled(plugin, tmp_path):
    assert told(plugin, tmp_path, "cpu")[1] == plugin["says"]


def test_doctor_blames_the_formula_and_tries_no_settings(tmp_path, monkeypatch, capsys):
    plugin = next(plugin for plugin in plugins() if plugin["what"] == "NaN for half of all inputs")
    told(plugin, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert execute(["doctor", "out", "--plugin", "mine.py", "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    (finding,) = run["findings"]
    assert finding["name"] == "broken_formula"
    assert "mine gives nan for z = -0.3964 (mine.py:5)" in finding["words"]
    assert finding["settings"] == []
    assert finding["advice"] == (
        "Correct the formula, so that it gives a finite number for z = -0.3964. "
        "neurosim plugins check mine.py  tries many inputs."
    )


def test_there_are_many_and_each_is_another():
    texts = [plugin["text"] for plugin in plugins()]
    assert len(set(texts)) == len(texts) >= 90


if __name__ == "__main__":
    for each in plugins():
        if not sys.argv[1:] or any(word in each["what"] for word in sys.argv[1:]):
            with tempfile.TemporaryDirectory() as here:
                status, said = told(each, Path(here))
            sys.stdout.write(f"--- {each['what']} [{status}]{os.linesep}{said}{os.linesep}")
