"""The log in MLflow, against MLflow's store of files, which is read here file by file."""

import neurosim_mlflow
import pytest

import neurosim
from neurosim.testing import assert_passes

SMALL = {"training.epochs": 4, "expect": {}}


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A folder where MLflow keeps its runs."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "lesson 3")
    return tmp_path / "store"


def scenario(**changes):
    registry = neurosim.build_registry(entry_points=False)
    registry.register(neurosim_mlflow)
    return neurosim.load_scenario("xor", registry=registry, overrides={**SMALL, **changes})


def runs(store):
    """The folders of the runs, by their names."""
    found = {(path.parent / "tags/mlflow.runName").read_text(): path.parent for path in store.glob("*/*/meta.yaml")}
    return dict(sorted(found.items()))


def metric(run, name):
    """Its values by step, each of which must be there once."""
    lines = [line.split() for line in (run / "metrics" / name).read_text().splitlines()]
    assert len({step for _, _, step in lines}) == len(lines)
    return {int(step): float(value) for _, value, step in lines}


def status(run):
    """1 RUNNING, 3 FINISHED, 5 KILLED."""
    (line,) = [line for line in (run / "meta.yaml").read_text().splitlines() if line.startswith("status: ")]
    return int(line.removeprefix("status: "))


def test_it_gives_one_log_that_passes_the_kit(empty_registry, store):
    empty_registry.register(neurosim_mlflow)
    assert empty_registry.observers.names() == ["mlflow"]
    assert_passes(empty_registry.observers.get("mlflow"))


def test_a_run_is_logged(store, tmp_path):
    result = neurosim.run(scenario(), log=["mlflow"], out=tmp_path / "run")
    ((name, run),) = runs(store).items()
    assert (name, status(run)) == ("xor, seed 7", 3)
    assert metric(run, "train_loss") == dict(enumerate(result.history.train_loss, 1))
    assert {path.name for path in (run / "metrics").iterdir()} == {"train_loss", "train_accuracy", "lr", "seconds"}
    assert (run / "params/optimizer.lr").read_text() == "0.05"
    assert (run / "params/network.layers.0.activation").read_text() == "tanh"
    assert [path.read_text() for path in store.glob("*/meta.yaml") if "name: lesson 3" in path.read_text()]


def test_a_run_that_resumes_is_the_same_one_without_an_epoch_twice(store, tmp_path):
    def interrupt(record):
        if record["epoch"] == 2:
            raise KeyboardInterrupt

    chosen = scenario(**{"training.observers": ["mlflow"]})
    with pytest.raises(KeyboardInterrupt):
        neurosim.run(chosen, out=tmp_path / "run", observer=interrupt)
    (run,) = runs(store).values()
    assert status(run) == 5
    # As a process leaves it that is killed before it has kept the epoch that it has written.
    with (run / "metrics/train_loss").open("a") as file:
        file.write("1700000000000 0.5 3\n")
    neurosim.run(chosen, resume=tmp_path / "run")
    assert list(runs(store).values()) == [run]
    assert status(run) == 3
    assert list(metric(run, "train_loss")) == [1, 2, 3, 4]


def test_each_network_of_a_study_is_a_run(store):
    neurosim.study(scenario(**{"scenario.repeats": 2, "training.observers": ["mlflow"]}))
    assert list(runs(store)) == ["xor, seed 7", "xor, seed 8"]
    assert [len(metric(run, "train_loss")) for run in runs(store).values()] == [4, 4]
