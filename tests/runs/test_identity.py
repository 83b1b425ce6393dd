"""What the numbers of a run belong to: written beside them, and the same wherever that is."""

import dataclasses
import json
from pathlib import Path

import pytest
from small_runs import PLUGIN, ROWS, SCENARIO

import neurosim
from neurosim.errors import DivergedError
from neurosim.files.sealed import unseal
from neurosim.runs import run_ensemble
from neurosim.runs.belonging import changes
from neurosim.runs.identity import Identity, PluginRecord, identity_of, plugin_changes


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    (folder / "small.toml").write_text(SCENARIO)
    (folder / "rows.csv").write_text(ROWS)
    (folder / "twice.py").write_text(PLUGIN)
    return folder


def scenario_of(place, **overrides):
    return neurosim.load_scenario(place / "small.toml", overrides=overrides, plugins=[place / "twice.py"])


@pytest.fixture(scope="module")
def finished(place):
    return neurosim.run(scenario_of(place), backend="reference", out=place / "run")


def written(path):
    return Identity.from_json(json.loads(path.read_text())["identity"])


def test_one_identity_is_in_the_result_the_summary_and_the_model(finished):
    identity = identity_of(finished.simulator)
    assert finished.identity == identity
    assert written(finished.folder / "summary.json") == identity
    assert Identity.from_json(unseal(finished.folder / "model.safetensors", "model")[1]["identity"]) == identity
    assert set(identity.rows) == {"train", "test"}
    assert [plugin.name for plugin in identity.plugins] == ["twice"]
    assert set(identity.versions) == {"neurosim", "numpy"}
    assert identity.arithmetic["backend"] == "reference"
    assert "BLAS" in identity.arithmetic


def test_networks_of_studies_and_many_seeds_and_runs_that_diverged_have_one(place, finished):
    study = neurosim.study(scenario_of(place, **{"scenario.repeats": 2}), backend="reference", out=place / "study")
    listed = json.loads((place / "study" / "summary.json").read_text())["runs"]
    for result, entry in zip(study.results, listed, strict=True):
        assert written(result.folder / "summary.json") == result.identity == Identity.from_json(entry["identity"])
    assert study.results[0].identity == finished.identity
    run_ensemble(neurosim.Ensemble(scenario_of(place), 2, "reference"), place / "seeds")
    assert written(place / "seeds" / "summary.json") == finished.identity
    wild = {"optimizer.lr": 1e38, "network.layers.0.activation": "identity", "network.layers.1.activation": "identity",
            "network.loss": "mse", "data.task": "regression", "data.target": "b",
            "data.features": ["a"], "training.epochs": 9}  # fmt: skip
    with pytest.raises(DivergedError):
        neurosim.run(scenario_of(place, **wild), backend="reference", out=place / "wild")
    assert "lr = 1e+38" in written(place / "wild" / "failure.json").scenario


def test_what_changes_no_trained_number_is_no_part_of_it(place, finished):
    same = {
        "scenario.title": "another",
        "expect": {"train_accuracy": {"at_least": 0.0}},
        "training.checkpoint_every": 1,
        "record": {"quantities": ["gradient_norm"]},
    }
    result = neurosim.run(scenario_of(place, **same), backend="reference", out=place / "same")
    assert result.identity == finished.identity
    assert (place / "same" / "model.safetensors").read_bytes() == (place / "run" / "model.safetensors").read_bytes()


def test_where_the_rows_lie_is_no_part_of_it(place, finished, tmp_path):
    (tmp_path / "rows.csv").write_text(ROWS)
    moved = scenario_of(place, **{"data.file": str(tmp_path / "rows.csv")})
    assert identity_of(neurosim.Simulator(moved, "reference")) == finished.identity


def test_differences_are_told_line_by_line(place, finished):
    was = finished.identity
    changed = scenario_of(place, **{"optimizer.lr": 0.5, "data.test_fraction": 0.5})
    lines = changes(Path(), was, identity_of(neurosim.Simulator(changed, "reference")), bits=True).all_lines
    assert "  scenario: -lr = 0.01" in lines
    assert "  scenario: +lr = 0.5" in lines
    assert any(line.startswith("  data: the training rows have changed (SHA-256 ") for line in lines)
    elsewhere = dataclasses.replace(
        was,
        versions={**was.versions, "numpy": "1.0"},
        arithmetic={**was.arithmetic, "BLAS": "another"},
        plugins=(PluginRecord("twice", "", "0" * 64),),
    )
    lines = changes(Path(), elsewhere, was, bits=True).all_lines
    assert any(line.startswith("  numpy: 1.0, now ") for line in lines)
    assert any(line.startswith("  BLAS: another, now ") for line in lines)
    assert any(line.startswith("  plugin twice: its code has changed (SHA-256 000000000000…, now ") for line in lines)
    # What is only read is the same wherever it is read.
    assert len(changes(Path(), elsewhere, was).all_lines) == 1
    assert not changes(Path(), was, was, bits=True)


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {},
        {"scenario": 1},
        {"rows": {"train": 3}},
        {"plugins": [{"name": "x"}]},
        {"plugins": {}},
        {"versions": []},
        {"more": {}},
    ],
)  # fmt: skip
def test_what_is_no_identity_is_refused(finished, broken):
    found = {**finished.identity.as_json(), **broken} if broken else broken
    with pytest.raises(ValueError, match="identity"):
        Identity.from_json(found)
    assert Identity.from_json(finished.identity.as_json()) == finished.identity


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ((), ("0.1", "a"), "has a part in it now, and had none then"),
        (("0.1", "a"), (), "has no part in it now, so a name means something else than it did"),
        (("0.1", "a"), ("0.2", "b"), "version 0.1 (SHA-256 a…), now version 0.2 (SHA-256 b…)"),
        (("0.1", "a"), ("", "b"), "version 0.1 (SHA-256 a…), now a file (SHA-256 b…)"),
        (("0.1", "a"), ("0.1", "b"), "its code has changed (SHA-256 a…, now b…)"),
        (("0.1", "a"), ("0.1", "a"), ""),
    ],
)
def test_a_changed_plugin_is_told_in_words(was, now, words):
    before, after = ([PluginRecord("bend", *one)] if one else [] for one in (was, now))
    assert plugin_changes(before, after) == ([f"  plugin bend: {words}"] if words else [])
