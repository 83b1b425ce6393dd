"""Scenarios and rows that are given in Python give what files do, and their runs are like any others."""

import shutil

import numpy as np
import pytest
import support

import neurosim
from neurosim.cli.application import execute
from neurosim.errors import DataError, ScenarioError, UsageError
from neurosim.plugin import Table
from neurosim.runs import RunOptions

SECTIONS = {
    "data": {"standardize": True, "test_fraction": 0.25, "seed": 5},
    "network": {
        "loss": "categorical_cross_entropy",
        "layers": [
            {"kind": "dense", "units": 4, "activation": "tanh"},
            {"kind": "dense", "units": 2, "activation": "softmax"},
        ],
    },
    "optimizer": {"name": "adam", "lr": 0.05},
    "training": {"epochs": 4, "batch_size": 8},
}
ROWS = np.random.default_rng(1).normal(size=(40, 2)).round(3)
CLASSES = np.where(ROWS.sum(axis=1) > 0, "above", "below")
NAMED = {"a": ROWS[:, 0], "b": ROWS[:, 1], "side": CLASSES}
REFERENCE = {"backend": "reference"}


def csv_file(folder):
    lines = ["a,b,side", *(f"{a},{b},{side}" for (a, b), side in zip(ROWS, CLASSES, strict=True))]
    (folder / "rows.csv").write_text("\n".join(lines))
    return {**SECTIONS["data"], "source": "csv", "file": "rows.csv", "target": "side"}


def parameters_of(result):
    return {name: array.copy() for name, array in result.simulator.parameters.items()}


def test_they_give_the_bits_that_a_file_gives(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from_file = neurosim.run(neurosim.scenario({**SECTIONS, "data": csv_file(tmp_path)}), **REFERENCE)
    given = neurosim.run(neurosim.scenario(SECTIONS), data=(NAMED, "side"), **REFERENCE)
    assert given.metrics == from_file.metrics
    for name, array in parameters_of(given).items():
        np.testing.assert_array_equal(array, from_file.simulator.parameters[name])
    assert given.rows_sha256 == from_file.rows_sha256
    assert given.simulator.data.feature_names == ("a", "b")
    assert given.simulator.data.target_names == ("side",)
    # Of a scenario with data of its own, what it says of splits and scaling is kept.
    again = neurosim.run(from_file.scenario, data=(ROWS, CLASSES), **REFERENCE)
    assert again.metrics == given.metrics


def test_a_scenario_is_the_file_with_the_same_sections(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = neurosim.scenario({**SECTIONS, "data": csv_file(tmp_path)}, scenario={"name": "mine", "title": "My own"})
    (tmp_path / "mine.toml").write_text(made.to_toml())
    assert neurosim.load_scenario("mine.toml") == made
    assert neurosim.load_scenario(SECTIONS) == neurosim.scenario(SECTIONS) == neurosim.scenario(**SECTIONS)
    changed = neurosim.scenario(SECTIONS, overrides={"training.epochs": np.int64(7)})
    assert changed.training.epochs == 7


def test_what_is_wrong_is_said_of_all_of_it():
    with pytest.raises(ScenarioError) as caught:
        neurosim.scenario(SECTIONS | {"optimizer": {"name": "adm"}, "trainin": {}, "training": {"epochs": -1}})
    said = str(caught.value)
    assert 'the scenario: optimizer.name: unknown optimizer "adm"; did you mean "adam"?' in said
    assert "the scenario: trainin: " in said
    assert "the scenario: training.epochs: " in said
    with pytest.raises(UsageError, match="twice"):
        neurosim.scenario(SECTIONS, network={})
    with pytest.raises(UsageError, match="is of type int"):
        neurosim.load_scenario(3)


def test_without_rows_it_is_said_how_they_are_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"data\.npz: no such file, and no rows are given") as caught:
        neurosim.run(neurosim.scenario(SECTIONS), **REFERENCE)
    assert "neurosim.run(scenario, data=(X, y))" in caught.value.hint
    with pytest.raises(UsageError, match="go with data"):
        neurosim.run("xor", test=(ROWS, CLASSES), **REFERENCE)


def test_a_folder_with_its_rows_is_a_run_wherever_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = neurosim.run(neurosim.scenario(SECTIONS), data=(NAMED, "side"), out="here", **REFERENCE)
    shutil.move("here", "there")
    assert neurosim.run("there", resume="there", **REFERENCE).metrics == first.metrics
    assert neurosim.run("there", **REFERENCE).metrics == first.metrics
    assert neurosim.run("there", resume="there", data=(NAMED, "side"), **REFERENCE).metrics == first.metrics
    with pytest.raises(UsageError, match="rows"):
        neurosim.run("there", resume="there", data=(ROWS[::-1], CLASSES[::-1]), **REFERENCE)


@pytest.mark.ci
def test_commands_take_such_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    neurosim.run(neurosim.scenario(SECTIONS), data=(NAMED, "side"), out="there", **REFERENCE)
    for words in (["report"], ["doctor", "--no-trials"], ["explain"], ["info"], ["plot"]):
        assert execute([words[0], "there", *words[1:]]) == 0, capsys.readouterr().err
    assert execute(["replay", "there", "--from", "epoch:2", "--set", "optimizer.lr=0.1", "--out", "replayed"]) == 0
    assert execute(["compare", "there", "replayed", "--out", "compared"]) == 0


def test_what_notebooks_do_with_a_result():
    result = neurosim.fit(NAMED, "side", hidden=[4], epochs=3, for_report=True, **REFERENCE)
    assert neurosim.explain(result) is not None
    replayed = neurosim.replay(result, epoch=1, overrides={"optimizer.lr": 0.1})
    assert len(neurosim.compare(result, replayed).runs) == 2
    assert neurosim.diagnose(result) is not None
    assert result.simulator.changed({"optimizer.lr": 0.2}).data.feature_names == ("a", "b")


def test_a_study_keeps_the_rows_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    variants = [{"name": "slow", "optimizer.lr": 0.01}, {"name": "fast", "optimizer.lr": 0.1}]
    scenario = neurosim.scenario(SECTIONS, variants=variants)
    found = neurosim.study(scenario, data=(NAMED, "side"), out="here", **REFERENCE)
    assert len(list((tmp_path / "here").rglob("data.npz"))) == 1
    shutil.move("here", "there")
    again = neurosim.study("there", resume="there", **REFERENCE)
    assert [result.metrics for result in again.results] == [result.metrics for result in found.results]
    alone = neurosim.run("there/members/fast", **REFERENCE)
    assert alone.metrics == found.results[1].metrics
    other = neurosim.scenario(SECTIONS, variants=[{"name": "own", "data.seed": 3}])
    with pytest.raises(UsageError, match="variant own of scenario unnamed has data of its own"):
        neurosim.study(other, data=(NAMED, "side"), **REFERENCE)


@pytest.mark.parametrize("backend", support.COMPILED, ids=lambda backend: backend.name)
def test_rows_of_their_own_for_validation_and_test(backend):
    if backend.needs_gpu:
        pytest.skip("the simulator has enough to do")
    given = {"data": (ROWS[:20], CLASSES[:20]), "validation": (ROWS[20:30], CLASSES[20:30])}
    given["test"] = (ROWS[30:], CLASSES[30:])
    scenario = neurosim.scenario({**SECTIONS, "data": {"standardize": True}})
    result = neurosim.run(scenario, **given, backend=backend.name)
    expected = neurosim.run(scenario, **given, **REFERENCE)
    assert len(result.simulator.data.validation) == len(result.simulator.data.test) == 10
    for name, value in expected.metrics.items():
        assert result.metrics[name] == pytest.approx(value, rel=1e-4)
    with pytest.raises(UsageError, match="this data set has its own 10 test rows"):
        neurosim.run(neurosim.scenario(SECTIONS), **given, **REFERENCE)


def test_fit_and_predict():
    test = ({"a": ROWS[:5, 0], "b": ROWS[:5, 1]}, CLASSES[:5])
    adam = {"name": "adam", "lr": 0.05}
    result = neurosim.fit(NAMED, "side", hidden=[8], epochs=100, optimizer=adam, test=test, seed=2, **REFERENCE)
    assert result.metrics["test_accuracy"] == 1.0
    np.testing.assert_array_equal(result.predict(NAMED), CLASSES)
    # Columns are found by their names.
    swapped = {"b": ROWS[:, 1], "a": ROWS[:, 0]}
    np.testing.assert_array_equal(result.predict(swapped), CLASSES)
    with pytest.raises(DataError, match='X has no column "b", which the network learned from'):
        result.predict({"a": ROWS[:, 0]})
    with pytest.raises(DataError, match='X: column "b" holds text; the network learned it as numbers'):
        result.predict({**NAMED, "b": ["much"] * len(ROWS)})


def test_fit_learns_values_in_their_units():
    y = 1000.0 + 200.0 * ROWS[:, 0]
    result = neurosim.fit(ROWS, y, hidden=[], epochs=300, optimizer={"name": "adam", "lr": 0.02}, **REFERENCE)
    np.testing.assert_allclose(result.predict(ROWS)[:, 0], y, rtol=2e-3)
    assert result.scenario.network.loss.record.name == "mse"


def test_fit_takes_options():
    options = RunOptions(backend="reference", seed=4, overrides={"data.test_fraction": 0.2})
    result = neurosim.fit(ROWS, CLASSES, epochs=1, options=options)
    assert (result.simulator.seed, len(result.simulator.data.test)) == (4, 8)
    with pytest.raises(UsageError, match="fit takes the rows as X and y"):
        neurosim.fit(ROWS, CLASSES, data=(ROWS, CLASSES))


def test_a_table_is_taken_as_it_is():
    table = Table(ROWS, (CLASSES == "below").astype(np.int64), ("above", "below"), weights=np.linspace(1, 2, 40))
    result = neurosim.run(neurosim.scenario(SECTIONS), data=table, **REFERENCE)
    assert result.simulator.split_rows("train").weights.size == 30
    with pytest.raises(UsageError, match="a Table has its own"):
        neurosim.run(neurosim.scenario(SECTIONS), data=table, test=(ROWS, CLASSES), **REFERENCE)
