"""Checkpoints: what survives a signal, damage, a changed scenario, and a second process in the same folder."""

import json
import signal
import subprocess
import sys
import time

import pytest

import neurosim
from neurosim.errors import DataError, DivergedError, UsageError
from neurosim.runs import Observer, StudyObserver, checkpoint, identity
from neurosim.runs.folder import RunFolder
from neurosim.training.simulator import Simulator

# Long enough to be killed in the middle, with a state of every kind.
LONG = ("--set", "training.epochs=80", "--set", "training.checkpoint_every=1", "--set", "expect={}", "--no-report")


class Stop(Observer):
    """Ctrl-C at the end of an epoch."""

    def __init__(self, epoch):
        self.at = epoch

    def epoch(self, record):
        if record["epoch"] == self.at:
            raise KeyboardInterrupt


def stopped(folder, epoch, **overrides):
    keys = {"training.epochs": 9, "expect": {}, **{key.replace("__", "."): value for key, value in overrides.items()}}
    with pytest.raises(KeyboardInterrupt):
        neurosim.run("moons", overrides=keys, out=folder, observer=Stop(epoch))
    return keys


def files(folder):
    return sorted(path.name for path in (folder / "checkpoint").iterdir())


def start(folder, *words, **how):
    command = [sys.executable, "-m", "neurosim", "run", "moons", *LONG, "--out", str(folder), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)


def resume(folder):
    words = [sys.executable, "-m", "neurosim", "run", "--resume", str(folder), "--quiet", "--no-report"]
    return subprocess.run(words, capture_output=True, text=True)


def wait_for(folder, count):
    """Until so many epochs are written."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        metrics = folder / "metrics.jsonl"
        if metrics.is_file() and metrics.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.005)
    raise AssertionError("the run did not get there")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The model of a run that nothing has stopped."""
    folder = tmp_path_factory.mktemp("whole")
    process = start(folder / "run", "--quiet")
    out, err = process.communicate()
    assert process.returncode == 0, (out, err)
    return (folder / "run" / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.ci),
        pytest.param(signal.SIGHUP, marks=pytest.mark.ci),
    ],
)
def test_a_request_to_end_leaves_a_checkpoint(number, tmp_path, whole):
    def heed():
        """Where these tests run in the background of a shell, Ctrl-C is ignored, and would be here."""
        signal.signal(number, signal.SIG_DFL)

    process = start(tmp_path / "run", preexec_fn=heed)
    wait_for(tmp_path / "run", 3)
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == 130, (out, err)
    assert "stopping in a moment" in err
    assert f"resume with: neurosim run --resume {tmp_path / 'run'}" in err
    assert resume(tmp_path / "run").returncode == 0
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == whole


def test_what_nohup_ignores_stays_ignored(tmp_path, whole):
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = start(tmp_path / "run", "--quiet", preexec_fn=ignore)
    wait_for(tmp_path / "run", 3)
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate()
    assert process.returncode == 0, (out, err)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == whole


def test_two_are_kept_and_what_was_killed_is_swept(tmp_path):
    stopped(tmp_path / "run", 6, training__checkpoint_every=2)
    assert [name[5:17] for name in files(tmp_path / "run")] == ["000000000040", "000000000060"]
    (tmp_path / "run" / ".metrics.jsonl.abc.neurosim-tmp").write_text("half")
    (tmp_path / "run" / "checkpoint" / ".step.x.neurosim-tmp").write_text("half")
    result = neurosim.run(tmp_path / "run" / "scenario.toml", resume=tmp_path / "run")
    assert len(result.history) == 9
    assert not list((tmp_path / "run").glob("**/.*"))
    assert not (tmp_path / "run" / "checkpoint").exists()


def test_how_often_depends_on_what_it_takes(tmp_path, monkeypatch):
    """On a clock that only writing moves on: after 1 s of it the next is due in 30 s, after a moment in 5."""
    now = [0.0]
    written = []

    def save(folder, simulator, belongs, mixed):
        written.append(now[0])
        now[0] += 1.0 if len(written) == 1 else 0.01

    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoint, "save_checkpoint", save)
    checkpoints = checkpoint.Checkpoints(tmp_path, Simulator(neurosim.load_scenario("xor")))
    for second in range(50):
        now[0] = max(now[0], float(second))
        checkpoints.after({"epoch": 1})
    assert written == [5.0, 36.0, 42.0, 48.0]


def test_an_older_checkpoint_by_its_file(tmp_path):
    stopped(tmp_path / "run", 6, training__checkpoint_every=2)
    older = tmp_path / "run" / "checkpoint" / files(tmp_path / "run")[0]
    result = neurosim.run(tmp_path / "run" / "scenario.toml", resume=older)
    assert result.folder == tmp_path / "run"
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 9


def test_a_new_run_does_not_go_on_with_an_old_one(tmp_path):
    stopped(tmp_path / "run", 6)
    kept = files(tmp_path / "run")
    with pytest.raises(DataError, match="holds a run that was interrupted") as caught:
        neurosim.run("moons", out=tmp_path / "run")
    assert f"neurosim run --resume {tmp_path / 'run'}" in caught.value.hint
    assert files(tmp_path / "run") == kept


def test_a_file_of_ones_own_beside_the_checkpoints_is_left_alone(tmp_path):
    stopped(tmp_path / "run", 6)
    (tmp_path / "run" / "checkpoint" / "step-old.safetensors").write_text("a copy")
    neurosim.run(tmp_path / "run" / "scenario.toml", resume=tmp_path / "run")
    assert files(tmp_path / "run") == ["step-old.safetensors"]


def test_a_run_that_goes_on_is_not_finished_meanwhile(tmp_path):
    """Killed between its last file and the end, a finished run still has a checkpoint."""
    stopped(tmp_path / "run", 6)
    (tmp_path / "run" / "summary.json").write_text("{}")
    with pytest.raises(KeyboardInterrupt):
        neurosim.run(tmp_path / "run" / "scenario.toml", resume=tmp_path / "run", observer=Stop(8))
    assert not (tmp_path / "run" / "summary.json").exists()


def test_a_disk_that_is_full_when_training_diverges_or_stops_hides_neither(tmp_path, monkeypatch):
    def full(*arguments):
        raise DataError("no room", "Make some.")

    class Full(Stop):
        def epoch(self, record):
            if record["epoch"] == self.at:
                monkeypatch.setattr(checkpoint, "write_atomically", full)
                raise KeyboardInterrupt

    overrides = {"training.epochs": 9, "training.checkpoint_every": 1, "expect": {}}
    with pytest.raises(DataError, match="no room") as caught:
        neurosim.run("moons", overrides=overrides, out=tmp_path / "run", observer=Full(4))
    assert "neurosim run --resume" in caught.value.hint
    wild = {"optimizer.lr": 1e30, "optimizer.name": "sgd", "expect": {}, "training.epochs": 3}
    with pytest.raises(DivergedError, match="diverged in epoch") as diverged:
        neurosim.run("sine", overrides=wild, out=tmp_path / "wild")
    assert "could be kept: no room" in diverged.value.hint


def edited(folder, old, new):
    scenario = folder / "scenario.toml"
    text = scenario.read_text()
    assert old in text
    scenario.write_text(text.replace(old, new))
    return scenario


def test_a_changed_scenario_is_refused_and_shown(tmp_path):
    stopped(tmp_path / "run", 4)
    scenario = edited(tmp_path / "run", "lr = 0.01", "lr = 0.02")
    with pytest.raises(UsageError) as caught:
        neurosim.run(scenario, resume=tmp_path / "run")
    assert "scenario: -lr = 0.01\n  scenario: +lr = 0.02" in caught.value.message
    assert "force=True" in caught.value.hint
    result = neurosim.run(scenario, resume=tmp_path / "run", force=True)
    assert len(result.history) == 9


def test_another_version_is_refused_and_shown(tmp_path, monkeypatch):
    stopped(tmp_path / "run", 4)
    monkeypatch.setattr(identity, "__version__", "99.0")
    with pytest.raises(UsageError, match=r"neurosim: .*, now 99\.0"):
        neurosim.run(tmp_path / "run" / "scenario.toml", resume=tmp_path / "run")


STUDY = """
[[variants]]
name = "slow"
"optimizer.lr" = 0.001
[[variants]]
name = "fast"
"optimizer.lr" = 0.1
"""


def test_a_study_refuses_changes_too(tmp_path):
    (tmp_path / "s.toml").write_text(neurosim.load_scenario("moons", overrides={"expect": {}}).to_toml() + STUDY)

    class StopStudy(StudyObserver):
        def share(self, done):
            if done > 0.1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        neurosim.study(tmp_path / "s.toml", out=tmp_path / "run", observer=StopStudy())
    scenario = edited(tmp_path / "run", "samples = 400", "samples = 300")
    with pytest.raises(UsageError, match="scenario: -samples = 400"):
        neurosim.study(scenario, resume=tmp_path / "run")
    found = neurosim.study(scenario, resume=tmp_path / "run", force=True)
    assert [len(result.history) for result in found.results] == [100, 100]


def test_how_often_checkpoints_are_written_may_change(tmp_path):
    stopped(tmp_path / "run", 4)
    scenario = tmp_path / "run" / "scenario.toml"
    scenario.write_text(scenario.read_text().replace("[training]\n", "[training]\ncheckpoint_every = 3\n"))
    assert len(neurosim.run(scenario, resume=tmp_path / "run").history) == 9


CSV = """
[scenario]
name = "c"
title = "A table"
[data]
source = "csv"
file = "rows.csv"
target = "y"
[network]
loss = "binary_cross_entropy"
[[network.layers]]
kind = "dense"
units = 1
activation = "{activation}"
[optimizer]
name = "sgd"
lr = 0.1
[training]
epochs = 6
batch_size = 4
"""
PLUGIN = """
import math
from neurosim import Activation, hookimpl
def bend(z):
    return {factor} / (1.0 + math.exp(-z))
@hookimpl
def neurosim_activations():
    return [Activation("bend", bend)]
"""


def test_changed_rows_and_plugins_are_refused(tmp_path):
    (tmp_path / "rows.csv").write_text("a,y\n" + "".join(f"{k},{k % 2}\n" for k in range(8)))
    (tmp_path / "bend.py").write_text(PLUGIN.format(factor="1.0"))
    (tmp_path / "c.toml").write_text(CSV.format(activation="bend"))
    plugins = [tmp_path / "bend.py"]
    with pytest.raises(KeyboardInterrupt):
        neurosim.run(tmp_path / "c.toml", plugins=plugins, out=tmp_path / "run", observer=Stop(3))
    (tmp_path / "rows.csv").write_text("a,y\n" + "".join(f"{k},{1 - k % 2}\n" for k in range(8)))
    (tmp_path / "bend.py").write_text(PLUGIN.format(factor="0.9"))
    with pytest.raises(UsageError) as caught:
        neurosim.run(tmp_path / "run" / "scenario.toml", plugins=plugins, resume=tmp_path / "run")
    assert "data: the training rows have changed (SHA-256 " in caught.value.message
    assert "plugin bend" in caught.value.message


def test_a_damaged_one_names_the_one_before(tmp_path):
    stopped(tmp_path / "run", 6, training__checkpoint_every=2)
    names = files(tmp_path / "run")
    path = tmp_path / "run" / "checkpoint" / names[1]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError) as caught:
        neurosim.run(tmp_path / "run" / "scenario.toml", resume=tmp_path / "run")
    assert names[0] in caught.value.hint


def test_a_second_process_is_refused(tmp_path):
    process = start(tmp_path / "run", "--set", "training.epochs=1000000")
    wait_for(tmp_path / "run", 1)
    second = subprocess.run(
        [sys.executable, "-m", "neurosim", "run", "moons", "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
    )
    process.kill()
    process.communicate()
    assert second.returncode == 3
    assert f"another neurosim (process {process.pid}) is writing to" in second.stderr
    # The dead hold nothing.
    RunFolder(tmp_path / "run", resume=True).close()
    assert not (tmp_path / "run" / ".lock").exists()


def test_force_goes_with_resume(capsys):
    from neurosim.cli.application import execute

    assert execute(["run", "xor", "--force"]) == 2
    assert "--force goes with --resume" in capsys.readouterr().err


def test_the_metrics_of_a_killed_run_are_those_of_the_checkpoint(tmp_path):
    """An epoch that was announced after the checkpoint is trained again, and stands there once."""
    stopped(tmp_path / "run", 5, training__checkpoint_every=5)
    metrics = tmp_path / "run" / "metrics.jsonl"
    lines = metrics.read_text().splitlines()
    metrics.write_text("\n".join([*lines, lines[-1].replace('"epoch": 5', '"epoch": 6')]) + "\n" + '{"epoch": 7, "tra')
    neurosim.run(tmp_path / "run" / "scenario.toml", resume=tmp_path / "run")
    epochs = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()]
    assert epochs == list(range(1, 10))
