"""Early stopping, the best weights and schedules with feedback: against runs that end where they should."""

import json
import math

import numpy as np
import pytest

from neurosim import Ensemble, Simulator, load_scenario, run
from neurosim.errors import ScenarioError, UsageError
from neurosim.runs.checkpoint import load_checkpoint, save_checkpoint
from neurosim.training.watch import Best

NOISY = {
    "data.samples": 60, "data.noise": 0.4, "data.validation_fraction": 0.3, "optimizer.lr": 0.1,
    "training.epochs": 30, "training.batch_size": 8, "expect": {}, "network.layers.0.units": 8,
    "network.layers.1.units": 4,
}  # fmt: skip
STOPPING = {"training.early_stopping": {"patience": 4}}
KEEPING = {"training.keep_best": "validation_loss"}
PLATEAU = {"optimizer.schedule": {"name": "reduce_on_plateau", "patience": 1, "factor": 0.5}}


def simulator(*changes, backend="cpu", seed=None, **more):
    overrides = {**NOISY, **more}
    for change in changes:
        overrides |= change
    return Simulator(load_scenario("moons", overrides=overrides), backend, seed)


def without_times(history):
    return [{name: value for name, value in record.items() if name != "seconds"} for record in history]


def equal_bits(first, second):
    ours, theirs = first.parameters, second.parameters
    assert list(ours) == list(theirs)
    return all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


# When to stop -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "min_delta", "values", "epochs"),
    [
        ("train_loss", 0.0, [3.0, 2.0, 2.0, 1.0, 4.0, math.inf], [1, 2, 2, 4, 4, 4]),
        ("train_loss", 0.5, [3.0, 2.75, 2.5, 2.25, 2.0], [1, 1, 1, 4, 4]),
        ("test_accuracy", 0.0, [0.5, 0.4, 0.6, 0.6, 1.0], [1, 1, 3, 3, 5]),
        ("test_accuracy", 0.1, [0.5, 0.55, 0.65, 0.7], [1, 1, 3, 3]),
        ("train_loss", 0.0, [math.nan, math.inf, 5.0], [1, 1, 3]),
    ],
)
def test_the_best_epoch_is_the_first_that_beats_all_before_it(metric, min_delta, values, epochs):
    best, found = Best(metric, rises=metric == "test_accuracy", min_delta=min_delta), []
    for value in values:
        is_new = best.add(value)
        found.append(best.epoch)
        assert is_new == (best.epoch == best.epochs)
    assert found == epochs
    assert best.waited == len(values) - epochs[-1]


def test_training_stops_after_patience_epochs_without_a_better_value(backend):
    stopped = simulator(STOPPING, backend=backend.name)
    history = stopped.train()
    losses = history.validation_loss
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + 4 < 30
    assert stopped.watch.stopped_early
    # It went the way of the run that is not stopped, as far as it went.
    whole = simulator(backend=backend.name)
    assert without_times(whole.train())[: len(losses)] == without_times(history)
    assert not whole.watch.stopped_early


def test_a_run_that_gets_better_to_the_end_is_not_stopped():
    patient = simulator({"training.early_stopping": {"patience": 30}})
    assert len(patient.train()) == 30
    assert not patient.watch.stopped_early
    assert patient.watch.messages == {}


# Which weights ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["validation_loss", "validation_accuracy", "test_loss", "train_accuracy"])
def test_the_best_weights_are_those_of_a_run_that_ends_there(metric):
    kept = simulator({"training.keep_best": metric})
    values = getattr(kept.train(), metric)
    best = values.index(max(values) if metric.endswith("accuracy") else min(values)) + 1
    assert kept.watch.kept_epoch == best < 30
    until_then = simulator({"training.epochs": best})
    until_then.train()
    assert equal_bits(kept, until_then)
    if not metric.startswith("train"):  # measured on the way, before the updates
        assert kept.final_measures()[metric] == values[best - 1]


def test_every_backend_keeps_the_best_weights(backend):
    kept = simulator(STOPPING, KEEPING, backend=backend.name)
    losses = kept.train().validation_loss
    assert kept.watch.kept_epoch == len(losses) - 4
    assert kept.final_measures()["validation_loss"] == min(losses) < losses[-1]


def test_weights_are_put_back_once():
    kept = simulator(KEEPING)
    kept.train()
    kept.set_parameters({name: np.zeros_like(array) for name, array in kept.parameters.items()})
    kept.train()
    assert all((array == 0.0).all() for array in kept.parameters.values())
    kept.train_epoch()
    assert kept.watch.kept_epoch is None
    kept.train()
    assert kept.watch.kept_epoch is not None


def test_no_epochs_keep_nothing():
    kept = simulator(STOPPING, KEEPING, {"training.epochs": 0})
    kept.train()
    assert kept.watch.kept_epoch is None
    assert not kept.watch.stopped_early


# Runs that go on --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("done", [1, 5, 8])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, backend, done):
    changes = ({"training.early_stopping": {"patience": 6}}, KEEPING, PLATEAU)
    whole = simulator(*changes, backend=backend.name)
    whole.train()
    assert done < len(whole.history) < 30
    assert len(set(whole.history.lr)) > 1
    first = simulator(*changes, backend=backend.name)
    for _ in range(done):
        first.train_epoch()
    save_checkpoint(tmp_path, first)
    second = simulator(*changes, backend=backend.name)
    second.train_epoch()  # of which nothing must be left
    load_checkpoint(tmp_path, second)
    second.train()
    assert without_times(second.history) == without_times(whole.history)
    assert second.watch.kept_epoch == whole.watch.kept_epoch
    assert second.watch.messages == whole.watch.messages
    assert equal_bits(second, whole)


def test_a_checkpoint_without_the_best_weights_is_refused(tmp_path):
    first = simulator()
    first.train_epoch()
    save_checkpoint(tmp_path, first)
    with pytest.raises(UsageError, match=r"best parameters with shape \(\d+,\), but has none"):
        load_checkpoint(tmp_path, simulator(KEEPING), force=True)


# Schedules with feedback ------------------------------------------------------------------------------------


def plateau(losses):
    """The rates of ``PLATEAU``, worked out a second time: a new cut for each two epochs in a row without a new low."""
    rate, low, waited, rates = 0.1, math.inf, 0, []
    for loss in losses:
        rates.append(rate)
        waited = 0 if loss < low * (1.0 - 1e-4) else waited + 1
        low = loss if waited == 0 else low
        if waited == 2:
            rate, waited = rate / 2, 0
    return rates


@pytest.mark.parametrize("fraction", [0.3, 0.0])
def test_the_rate_follows_the_validation_loss_else_the_training_loss(backend, fraction):
    bench = simulator(PLATEAU, {"data.validation_fraction": fraction, "training.epochs": 20}, backend=backend.name)
    history = bench.train()
    assert history.lr == pytest.approx(plateau(history.validation_loss if fraction else history.train_loss))
    assert history.lr[-1] < 0.1


@pytest.mark.parametrize("changes", [(PLATEAU,), (STOPPING, KEEPING)], ids=["feedback", "stopping"])
def test_an_ensemble_gives_each_member_its_own_course(changes):
    ensemble = Ensemble(simulator(*changes).scenario, range(3, 6))
    ensemble.train()
    for seed, member in zip(range(3, 6), ensemble.members, strict=True):
        single = simulator(*changes, seed=seed)
        single.train()
        assert member.measures == single.final_measures()


# What is told -----------------------------------------------------------------------------------------------


def test_the_result_says_what_happened(tmp_path):
    result = run(simulator(STOPPING, KEEPING).scenario, out=tmp_path / "run")
    told = json.loads((tmp_path / "run" / "summary.json").read_text())
    losses = result.history.validation_loss
    assert told["epochs"] == len(losses)
    assert told["stopped_early"] is True
    assert told["best_epoch"] == losses.index(min(losses)) + 1
    assert told["final"]["validation_loss"] == min(losses)
    plain = run(simulator({"training.epochs": 1}).scenario).as_json()
    assert not {"stopped_early", "best_epoch"} & set(plain)


def test_the_command_says_what_happened(tmp_path, monkeypatch, capsys):
    from neurosim.cli.application import execute

    monkeypatch.chdir(tmp_path)
    settings = [f"{key}={value}" for key, value in {**NOISY, "expect": "{}"}.items()]
    settings += ["training.early_stopping={ patience = 4 }", "training.keep_best=validation_loss"]
    assert execute(["run", "moons", "--out", "x", *(word for setting in settings for word in ("--set", setting))]) == 0
    out = capsys.readouterr().out
    summary = json.loads((tmp_path / "x" / "summary.json").read_text())
    best = f"epoch {summary['best_epoch']}"
    assert f"after {summary['epochs']} of 30 epochs: the validation loss has not improved since {best} (" in out
    assert f"the weights of {best}, where the validation loss was best (" in out


@pytest.mark.parametrize("key", ["keep_best", "early_stopping"])
@pytest.mark.parametrize(
    ("name", "metric", "words"),
    [
        ("xor", "test_loss", "there are no test rows to measure test_loss on"),
        ("sine", "train_accuracy", "there is no train_accuracy"),
    ],
)
def test_a_measure_that_the_run_does_not_have(key, name, metric, words):
    value = metric if key == "keep_best" else {"metric": metric}
    scenario = load_scenario(name, overrides={f"training.{key}": value})
    with pytest.raises(ScenarioError, match=f"training.{key}: {words}"):
        Simulator(scenario, "reference")
