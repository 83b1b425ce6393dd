"""``neurosim run --resume`` of a run of many seeds."""

import json
import shutil
from pathlib import Path

import pytest
from resumed import FEW, SETTINGS

import neurosim as library
from neurosim.runs import run_ensemble
from neurosim.training.ensemble import Ensemble


@pytest.fixture
def many(tmp_path):
    """A run of five seeds, killed before its picture is drawn and its page is written."""
    scenario = library.load_scenario("xor", overrides=FEW)
    run_ensemble(Ensemble(scenario, range(2, 7)), tmp_path / "many")
    return tmp_path / "many"


def test_many_seeds_killed_after_training_get_their_picture_and_page(neurosim, many):
    before = (many / "ensemble.csv").read_text(), (many / "summary.json").read_text()
    assert neurosim("run", "xor", "--seeds", "4", "--resume", many, *SETTINGS).code == 2
    for force in ([], ["--force"]):
        assert neurosim("run", "xor", "--resume", many, *SETTINGS, "--set", "optimizer.lr=1", *force).code == 2
    done = neurosim("run", "xor", "--seeds", "5", "--seed", "2", "--resume", many, *SETTINGS, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["seeds"] == [2, 6]
    assert ((many / "ensemble.csv").read_text(), (many / "summary.json").read_text()) == before
    assert neurosim("run", "xor", "--seeds", "5", "--seed", "2", "--out", "whole", *SETTINGS).code == 0
    assert {path.name for path in many.iterdir()} == {path.name for path in Path("whole").iterdir()}
    again = neurosim("run", "--resume", many)
    assert again.code == 3
    assert "is finished" in again.err


def test_many_seeds_killed_on_the_way_are_trained_again(neurosim, many, monkeypatch):
    whole = (many / "ensemble.csv").read_text()
    shutil.rmtree(many)

    def kill(self, *arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(Ensemble, "train", kill)
        stopped = neurosim("run", "xor", "--seeds", "5", "--seed", "2", "--out", many, *SETTINGS)
    assert stopped.code == 130
    assert f"neurosim run --resume {many}" in stopped.err
    for command in ("plot", "report"):
        done = neurosim(command, many)
        assert done.code == 3
        assert f"neurosim run --resume {many}" in done.err
    done = neurosim("run", "--resume", many)
    assert done.code == 0, done.err
    assert "all of them are trained again" in done.out
    assert (many / "ensemble.csv").read_text() == whole
    assert not (many / "seeds.json").exists()


def test_no_other_run_is_begun_in_the_folder_of_many_seeds_that_were_stopped(neurosim, tmp_path, monkeypatch):
    def kill(self, *arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(Ensemble, "train", kill)
        assert neurosim("run", "xor", "--seeds", "5", "--out", "there", *SETTINGS).code == 130
    before = {path: path.read_bytes() for path in (tmp_path / "there").iterdir()}
    for more in ((), ("--seeds", "5")):
        done = neurosim("run", "xor", "--out", "there", *more, *SETTINGS)
        assert done.code == 3
        assert "holds a run of many seeds that was interrupted" in done.err
        assert {path: path.read_bytes() for path in (tmp_path / "there").iterdir()} == before
    assert neurosim("run", "--resume", "there").code == 0


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("ensemble.csv", "seed,", "sed,"),
        ("ensemble.csv", "\n3,", "\n9,"),
        ("ensemble.csv", "\n3,", "\nthree,"),
        ("summary.json", '"seeds": [', '"seeds": [-'),
        ("summary.json", '"remarks": {', '"remarks": {"units": 3, '),
        ("summary.json", '"remarks": {', '"remarks": [], "others": {'),
    ],
)
def test_damage_is_named(name, old, new, neurosim, many):
    text = (many / name).read_text()
    assert old in text
    (many / name).write_text(text.replace(old, new))
    done = neurosim("run", "--resume", many)
    assert done.code == 3
    assert f"{name} is damaged" in done.err
