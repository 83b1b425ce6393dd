"""Several target columns: from a file or from Python to the measures, the predictions and the messages."""

import csv
from pathlib import Path

import numpy as np
import pytest

import neurosim
from neurosim.cli.application import execute
from neurosim.data.arrays import table_of
from neurosim.errors import DataError, ScenarioError, UsageError
from neurosim.scenario.pictures import PICTURES

_RANDOM = np.random.default_rng(2)
X = _RANDOM.uniform(-1, 1, (60, 2)).round(4)
TOTAL, PRODUCT = (100 * X.sum(axis=1)).round(4), (X[:, 0] * X[:, 1]).round(6)
COLUMNS = {
    "u": X[:, 0], "total": TOTAL, "v": X[:, 1], "product": PRODUCT, "big": 1 * (TOTAL > 0), "wide": 1 * (X[:, 1] > 0.5),
    "word": np.where(TOTAL > 0, "yes", "no"),
}  # fmt: skip
SECTIONS = {
    "data": {"source": "csv", "file": "rows.csv", "target": ["total", "product"], "features": ["u", "v"],
             "test_fraction": 0.25},
    "network": {"loss": "mse", "layers": [{"kind": "dense", "units": 4, "activation": "tanh"},
                                          {"kind": "dense", "units": 2}]},
    "optimizer": {"name": "adam", "lr": 0.05},
    "training": {"epochs": 3, "batch_size": 8},
}  # fmt: skip
LABELS = {
    "data.target": ["big", "wide"], "network.loss": "binary_cross_entropy", "network.layers.1.activation": "sigmoid",
    "training.metrics": ["label_accuracy"],
}  # fmt: skip
REFERENCE = {"backend": "reference"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open("rows.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([COLUMNS, *zip(*COLUMNS.values(), strict=True)])
    return tmp_path


def made(**overrides):
    return neurosim.scenario(SECTIONS, overrides=overrides)


def trained(**overrides):
    return neurosim.run(made(**overrides), **REFERENCE)


def test_columns_are_learned_in_the_order_in_which_they_are_named():
    lines = (line.rpartition(",")[0] for line in Path("rows.csv").read_text("utf-8").splitlines())
    Path("numbers.csv").write_text("\n".join(lines), "utf-8")
    given = {"data.file": "numbers.csv", "data.target": ["product", "total"], "data.features": []}
    data = neurosim.Simulator(made(**given), "reference").data
    assert data.target_names == ("product", "total")
    assert data.feature_names == ("u", "v", "big", "wide")
    rows = data.train.rows
    np.testing.assert_allclose(data.to_target_units(data.train.targets), np.c_[PRODUCT, TOTAL][rows], atol=1e-4)


def test_a_file_and_rows_given_in_python_are_learned_alike():
    from_file = trained()
    frame = {name: COLUMNS[name] for name in ("u", "v", "total", "product")}
    for given in ((frame, ["total", "product"]), (X, np.c_[TOTAL, PRODUCT])):
        again = neurosim.run(from_file.scenario, data=given, **REFERENCE)
        assert again.metrics == from_file.metrics
    with_names = table_of(({"u": X[:, 0]}, {"total": TOTAL, "big": TOTAL > 0}))
    assert with_names.target_names == ("total", "big")
    assert set(with_names.targets[:, 1]) == {0.0, 1.0}


def test_each_target_is_measured_in_its_own_units():
    result = trained()
    test = result.simulator.data.test
    answers = result.predict(X[test.rows])
    truth = np.c_[TOTAL, PRODUCT][test.rows]
    rmse = np.sqrt(np.square(answers - truth).mean(axis=0))
    explained = 1 - np.square(answers - truth).sum(axis=0) / np.square(truth - truth.mean(axis=0)).sum(axis=0)
    found = result.by_target
    assert list(found) == ["total", "product"]
    np.testing.assert_allclose([[of["rmse"], of["r2"]] for of in found.values()], np.c_[rmse, explained], rtol=1e-4)
    assert result.metrics["test_r2"] == pytest.approx(explained.mean(), rel=1e-4)
    assert result.remarks["targets"].startswith("test RMSE of total ")
    assert result.remarks["units"] == "RMSE is over all targets together; the loss is that of standardized targets"
    assert result.as_json()["targets"] == found


def test_predictions_have_a_column_for_each_target(capsys):
    neurosim.run(made(), out="runs/two", **REFERENCE)
    assert execute(["predict", "runs/two", "--data", "rows.csv", "--out", "answers.csv", "--backend", "reference"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["row", "total", "product"]
    with open("answers.csv", encoding="utf-8") as file:
        assert next(csv.reader(file)) == ["row", "total", "product"]


def test_labels_are_columns_of_0_and_1_that_are_not_scaled():
    result = trained(**LABELS)
    assert not result.simulator.data.scales_targets
    answers = result.predict(X)
    right = (answers > 0.5) == np.c_[COLUMNS["big"], COLUMNS["wide"]]
    rows = result.simulator.data.test.rows
    assert result.metrics["test_label_accuracy"] == pytest.approx(right[rows].mean())


@pytest.mark.parametrize(
    ("overrides", "kind", "said"),
    [
        ({"data.target": []}, ScenarioError, "data.target: expected text in quotes, or a list of texts, not []"),
        ({"data.target": ["total", 3]}, ScenarioError, "data.target: expected text in quotes, or a list of texts"),
        ({"data.target": ["total", "total"]}, UsageError, "target = ['total', 'total']: each column once"),
        ({"data.target": ["total", "u"]}, UsageError, "each column once, and no target"),
        ({"data.target": ["total", "producd"]}, DataError, 'column "producd"'),
        ({"data.target": ["total", "word"]}, DataError, "each of several targets has to; write 1 for yes and 0 for no"),
        ({"data.task": "classification"}, UsageError, "the targets have 2 columns, and the classes of"),
        ({"data.weights": "total"}, UsageError, 'weights = "total": this column is a target'),
        ({"network.layers.1.units": 3}, neurosim.NeurosimError, "the targets have 2 values: it needs 2"),
        ({**LABELS, "data.target": ["big", "total"]}, ScenarioError, "binary_cross_entropy is for targets from 0 to 1"),
        ({"data.target": ["big", "wide"], "network.loss": "hinge"}, ScenarioError, "standardized targets go from"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_a_sentence(overrides, kind, said):
    with pytest.raises(kind) as caught:
        trained(**overrides)
    assert said in f"{caught.value} {caught.value.hint}"


def test_classes_in_two_columns_of_an_array_are_refused():
    with pytest.raises(UsageError, match="the targets have 2 columns"):
        table_of((X, np.c_[COLUMNS["big"], COLUMNS["wide"]]), task="classification")


def test_curves_of_several_targets_are_drawn_side_by_side():
    one = trained(**{"data.features": ["u"]})
    figure = neurosim.plot(one, "fitted_curve")
    panels = figure.axes
    assert [axes.get_ylabel() for axes in panels] == ["total", "product"]
    for target, axes in enumerate(panels):
        # The line and the points of the training rows, in the units of the file.
        x, y = axes.lines[0].get_data()
        np.testing.assert_allclose(y, one.predict(np.asarray(x)[:, None])[:, target], rtol=1e-4, atol=1e-4)
        points = np.asarray(axes.collections[0].get_offsets())
        rows = one.simulator.data.train.rows
        np.testing.assert_allclose(points[:, 1], [TOTAL, PRODUCT][target][rows], rtol=1e-4, atol=1e-4)


@pytest.mark.ci
def test_commands_read_such_a_run_and_its_pictures_are_drawn_or_refused(capsys):
    record = {"record.quantities": ["parameters"]}
    neurosim.run(made(**record, **{"plots.pictures": ["learning_curves"]}), out="runs/two", for_report=True)
    for words in (
        ["report", "runs/two"],
        ["compare", "runs/two", "runs/two", "--json"],
        ["doctor", "runs/two", "--no-trials", "--json"],
        ["explain", "runs/two"],
        ["info", "runs/two"],
        ["replay", "runs/two", "--from", "1", "--out", "again"],
        ["export", "runs/two", "--to", "numpy", "--out", "two.py"],
    ):
        assert execute(words) == 0, (words, capsys.readouterr())
    assert "Targets: test RMSE of total" in Path("runs/two/report.html").read_text("utf-8")
    anyone_has = {"learning_curves", "network_diagram", "loss_surface"}
    for name in (name for name, picture in PICTURES.items() if not picture.by_layer and name not in anyone_has):
        capsys.readouterr()
        status = execute(["plot", "runs/two", "--only", name, "--out", "pictures"])
        assert (status == 0) == (name == "unit_maps"), name
        assert status == 0 or "Error: " in capsys.readouterr().err, name
