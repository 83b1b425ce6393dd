"""Nothing that is measured, recorded, drawn or written after training costs the trained model."""

import io
import json
import warnings

import numpy as np
import pytest

import neurosim
from neurosim.cli.application import execute
from neurosim.errors import DataError
from neurosim.runs import Observer
from neurosim.runs.checkpoint import has_checkpoint
from neurosim.training.measures import final_measures
from neurosim.training.recording import load_recording
from neurosim.training.recording import recorder as recorder_module

EPOCHS = 4
# Weights that are put back at the end, and a recording: what is kept must be the network at its very end.
KEYS = {
    "data.samples": 40, "data.validation_fraction": 0.25, "training.epochs": EPOCHS, "training.keep_best": "train_loss",
    "record": {"quantities": ["gradient_norm", "update_ratio", "parameters"]}, "plots.pictures": [], "expect": {},
}  # fmt: skip
FILES = ("model.safetensors", "record.npz")
QUICK = [
    "run", "moons", "--backend", "reference", "--quiet",
    "--set", "training.epochs=2", "--set", "data.samples=40", "--set", "expect={}",
]  # fmt: skip


def train(out, observer=None, scenario="moons", **overrides):
    return neurosim.run(scenario, backend="reference", overrides=KEYS | overrides, out=out, observer=observer)


def resume(folder):
    """The run in a folder gone on with; the epochs that were trained for that."""
    epochs = []
    result = neurosim.run(
        folder / "scenario.toml", backend="reference", resume=folder, observer=lambda record: epochs.append(record)
    )
    return result, epochs


def left_in(folder):
    return [(folder / name).read_bytes() for name in FILES]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run leaves that nothing goes wrong in, and its measures."""
    folder = tmp_path_factory.mktemp("whole")
    result = train(folder)
    return left_in(folder), result.metrics


def check_completed(folder, whole):
    """Resuming trains nothing and leaves what the undisturbed run has left."""
    result, epochs = resume(folder)
    assert not epochs
    assert (left_in(folder), result.metrics) == whole
    assert not has_checkpoint(folder)


@pytest.mark.parametrize("error", [MemoryError("no room"), ZeroDivisionError("a fault")])
def test_measures_that_fail_do_not_cost_the_model(error, monkeypatch, tmp_path, whole):
    def fail(*_):
        assert (tmp_path / "model.safetensors").read_bytes() == whole[0][0]
        raise error

    monkeypatch.setattr("neurosim.training.workbench.final_measures", fail)
    with pytest.raises(type(error)) as caught:
        train(tmp_path)
    assert f"neurosim run --resume {tmp_path}  does what is left, without training again." in caught.value.__notes__[-1]
    assert not (tmp_path / "summary.json").exists()
    monkeypatch.setattr("neurosim.training.workbench.final_measures", final_measures)
    check_completed(tmp_path, whole)


@pytest.mark.parametrize("name", ["record.npz", "summary.json"])
def test_what_cannot_be_written_does_not_cost_the_model(name, monkeypatch, tmp_path, whole):
    place = tmp_path / name

    class InTheWay(Observer):
        def epoch(self, record):
            if record["epoch"] == EPOCHS:
                place.mkdir()
                (place / "something").touch()

    with pytest.raises(DataError) as caught:
        train(tmp_path, InTheWay())
    assert "without training again" in caught.value.hint
    assert neurosim.load_model(tmp_path).network.size
    (place / "something").unlink()
    place.rmdir()
    check_completed(tmp_path, whole)


@pytest.mark.parametrize("epoch", [2, EPOCHS])
def test_an_observer_that_fails_does_not_cost_what_is_trained(epoch, tmp_path, whole):
    def observe(record):
        if record["epoch"] == epoch:
            raise LookupError("the observer's own")

    with pytest.raises(LookupError) as caught:
        train(tmp_path, observe)
    assert f"neurosim run --resume {tmp_path}" in caught.value.__notes__[-1]
    result, epochs = resume(tmp_path)
    assert [record["epoch"] for record in epochs] == list(range(epoch + 1, EPOCHS + 1))
    assert (left_in(tmp_path), result.metrics) == whole


def failing_from(count, monkeypatch):
    """Makes the measuring of gradients fail from its so many-th time on."""
    times, norm = [], recorder_module._norm

    def fail(values):
        times.append(values)
        if len(times) > count:
            raise MemoryError
        return norm(values)

    monkeypatch.setattr(recorder_module, "_norm", fail)


# Of the three layers of moons each has a gradient, and after each step a weight before and an update.
@pytest.mark.parametrize(("count", "recorded"), [(0, 0), (1, 0), (3, 1), (4, 1), (12, 2)])
def test_recording_that_fails_ends_and_training_does_not(count, recorded, monkeypatch, tmp_path, whole):
    failing_from(count, monkeypatch)
    with pytest.warns(UserWarning, match="training goes on without it: there is not enough memory") as told:
        result = train(tmp_path)
    assert len(told) == 1
    assert (tmp_path / "model.safetensors").read_bytes() == whole[0][0]
    assert result.metrics == whole[1]
    kept, undisturbed = load_recording(tmp_path), np.load(io.BytesIO(whole[0][1]))
    assert kept.epochs == undisturbed["epochs"].tolist()[:recorded]
    for name, entries in kept.values.items():
        assert np.array_equal(entries, undisturbed[name][:recorded], equal_nan=True)


@pytest.mark.parametrize("count", [0, 3])
def test_a_run_whose_recording_fails_is_drawn_with_what_there_is(count, monkeypatch, tmp_path, capsys):
    failing_from(count, monkeypatch)
    words = ["--set", "training.epochs=2", "--set", "data.samples=40", "--set", "expect={}", "--out", str(tmp_path)]
    asked = ["--set", 'plots.pictures=["gradient_norm"]']
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert execute(["run", "moons", "--backend", "reference", *words, *asked]) == 0
    out, err = capsys.readouterr()
    assert err.count("Warning: recording ends before epoch") == 1
    assert "Traceback" not in err
    assert "report.html" in out
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "gradient_norm.png").is_file() == (count > 0)
    monkeypatch.undo()
    assert execute(["report", str(tmp_path)]) == 0


def test_a_promise_about_the_end_is_not_held_against_an_earlier_time(monkeypatch, tmp_path):
    claim = {"measure": "gradient_norm", "layer": "first", "at_least": 0.0}
    assert train(None, claims=[claim]).met
    failing_from(12, monkeypatch)
    with pytest.warns(UserWarning, match="recording ends"):
        result = train(tmp_path, claims=[claim])
    assert [promise.value for promise in result.expectations] == [None]
    assert not json.loads((tmp_path / "summary.json").read_text())["expectations"][0]["met"]


def test_measuring_layers_on_demand_says_what_is_wrong(monkeypatch):
    simulator = neurosim.Simulator(neurosim.load_scenario("moons", overrides=KEYS), "reference")
    failing_from(0, monkeypatch)
    with pytest.raises(MemoryError):
        simulator.measure_layers(["gradient_norm"])


def test_a_page_that_cannot_be_written_is_made_by_resuming(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.html").mkdir()
    (tmp_path / "run" / "report.html" / "something").touch()
    folder = str(tmp_path / "run")
    assert execute([*QUICK, "--set", "plots.pictures=[]", "--out", folder]) == 3
    assert f"neurosim run --resume {folder}  makes what is missing, without training again." in capsys.readouterr().err
    model = (tmp_path / "run" / "model.safetensors").read_bytes()
    (tmp_path / "run" / "report.html" / "something").unlink()
    (tmp_path / "run" / "report.html").rmdir()
    assert execute(["run", "--resume", folder]) == 0
    assert "all of it is trained" in capsys.readouterr().out
    assert (tmp_path / "run" / "report.html").is_file()
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == model


def test_a_fault_of_neurosim_after_training_says_what_is_kept(tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise IndexError("a fault")

    monkeypatch.setattr("neurosim.report.run.live_data", fail)
    folder = str(tmp_path / "run")
    assert execute([*QUICK, "--set", "plots.pictures=[]", "--out", folder]) == 1
    assert f"What was trained is kept: neurosim run --resume {folder}" in capsys.readouterr().err
    monkeypatch.undo()
    assert execute(["run", "--resume", folder, "--quiet"]) == 0


def test_what_fails_in_a_study_points_to_the_study(tmp_path, monkeypatch):
    overrides = {"training.epochs": 2, "data.samples": 40, "expect": {}, "scenario.repeats": 2, "plots.pictures": []}

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("neurosim.training.workbench.final_measures", fail)
    with pytest.raises(MemoryError) as caught:
        neurosim.study("moons", backend="reference", overrides=overrides, out=tmp_path)
    assert any(f"neurosim run --resume {tmp_path}  " in note for note in caught.value.__notes__)
    models = {path: path.read_bytes() for path in tmp_path.rglob("model.safetensors")}
    assert models
    monkeypatch.undo()
    (tmp_path / "study.csv").mkdir()
    (tmp_path / "study.csv" / "something").touch()
    with pytest.raises(DataError, match=r"study\.csv") as told:
        neurosim.study(tmp_path / "scenario.toml", backend="reference", resume=tmp_path)
    assert f"neurosim run --resume {tmp_path}  makes what is missing" in told.value.hint
    (tmp_path / "study.csv" / "something").unlink()
    (tmp_path / "study.csv").rmdir()
    epochs = []
    found = neurosim.study(
        tmp_path / "scenario.toml", backend="reference", resume=tmp_path, observer=lambda result: epochs.append(result)
    )
    assert not epochs
    assert len(found.results) == 2
    assert all(path.read_bytes() == content for path, content in models.items())


def test_a_model_that_is_there_is_not_written_over(tmp_path):
    train(tmp_path / "first")
    model = (tmp_path / "first" / "model.safetensors").read_bytes()
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "model.safetensors").write_bytes(model)
    with pytest.raises(DataError, match="holds a trained network") as caught:
        train(tmp_path / "second")
    assert "--resume" in caught.value.hint
    assert (tmp_path / "second" / "model.safetensors").read_bytes() == model


def test_a_replay_knows_its_fork_before_it_is_trained(tmp_path, monkeypatch):
    from neurosim.runs import RunOptions
    from neurosim.runs.replay import read_origin, run_replay

    train(tmp_path / "run")

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("neurosim.training.workbench.final_measures", fail)
    options = RunOptions(out=tmp_path / "replay")
    with pytest.raises(MemoryError), warnings.catch_warnings():
        run_replay(read_origin(tmp_path / "run"), ("epoch", 2), {"optimizer.lr": 0.1}, options)
    monkeypatch.undo()
    assert json.loads((tmp_path / "replay" / "replay.json").read_text())["epoch"] == 2
    _, epochs = resume(tmp_path / "replay")
    assert not epochs


def test_what_fails_while_tidying_up_after_memory_has_ended_is_told_as_that(tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        try:
            raise MemoryError
        finally:
            raise ValueError("cannot close what is half written")

    monkeypatch.setattr("neurosim.training.recording.recording.np.savez_compressed", fail)
    asked = ["--set", 'record.quantities=["gradient_norm"]', "--set", "plots.pictures=[]", "--out", str(tmp_path)]
    assert execute([*QUICK, "--no-report", *asked]) == 3
    err = capsys.readouterr().err
    assert err.startswith("Error: there is not enough memory")
    assert "without training again" in err
    monkeypatch.undo()
    assert execute(["run", "--resume", str(tmp_path), "--no-report", "--quiet"]) == 0


def test_what_fails_when_all_is_made_points_to_the_page(tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("neurosim.cli.single.report_missed", fail)
    assert execute([*QUICK, "--set", "plots.pictures=[]", "--out", str(tmp_path)]) == 3
    assert f"All of the run is kept: {tmp_path / 'report.html'} shows it." in capsys.readouterr().err
