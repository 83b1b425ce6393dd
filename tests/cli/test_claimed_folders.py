"""Commands that choose their folder have it for themselves, and leave none behind where they are refused."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from neurosim.runs.folder import folder_for
from neurosim.scenario.run_folders import all_runs, newest_run

QUICK = ["--backend", "reference", "--no-report", "--quiet", "--set", "training.epochs=1", "--set", "expect={}"]
QUICK += ["--set", "plots.pictures=[]"]
NO_DATA = """
[scenario]
name = "no-data"
title = "Its rows are not there"
[data]
source = "csv"
file = "nowhere.csv"
target = "y"
[network]
loss = "mse"
layers = [{ kind = "dense", units = 1 }]
[optimizer]
name = "sgd"
lr = 0.1
[training]
epochs = 1
"""
VARIANTS = '[[variants]]\nname = "a"\n[[variants]]\nname = "b"\n'


def test_those_that_begin_at_once_have_a_folder_each(neurosim):
    workers, rounds = 6, 20
    together = threading.Barrier(workers)
    claimed, left = [], threading.Event()

    def claims(worker):
        for number in range(rounds):
            together.wait()
            with folder_for(None, "xor") as folder:
                claimed.append(folder)
                if number or worker:  # one of them is refused before it writes anything
                    (folder / "scenario.toml").write_text("")
        left.set()

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(claims, range(workers)))
    assert left.is_set()
    there = set(Path("runs").iterdir())
    assert len(there) == len(all_runs()) == workers * rounds - 1
    assert there <= set(claimed)


@pytest.mark.parametrize("out", [[], ["--out", "new/inner"]], ids=["usual folder", "--out"])
@pytest.mark.parametrize(
    "words",
    [
        ["run", "no-data.toml"],
        ["run", "no-data.toml", "--seeds", "3"],
        ["run", "study.toml"],
        ["run", "xor", "--set", "scenario.repeats=2", "--seed", 2**63 - 1],
        ["run", "xor", "--seeds", "2", "--seed", 2**63 - 1],
        ["run", "xor", "--set", "network.layers.0.units=100000000000"],
        ["run", "no-data.toml", "study.toml"],
    ],
    ids=lambda words: " ".join(map(str, words[1:4])),
)
def test_what_is_refused_leaves_no_folder(neurosim, words, out):
    Path("no-data.toml").write_text(NO_DATA)
    Path("study.toml").write_text(NO_DATA.replace("no-data", "study") + VARIANTS)
    done = neurosim(*words, *out, *QUICK)
    assert done.code in (2, 3), done.err
    assert not Path("runs").exists()
    assert not Path("new").exists()


def test_a_comparison_that_cannot_be_made_leaves_no_folder(neurosim):
    assert neurosim("run", "xor", *QUICK, "--out", "one").code == 0
    for words in (["compare", "one"], ["replay", "one", "--from", "epoch:9"], ["replay", "one", "--from", "0", "--set",
                  "network.layers.0.units=3"]):  # fmt: skip
        done = neurosim(*words)
        assert done.code == 2, done.err
        assert not Path("runs").exists()


def test_a_folder_that_is_only_claimed_is_no_run(neurosim):
    assert neurosim("run", "xor", *QUICK).code == 0
    (made,) = Path("runs").iterdir()
    Path("runs/xor-30000101T000000Z").mkdir()
    assert newest_run() == made
    done = neurosim("plot", "runs/xor-30000101T000000Z")
    assert done.code == 3
    assert "is not the folder of a run" in done.err


def test_a_folder_of_the_user_stays_however_empty(neurosim):
    Path("mine").mkdir()
    Path("no-data.toml").write_text(NO_DATA)
    assert neurosim("run", "no-data.toml", "--out", "mine").code == 3
    assert list(Path("mine").iterdir()) == []
