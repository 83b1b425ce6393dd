"""docs/data.md: its example works as it is written there, from the table to the prediction."""

import json
import re
import runpy
from pathlib import Path

import pytest

import neurosim
from neurosim.cli.application import execute
from neurosim.data.file_datasets import neurosim_datasets
from neurosim.scenario.schema import DataSection

PAGE = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")


def block(start):
    """The block of code on the page that begins so."""
    (found,) = [text for text in re.findall(r"```\w+\n(.*?)```", PAGE, re.DOTALL) if text.startswith(start)]
    return found


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """A folder with what the page says to write, and the commands of the page run in it."""
    folder = tmp_path_factory.mktemp("houses")
    for name in ("make_houses.py", "houses.toml"):
        (folder / name).write_text(block(f"# {name}"), encoding="utf-8")
    (folder / "new.csv").write_text("rooms,area,distance,year,town\n4,120,5,1990,Ashby\n2,60,20,1930,Cove\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        runpy.run_path("make_houses.py")
        yield folder


def run_block(start, capsys, skip=()):
    """Run the commands of a block, and give what they print."""
    lines = [line.partition("#")[0].split() for line in block(start).splitlines()]
    for words in lines:
        if words[0] == "neurosim" and words[1] not in skip:
            assert execute(words[1:]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_the_example_learns_as_the_page_says(houses, capsys):
    out = run_block("python make_houses.py", capsys)
    told = re.findall(r"^ +(train|validation|test) .*RMSE ([\d,]+) +R² ([\d.]+)$", PAGE, re.MULTILINE)
    shown = re.findall(r"^ +(train|validation|test) .*RMSE ([\d,]+) +R² ([\d.]+)$", out, re.MULTILINE)
    assert [split for split, _, _ in told] == [split for split, _, _ in shown] == ["train", "validation", "test"]
    for (_, rmse, r2), (_, rmse_now, r2_now) in zip(told, shown, strict=True):
        assert float(r2_now) == pytest.approx(float(r2), abs=0.005)
        assert int(rmse_now.replace(",", "")) == pytest.approx(int(rmse.replace(",", "")), rel=0.02)
    baseline = re.search(r"baseline +test RMSE [\d,]+, from always answering.*", PAGE)
    assert baseline[0] in out
    assert "expected    test R² at least 0.8: met" in out
    losses = [json.loads(line)["train_loss"] for line in Path("runs/houses/metrics.jsonl").read_text().splitlines()]
    assert 0.3 < losses[0] < 3
    assert losses[-1] < 0.1

    answers = run_block("neurosim predict", capsys).splitlines()
    assert [line.split()[0] for line in answers] == ["row", "1", "2"]
    prices = [float(line.split()[1].replace(",", "")) for line in answers[1:]]
    # What the table was made by: 30,000 + 1,500 area + 600 years - 2,500 distance, and in Cove a tenth less.
    assert prices == pytest.approx([251_500, 79_200], rel=0.05)
    model = neurosim.load_model("runs/houses")
    assert model.predict([[120, 4, 1990, 5, "Ashby"]])[0, 0] == pytest.approx(prices[0], rel=1e-4)


def test_a_column_is_left_out_by_what_the_hint_says(houses, capsys):
    text = Path("houses.csv").read_text()
    Path("mixed.csv").write_text(text.replace(",Cove,", ",4,"))
    assert execute(["run", "houses.toml", "--set", "data.file=mixed.csv", "--out", "all"]) == 3
    said = capsys.readouterr().err
    assert re.search(r"""column "town": '(Ashby|Brill)' is not a number \(and 2\d\d more in this column\)""", said)
    assert """--set 'data.features=["area", "rooms", "year", "distance"]'""" in said
    assert """--set 'data.categorical=["town"]'""" in said


def test_the_page_has_every_setting():
    options = {record.name: record.options for record in neurosim_datasets()}
    for key in (*DataSection.model_fields, *options["csv"]):
        assert f"\n| `{key}` |" in PAGE
    (shared,) = re.findall("those of `arrays`: (.*), as above", PAGE)
    assert re.findall(r"`(\w+)`", shared) == list(options["arrays"])


def test_the_survey_learns_with_the_weights_of_its_rows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("make_survey.py", "survey.toml"):
        Path(name).write_text(block(f"# {name}"), encoding="utf-8")
    runpy.run_path("make_survey.py")
    run_block("python make_survey.py", capsys)
    simulator = neurosim.Simulator("survey.toml")
    assert simulator.data.feature_names == ("age", "hours")
    assert simulator.split_rows("train").weights.size == 160
    assert json.loads(Path("runs/survey/summary.json").read_text())["final"]["train_accuracy"] > 0.75


def test_rows_in_python_are_learned_as_the_page_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(block("# from_python.py"), names)
    answers = capsys.readouterr().out.splitlines()[-1]
    assert answers == "['inside' 'outside']"
    assert names["result"].metrics["test_accuracy"] > 0.9
    assert (tmp_path / "runs/circle/data.npz").is_file()
    exec(block("scenario = neurosim.scenario("), names)
    assert names["result"].metrics["test_accuracy"] > 0.9
