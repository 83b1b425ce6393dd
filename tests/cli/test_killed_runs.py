"""What a run that was killed at one moment or another leaves, and what commands make of it."""

import contextlib
import io
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from neurosim import run
from neurosim.cli import resuming
from neurosim.cli.application import execute
from neurosim.files.lock import FolderLock, who_holds
from neurosim.scenario.run_folders import is_left_behind

fcntl = pytest.importorskip("fcntl", reason="runs are killed in forks, as POSIX has them")

QUICK = {"training.epochs": 2, "expect": {}, "plots.pictures": []}
SETTINGS = ["--set", "training.epochs=2", "--set", "expect={}", "--set", "plots.pictures=[]"]
REFERENCE = ["--backend", "reference"]


def killed(words, name):
    """Run a command line in a process that is killed when the file of this name is to be there."""
    process = os.fork()
    if not process:

        def hear(event, args):
            written = event == "open" and isinstance(args[0], str) and args[2] & os.O_CREAT
            path = args[1] if event == "os.rename" else args[0] if written else None
            if path is not None and Path(os.fsdecode(path)).name == name:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hear)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            os._exit(execute([str(word) for word in words]))
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([], id="one"),
        pytest.param(["--set", "scenario.repeats=2"], id="study", marks=pytest.mark.ci),
        pytest.param(["--seeds", "2"], id="seeds", marks=pytest.mark.ci),
    ],
)
def test_what_was_killed_before_it_kept_anything_goes_on_with_its_backend(neurosim, more):
    words = ["run", "xor", *SETTINGS, *REFERENCE, *more, "--no-report"]
    assert neurosim(*words, "--out", "whole").code == 0
    # Just after its scenario was written, and before any network of it has begun.
    first = "metrics.jsonl" if not more else "ensemble.csv" if "--seeds" in more else "metrics.jsonl"
    killed([*words, "--out", "killed"], first)
    done = neurosim("run", "--resume", "killed", "--no-report", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["backend"] == "reference"
    for name in ("model.safetensors", "ensemble.csv"):
        ours, theirs = (sorted(Path(folder).rglob(name)) for folder in ("killed", "whole"))
        assert [path.read_bytes() for path in ours] == [path.read_bytes() for path in theirs]
    assert not {".lock", "begun.json", "seeds.json"} & {path.name for path in Path("killed").rglob("*")}


def test_many_seeds_that_were_killed_are_never_taken_for_one_network(neurosim):
    words = ["run", "xor", *SETTINGS, *REFERENCE, "--seeds", "2", "--no-report"]
    for name in ("seeds.json", "scenario.toml"):
        killed([*words, "--out", "killed"], name)
        assert not Path("killed/scenario.toml").exists()
        done = neurosim("run", "--resume", "killed")
        assert done.code == 3
        assert "start it again:  neurosim run SCENARIO --out killed" in done.err


@pytest.mark.parametrize("command", ["plot", "run --resume", "run", "explain", "predict --data a.csv"])
def test_a_run_that_was_killed_before_it_began_is_begun_again(neurosim, command):
    killed(["run", "xor", *SETTINGS, *REFERENCE, "--out", "my run"], "scenario.toml")
    assert is_left_behind(Path("my run"))
    done = neurosim(*command.split(), "my run")
    assert done.code == 3
    assert "start it again:  neurosim run SCENARIO --out 'my run'" in done.err


def test_both_futures_of_a_killed_replay_are_drawn_when_it_goes_on(neurosim):
    assert neurosim("run", "xor", *SETTINGS, *REFERENCE, "--no-report", "--out", "run").code == 0
    replay = ["replay", "run", "--from", "epoch:1", "--set", "optimizer.lr=0.5", "--set", "training.shuffle=false"]
    assert neurosim(*replay, "--out", "whole").code == 0
    for name, file, going_on in (
        ("trained", "summary.json", ["run", "--resume", "trained"]),
        ("drawn", "replay.png", ["report", "drawn"]),
    ):
        killed([*replay, "--out", name], file)
        done = neurosim(*going_on)
        assert (done.code, done.err) == (0, "")
        assert Path(name, "replay.png").read_bytes() == Path("whole/replay.png").read_bytes()
        assert "Both futures" in Path(name, "report.html").read_text()
    killed([*replay, "--out", "alone"], "summary.json")
    Path("run/metrics.jsonl").unlink()
    done = neurosim("run", "--resume", "alone")
    assert done.code == 0, done.err
    assert "No picture replay: run, which was replayed, is no longer there as it was." in done.err


@pytest.mark.parametrize("more", [[], ["--seeds", "2"], ["--set", "scenario.repeats=2"]])
def test_nothing_is_said_of_a_run_in_an_empty_folder(neurosim, more):
    Path("empty").mkdir()
    done = neurosim("run", "xor", *SETTINGS, *more, "--resume", "empty")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("Error: empty is not the folder of a run")
    assert "start it again:  neurosim run SCENARIO --out empty" in done.err


@pytest.mark.ci
def test_between_its_summary_and_its_page(neurosim):
    words = ["run", "xor", *SETTINGS, *REFERENCE, "--set", 'plots.pictures=["learning_curves","decision_boundary"]']
    killed([*words, "--out", "killed"], "report.html")
    Path("killed/learning_curves.png").unlink()  # it might have been killed sooner
    done = neurosim("plot", "killed", "--out", "elsewhere")
    assert done.code == 0, done.err
    assert "it has no page yet: neurosim report killed  writes one" in done.err
    assert "neurosim run --resume killed  writes its page" in neurosim(*words, "--out", "killed").err
    assert list(Path("killed").glob(".report.html*"))
    assert neurosim("report", "killed").code == 0
    # All pictures are on it, not only those that were there.
    page = Path("killed/report.html").read_text()
    assert page.count("data:image/png") == 2
    assert not list(Path("killed").glob(".report.html*"))


def test_what_was_left_at_the_very_end_is_tidied_up(neurosim):
    killed(["run", "xor", *SETTINGS, *REFERENCE, "--out", "killed", "--no-report"], "summary.json")
    assert Path("killed/begun.json").exists()
    assert neurosim("run", "--resume", "killed", "--no-report").code == 0
    Path("killed/begun.json").write_text("{}")
    Path("killed/.lock").touch()
    assert neurosim("run", "--resume", "killed", "--no-report").code == 0
    assert not [path.name for path in Path("killed").iterdir() if path.name in (".lock", "begun.json", "checkpoint")]


def test_many_seeds_that_another_process_has_just_trained_are_read(neurosim, monkeypatch):
    words = ["run", "xor", *SETTINGS, *REFERENCE, "--seeds", "2", "--no-report", "--out", "killed"]
    killed(words, "ensemble.csv")
    look = resuming.seeds_there

    def the_other_is_quicker(*arguments):
        found = look(*arguments)
        if not found.finished:
            process = os.fork()
            if not process:
                os._exit(execute(["run", "--resume", "killed", "--no-report", "--quiet"]))
            assert os.waitpid(process, 0)[1] == 0
        return found

    # Only here: the other process looks as usual.
    parent = os.getpid()
    monkeypatch.setattr(
        resuming, "seeds_there", lambda *given: (the_other_is_quicker if os.getpid() == parent else look)(*given)
    )
    done = neurosim("run", "--resume", "killed", "--no-report", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["networks"] == 2


def test_what_is_being_trained_is_waited_for(neurosim):
    folder = run("xor", backend="reference", overrides=QUICK, out="mine").folder
    (folder / "summary.json").unlink()
    assert who_holds(folder) == ""
    lock = FolderLock(folder, resuming=False)
    done = neurosim("plot", folder)
    assert done.code == 3
    assert f"it is being trained right now, by process {os.getpid()}" in done.err
    assert "--resume" not in done.err
    lock.release()
    assert "neurosim run --resume mine  resumes it" in neurosim("plot", folder).err
    # Whoever looks is in nobody's way.
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        with pytest.raises(Exception, match="another neurosim"):
            FolderLock(folder, resuming=False)
    FolderLock(folder, resuming=False).release()


@pytest.mark.parametrize("more", [[], ["--set", "scenario.repeats=2"], ["--seeds", "2"]])
def test_what_is_to_be_gone_on_with_is_waited_for_as_well(neurosim, more):
    words = ["run", "xor", *SETTINGS, *REFERENCE, *more, "--no-report"]
    killed([*words, "--out", "killed"], "metrics.jsonl" if "--seeds" not in more else "ensemble.csv")
    going_on = ["run", "--resume", "killed", "--no-report"]
    lock = FolderLock(Path("killed"), resuming=False)
    for scenario in (True, False):
        # Without one it has just begun.
        if not scenario:
            Path("killed/scenario.toml").rename("scenario.toml")
        done = neurosim(*going_on)
        assert done.code == 3
        assert f"another neurosim (process {os.getpid()}) is writing to killed right now" in done.err
        assert "Wait until it has ended; the same command then does whatever is left." in done.err
        assert "being trained right now" in neurosim("plot", "killed").err
    Path("scenario.toml").rename("killed/scenario.toml")
    assert "choose another folder (--out)" in neurosim(*words, "--out", "killed").err
    lock.release()
    assert neurosim(*going_on).code == 0
