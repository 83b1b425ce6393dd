"""Weights of rows: from a column or a plugin to the splits, the loss, the worksheet and the messages."""

import dataclasses

import numpy as np
import pytest

import neurosim
from neurosim import Table, load_scenario, run
from neurosim.data import prepare
from neurosim.errors import DataError, ScenarioError, ShapeError, UsageError
from neurosim.runs.identity import determining

ROWS = 40
SCENARIO = """
[scenario]
name = "weights"
title = "Weights of rows"
[data]
source = "csv"
file = "rows.csv"
target = "label"
weights = "copies"
test_fraction = 0.25
[network]
loss = "binary_cross_entropy"
[[network.layers]]
kind = "dense"
units = 3
activation = "tanh"
[[network.layers]]
kind = "dense"
units = 1
activation = "sigmoid"
[optimizer]
name = "sgd"
lr = 0.5
[training]
epochs = 4
batch_size = 8
"""
COPIES = np.arange(ROWS) % 4


def text(copies=COPIES):
    random = np.random.default_rng(1)
    x = random.normal(size=(ROWS, 2))
    lines = [f"{a:.4f},{b:.4f},{'no' if a + b < 0 else 'yes'},{c}" for (a, b), c in zip(x, copies, strict=True)]
    return "\n".join(["x1,x2,label,copies", *lines]) + "\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "rows.csv").write_text(text())
    (tmp_path / "weights.toml").write_text(SCENARIO)
    return tmp_path / "weights.toml"


@pytest.fixture
def problem(files):
    return neurosim.Simulator(load_scenario(files))


def test_the_column_is_neither_input_nor_target(problem):
    assert problem.data.feature_names == ("x1", "x2")
    assert problem.network.inputs == 2


def test_weights_go_with_their_rows_and_have_mean_1_in_each_split(problem):
    for name in ("train", "test"):
        split, rows = getattr(problem.data, name), problem.split_rows(name)
        assert split.weights.mean() == pytest.approx(1.0)
        assert np.allclose(split.weights, COPIES[split.rows] / COPIES[split.rows].mean())
        assert np.array_equal(rows.weights, split.weights)
    assert np.array_equal(problem.split_rows("train", 5).weights, rows_of(problem, 5))


def rows_of(problem, most):
    rows = problem.split_rows("train")
    return rows.weights[np.arange(most) * rows.count // most]


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_losses_are_weighted_means_and_accuracies_count_rows(files, backend):
    simulator = run(files, backend=backend).simulator
    for name in ("train", "test"):
        rows, found = simulator.split_rows(name), simulator.evaluate(name)
        p = simulator.forward(rows.features)[:, 0].astype(np.float64)
        y = rows.values[:, 0]
        each = -(y * np.log(p) + (1 - y) * np.log(1 - p))
        copies = COPIES[getattr(simulator.data, name).rows]
        # As sklearn.metrics.log_loss and accuracy_score have them, the first with sample_weight.
        assert found["loss"] == pytest.approx(np.average(each, weights=copies), rel=1e-5)
        assert found["accuracy"] == np.mean((p > 0.5) == (y == 1))


def test_only_proportions_matter(files, tmp_path):
    first = run(files)
    (tmp_path / "rows.csv").write_text(text(COPIES * 8))
    second = run(files)
    assert first.metrics == second.metrics
    assert first.rows_sha256 != second.rows_sha256


def test_other_weights_train_another_network_on_other_rows(files, tmp_path):
    first = run(files)
    unweighted = run(files, overrides={"data.weights": "", "data.features": ["x1", "x2"]})
    assert first.metrics["train_loss"] != unweighted.metrics["train_loss"]
    assert first.rows_sha256 != unweighted.rows_sha256
    assert determining(first.scenario) != determining(unweighted.scenario)


def test_a_run_goes_on_with_its_weights(files, tmp_path):
    whole = run(files, out=tmp_path / "whole")
    begun = neurosim.Simulator(load_scenario(files))
    begun.train_to(7)
    resumed = neurosim.Simulator(load_scenario(files))
    resumed.restore(begun.state(), begun.history)
    resumed.train()
    assert np.array_equal(resumed.parameters["layers.0.weight"], whole.simulator.parameters["layers.0.weight"])


def test_many_seeds_have_the_same_weights(files):
    scenario = load_scenario(files)
    ensemble = neurosim.Ensemble(scenario, seeds=[0, 1])
    ensemble.train()
    for member, seed in zip(ensemble.members, (0, 1), strict=True):
        alone = run(scenario, seed=seed)
        assert member.measures["train_loss"] == pytest.approx(alone.metrics["train_loss"], rel=1e-6)


def test_the_worksheet_has_the_weight_as_a_factor(files):
    simulator = neurosim.Simulator(load_scenario(files), backend="reference")
    weight = simulator.split_rows("train").weight(2)
    sheet = neurosim.explain(simulator, sample=2)
    lines = {line.name: line for line in sheet.lines()}
    assert lines["L"].formula == "weight·loss of the sample"
    assert lines["L"].value == pytest.approx(weight * lines["loss of the sample"].value)
    assert "weight·(a2[1] - y)" in {line.formula for line in sheet.lines()}
    assert "Its weight, by which its loss is multiplied, is" in " ".join(str(sheet).split())


def test_weights_may_be_given_from_python(problem):
    x = problem.split_rows("train").features[:3]
    y = np.array([[0.0], [1.0], [1.0]])
    loss, gradients = problem.gradients(x, y, [1.0, 2.0, 0.0])
    wanted, expected = problem.gradients(x[[0, 1, 1]], y[[0, 1, 1]])
    assert loss == pytest.approx(wanted, rel=1e-5)
    assert np.allclose(gradients["layers.0.weight"], expected["layers.0.weight"], atol=1e-6)
    assert problem.loss(x, y, [1.0, 2.0, 0.0]) == pytest.approx(wanted, rel=1e-5)
    assert problem.step(x, y, [1.0, 2.0, 0.0]) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        ([1.0, 2.0], ShapeError, "weights have shape (2,), this needs (3,)"),
        ([1.0, -2.0, 1.0], UsageError, "weights must be finite numbers, none below 0"),
        ([1.0, np.nan, 1.0], UsageError, "weights must be finite numbers, none below 0"),
        (["a", "b", "c"], UsageError, "weights must be finite numbers, none below 0"),
    ],
)
def test_what_weights_from_python_cannot_be(problem, weights, error, words):
    x = problem.split_rows("train").features[:3]
    with pytest.raises(error) as caught:
        problem.gradients(x, np.zeros((3, 1)), weights)
    assert caught.value.message == words


@pytest.mark.parametrize(
    ("copies", "words"),
    [
        ([1, -2, *COPIES[2:]], 'rows.csv: row 2 (line 3), column "copies": the weight -2 is below 0'),
        ([1, -2, -3, *COPIES[3:]], "the weight -2 is below 0 (and 1 more in this column)"),
        ([1, "nan", *COPIES[2:]], "row 2 (line 3), column \"copies\": the value is missing ('nan')"),
        ([1, "", *COPIES[2:]], 'row 2 (line 3), column "copies": the value is missing'),
        (np.zeros(ROWS, int), 'rows.csv: column "copies": all weights are 0, so no row counts'),
        (np.where(np.arange(ROWS) == 3, 1, 0), "all 10 test rows have the weight 0, so none of them counts"),
    ],
)
def test_wrong_weights_are_named_with_row_line_and_column(files, tmp_path, copies, words):
    (tmp_path / "rows.csv").write_text(text(copies))
    with pytest.raises(DataError) as caught:
        run(files)
    assert words in caught.value.message


def test_weights_of_any_kind_of_number_may_be_0_in_a_split():
    weights = np.zeros(ROWS, np.float32)
    weights[0] = 1.0
    table = Table(np.arange(float(ROWS))[:, None], np.zeros((ROWS, 1)), weights=weights)
    with pytest.raises(DataError, match="rows have the weight 0, so none of them counts"):
        prepare(table, seed=0, test_fraction=0.25)


@pytest.mark.parametrize(
    ("key", "value", "error", "words"),
    [
        ("data.weights", "copys", DataError, 'unknown column "copys"'),
        ("data.weights", "label", UsageError, 'weights = "label": this column is the target'),
        ("data.features", ["x1", "copies"], UsageError, 'weights = "copies": this column is a feature'),
        ("data.weights", 3, ScenarioError, "expected text in quotes, not 3"),
    ],
)
def test_wrong_columns(files, key, value, error, words):
    with pytest.raises(error) as caught:
        run(files, overrides={key: value})
    assert words in caught.value.message


TABLE = Table(np.zeros((4, 1)), np.zeros((4, 1)), weights=np.array([1, 0, 2, 1]))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"weights": [1, 2, 3, 4]}, "weights must be an array of 4 numbers, one for each row, not list"),
        ({"weights": np.ones(3)}, "weights must be an array of 4 numbers, one for each row, not float64 (3,)"),
        ({"weights": np.array([1.0, -1.0, 1.0, 1.0])}, "weights must be finite numbers, 0 or larger; row 1 has -1.0"),
        ({"weights": np.array([1.0, 1.0, np.nan, 1.0])}, "weights must be finite numbers, 0 or larger; row 2 has nan"),
        ({"weights": np.zeros(4)}, "weights are 0 in all rows, so none of them counts"),
        ({"test_weights": np.ones(2)}, "test_weights are for test rows of their own, beside weights of the training"),
    ],
)
def test_what_a_plugin_is_told(changed, words):
    with pytest.raises(DataError, match=words.replace("(", r"\(").replace(")", r"\)")):
        prepare(dataclasses.replace(TABLE, **changed), seed=0)


def test_test_rows_of_a_data_set_have_weights_of_their_own():
    table = dataclasses.replace(
        TABLE, test_features=np.ones((2, 1)), test_targets=np.zeros((2, 1)), test_weights=np.array([3.0, 1.0])
    )
    data = prepare(table, seed=0, standardize=True)
    assert data.train.weights.tolist() == [1.0, 0.0, 2.0, 1.0]
    assert data.test.weights.tolist() == [1.5, 0.5]
    assert prepare(dataclasses.replace(table, test_weights=None), seed=0).test.weights.size == 0
