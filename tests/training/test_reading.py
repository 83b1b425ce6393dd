"""Run folders, read again."""

import shutil

import pytest

from neurosim import run, study
from neurosim.errors import DataError
from neurosim.training.reading import read_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "moons"
    overrides = {"training.epochs": 3, "record.quantities": ["parameters", "dead"], "record.every": 1, "expect": {}}
    run("moons", seed=5, overrides=overrides, out=path)
    return path


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def test_a_run_is_as_it_was(tmp_path):
    overrides = {"training.epochs": 4, "record.quantities": ["parameters", "dead"]}
    made = run("moons", seed=5, overrides=overrides, out=tmp_path / "run")
    (again,) = read_run(tmp_path / "run").results
    assert again.metrics == made.metrics
    assert again.seconds == made.seconds
    assert list(again.history) == list(made.history)
    assert again.expectations == made.expectations
    assert again.recording.to_bytes() == made.recording.to_bytes()
    assert again.simulator.seed == 5
    found, wanted = again.simulator.parameters, made.simulator.parameters
    assert all(found[name].tobytes() == wanted[name].tobytes() for name in wanted)
    assert again.simulator.evaluate("test") == made.simulator.evaluate("test")


def test_a_study_is_as_it_was(tmp_path):
    overrides = {"training.epochs": 2, "scenario.repeats": 2}
    made = study("optimizers", overrides=overrides, out=tmp_path / "study")
    again = read_run(tmp_path / "study")
    assert again.scenario.is_study
    assert [(r.scenario.variant, r.simulator.seed, r.metrics) for r in again.results] == [
        (r.scenario.variant, r.simulator.seed, r.metrics) for r in made.results
    ]


def test_folders_that_are_none(tmp_path, folder):
    with pytest.raises(DataError, match="there is no such run folder"):
        read_run(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="is a file, not a run folder"):
        read_run(tmp_path / "file")
    with pytest.raises(DataError, match="is not a run folder") as caught:
        read_run(folder.parent)
    assert caught.value.hint == f"There are runs in it, such as {folder}."
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is not a run folder"):
        read_run(tmp_path / "empty")
    (tmp_path / "empty" / "ensemble.csv").write_text("seed\n")
    with pytest.raises(DataError, match="a run of many seeds"):
        read_run(tmp_path / "empty")


def test_an_unfinished_run(copy):
    (copy / "summary.json").unlink()
    with pytest.raises(DataError, match="is not finished") as caught:
        read_run(copy)
    assert f"neurosim run --resume {copy}" in caught.value.hint


@pytest.mark.parametrize("name", ["metrics.jsonl", "model.safetensors", "record.npz", "summary.json"])
@pytest.mark.parametrize("damage", [b"", b"{", b"\x00" * 100])
def test_damaged_files_are_named(copy, name, damage):
    (copy / name).write_bytes(damage)
    if name == "metrics.jsonl" and not damage:
        assert len(read_run(copy).results[0].history) == 0
        return
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        read_run(copy)


def test_weights_of_another_network(copy):
    text = (copy / "scenario.toml").read_text().replace("units = 16", "units = 8")
    (copy / "scenario.toml").write_text(text)
    with pytest.raises(DataError, match=r"model\.safetensors does not fit .*scenario\.toml"):
        read_run(copy)
