"""Observers as plugins: what they hear, how they stop a run, and that they change no number."""

import json

import numpy as np
import pytest

from neurosim import Ensemble, Progress, Simulator, StudyObserver, build_registry, load_scenario, run, study
from neurosim.errors import PluginError, UsageError
from neurosim.runs.checkpoint import load_checkpoint, save_checkpoint
from neurosim.runs.reading import read_run
from neurosim.training import epochs

SMALL = {
    "data.samples": 60, "data.validation_fraction": 0.2, "network.layers.0.units": 4, "network.layers.1.units": 4,
    "training.epochs": 8, "training.batch_size": 8, "expect": {},
}  # fmt: skip
PLUGIN = """
from neurosim import RunObserver, hookimpl

heard = []

def note(role):
    def function(progress):
        heard.append((role, progress.epoch, progress.step))
    return function

def last(progress, epoch):
    if progress.epoch >= epoch and progress.record["epoch"] == len(progress.records) == progress.records[-1]["epoch"]:
        return f"epoch {progress.epoch}\\nis enough"

@hookimpl
def neurosim_observers():
    roles = {role: note(role) for role in ("started", "part", "epoch", "ended", "left")}
    return [RunObserver("notes", **roles), RunObserver("last", epoch=last, params={"epoch": 3})]
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "hears.py"
    path.write_text(PLUGIN)
    return path


def scenario(plugin, observers, **more):
    changes = {**SMALL, "training.observers": observers, **{key.replace("__", "."): v for key, v in more.items()}}
    return load_scenario("moons", overrides=changes, plugins=[plugin])


def written(tmp_path, body, role="epoch"):
    """A plugin of one observer, whose function has this body in line 3."""
    path = tmp_path / "bad.py"
    path.write_text(
        f"from neurosim import RunObserver, hookimpl\ndef bad(progress):\n    {body}\n"
        f"@hookimpl\ndef neurosim_observers():\n    return [RunObserver('bad', {role}=bad)]\n"
    )
    return path


def heard_by(chosen):
    """What the observer called notes has heard so far."""
    return chosen.training.observers[0].record.epoch.__globals__["heard"]


def test_an_observer_hears_the_whole_run(plugin, monkeypatch):
    monkeypatch.setattr(epochs, "PART", 1)
    chosen = scenario(plugin, ["notes"], training__epochs=2)
    Simulator(chosen).train()
    heard = heard_by(chosen)
    assert heard[0] == ("started", 0, 0)
    assert heard[-1] == ("ended", 2, 10)
    assert [entry for entry in heard if entry[0] == "epoch"] == [("epoch", 1, 5), ("epoch", 2, 10)]
    # Between the parts of an epoch, each of a single step here.
    assert [entry[1:] for entry in heard if entry[0] == "part"] == [(0, step) for step in range(1, 5)] + [
        (1, step) for step in range(6, 10)
    ]


def test_an_observer_changes_no_number(plugin, backend):
    observed = Simulator(scenario(plugin, ["notes", {"name": "last", "epoch": 99}]), backend.name)
    alone = Simulator(scenario(plugin, []), backend.name)
    assert observed.train().train_loss == alone.train().train_loss
    assert all(array.tobytes() == alone.parameters[name].tobytes() for name, array in observed.parameters.items())


def test_an_observer_stops_a_run_and_says_why(plugin, tmp_path):
    result = run(scenario(plugin, ["last"]), out=tmp_path / "run")
    assert len(result.history) == 3
    told = "after 3 of 8 epochs: epoch 3 is enough (observer last)"
    assert result.simulator.watch.messages == {"stopped": told}
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert (summary["stopped_early"], summary["stopped"]) == (True, "epoch 3 is enough (observer last)")
    again = read_run(tmp_path / "run", build_registry([plugin])).results[0]
    assert again.simulator.watch.messages == {"stopped": told}
    # The same as the run that was to have three epochs.
    three = run(scenario(plugin, [], training__epochs=3))
    assert result.metrics == three.metrics


def test_a_stopped_run_that_is_interrupted_stays_stopped(plugin, tmp_path):
    first = Simulator(scenario(plugin, ["last"]))
    first.train()
    save_checkpoint(tmp_path, first)
    second = Simulator(scenario(plugin, ["last"]))
    load_checkpoint(tmp_path, second)
    assert second.is_trained
    assert second.watch.messages == first.watch.messages
    assert len(second.train()) == 3


def test_a_reason_without_observers_is_no_checkpoint_of_the_run(plugin, tmp_path):
    stopped = Simulator(scenario(plugin, ["last"]))
    stopped.train()
    save_checkpoint(tmp_path, stopped)
    with pytest.raises(UsageError, match="it has a stop_reason, and this run has no observers"):
        load_checkpoint(tmp_path, Simulator(scenario(plugin, [])), force=True)


def test_a_run_resumes_with_its_observers(plugin, tmp_path):
    def interrupt(record):
        if record["epoch"] == 2:
            raise KeyboardInterrupt

    chosen = scenario(plugin, ["notes", {"name": "last", "epoch": 5}])
    with pytest.raises(KeyboardInterrupt):
        run(chosen, out=tmp_path / "run", observer=interrupt)
    assert heard_by(chosen)[-1][:2] == ("left", 2)
    heard_by(chosen).clear()
    assert len(run(chosen, resume=tmp_path / "run").history) == 5
    assert [entry[:2] for entry in heard_by(chosen)] == [
        ("started", 2), ("epoch", 3), ("epoch", 4), ("epoch", 5), ("ended", 5),
    ]  # fmt: skip


def test_each_of_many_networks_is_heard(plugin, tmp_path):
    chosen = scenario(plugin, ["notes", "last"])
    Ensemble(chosen, 2).train()
    assert [role for role, *_ in heard_by(chosen)].count("ended") == 2
    repeated = study(scenario(plugin, ["last"], scenario__repeats=2))
    assert [len(result.history) for result in repeated.results] == [3, 3]


def test_simulators_made_to_look_into_a_run_are_not_heard(plugin):
    chosen = scenario(plugin, ["notes"], training__epochs=2)
    simulator = Simulator(chosen)
    simulator.fresh().train()
    simulator.train_to(7)
    assert heard_by(chosen) == []


def test_what_an_observer_gets_cannot_be_changed(plugin, tmp_path):
    seen = []

    def look(record):
        seen.append(record)

    chosen = scenario(
        written(tmp_path, "assert progress.folder.is_dir() and progress.seed == 0 and progress.name == 'moons'"),
        ["bad"],
    )
    run(chosen, out=tmp_path / "run", observer=look)
    for body, told in (
        ("progress.record['train_loss'] = 0.0", "TypeError: 'mappingproxy' object does not support item assignment"),
        ("progress.parameters['layers.0.bias'][:] = 0.0", "it writes into an array that it is given; work on a copy"),
        ("progress.epochs = 1", "FrozenInstanceError"),
    ):
        with pytest.raises(PluginError, match=rf"observer bad has failed after epoch 1: {told}.*\(bad.py, line 3\)"):
            Simulator(scenario(written(tmp_path, body), ["bad"])).train()


@pytest.mark.parametrize(
    ("role", "body", "told"),
    [
        ("epoch", "return True", r"observer bad returns True \(bad.py, line 2\)"),
        ("epoch", "return ''", r"observer bad returns '' \(bad.py, line 2\)"),
        ("started", "return 'no'", r"observer bad returns 'no' \(bad.py, line 2\)"),
        (
            "started",
            "1 / 0",
            r"observer bad has failed before the first epoch: ZeroDivisionError: .* \(bad.py, line 3\)",
        ),
        ("ended", "progress.record['f1']", r"observer bad has failed after epoch 8: KeyError: 'f1' \(bad.py, line 3\)"),
    ],
)
def test_an_observer_that_fails_is_named_with_its_line(tmp_path, role, body, told):
    with pytest.raises(PluginError, match=told):
        Simulator(scenario(written(tmp_path, body, role), ["bad"])).train()


def test_a_run_that_fails_is_left(plugin, tmp_path):
    """What an observer raises then does not hide why."""
    path = written(tmp_path, "1 / 0", "left")
    chosen = load_scenario("moons", overrides={**SMALL, "training.observers": ["notes", "bad"]}, plugins=[plugin, path])

    def spoil(record):
        raise OSError("no paper left")

    with pytest.raises(OSError, match="no paper left") as found:
        run(chosen, observer=spoil)
    assert found.value.__notes__ == ["The observer of the run raised this after epoch 1."]
    assert [entry[0] for entry in heard_by(chosen)] == ["started", "epoch", "left"]


def test_a_log_stops_no_run(tmp_path):
    path = written(tmp_path, "return 'enough'")
    path.write_text(path.read_text().replace("epoch=bad", "epoch=bad, log=True"))
    with pytest.raises(PluginError, match=r"observer bad returns 'enough' \(bad.py, line 2\)\nIt has log=True"):
        Simulator(scenario(path, ["bad"])).train()


def test_an_observer_in_python_hears_each_network_of_a_study(monkeypatch):
    monkeypatch.setattr(epochs, "PART", 1)
    heard = []

    class Listener(StudyObserver):
        def epoch_of(self, member, record):
            heard.append((member, record["epoch"]))

        def part_of(self, member):
            heard.append((member, 0))

    changes = {**SMALL, "training.epochs": 2, "scenario.repeats": 2}
    study(load_scenario("moons", overrides=changes), observer=Listener())
    for member in ("seed-0", "seed-1"):
        assert [epoch for label, epoch in heard if label == member] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 2]


def test_what_an_author_can_make_by_hand():
    progress = Progress([{"train_loss": 2.0}, {"train_loss": 1.0}], epochs=5, step=20)
    assert (progress.epoch, progress.record["train_loss"], progress.parameters) == (2, 1.0, {})
    assert Progress([], 5, 0).record == {}


def test_the_built_in_observers(registry):
    assert registry.observers.names() == ["csv", "stop_at_accuracy", "stop_at_loss", "tensorboard"]
    loss, accuracy = registry.observers.get("stop_at_loss").epoch, registry.observers.get("stop_at_accuracy").epoch
    record = {"train_loss": 0.001, "train_accuracy": 1.0, "validation_loss": 0.2, "validation_accuracy": 0.9}
    kept_apart = Progress([record], 5, 1)
    assert loss(kept_apart, 0.1) is None
    assert loss(kept_apart, 0.2) == "validation_loss is 0.2, at most 0.2"
    assert accuracy(kept_apart, 0.9) == "validation_accuracy is 90.00%, at least 90.00%"
    all_learned = Progress([{"train_loss": 0.05, "train_accuracy": None}], 5, 1)
    assert loss(all_learned, 0.1) == "train_loss is 0.05, at most 0.1"
    assert accuracy(all_learned, 0.5) is None


def test_a_network_with_metrics_can_be_stopped_by_one(tmp_path):
    body = "return 'f1 is enough' if progress.record['validation_f1'] > 0.0 else None"
    chosen = scenario(written(tmp_path, body), ["bad"], training__metrics=["f1"])
    assert len(Simulator(chosen).train()) < 8


def test_parameters_are_those_of_the_moment(tmp_path, plugin):
    body = "assert (progress.parameters['layers.0.weight'] ** 2).sum() > 0 and progress.step == 5 * progress.epoch"
    simulator = Simulator(scenario(written(tmp_path, body), ["bad"]))
    simulator.train()
    assert np.isfinite(simulator.parameters["layers.0.weight"]).all()
