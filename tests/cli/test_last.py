"""``last`` for the newest run, and what is said of a name that is not the folder of a run."""

import contextlib
import json
import os
import shutil
from pathlib import Path

import pytest

from neurosim.cli.application import execute
from neurosim.errors import DataError
from neurosim.scenario.run_folders import all_runs, named_run, named_scenario, newest_run, runs_of

QUICK = ["--set", "plots.pictures=[]", "--set", "training.epochs=3", "--set", "expect={}", "--no-report", "--quiet"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with three runs, the newest one of xor."""
    folder = tmp_path_factory.mktemp("made")
    with contextlib.chdir(folder):
        for order, (name, out) in enumerate([("and", "runs/and-1"), ("xor", "runs/xor-1"), ("xor", "runs/xor-2")]):
            assert execute(["run", name, "--out", out, "--seed", str(order), *QUICK]) == 0
            os.utime(Path(out) / "scenario.toml", (1_000 + order, 1_000 + order))
    return folder


@pytest.fixture
def here(made, neurosim, tmp_path):
    """The command line, in a copy of that folder."""
    shutil.copytree(made / "runs", tmp_path / "runs")
    return neurosim


def test_runs_are_ordered_by_when_they_began(here):
    assert [run.name for run in all_runs()] == ["xor-2", "xor-1", "and-1"]
    # Pictures drawn later make no run a newer one.
    Path("runs/and-1/new.png").write_text("")
    assert newest_run() == Path("runs/xor-2")
    assert runs_of("xor") == [Path("runs/xor-2"), Path("runs/xor-1")]
    assert runs_of("iris") == []


def test_runs_that_stand_together_in_a_folder_count(here):
    shutil.copytree("runs/and-1", "runs/several/and")
    os.utime("runs/several/and/scenario.toml", (5_000, 5_000))
    assert newest_run() == Path("runs/several/and")


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["plot", "last", "--only", "learning_curves"], "runs/xor-2/learning_curves.png"),
        (["report", "last"], "runs/xor-2/report.html"),
        (["doctor", "last"], "(runs/xor-2)"),
        (["compare", "last", "runs/xor-1"], "comparison"),
        (["replay", "last", "--from", "epoch:1", "--set", "optimizer.lr=0.5"], "forked after step 1"),
        (["predict", "last", "--data", "points.csv"], "prediction"),
        (["explain", "last"], "XOR"),
        (["info", "last"], "dense"),
        (["run", "last", "--no-report"], "Files: runs/xor-2"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_every_command_that_takes_a_run_takes_last(here, arguments, left):
    Path("points.csv").write_text("x1,x2\n0,1\n")
    done = here(*arguments)
    assert done.code == 0, done.err
    assert "last: runs/xor-2\n" in done.err
    assert left in done.out


def test_last_is_run_again_with_its_settings(here):
    done = here("run", "last", "--json", "--no-report", "--out", "again")
    assert done.code == 0, done.err
    assert json.loads(done.out)["epochs"] == 3
    assert Path("again/model.safetensors").read_bytes() == Path("runs/xor-2/model.safetensors").read_bytes()
    assert here("run", "last", "--quiet", "--no-report").err == ""


def test_a_run_folder_stands_for_its_scenario(here):
    done = here("run", "runs/and-1", "--json", "--no-report", "--out", "again")
    assert json.loads(done.out)["scenario"] == "and"
    assert named_scenario("runs/and-1") == ("runs/and-1/scenario.toml", True)
    assert named_scenario("xor") == ("xor", False)


def test_resume_last(here):
    # It was made without a page, which is what is missing.
    done = here("run", "--resume", "last")
    assert done.code == 0, done.err
    assert "last: runs/xor-2" in done.err
    assert Path("runs/xor-2/report.html").exists()


@pytest.mark.parametrize("command", [["plot"], ["report"], ["doctor"], ["run"], ["explain"], ["run", "--resume"]])
def test_without_a_run_last_says_how_to_make_one(neurosim, command):
    done = neurosim(*command, "last")
    assert done.code == 3
    assert "there is no run yet" in done.err
    assert "neurosim run xor" in done.err
    with pytest.raises(DataError, match="no run yet"):
        named_run("last")


def test_what_is_called_last_is_meant_by_it(here):
    Path("runs/and-1").rename("last")
    done = here("doctor", "last")
    assert "AND" in done.out
    assert "last:" not in done.err
    assert json.loads(here("run", "last", "--json", "--no-report").out)["scenario"] == "and"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("xor", "You may mean runs/xor-2, the newest of 2"),
        ("and", "You may mean runs/and-1."),
        ("iris", "neurosim run iris  makes one"),
        ("mine.toml", "You may mean runs/xor-2, the newest of 2"),
        ("xor-2", "You may mean runs/xor-2."),
        ("runs/xro-2", "You may mean runs/xor-2."),
        ("runs/xo", "You may mean runs/xor-2."),
        ("runs/and-1/scenario.toml", "It is a file of the run in runs/and-1"),
        ("nothing", "The newest is runs/xor-2, or in short: last."),
    ],
)
@pytest.mark.parametrize("command", ["plot", "doctor"])
def test_a_name_that_is_no_run_leads_to_one(here, command, given, words):
    Path("mine.toml").write_text('[scenario]\nname = "xor"\n')
    done = here(command, given)
    assert done.code == 3
    assert words in done.err


def test_predict_tells_a_scenario_from_a_run(here):
    done = here("predict", "xor", "--data", "points.csv")
    assert done.code == 3
    assert "You may mean runs/xor-2" in done.err


def test_a_lesson_names_the_next_one(neurosim):
    settings = ["--no-report", "--set", "plots.pictures=[]", "--set", "training.epochs=1", "--set", "expect={}"]
    leads_on = "next: neurosim run xor-two-units\n"
    assert neurosim("run", "xor", *settings).out.endswith(leads_on)
    assert "next:" not in neurosim("run", "last", "--no-report").out  # a copy is no lesson of the course
    for quiet in (["--quiet"], ["--json"], ["--seeds", "2"]):
        assert "next:" not in neurosim("run", "xor", *quiet, *settings).out
    # So does a study.
    assert neurosim("run", "xor", "--set", "scenario.repeats=2", *settings).out.endswith(leads_on)
