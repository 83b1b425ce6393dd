"""Regression in the units of the data: prices of houses, from 50,000 to 500,000, learned with the defaults."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import neurosim
from neurosim import Ensemble, Simulator, explain
from neurosim.analysis.facts import run_facts
from neurosim.analysis.inputs import input_map
from neurosim.cli.summary import print_summary
from neurosim.formulas.javascript import Script
from neurosim.plots.pictures import draw
from neurosim.report.live import live_data
from neurosim.report.run import prepare_run_page, run_page
from neurosim.runs.reading import read_run

SCENARIO = """
[scenario]
name = "houses"
title = "What a house costs"
[data]
source = "csv"
file = "houses.csv"
target = "price"
standardize = true
test_fraction = 0.2
validation_fraction = 0.1
[network]
loss = "mse"
layers = [
  { kind = "dense", units = 8, activation = "tanh" },
  { kind = "dense", units = 1, activation = "identity" },
]
[optimizer]
name = "adam"
lr = 0.02
[training]
epochs = 30
[expect]
test_r2 = { at_least = 0.8 }
validation_rmse = { at_most = 50000.0 }
"""


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """A run of house prices, and the table they are from."""
    folder = tmp_path_factory.mktemp("houses")
    random = np.random.default_rng(5)
    area, rooms = random.uniform(40, 250, 200), random.integers(1, 9, 200)
    year = random.integers(1900, 2024, 200)
    price = np.clip(1500 * area + 8000 * rooms + 600 * (year - 1900) + random.normal(0, 9000, 200), 5e4, 5e5).round()
    rows = np.column_stack([area.round(1), rooms, year, price])
    lines = [",".join(f"{value:g}" if value < 1e5 else f"{value:.0f}" for value in row) for row in rows]
    (folder / "houses.csv").write_text("area,rooms,year,price\n" + "\n".join(lines) + "\n")
    (folder / "houses.toml").write_text(SCENARIO)
    result = neurosim.run(folder / "houses.toml", backend="reference", out=folder / "run")
    return SimpleNamespace(folder=folder, result=result, table=rows, run=folder / "run")


def test_it_learns_with_the_defaults(houses):
    losses = houses.result.history.train_loss
    assert losses[0] < 3
    assert losses[-1] < 0.1


def test_the_model_alone_answers_in_the_units_of_the_target(houses):
    model = neurosim.load_model(houses.run, backend="reference")
    inputs, prices = houses.table[:, :3], houses.table[:, 3:]
    answers = model.predict(inputs)
    assert model.targets == ("price",)
    assert 1 - np.sum((answers - prices) ** 2) / np.sum((prices - prices.mean()) ** 2) > 0.8
    np.testing.assert_array_equal(answers, model.outputs(inputs))
    data = houses.result.simulator.data
    np.testing.assert_allclose(
        answers, data.to_target_units(houses.result.simulator.forward(data.to_input(inputs))), rtol=1e-5
    )


def test_the_command_answers_in_the_units_of_the_target(houses, capsys):
    from neurosim.cli.application import execute

    words = ["predict", str(houses.run), "--data", str(houses.folder / "houses.csv"), "--backend", "reference"]
    assert execute(words) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == ["row", "price"]
    shown = float(first.split()[1].replace(",", ""))
    assert "e+" not in first
    assert execute([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["predictions"][0]["outputs"]
    assert shown == pytest.approx(found[0], rel=1e-5)
    assert found[0] == pytest.approx(houses.table[0, 3], abs=60000)


def test_measures_are_in_the_units_of_the_target(houses):
    """Against the textbook's formulas, on the table itself."""
    result, simulator = houses.result, houses.result.simulator
    model = neurosim.load_model(houses.run, backend="reference")
    mean = houses.table[simulator.data.train.rows, 3].mean()
    for split in ("train", "validation", "test"):
        rows = houses.table[getattr(simulator.data, split).rows]
        errors = model.predict(rows[:, :3])[:, 0] - rows[:, 3]
        spread = np.sum((rows[:, 3] - rows[:, 3].mean()) ** 2)
        assert result.metrics[f"{split}_rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-4)
        assert result.metrics[f"{split}_r2"] == pytest.approx(1 - np.sum(errors**2) / spread, abs=1e-6)
        baseline = np.sqrt(np.mean((mean - rows[:, 3]) ** 2))
        assert result.metrics[f"{split}_baseline_rmse"] == pytest.approx(baseline, rel=1e-6)
    assert result.metrics["test_rmse"] < 0.45 * result.metrics["test_baseline_rmse"]
    assert [(promise.text, promise.met) for promise in result.expectations] == [
        ("test R² at least 0.8", True),
        ("validation RMSE at most 50000", True),
    ]


def test_what_a_run_leaves_says_it_too(houses):
    summary = json.loads((houses.run / "summary.json").read_text())
    assert summary["final"] == houses.result.metrics
    read = read_run(houses.run).results[0]
    assert read.metrics == houses.result.metrics
    html = read._repr_html_()
    assert '<th class="number">R²</th>' in html
    assert "baseline: test RMSE" in html
    page = run_page(prepare_run_page(read), [])
    assert "Baseline: test RMSE" in page
    assert "RMSE is in the units of price; the loss is that of standardized targets." in page


def test_the_printed_summary(houses, capsys):
    print_summary(houses.result, [])
    out = capsys.readouterr().out
    rmse = f"{houses.result.metrics['test_rmse']:,.0f}"
    line = next(line for line in out.splitlines() if line.startswith("  test "))
    assert line.split()[3:6] == ["RMSE", rmse, "R²"]
    assert "  baseline    test RMSE " in out
    assert "from always answering the mean of the training rows" in out


def test_an_ensemble_has_them_too(houses):
    """Trained side by side or one by one, each member is the single run."""
    scenario = neurosim.load_scenario(houses.folder / "houses.toml", overrides={"training.epochs": 1})
    for backend in ("cpu", "reference"):
        ensemble = Ensemble(scenario, [0, 1], backend, threads=1)
        ensemble.train()
        single = neurosim.run(scenario, backend=backend, seed=1, threads=1)
        assert ensemble.members[1].measures == single.metrics
        assert ensemble.members[1].success is single.met
        assert ensemble.remarks == single.remarks
        assert list(ensemble.remarks) == ["baseline", "units"]


TWO_OUTPUTS = """
import numpy as np
from neurosim import Dataset, Table, hookimpl

def load(request):
    x = request.random.uniform(-1.0, 1.0, (80, 2))
    both = np.column_stack([3e5 + 1e5 * x[:, 0], 0.001 * x[:, 1]])
    return Table(x, both, target_names=("price", "share"))

@hookimpl
def neurosim_datasets():
    return [Dataset("pair", load)]
"""


def test_several_outputs_of_different_size_are_learned_alike(tmp_path):
    (tmp_path / "pair.py").write_text(TWO_OUTPUTS)
    text = SCENARIO.replace(
        '"csv"\nfile = "houses.csv"\ntarget = "price"\nstandardize = true', '"pair"\nstandardize_targets = true'
    )
    text = text.replace("units = 1", "units = 2").replace("validation_rmse = { at_most = 50000.0 }\n", "")
    (tmp_path / "pair.toml").write_text(text)
    plugins = [tmp_path / "pair.py"]
    result = neurosim.run(tmp_path / "pair.toml", backend="reference", out=tmp_path / "run", plugins=plugins)
    assert result.met, result.metrics
    model = neurosim.load_model(tmp_path / "run", backend="reference")
    price, share = model.predict([[0.5, -0.5]])[0]
    assert price == pytest.approx(3.5e5, rel=0.1)
    assert share == pytest.approx(-0.0005, abs=0.0002)


def test_the_baseline_of_classes_is_the_largest_one():
    """Of the 1,797 digits 183 are a 3, and no class is larger; of any rows the training rows decide which it is."""
    whole = {"data.test_fraction": 0.0, "training.epochs": 0, "expect": {}}
    result = neurosim.run("digits", backend="reference", overrides=whole)
    assert result.metrics["train_baseline_accuracy"] == 183 / 1797
    assert "train_r2" not in result.metrics
    assert result.remarks["baseline"] == 'train accuracy 10.18%, from always answering "3", the largest class'
    result = neurosim.run("digits", backend="reference", overrides={"training.epochs": 0, "expect": {}})
    rows = result.simulator.data
    largest = np.bincount(rows.train.targets).argmax()
    assert result.metrics["test_baseline_accuracy"] == np.mean(rows.test.targets == largest)


def test_of_classes_of_one_size_none_is_called_the_largest():
    result = neurosim.run("xor", backend="reference", overrides={"training.epochs": 0, "expect": {}})
    assert result.remarks["baseline"] == "train accuracy 50.00%, from always giving the same answer"


@pytest.fixture(scope="module")
def line(houses):
    """The price by the area alone, which can be drawn."""
    overrides = {
        "data.features": ["area"],
        "training.epochs": 8,
        "expect": {},
        "record": {"quantities": ["parameters"]},
    }
    return neurosim.run(houses.folder / "houses.toml", backend="reference", overrides=overrides)


def test_the_fitted_curve_is_in_the_units_of_the_data(line):
    simulator = line.simulator
    shown = input_map(simulator)
    assert shown.answer == "price"
    assert 5e4 <= shown.points["train"].targets.min() <= shown.points["train"].targets.max() <= 5e5
    middle = len(shown.axes[0]) // 2
    expected = simulator.data.to_target_units(simulator.forward(simulator.data.to_input([[shown.axes[0][middle]]])))
    assert shown.outputs[0][middle] == pytest.approx(expected[0, 0])
    assert 1e5 < shown.outputs[0][middle] < 5e5
    facts = run_facts(simulator, ["learning_curves", "fitted_curve"])
    assert draw("fitted_curve", facts).axes[0].get_ylabel() == "price"
    assert draw("learning_curves", facts).axes[0].get_ylabel().startswith("loss of standardized targets")


def test_the_live_page_has_what_it_needs_to_answer_in_them(line):
    plane = live_data(line.simulator, Script())["plane"]
    (scale,), (shift,) = plane["target"]
    assert (0.0 - shift) / scale == pytest.approx(np.mean(line.simulator.data.to_target_units([[0.0]])))
    assert plane["answer"] == "price"
    low, high = plane["range"]
    assert low < 1e5
    assert high > 4e5


def explain_row(houses, path):
    return explain(Simulator(houses.result.scenario, "reference"), sample=0, path=path).printed()


def test_a_worksheet_says_how_its_target_is_scaled(houses):
    text = " ".join(explain_row(houses, path=False).split())
    short = " ".join(explain_row(houses, path=True).split())
    price = houses.table[houses.result.simulator.data.train.rows[0], 3]
    assert f'here "price" is {price:,.0f}, with mean ' in text
    assert f'here "price" is {price:,.0f}, with mean ' in short
