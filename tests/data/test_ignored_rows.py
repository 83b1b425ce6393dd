"""Classes whose rows are left out: numbers of the rows, all parts of a table, and what does not fit."""

import numpy as np
import pytest

import neurosim
from neurosim.data import prepare
from neurosim.errors import DataError, ScenarioError, UsageError

FEATURES = np.arange(20.0).reshape(10, 2)
TABLE = neurosim.Table(
    FEATURES,
    np.array([0, 1, 2, 0, 1, 2, 0, 1, 0, 1]),
    ("-1", "cat", "dog"),
    weights=np.arange(1.0, 11.0),
    test_features=FEATURES[:3] + 0.5,
    test_targets=np.array([2, 0, 1]),
)


def test_rows_keep_their_numbers_and_the_other_classes_their_order():
    data = prepare(TABLE, seed=1, validation_fraction=0.34, ignore=["-1"])
    assert data.classes == ("cat", "dog")
    found = np.sort(np.concatenate([data.train.rows, data.validation.rows]))
    np.testing.assert_array_equal(found, [1, 2, 4, 5, 7, 9])
    for split in (data.train, data.validation):
        np.testing.assert_array_equal(split.features, FEATURES[split.rows])
        np.testing.assert_array_equal(split.targets, TABLE.targets[split.rows] - 1)
        np.testing.assert_allclose(split.weights / split.weights[0], (1.0 + split.rows) / (1.0 + split.rows[0]), 1e-6)
    np.testing.assert_array_equal(data.test.rows, [0, 2])
    np.testing.assert_array_equal(data.test.targets, [1, 0])


def test_without_ignored_rows_it_is_the_table_without_them():
    kept = np.flatnonzero(TABLE.targets > 0)
    alone = neurosim.Table(FEATURES[kept], TABLE.targets[kept] - 1, ("cat", "dog"), weights=TABLE.weights[kept])
    whole = neurosim.Table(FEATURES, TABLE.targets, TABLE.classes, weights=TABLE.weights)
    expected, found = (
        prepare(alone, seed=3, test_fraction=0.4),
        prepare(whole, seed=3, test_fraction=0.4, ignore=["-1"]),
    )
    assert found.sha256 == expected.sha256
    np.testing.assert_array_equal(found.test.rows, kept[expected.test.rows])


def test_numbers_are_the_same_however_they_are_written():
    assert prepare(TABLE, seed=0, ignore=["-1.0"]).classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("ignored", "kind", "said"),
    [
        (["cow"], UsageError, 'ignore: unknown class "cow" known: -1, cat, dog'),
        (["cat", "dog"], DataError, "ignore leaves only '-1' of 3 classes"),
        (["-1", "cat", "dog"], DataError, "ignore leaves none of 3 classes"),
    ],
)
def test_classes_that_cannot_be_left_out_are_refused(ignored, kind, said):
    with pytest.raises(kind) as caught:
        prepare(TABLE, seed=0, ignore=ignored)
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_values_have_no_classes_to_ignore():
    with pytest.raises(UsageError, match=r"data: ignore leaves out rows by their class, and the targets .* are values"):
        neurosim.Simulator(neurosim.load_scenario("sine", overrides={"data.ignore": ["1"], "expect": {}}))
    with pytest.raises(ScenarioError, match=r"data.ignore.0: expected text in quotes, not 1.5"):
        neurosim.load_scenario("iris", overrides={"data.ignore": [1.5]})


def test_a_run_without_a_class_is_one_of_the_others(tmp_path):
    changes = {"data.ignore": ["setosa"], "network.layers.1.units": 2, "training.epochs": 2, "expect": {}}
    result = neurosim.run(neurosim.load_scenario("iris", overrides=changes), out=tmp_path / "run", backend="reference")
    assert result.simulator.data.classes == ("versicolor", "virginica")
    assert neurosim.load_model(tmp_path / "run").classes == ("versicolor", "virginica")
    assert 'ignore = ["setosa"]' in (tmp_path / "run/scenario.toml").read_text()
