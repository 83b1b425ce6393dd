"""``neurosim run --resume`` of every kind of run, stopped or killed anywhere."""

import json
import shutil
from pathlib import Path

import pytest
from resumed import FEW, SETTINGS

import neurosim as library
from neurosim.errors import DivergedError
from neurosim.runs import Observer, StudyObserver
from neurosim.training.ensemble import Ensemble

STUDY = """
[[variants]]
name = "slow"
"optimizer.lr" = 0.01
[[variants]]
name = "fast"
"optimizer.lr" = 0.1
"""


class Stop(Observer):
    """Ctrl-C at the end of an epoch."""

    def __init__(self, epoch):
        self.at = epoch

    def epoch(self, record):
        if record["epoch"] == self.at:
            raise KeyboardInterrupt


class StopStudy(StudyObserver):
    """Ctrl-C when training begins."""

    def planned(self, members, epochs):
        raise KeyboardInterrupt


def stopped(folder, scenario="xor", epoch=3, **how):
    """A run as ``neurosim run`` begins it, stopped after an epoch."""
    how = {"overrides": FEW, "for_report": True, **how}
    with pytest.raises(KeyboardInterrupt):
        library.run(scenario, out=folder, observer=Stop(epoch), **how)
    return Path(folder)


def killed_after_training(folder, scenario="xor", **how):
    """A run as it is before its pictures are drawn and its page is written."""
    return library.run(scenario, out=folder, for_report=True, overrides=FEW, **how).folder


def bits(folder):
    return (folder / "model.safetensors").read_bytes(), (folder / "metrics.jsonl").read_text()


@pytest.fixture
def study_file(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(library.load_scenario("xor", overrides=FEW).to_toml() + STUDY)
    return path


# The scenario may be named ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("--seed", "5"), ("--set", "optimizer.lr=0.03")])
def test_the_scenario_may_be_named_with_the_same_settings(words, neurosim, tmp_path):
    whole = neurosim("run", "xor", "--out", "whole", *SETTINGS, *words)
    assert whole.code == 0
    changed = {"optimizer.lr": 0.03} if "optimizer.lr=0.03" in words else {}
    folder = stopped(tmp_path / "run", seed=5 if "5" in words else None, overrides={**FEW, **changed})
    done = neurosim("run", "xor", "--resume", folder, *SETTINGS, *words)
    assert done.code == 0, done.err
    assert bits(folder)[0] == bits(Path("whole"))[0]
    for name in ("record.npz", "scenario.toml"):
        assert (folder / name).read_bytes() == Path("whole", name).read_bytes()
    assert (folder / "report.html").is_file()


def test_a_lesson_or_a_title_makes_no_other_run(neurosim, tmp_path):
    folder = stopped(tmp_path / "run")
    text = library.load_scenario("xor", overrides=FEW).to_toml()
    title = library.load_scenario("xor").scenario.title
    Path("mine.toml").write_text(text.replace(title, "Another title"))
    done = neurosim("run", "mine.toml", "--resume", folder)
    assert done.code == 0, done.err
    assert "Another title" in done.out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--set", "optimizer.lr=0.03"), "scenario: +lr = 0.03"),
        (("--seed", "5"), "scenario: +seed = 5"),
        (("--set", 'record.quantities=["dead"]'), 'scenario: +quantities = ["dead"]'),
        (("--set", "training.epochs=7"), "scenario: +epochs = 7"),
    ],
)
@pytest.mark.parametrize("make", [stopped, killed_after_training])
def test_a_real_difference_is_refused_and_shown(make, words, line, neurosim, tmp_path):
    folder = make(tmp_path / "run")
    before = (folder / "scenario.toml").read_bytes()
    done = neurosim("run", "xor", "--resume", folder, *SETTINGS, *words)
    assert done.code == 2
    assert line in done.err
    assert f"neurosim run --resume {folder}  resumes it as it was" in done.err
    assert (folder / "scenario.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("begun", "asked"),
    [
        ((), ("--set", "optimizer.lr=0.03")),
        ((), ("--set", "scenario.repeats=1", "--seed", "9")),
        (("--seeds", "2"), ("--set", "optimizer.lr=0.03", "--seeds", "2")),
        (("--seeds", "2"), ("--seeds", "3")),
        (("--set", "scenario.repeats=2"), ("--set", "scenario.repeats=2", "--set", "optimizer.lr=0.03")),
        (("--set", "scenario.repeats=2"), ()),
    ],
)
def test_what_is_finished_is_not_suggested_to_be_gone_on_with(begun, asked, neurosim, tmp_path):
    quick = (*SETTINGS, "--set", "plots.pictures=[]", "--backend", "reference")
    assert neurosim("run", "xor", "--out", "there", *begun, *quick).code == 0
    folder = tmp_path / "there"
    words = ("run", "xor", "--resume", folder, "--no-report", *asked, *quick)
    done = neurosim(*words)
    assert done.code == 2, done.err
    assert f"{folder / 'report.html'} shows " in done.err
    assert "neurosim run --resume" not in done.err
    (folder / "report.html").unlink()
    assert f"neurosim run --resume {folder}  resumes " in neurosim(*words).err


def test_not_even_force_changes_what_is_finished(neurosim, tmp_path):
    folder = killed_after_training(tmp_path / "run")
    done = neurosim("run", "xor", "--resume", folder, *SETTINGS, "--set", "training.batch_size=2", "--force")
    assert done.code == 2
    assert "what is trained to its end stays what it is" in done.err
    assert not (folder / "report.html").exists()


def test_what_the_report_records_is_no_difference_where_there_is_another(neurosim, tmp_path):
    folder = stopped(tmp_path / "run", "iris", backend="reference")
    done = neurosim("run", "iris", "--resume", folder, *SETTINGS, "--set", "training.epochs=600")
    assert done.code == 2
    assert "scenario: +epochs = 600" in done.err
    assert "quantities" not in done.err


def test_the_backend_is_that_of_the_run(neurosim, tmp_path):
    folder = stopped(tmp_path / "run", backend="reference")
    done = neurosim("run", "--resume", folder, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["backend"] == "reference"


# Killed ----------------------------------------------------------------------------------------------------------


def test_killed_after_training_it_gets_its_pictures_and_its_page_and_is_not_trained(neurosim, tmp_path):
    folder = killed_after_training(tmp_path / "run")
    before = bits(folder), (folder / "summary.json").read_text()
    done = neurosim("run", "--resume", folder)
    assert done.code == 0, done.err
    assert "all of it is trained" in done.out
    assert "epoch" not in done.out.split("all of it is trained")[0]
    assert (bits(folder), (folder / "summary.json").read_text()) == before
    assert neurosim("run", "xor", "--out", "whole", *SETTINGS).code == 0
    assert {path.name for path in folder.iterdir()} == {path.name for path in Path("whole").iterdir()}
    assert "Nothing was recorded" not in (folder / "report.html").read_text()
    again = neurosim("run", "--resume", folder)
    assert again.code == 3
    assert "is finished: nothing is left to train" in again.err
    assert str(folder / "report.html") in again.err


def test_killed_before_its_last_checkpoint_is_removed(neurosim, tmp_path):
    folder = stopped(tmp_path / "run")
    kept = tmp_path / "kept"
    shutil.copytree(folder / "checkpoint", kept)
    library.run(folder / "scenario.toml", resume=folder)
    before = bits(folder)
    shutil.copytree(kept, folder / "checkpoint")
    done = neurosim("run", "--resume", folder)
    assert done.code == 0, done.err
    assert bits(folder) == before
    assert not (folder / "checkpoint").exists()
    assert (folder / "report.html").is_file()


def test_killed_before_its_first_checkpoint_it_begins_again(neurosim, tmp_path):
    folder = stopped(tmp_path / "run")
    shutil.rmtree(folder / "checkpoint")
    done = neurosim("run", "--resume", folder)
    assert done.code == 0, done.err
    assert "before its first checkpoint: it is trained from the start" in done.out
    assert neurosim("run", "xor", "--out", "whole", *SETTINGS).code == 0
    assert bits(folder)[0] == bits(Path("whole"))[0]


def test_a_finished_run_is_read_without_a_change_to_its_folder(tmp_path):
    result = library.run("xor", out=tmp_path / "run", overrides=FEW, backend="reference")
    before = {path: path.stat().st_mtime_ns for path in (result.folder, *result.folder.rglob("*"))}
    again = library.run("xor", resume=result.folder, overrides=FEW, backend="reference")
    assert again.metrics == result.metrics
    # Neither was a lock made and removed: the folder may be one that cannot be written.
    assert {path: path.stat().st_mtime_ns for path in (result.folder, *result.folder.rglob("*"))} == before


def test_a_missed_promise_is_missed_again(neurosim, tmp_path):
    promise = {"train_accuracy": {"at_least": 1.0}, "train_loss": {"at_most": 1e-9}}
    library.run("xor", out=tmp_path / "run", overrides={**FEW, "expect": promise})
    done = neurosim("run", "--resume", tmp_path / "run")
    assert done.code == 5
    assert "Missed: expected train loss at most 1e-09" in done.err


def test_a_run_that_diverged_is_not_trained_again_until_something_changes(neurosim, tmp_path):
    wild = {"optimizer.lr": 1e30, "optimizer.name": "sgd", "training.epochs": 3, "expect": {}}
    with pytest.raises(DivergedError) as first:
        library.run("sine", out=tmp_path / "run", overrides=wild)
    done = neurosim("run", "--resume", tmp_path / "run")
    assert done.code == 4
    assert first.value.message in done.err
    assert "Unchanged it would diverge again" in done.err
    assert "neurosim doctor" in done.err


# Studies ---------------------------------------------------------------------------------------------------------


def test_a_study_killed_after_training_gets_its_pictures_and_its_page(neurosim, study_file, tmp_path):
    folder = library.study(study_file, out=tmp_path / "run").folder
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = neurosim("run", study_file, "--resume", folder)
    assert done.code == 0, done.err
    assert "all of it is trained" in done.out
    assert {path: path.read_bytes() for path in before} == before
    assert (folder / "report.html").is_file()
    assert list(folder.glob("*.png"))
    again = neurosim("run", "--resume", folder)
    assert again.code == 3
    assert "is finished" in again.err


def test_a_study_in_which_a_network_diverged_is_not_trained_again(neurosim, study_file, tmp_path):
    wild = {
        "variants.1.optimizer.lr": 1e38,
        "network.loss": "mse",
        "network.layers.1.activation": "identity",
        "training.clip_norm": 1e30,
    }
    found = library.study(study_file, out=tmp_path / "run", overrides=wild)
    assert found.diverged
    before = (tmp_path / "run" / "members" / "fast" / "failure.json").stat().st_mtime_ns
    done = neurosim("run", "--resume", tmp_path / "run")
    assert done.code == 4
    assert "Diverged: fast" in done.err
    assert (tmp_path / "run" / "members" / "fast" / "failure.json").stat().st_mtime_ns == before


def test_force_goes_on_with_a_network_of_a_study_that_diverged(neurosim, study_file, tmp_path):
    # So far that the first step leaves the finite numbers: what is kept is the start.
    wild = ["--set", "variants.1.optimizer.lr=3e38", "--set", "optimizer.weight_decay=3e38"]
    assert neurosim("run", study_file, "--out", "run", *wild).code == 4
    folder = tmp_path / "run"
    again = neurosim("run", "--resume", folder)
    assert again.code == 3
    assert "--force resumes it" in again.err
    with pytest.raises(KeyboardInterrupt):
        library.study(study_file, resume=folder, force=True, observer=StopStudy())
    # Stopped on the way it is not finished, though its page of before is there.
    assert not (folder / "summary.json").exists()
    done = neurosim("run", study_file, "--resume", folder, "--force")
    assert done.code == 0, done.err
    assert not list(folder.rglob("failure.json"))
    assert len(json.loads((folder / "summary.json").read_text())["runs"]) == 2


def test_a_finished_network_of_another_study_is_refused(neurosim, study_file, tmp_path):
    folder = library.study(study_file, out=tmp_path / "run").folder
    before = (folder / "scenario.toml").read_bytes()
    done = neurosim("run", study_file, "--resume", folder, "--set", "training.batch_size=2")
    assert done.code == 2
    assert "slow: +batch_size = 2" in done.err
    forced = neurosim("run", study_file, "--resume", folder, "--set", "training.batch_size=2", "--force")
    assert forced.code == 2
    assert "what is trained to its end stays what it is" in forced.err
    assert (folder / "scenario.toml").read_bytes() == before
    (folder / "scenario.toml").write_bytes(before.replace(b"0.01", b"0.02"))
    done = neurosim("run", "--resume", folder)
    assert done.code == 2
    assert "slow: +lr = 0.02" in done.err


def test_a_study_that_cannot_be_made_leaves_the_folder_as_it_was(neurosim, study_file, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        library.study(study_file, out=tmp_path / "run", observer=StopStudy())
    before = (tmp_path / "run" / "scenario.toml").read_bytes()
    done = neurosim("run", study_file, "--resume", "run", "--force", "--set", "data={source='iris'}")
    assert done.code == 2
    assert "3 classes" in done.err
    assert (tmp_path / "run" / "scenario.toml").read_bytes() == before


def test_a_variant_by_name(neurosim, study_file, tmp_path):
    folder = stopped(tmp_path / "run", study_file, variant="fast", overrides={})
    several = neurosim("run", study_file, "--resume", folder)
    assert several.code == 2
    assert "Say which of them it is with --variant: slow, fast" in several.err
    assert neurosim("run", study_file, "--variant", "slow", "--resume", folder).code == 2
    done = neurosim("run", study_file, "--variant", "fast", "--resume", folder)
    assert done.code == 0, done.err


def test_a_single_scenario_does_not_go_on_with_a_study(neurosim, study_file, tmp_path):
    library.study(study_file, out=tmp_path / "run")
    done = neurosim("run", "xor", "--resume", tmp_path / "run")
    assert done.code == 2
    assert "is a study of several networks" in done.err


class KillAtOnce(Observer):
    """Ends a run before it has kept anything."""

    def started(self, simulator):
        raise KeyboardInterrupt


def test_the_backend_is_known_before_anything_is_kept(neurosim, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        library.run("xor", out="one", backend="reference", overrides=FEW, observer=KillAtOnce())
    several = {**FEW, "scenario.repeats": 2}
    with pytest.raises(KeyboardInterrupt):
        library.study("xor", out="two", backend="reference", overrides=several, observer=StopStudy())
    for name in ("one", "two"):
        done = neurosim("run", "--resume", name, "--json", "--no-report")
        assert done.code == 0, done.err
        assert json.loads(done.out)["backend"] == "reference"
    assert not list(tmp_path.rglob("begun.json"))


def test_nothing_stays_of_a_run_that_was_killed_before_it_had_kept_anything(neurosim, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        library.run("xor", out="there", backend="reference", overrides=FEW, observer=KillAtOnce())
    assert (tmp_path / "there" / "metrics.jsonl").is_file()
    (tmp_path / "there" / "replay.json").write_text("{}")
    begun = ("run", "xor", "--backend", "reference", "--no-report", "--seeds", "2", *SETTINGS)
    for name in ("there", "elsewhere"):
        done = neurosim(*begun, "--out", name)
        assert done.code == 0, done.err
    names = [{path.name for path in (tmp_path / name).iterdir()} for name in ("there", "elsewhere")]
    assert names[0] == names[1]


def test_the_backend_of_many_seeds_is_known_before_they_are_trained(neurosim, monkeypatch):
    def kill(self, *arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(Ensemble, "train", kill)
        begun = ("run", "xor", "--seeds", "2", "--out", "many", "--backend", "reference", *SETTINGS)
        assert neurosim(*begun).code == 130
    done = neurosim("run", "--resume", "many", "--json", "--no-report")
    assert done.code == 0, done.err
    assert json.loads(done.out)["backend"] == "reference"
