"""The notebook of the docs, run in a kernel as its readers do, and how things show themselves."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

import neurosim

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
GALLERY = NOTEBOOK.with_name("pandas_to_pytorch.ipynb")
SCRIPT = NOTEBOOK.with_name("notebook_outputs.py")


def script():
    """What runs the notebook and keeps its outputs."""
    spec = importlib.util.spec_from_file_location("notebook_outputs", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    folder = tmp_path_factory.mktemp("notebook")
    return execute(NOTEBOOK, folder), folder


def execute(path, folder):
    """The notebook with its outputs, run in a folder."""
    return script().execute(path, folder)


def outputs(notebook, source):
    """What the cell with this text has put out, by kind."""
    (cell,) = (cell for cell in notebook["cells"] if source in "".join(cell["source"]) and cell["cell_type"] == "code")
    return [{kind: "".join(text) for kind, text in out.get("data", {}).items()} for out in cell["outputs"]]


def test_runs_show_progress_and_themselves(executed):
    notebook, folder = executed
    progress, shown = outputs(notebook, 'neurosim.run("xor", overrides={"record')
    assert 'value="1.0000"' in progress["text/html"]
    assert "epoch 400 of 400: train loss" in progress["text/html"]
    assert "train accuracy at least 1: met" in shown["text/html"]
    assert (folder / "xor.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    "source",
    [f"neurosim.plot({run})" for run in ("result", "line", "comparison", "hasty", "ensemble", "mine")]
    + ['"unit_maps"'],
)
def test_pictures_are_shown(executed, source):
    assert "image/png" in outputs(executed[0], source)[-1]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("result.simulator.network", "<td>tanh</td>"),
        ("result.history", "400 epochs"),
        ("neurosim.explain", "3. Backward: how the loss depends on every number"),
        ("neurosim.diagnose(", "<li>"),
        ("neurosim.animate(", "data:image/gif;base64,"),
        ("neurosim.compare(", "network.layers.0.activation"),
        ("neurosim.replay(", "Forked after epoch 20, with optimizer.lr=0.5"),
        ("neurosim.Ensemble(", "95% interval"),
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


NUMBER = re.compile(r"\d[\d,]*\.?\d*(?:e[+-]?\d+)?")


def numbers_in(text):
    return [float(number.replace(",", "")) for number in NUMBER.findall(text)]


def shown(notebook):
    """The words of each output, and of pictures and films that they are there; and the numbers among the words."""
    words, numbers = [], []
    for cell in notebook["cells"]:
        for out in script().joined(cell.get("outputs", [])):
            if out["output_type"] == "stream":
                assert out["name"] == "stdout"
                text = "".join(out["text"])
                numbers += numbers_in(text)
                words.append(("".join(cell["source"]), False, NUMBER.sub("#", text)))
                continue
            assert out["output_type"] in ("display_data", "execute_result"), out
            data = {kind: "".join(text) for kind, text in out["data"].items() if kind != "image/png"}
            # How a film is packed depends on Pillow, and how large a picture is on the fonts of matplotlib.
            data["text/html"] = re.sub(r"base64,[^\"]*", "", data.get("text/html", ""))
            data["text/plain"] = re.sub(r"[0-9,]+ bytes|size [\d.]+x[\d.]+", "", data["text/plain"])
            # A run that goes wild makes anything of a last bit that another processor rounds differently.
            if "wild" not in "".join(cell["source"]):
                numbers += [number for text in data.values() for number in numbers_in(text)]
            masked = {kind: NUMBER.sub("#", text) for kind, text in data.items()}
            words.append(("".join(cell["source"]), "image/png" in out["data"], masked))
    return words, numbers


def test_the_outputs_in_the_file_are_those_of_today(executed):
    outputs_are_those_of(NOTEBOOK, executed[0])


@pytest.mark.ci
def test_so_are_those_of_the_way_to_pytorch(tmp_path):
    for library in ("nbclient", "ipykernel", "pandas", "torch"):
        pytest.importorskip(library, reason=f"{library} is not installed")
    today = execute(GALLERY, tmp_path)
    outputs_are_those_of(GALLERY, today)
    (same,) = outputs(today, "max() < 1e-5")
    assert same["text/plain"] == "True"


def outputs_are_those_of(notebook, executed):
    kept = json.loads(notebook.read_text(encoding="utf-8"))
    hint = "run  python docs/notebook_outputs.py  and look at what has changed"
    (words, numbers), (words_today, numbers_today) = shown(kept), shown(executed)
    assert words == words_today, hint
    # Other processors round otherwise.
    assert numbers == pytest.approx(numbers_today, rel=0.1, abs=1e-3), hint
    counts = [cell["execution_count"] for cell in kept["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1)), hint


@pytest.mark.parametrize("notebook", [NOTEBOOK, GALLERY], ids=lambda path: path.stem)
def test_the_file_is_small_and_tells_nothing_of_a_machine(notebook):
    text = notebook.read_text(encoding="utf-8")
    assert len(text) < 800_000
    without_pictures = re.sub(r"[A-Za-z0-9+/=\\n]{200,}", "", text)
    for word in ("/tmp", "/home", "/root", " at 0x"):
        assert word not in without_pictures, word


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
