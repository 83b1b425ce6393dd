"""Divergence: where it began is named, what was finite is kept, and a study or an ensemble counts it."""

import json
import math

import numpy as np
import pytest
from support import BACKENDS, COMPILED

import neurosim
from neurosim.cli.application import execute
from neurosim.errors import DivergedError
from neurosim.runs.checkpoint import save_checkpoint
from neurosim.training import divergence
from neurosim.training.simulator import Simulator

ROWS = 8
SCENARIO = """
[scenario]
name = "wild"
title = "One wild row"
[data]
source = "csv"
file = "rows.csv"
standardize_targets = false
target = "y"
task = "regression"
[network]
loss = "mse"
[[network.layers]]
kind = "dense"
units = 1
activation = "identity"
weight = [[1.0]]
bias = [0.0]
{more}
[optimizer]
name = "{optimizer}"
lr = {lr}
[training]
epochs = 3
batch_size = {batch}
shuffle = {shuffle}
"""
BURST = """
import math
from neurosim import Activation, hookimpl
def burst(z):
    return math.exp(z)
@hookimpl
def neurosim_activations():
    return [Activation("burst", burst)]
"""
LAYER = '[[network.layers]]\nkind = "activation"\nactivation = "burst"'


def write(folder, value, row, *, target=1.0, more="", optimizer="sgd", lr=1e-9, batch=1, shuffle="false"):
    """A table in which one row has another value, and a scenario that learns from it."""
    lines = [f"{value if number == row else 0.5},{target if number == row else 1.0}\n" for number in range(ROWS)]
    (folder / "rows.csv").write_text("x,y\n" + "".join(lines))
    (folder / "burst.py").write_text(BURST)
    path = folder / "wild.toml"
    path.write_text(SCENARIO.format(more=more, optimizer=optimizer, lr=lr, batch=batch, shuffle=shuffle))
    return neurosim.load_scenario(path, plugins=[folder / "burst.py"])


def message(scenario, backend="cpu"):
    with pytest.raises(DivergedError) as caught:
        Simulator(scenario, backend).train()
    return caught.value.message


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("row", "batch", "place"), [(0, 1, "1 of 8"), (5, 1, "6 of 8"), (5, 2, "3 of 4"), (7, 3, "3 of 3")]
)
def test_the_batch_and_the_layer_are_those_of_the_wild_row(backend, row, batch, place, tmp_path):
    scenario = write(tmp_path, 1e4, row, more=LAYER, batch=batch)
    assert f"epoch 1, batch {place}: the outputs of layers.1 are no longer finite" in message(scenario, backend.name)


def test_the_batch_is_found_in_the_shuffled_order(tmp_path):
    from neurosim.backends.base import shuffle_key
    from neurosim.randomness import permutation

    scenario = write(tmp_path, 1e4, 2, more=LAYER, shuffle="true")
    place = permutation(shuffle_key(0, 0), ROWS).tolist().index(2) + 1
    assert f"batch {place} of 8" in message(scenario)


def test_too_large_a_sum_is_named(tmp_path):
    scenario = neurosim.load_scenario(
        write(tmp_path, 3e38, 3).base / "wild.toml", overrides={"network.layers.0.weight": [[10.0]]}
    )
    assert "batch 4 of 8: the weighted sums of layers.0 are no longer finite" in message(scenario)


def test_the_loss_is_named(tmp_path):
    assert "batch 4 of 8: the loss is inf" in message(write(tmp_path, 1e20, 3))


def test_the_gradient_is_named(tmp_path):
    # The error is 1e13, its square a float32 number; the gradient, 2e13 times the input 1e26, is none.
    write(tmp_path, 1e26, 3, target=1e26)
    scenario = neurosim.load_scenario(tmp_path / "wild.toml", overrides={"network.layers.0.weight": [[1.0 + 2.0**-23]]})
    assert "batch 4 of 8: the gradient of layers.0.weight is no longer finite" in message(scenario)


def test_the_update_is_named(tmp_path):
    assert "batch 1 of 8: the update leaves layers.0" in message(write(tmp_path, 2.0, 0, target=9.0, lr=1e38))


def test_the_memory_of_the_optimizer_is_named(tmp_path):
    found = message(write(tmp_path, 1e12, 3, target=-1e12, optimizer="adam"))
    assert "batch 4 of 8: " in found
    assert "of the optimizer for layers.0.weight is no longer finite" in found


def test_hints_tell_start_from_later(tmp_path):
    with pytest.raises(DivergedError) as caught:
        Simulator(write(tmp_path, 1e4, 0, more=LAYER)).train()
    assert "Nothing was learned yet" in caught.value.hint
    with pytest.raises(DivergedError) as caught:
        Simulator(write(tmp_path, 1e4, 5, more=LAYER)).train()
    assert "smaller learning rate" in caught.value.hint


HIDING = """
from neurosim import Activation, hookimpl
def hide(z):
    return z if z < 1.0 else 1.0
@hookimpl
def neurosim_activations():
    return [Activation("hide", hide, kinks=(1.0,))]
"""
# The first row makes the weight infinite; the answers stay finite, since the activation hides it.
HIDDEN = (
    SCENARIO.replace('"mse"', '"mae"')
    .replace('activation = "identity"', 'activation = "hide"')
    .replace("[[1.0]]", "[[-1.0]]")
)


def hidden(folder, **more):
    (folder / "rows.csv").write_text("x,y\n1e30,1\n" + "0.5,1\n" * 7)
    (folder / "hide.py").write_text(HIDING)
    path = folder / "hidden.toml"
    path.write_text(
        HIDDEN.format(more="", optimizer="sgd", lr=1e10, batch=1, shuffle="false")
        + "keep_best = 'train_loss'\n" * bool(more)
    )
    return neurosim.load_scenario(path, plugins=[folder / "hide.py"])


@pytest.mark.parametrize("rarely", [0, 1e9])
@pytest.mark.parametrize("backend", COMPILED, ids=lambda backend: backend.name)
def test_a_weight_is_found_that_the_loss_says_nothing_of(backend, rarely, tmp_path, monkeypatch):
    """Whenever all numbers are looked at, the batch is the same, and epochs that came after do not count."""
    monkeypatch.setattr(divergence, "RARELY", rarely)
    simulator = Simulator(hidden(tmp_path), backend.name)
    simulator._epochs._guard._next_look = rarely
    epochs = []
    with pytest.raises(DivergedError, match=r"epoch 1, batch 1 of 8: the update leaves layers\.0\.weight no longer"):
        simulator.train(epochs.append)
    assert len(epochs) == (3 if rarely else 0)
    assert len(simulator.history) == 0
    assert simulator.parameters["layers.0.weight"].tolist() == [[-1.0]]


def test_what_was_announced_too_early_is_taken_back(tmp_path, monkeypatch):
    monkeypatch.setattr(divergence.time, "perf_counter", lambda: -1.0)
    with pytest.raises(DivergedError, match="epoch 1, batch 1 of 8"):
        neurosim.run(hidden(tmp_path), out=tmp_path / "run")
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == ""
    assert json.loads((tmp_path / "run" / "failure.json").read_text())["epoch"] == 1


def test_weights_that_are_kept_as_the_best_are_known_to_be_finite(tmp_path, monkeypatch):
    simulator = Simulator(hidden(tmp_path, keep=True))
    epochs = []
    with pytest.raises(DivergedError, match="epoch 1, batch 1 of 8"):
        simulator.train(epochs.append)
    assert epochs == []


def test_no_checkpoint_is_written_of_what_is_not_finite(tmp_path, monkeypatch):
    simulator = Simulator(hidden(tmp_path))
    simulator._epochs._guard._next_look = math.inf
    simulator.train_epoch()
    with pytest.raises(DivergedError):
        save_checkpoint(tmp_path, simulator)
    assert np.isfinite(simulator.parameters["layers.0.weight"]).all()


LATE = {"training.epochs": 20, "optimizer.lr": 3.0, "optimizer.name": "sgd", "network.loss": "mse", "expect": {},
        "network.layers.0.activation": "identity", "network.layers.1.activation": "identity"}  # fmt: skip


def late(**more):
    """It goes well for some epochs."""
    return neurosim.load_scenario("sine", overrides={**LATE, **more})


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_simulator_is_left_as_it_was_before_the_epoch(backend, tmp_path):
    small = {"data.samples": 8, "training.batch_size": 4, "network.layers.0.units": 4, "network.layers.1.units": 4}
    scenario = late(**small)
    simulator = Simulator(scenario, backend.name)
    with pytest.raises(DivergedError):
        simulator.train()
    done = len(simulator.history)
    assert done
    again = Simulator(scenario, backend.name)
    for _ in range(done):
        again.train_epoch()
    for name, array in again.parameters.items():
        assert np.isfinite(array).all()
        np.testing.assert_array_equal(array, simulator.parameters[name])
    with pytest.raises(DivergedError):
        again.train_to((done + 1) * again.steps_per_epoch)


def test_a_diverged_run_can_go_on_from_its_last_finite_state(tmp_path, capsys):
    (tmp_path / "late.toml").write_text(late().to_toml())
    run = tmp_path / "run"
    assert execute(["run", str(tmp_path / "late.toml"), "--out", str(run), "--quiet"]) == 4
    err = capsys.readouterr().err
    assert "training diverged in epoch" in err
    assert f"neurosim run --resume {run} --force" in err
    failure = json.loads((run / "failure.json").read_text())
    before = (run / "metrics.jsonl").read_text()
    assert failure["epoch"] == len(before.splitlines()) + 1
    scenario = run / "scenario.toml"
    scenario.write_text(scenario.read_text().replace("lr = 3.0", "lr = 0.01"))
    assert execute(["run", "--resume", str(run), "--quiet"]) == 2
    assert "scenario: +lr = 0.01" in capsys.readouterr().err
    assert execute(["run", "--resume", str(run), "--force", "--quiet", "--no-report"]) == 0
    assert (run / "metrics.jsonl").read_text().startswith(before)
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 20
    assert not (run / "failure.json").exists()


SUDDEN = """
from neurosim import Schedule, hookimpl

def sudden(epoch, epochs):
    return 0.0 if epoch < 3 else 1.0

@hookimpl
def neurosim_schedules():
    return [Schedule("sudden", sudden, unit="epochs")]
"""


def test_how_to_go_on_is_said_as_it_is(tmp_path, capsys):
    for name, changes, said in (
        ("first", (), f"No epoch was completed: to start this run again, change {tmp_path / 'first'}"),
        (
            "later",
            ("--set", "optimizer.schedule={name='sudden'}"),
            "The weights as they were after 3 epochs are kept, too",
        ),
    ):
        sudden = tmp_path / "sudden.py"
        sudden.write_text(SUDDEN)
        words = ["run", "moons", "--plugin", str(sudden), "--set", "optimizer.name=sgd", "--set", "optimizer.lr=1e30"]
        assert execute([*words, *changes, "--out", str(tmp_path / name), "--quiet", "--no-report"]) == 4
        err = capsys.readouterr().err
        assert said in err
        assert f"neurosim run --resume {tmp_path / name} --force" in err


def test_a_last_update_that_goes_wrong_is_no_success(tmp_path):
    # Finite weights, and with them a loss that is none.
    write(tmp_path, 1e15, 7, target=0.0, lr=1e-8)
    scenario = neurosim.load_scenario(tmp_path / "wild.toml", overrides={"training.epochs": 1})
    with pytest.raises(DivergedError, match="its last: the loss is inf with the last weights"):
        neurosim.run(scenario)


def test_an_ensemble_counts_it():
    found = neurosim.Ensemble(late(), [0, 1], backend="reference")
    found.train()
    assert found.summary()["diverged"] == 2


def test_nothing_is_said_of_numbers_that_are_large_and_finite(tmp_path):
    history = Simulator(write(tmp_path, 1e9, 3, lr=1e-30)).train()
    assert all(math.isfinite(record["train_loss"]) for record in history)


@pytest.mark.parametrize(
    ("inputs", "targets", "words"),
    [(1.0, 1e30, "standardize_targets = true"), (1e30, 1e3, "data.standardize = true"), (1.0, 1.0, "learning rate")],
)
def test_the_advice_is_about_what_is_large(tmp_path, inputs, targets, words):
    rows = "\n".join(f"{k / 9 * inputs:.6g},{(k + 1) / 9 * targets:.6g}" for k in range(9))
    (tmp_path / "rows.csv").write_text(f"x,y\n{rows}\n")
    scenario = neurosim.load_scenario(
        "sine",
        overrides={
            "data": {"source": "csv", "file": str(tmp_path / "rows.csv"), "target": "y", "task": "regression"},
            "data.standardize_targets": False,
            "training.epochs": 400,
            "optimizer.name": "sgd",
            "optimizer.lr": 30.0,
            "expect": {},
        },
    )
    with pytest.raises(DivergedError) as found:
        Simulator(scenario, "reference").train()
    assert words in found.value.hint
    assert ("larger units" in found.value.hint) == (targets == 1e30)
