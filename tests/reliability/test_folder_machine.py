"""Runs, kills, edits and readers in any order over one folder: every number shown belongs to what lies beside it."""

import itertools
import os

import pytest
from folder_machine import FolderMachine
from folder_world import WITH_PLUGIN, Settings, Truths, write_world
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sizes import sizes
from warm_forks import Forks

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")
# A failure is made small; nothing depends on what earlier runs have found.
HOW = settings(
    max_examples=3,
    stateful_step_count=50,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
    deadline=None,
    database=None,
)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """A warm process, and a folder for the worlds."""
    home = tmp_path_factory.mktemp("machine")
    warm = home / "warm"
    warm.mkdir()
    write_world(warm, Settings(bent=True), 0, 0)
    orders = [
        ["run", "scenario.toml", "--backend", "reference", "--out", "reference"],
        ["run", "scenario.toml", "--backend", "cpu", "--threads", "1", "--out", "cpu"],
        ["run", "scenario.toml", "--backend", "reference", "--out", "study", "--set", "scenario.repeats=2"],
        ["run", "scenario.toml", "--backend", "reference", "--out", "many", "--seeds", "2"],
        ["plot", "cpu", "--out", "pictures"],
        ["report", "cpu", "--out", "pictures"],
        ["doctor", "cpu", "--out", "pictures"],
        ["compare", "reference", "cpu", "--out", "pictures"],
        ["predict", "reference", "--data", "new.csv", "--backend", "reference"],
        ["replay", "reference", "--from", "epoch:1", "--out", "replay"],
    ]
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with Forks(warm, [[*words, *WITH_PLUGIN] for words in orders], env) as forks:
        assert set(forks.codes) <= {0, 5}, (forks.codes, forks.told)
        yield forks, home


@sizes(short=15, full=10_000, ci=True)
def test_every_number_shown_belongs_to_what_lies_beside_it(count, ground):
    forks, home = ground
    counted = dict.fromkeys(("steps", "kills", "interrupts", "refusals", "hints"), 0)

    class Machine(FolderMachine):
        pass

    Machine.forks, Machine.home, Machine.count = forks, home, counted
    Machine.truths = Truths(forks, home)
    for number in itertools.count(1):
        run_state_machine_as_test(seed(number)(Machine), settings=HOW)
        if counted["steps"] >= count:
            break
    print(counted)
    assert min(counted["kills"], counted["refusals"]) > 0, counted
