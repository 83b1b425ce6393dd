"""The notebook of the docs, run in a kernel as its readers do, and how things show themselves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import neurosim

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
# In a process of its own: the libraries of notebooks warn of themselves.
EXECUTE = """
import sys, warnings
warnings.simplefilter("ignore")
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, resources={"metadata": {"path": sys.argv[3]}}).execute()
nbformat.write(notebook, sys.argv[2])
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    folder = tmp_path_factory.mktemp("notebook")
    return execute(NOTEBOOK, folder), folder


def execute(path, folder):
    """The notebook with its outputs, run in a folder."""
    environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython"), "PYTHONWARNINGS": "default"}
    words = [sys.executable, "-c", EXECUTE, str(path), str(folder / "done.ipynb"), str(folder)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "done.ipynb").read_text(encoding="utf-8"))


def outputs(notebook, source):
    """What the cell with this text has put out, by kind."""
    (cell,) = (cell for cell in notebook["cells"] if source in "".join(cell["source"]) and cell["cell_type"] == "code")
    return [{kind: "".join(text) for kind, text in out.get("data", {}).items()} for out in cell["outputs"]]


def test_runs_show_progress_and_themselves(executed):
    notebook, folder = executed
    progress, shown = outputs(notebook, 'neurosim.run("xor"')
    assert 'value="1.0000"' in progress["text/html"]
    assert "epoch 400 of 400: train loss" in progress["text/html"]
    assert "train accuracy at least 1: met" in shown["text/html"]
    assert (folder / "xor.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    "source", ["neurosim.plot(result)", '"unit_maps"', "neurosim.plot(line)", "neurosim.plot(mine)"]
)
def test_pictures_are_shown(executed, source):
    assert "image/png" in outputs(executed[0], source)[-1]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("result.simulator.network", "<td>tanh</td>"),
        ("result.history", "400 epochs"),
        ("neurosim.explain", "3. Backward: how the loss depends on every number"),
        ("neurosim.diagnose", "optimizer.lr="),
    ],
)
def test_tables_are_shown(executed, source, words):
    assert words in outputs(executed[0], source)[-1]["text/html"]


def test_a_study_shows_its_progress(tmp_path):
    pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    code = "import neurosim\nfound = neurosim.study('loss-functions', overrides={'claims': []})"
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [], "source": code}
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8")) | {"cells": [cell]}
    (tmp_path / "study.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    (progress,) = outputs(execute(tmp_path / "study.ipynb", tmp_path), "neurosim.study")
    assert 'value="1.0000"' in progress["text/html"]
    assert "networks" in progress["text/html"]


def test_the_file_has_no_outputs():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)


def test_texts_are_escaped():
    evil = "<script>x</script>"
    result = neurosim.run("and", overrides={"scenario.title": evil, "training.epochs": 30, "expect": {}})
    for shown in (result, result.simulator, neurosim.diagnose(result), neurosim.explain(fresh(result))):
        assert "<script" not in shown._repr_html_()
        assert "&lt;script&gt;" in shown._repr_html_()
    assert "…" in result.history._repr_html_()
    assert result.history._repr_html_().count("<tr>") == 12


def fresh(result):
    return neurosim.Simulator(result.scenario)


def test_outside_of_a_notebook_nothing_is_shown(capsys):
    neurosim.run("and")
    assert capsys.readouterr().out == ""


def test_figures_are_figures():
    from matplotlib.figure import Figure

    result = neurosim.run("iris", overrides={"training.epochs": 2, "expect": {}})
    assert isinstance(neurosim.plot(result), Figure)
    assert isinstance(neurosim.plot(result.simulator, "learning_curves"), Figure)
    with pytest.raises(neurosim.NeurosimError, match='did you mean "filters"'):
        neurosim.plot(result, "filtres")
    with pytest.raises(neurosim.NeurosimError, match="no picture filters: the network has no convolutions"):
        neurosim.plot(result, "filters")
