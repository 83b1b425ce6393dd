"""A run again from one of its steps: the same bits without a change, and what the change does where it begins."""

import json

import numpy as np
import pytest

import neurosim
from neurosim.errors import DataError, UsageError
from neurosim.runs import Observer, RunOptions
from neurosim.runs.replay import read_origin, run_replay
from neurosim.training.simulator import Simulator

SCENARIO = """
[scenario]
name = "r"
title = "A run"
[data]
source = "blobs"
samples = 130
classes = 3
test_fraction = 0.2
validation_fraction = 0.1
[network]
loss = "categorical_cross_entropy"
[[network.layers]]
kind = "dense"
units = 9
activation = "tanh"
[[network.layers]]
kind = "batch_norm"
[[network.layers]]
kind = "dropout"
rate = 0.3
[[network.layers]]
kind = "dense"
units = 3
activation = "softmax"
[optimizer]
name = "adam"
lr = 0.02
[training]
epochs = 8
batch_size = 16
{more}
"""
KINDS = {
    "nothing recorded": "",
    "checkpoints": '[record]\nquantities = ["parameters", "optimizer", "gradient_norm"]\nevery = 2',
    "early stopping": 'keep_best = "validation_loss"\nearly_stopping = { metric = "validation_loss", patience = 6 }',
}


@pytest.fixture
def ran(tmp_path):
    def run(kind="nothing recorded", **options):
        path = tmp_path / "r.toml"
        path.write_text(SCENARIO.format(more=KINDS[kind]))
        result = neurosim.run(path, out=tmp_path / "run", **options)
        return result, read_origin(tmp_path / "run")

    return run


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [0, 6, 19, 47])
def test_without_a_change_the_future_is_the_same(kind, step, ran, tmp_path):
    result, origin = ran(kind)
    found = run_replay(origin, step, {}, RunOptions(out=tmp_path / "again"))
    for file in ("model.safetensors", "scenario.toml"):
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "run" / file).read_bytes()
    for name in ("train_loss", "train_accuracy", "validation_loss", "test_accuracy"):
        assert getattr(found.branch.history, name) == getattr(result.history, name)
    if result.recording is not None:
        ours, theirs = found.branch.recording.arrays(), result.recording.arrays()
        assert ours.keys() == theirs.keys()
        for name, array in theirs.items():
            assert np.array_equal(ours[name], array, equal_nan=array.dtype.kind == "f"), name


def test_it_begins_at_the_last_checkpoint_before(ran):
    _, origin = ran("checkpoints")
    steps = 6  # of an epoch: 91 rows in batches of 16
    assert run_replay(origin, ("epoch", 5), {}).trained_again == steps
    assert run_replay(origin, 4 * steps, {}).trained_again == 0
    assert run_replay(origin, ("epoch", 0), {}).trained_again == 0


def test_nothing_recorded_begins_at_the_start(ran):
    _, origin = ran()
    assert run_replay(origin, 20, {}).trained_again == 20


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_the_change_begins_at_the_fork(backend, tmp_path):
    """Against single steps by hand: two networks, the second one takes over the weights of the first."""
    overrides = {"training.shuffle": False, "optimizer": {"name": "sgd", "lr": 0.5}, "expect": {}}
    loaded = neurosim.load_scenario("moons", overrides=overrides)
    neurosim.run(loaded, backend=backend, out=tmp_path / "run")
    changed = neurosim.load_scenario("moons", overrides={**overrides, "optimizer": {"name": "sgd", "lr": 0.05}})
    first, second = (Simulator(scenario, backend) for scenario in (loaded, changed))
    X, y = first.data.train.features, first.data.train.targets.reshape(-1, 1)
    batches = [slice(k, k + 32) for k in range(0, len(X), 32)]
    done = 17
    for place in range(done):
        first.step(X[batches[place % len(batches)]], y[batches[place % len(batches)]])
    second.set_parameters(first.parameters)
    for place in range(done, 20):
        second.step(X[batches[place % len(batches)]], y[batches[place % len(batches)]])
    found = run_replay(read_origin(tmp_path / "run"), done, {"optimizer.lr": 0.05, "training.epochs": 2})
    for name, array in found.branch.simulator.parameters.items():
        # A step alone may be rounded otherwise than one of an epoch.
        assert array == pytest.approx(second.parameters[name], rel=1e-5, abs=1e-6), name


def test_another_optimizer_begins_with_an_empty_memory(ran, tmp_path):
    _, origin = ran()
    found = run_replay(origin, 12, {"optimizer": {"name": "rmsprop", "lr": 0.1}}, RunOptions(out=tmp_path / "b"))
    assert found.branch.history.train_loss[:2] == list(origin.history.train_loss)[:2]
    assert found.branch.history.train_loss[2:] != list(origin.history.train_loss)[2:]
    about = json.loads((tmp_path / "b" / "replay.json").read_text())
    assert (about["step"], about["epoch"]) == (12, 2)
    assert about["settings"] == {"optimizer": {"name": "rmsprop", "lr": 0.1}}


@pytest.mark.parametrize("other", ["rmsprop", "sgd"])
def test_another_optimizer_where_the_memory_is_recorded(other, ran, tmp_path):
    """What is recorded of the old memory fits another optimizer in neither meaning nor, here, shape."""
    _, origin = ran("checkpoints")
    found = run_replay(origin, 24, {"optimizer": {"name": other, "lr": 0.1}})
    assert found.branch.history.train_loss[:4] == list(origin.history.train_loss)[:4]
    assert found.branch.history.train_loss[4:] != list(origin.history.train_loss)[4:]
    recording = found.branch.recording
    assert recording.epochs[0] == 4
    assert {array.shape for array in recording.optimizer} == {found.branch.simulator.state()["optimizer"].shape}


def test_more_epochs(ran):
    _, origin = ran()
    found = run_replay(origin, ("epoch", 8), {"training.epochs": 12})
    assert found.branch.history.epoch == list(range(1, 13))
    assert found.branch.history.test_loss[:8] == origin.history.test_loss


def test_a_run_that_diverged_is_taken_up_before_it(tmp_path):
    with pytest.raises(neurosim.NeurosimError):
        neurosim.run("sine", overrides={"optimizer": {"name": "sgd", "lr": 2.0}}, out=tmp_path / "run")
    origin = read_origin(tmp_path / "run")
    found = run_replay(origin, 0, {"optimizer.lr": 0.01, "training.epochs": 3})
    assert len(found.branch.history) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network.layers.0.units": 5}, r"layers.0.weight has shape \(2, 9\) in the run and has shape \(2, 5\)"),
        ({"data.samples": 140}, r"with another \[data\]"),
        ({"scenario.seed": 3}, "with another seed"),
        ({"scenario.repeats": 2}, "of one network"),
        ({"training.keep_best": "validation_loss"}, "keep_best cannot begin at a fork"),
    ],
)
def test_what_cannot_go_on(settings, message, ran):
    _, origin = ran()
    with pytest.raises(UsageError, match=message):
        run_replay(origin, 3, settings)


def test_steps_that_there_are_not(ran):
    _, origin = ran()
    for place in (-1, 49, ("epoch", 9)):
        with pytest.raises(UsageError, match="the run did 8 epochs of 6 steps"):
            run_replay(origin, place, {})


def test_a_run_that_cannot_be_repeated_is_noticed(ran, tmp_path):
    ran()
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    first["train_loss"] *= 1.001
    (tmp_path / "run" / "metrics.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
    with pytest.raises(UsageError, match=r"\n  metrics\.jsonl: not the file that the run wrote"):
        run_replay(read_origin(tmp_path / "run"), 12, {})
    with pytest.raises(DataError, match="epoch 1 trained again gives the loss"):
        run_replay(read_origin(tmp_path / "run"), 12, {}, RunOptions(force=True))


class Killed(Observer):
    """Ends the process when training begins, as SIGKILL would: nothing more is written."""

    def started(self, simulator):
        raise KeyboardInterrupt


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [("epoch", 3), 17])
def test_a_replay_that_was_killed_goes_on_from_its_fork(ran, tmp_path, kind, place):
    _, origin = ran(kind)
    settings = {"optimizer.lr": 0.05}
    whole = run_replay(origin, place, settings, RunOptions(out=tmp_path / "whole")).branch
    with pytest.raises(KeyboardInterrupt):
        run_replay(origin, place, settings, RunOptions(out=tmp_path / "killed", observer=Killed()))
    done = neurosim.run(tmp_path / "killed" / "scenario.toml", resume=tmp_path / "killed")
    assert done.history.train_loss == whole.history.train_loss
    for name in ("model.safetensors", *(["record.npz"] if kind == "checkpoints" else [])):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
