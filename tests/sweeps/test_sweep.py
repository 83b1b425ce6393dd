"""A sweep: each trial has the bits of its single run, only what is missing is trained, and parts make the whole."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from neurosim.cli.application import execute
from neurosim.errors import DataError
from neurosim.sweeps import worker
from neurosim.sweeps.batch import Batch
from neurosim.sweeps.entries import entries_in, read_entry
from neurosim.sweeps.ranking import rank
from neurosim.sweeps.storage import this_machine, unpacked
from neurosim.sweeps.sweep import sweep
from neurosim.sweeps.trials import Recipe

IRIS = Recipe("iris", {"training.epochs": 3, "expect": {}})
POINTS = [{"optimizer.lr": 0.01}, {"optimizer.lr": 0.1}]


def rows(table):
    """A table without the times."""
    return [{**place.as_json(), "seconds": None} for place in table.places]


def metrics(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{**json.loads(line), "seconds": None} for line in lines]


def single(folder, name, seed, *settings):
    words = [word for setting in settings for word in ("--set", setting)]
    out = str(folder / "single")
    done = execute(["run", name, "--seed", str(seed), "--quiet", "--no-report", "--out", out, *words])
    assert done in (0, 5)
    return folder / "single"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("xor", {"training.epochs": 20}),
        ("iris", {"training.epochs": 3, "data.validation_fraction": 0.2, "training.average.kind": "ema"}),
        # Trained one after the other.
        ("iris", {"training.epochs": 3, "training.metrics": ["f1"]}),
        ("iris", {"training.epochs": 3, "training.early_stopping.patience": 1, "data.validation_fraction": 0.2}),
    ],
)
def test_trials_have_the_bits_of_single_runs(tmp_path, name, settings):
    swept = sweep(Recipe(name, settings), [{"optimizer.lr": 0.05}], tmp_path / "out", seeds=[0, 3], jobs=1)
    (place,) = swept.table.places
    written = [f"{key}={json.dumps(value)}" for key, value in {**settings, "optimizer.lr": 0.05}.items()]
    alone = single(tmp_path, name, 3, *written)
    trial = place.entries[1].folder
    (other,) = sweep(Recipe(name, settings), [{"optimizer.lr": 0.05}], tmp_path / "one", seeds=[3], jobs=1).table.places
    assert other.entries[0].final == place.entries[1].final
    assert metrics(other.entries[0].folder) == metrics(trial)
    assert (trial / "model.safetensors").read_bytes() == (alone / "model.safetensors").read_bytes()
    assert metrics(trial) == metrics(alone)
    finals = [json.loads((folder / "summary.json").read_text())["final"] for folder in (trial, alone)]
    assert finals[0] == finals[1]
    assert {file.name for file in trial.iterdir()} == {
        "metrics.jsonl", "model.safetensors", "scenario.toml", "summary.json",
    }  # fmt: skip


VARIED = {
    "rates": (
        "xor",
        {"training.epochs": 20},
        lambda k: {"optimizer.lr": 0.01 * (k + 1), "optimizer.beta1": 0.8},
    ),
    "schedules": (
        "iris",
        {"training.epochs": 3, "optimizer.schedule.name": "exponential", "training.average.kind": "ema"},
        lambda k: {"optimizer.lr": 0.01 * (k + 1), "optimizer.schedule.final": 0.1 + 0.01 * k},
    ),
    "penalties and initial values": (
        "iris",
        {"training.epochs": 3, "data.validation_fraction": 0.2},
        lambda k: {"network.layers.0.l2": 0.01 * (k + 1), "network.layers.1.init": ("he_normal", "zeros")[k % 2]},
    ),
}


@pytest.mark.parametrize("kind", VARIED)
def test_trials_that_differ_in_numbers_go_side_by_side_with_the_bits_of_single_runs(tmp_path, monkeypatch, kind):
    trained = []

    def noted(points, together):
        trained.append(Batch(points, together))
        return trained[-1]

    monkeypatch.setattr(worker, "Batch", noted)
    name, settings, point = VARIED[kind]
    swept = sweep(Recipe(name, settings), [point(k) for k in range(9)], tmp_path / "out", seeds=[0, 3], jobs=1)
    assert [len(batch.trials) for batch in trained] == [18]
    entries = [entry for place in swept.table.places for entry in place.entries]
    for k in (1, 8):
        written = [f"{key}={json.dumps(value)}" for key, value in {**settings, **point(k)}.items()]
        alone = single(tmp_path / str(k), name, 3, *written)
        own = read_entry(alone).settings
        (trial,) = (unpacked(entry.folder) for entry in entries if entry.seed == 3 and entry.settings == own)
        assert (trial / "model.safetensors").read_bytes() == (alone / "model.safetensors").read_bytes()
        assert metrics(trial) == metrics(alone)
        finals = [json.loads((folder / "summary.json").read_text())["final"] for folder in (trial, alone)]
        assert finals[0] == finals[1]


def test_only_what_is_missing_is_trained(tmp_path):
    out = tmp_path / "out"

    class StoppedError(Exception):
        pass

    def stop(progress):
        if progress.done >= 2:
            raise StoppedError

    whole = sweep(IRIS, POINTS, tmp_path / "whole", seeds=range(2), jobs=1)
    assert (whole.trials, whole.trained) == (4, 4)
    with pytest.raises(StoppedError):
        sweep(IRIS, POINTS, out, seeds=range(2), jobs=1, tell=stop)
    (out / ".half.1-00.neurosim-tmp").mkdir()
    resumed = sweep(IRIS, POINTS, out, seeds=range(2), jobs=1)
    assert resumed.trained == 2
    assert [{**row, "runs": None} for row in rows(resumed.table)] == [
        {**row, "runs": None} for row in rows(whole.table)
    ]
    assert sweep(IRIS, POINTS, out, seeds=range(2), jobs=1).trained == 0
    # What is shared with another sweep is not trained again.
    assert sweep(IRIS, [*POINTS, {"optimizer.lr": 0.2}], out, seeds=range(2), jobs=1).trained == 2


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody can tell")
def test_what_is_half_written_is_removed_unless_it_is_of_another_machine(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = [f".t.{ended.pid}-{machine}-00.neurosim-tmp" for machine in (this_machine(), "other")]
    running = f".t.{os.getpid()}-{this_machine()}-00.neurosim-tmp"
    for name in (*left, running, ".t.neurosim-tmp"):
        (tmp_path / name).mkdir()
    sweep(IRIS, POINTS[:1], tmp_path, jobs=1)
    assert {path.name for path in tmp_path.glob(".*")} == {left[1], running, ".t.neurosim-tmp"}


def test_a_trial_reaches_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced = []

    def note(descriptor):
        synced.append((os.fstat(descriptor).st_ino, [path.name for path in tmp_path.glob("out/[!.]*")]))

    monkeypatch.setattr(os, "fsync", note)
    (place,) = sweep(IRIS, POINTS[:1], tmp_path / "out", jobs=1).table.places
    trial = place.entries[0].folder
    folder = [trial] * (os.name == "posix")
    assert sorted(synced) == sorted((path.stat().st_ino, []) for path in [*trial.iterdir(), *folder])


def test_parts_make_the_whole(tmp_path):
    whole = sweep(IRIS, POINTS, tmp_path / "whole", seeds=range(3), jobs=1)
    for part in (1, 2):
        sweep(IRIS, POINTS, tmp_path / str(part), seeds=range(3), shard=(part, 2), jobs=1)
        shutil.copytree(tmp_path / str(part), tmp_path / "union", dirs_exist_ok=True)
    there = sorted(folder.name for folder in (tmp_path / "whole").iterdir())
    assert sorted(folder.name for folder in (tmp_path / "union").iterdir()) == there
    table = rank(entries_in([tmp_path / "union"]))
    assert [place.mean for place in table.places] == [place.mean for place in whole.table.places]


def test_the_progress_has_the_best_of_all_seeds(tmp_path):
    told = []
    recipe = Recipe("iris", {**IRIS.settings, "training.metrics": ["f1"]})
    swept = sweep(recipe, POINTS[:1], tmp_path / "out", seeds=range(4), jobs=1, by="train_loss", tell=told.append)
    (place,) = swept.table.places
    assert told[-1].best.final["train_loss"] == min(entry.final["train_loss"] for entry in place.entries)


def test_trials_that_have_other_measures_are_ranked_by_what_all_have(tmp_path):
    points = [{"data.validation_fraction": share} for share in (0.2, 0)]
    recipe = Recipe("iris", {**IRIS.settings, "data.test_fraction": 0})
    assert sweep(recipe, points, tmp_path / "out", jobs=1).table.measure == "train_accuracy"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"parameters": "many"}, "parameters is not a whole number"),
        ({"expectations": 3}, "expectations is not a list of objects"),
        ({"expectations": [{"met": "yes"}]}, "an expectation does not say whether it was met"),
    ],
)
def test_a_summary_that_no_run_writes_is_not_ranked(tmp_path, wrong, said):
    (place,) = sweep(IRIS, POINTS[:1], tmp_path, jobs=1).table.places
    file = place.entries[0].folder / "summary.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **wrong}))
    with pytest.raises(DataError, match=f"is damaged: {said}"):
        entries_in([tmp_path])


def test_what_diverges_or_is_refused_is_a_row(tmp_path):
    points = [{"optimizer.lr": 1e-3}, {"optimizer.lr": 1e30}, {"optimizer.lr": -1}, {"network.layers.7.units": 3}]
    steep = Recipe("sine", {**IRIS.settings, "optimizer.name": "sgd"})
    swept = sweep(steep, points, tmp_path / "out", seeds=range(2), jobs=1)
    first, *failed = swept.table.places
    assert (first.settings["optimizer.lr"], len(first.finished)) == (1e-3, 2)
    reasons = {place.failed[0].reason for place in failed}
    assert any("diverged" in reason for reason in reasons)
    assert any("optimizer.lr" in reason for reason in reasons)
    assert any("layers" in reason for reason in reasons)
    # What diverged is kept, and not trained again; the refused have no folder.
    assert sweep(steep, points, tmp_path / "out", seeds=range(2), jobs=1).trained == 0
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_a_seed_that_diverges_with_its_last_weights_is_kept_as_such(tmp_path):
    """Every epoch was finite; the loss with what the last step has made of the weights is not."""
    steep = Recipe("sine", {"training.epochs": 1, "training.batch_size": 1000, "expect": {}, "optimizer.name": "sgd"})
    # The loss overflows with the weights of two seeds, and not with those of the other.
    (place,) = sweep(steep, [{"optimizer.lr": 1e20}], tmp_path / "out", seeds=range(3), jobs=1).table.places
    assert [(entry.seed, bool(entry.reason)) for entry in place.entries] == [(0, True), (1, False), (2, True)]
    assert all(entry.folder is not None for entry in place.entries)


@pytest.mark.ci
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_sweep_that_is_killed_ends_with_the_same_table(tmp_path):
    words = ["--over", "optimizer.lr=0.01,0.1", "--seeds", "4", "--set", "training.epochs=3", "--set", "expect={}"]
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "neurosim", "sweep", "iris", *words, "--json", "--jobs", "2", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(out.glob("[!.]*")):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    whole = sweep(IRIS, POINTS, tmp_path / "whole", seeds=range(4), jobs=1)
    tables = [json.loads(done.stdout)["ranking"], rows(whole.table)]
    for row in (row for table in tables for row in table):
        row["seconds"] = None
        row["runs"] = [Path(run).name for run in row["runs"]]
    assert tables[0] == tables[1]
