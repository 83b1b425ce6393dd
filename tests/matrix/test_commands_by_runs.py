"""Every command that takes a run, on every kind of run.

Each ends with a documented status, never with a bug in neurosim; where it cannot do what was asked it says why, and
what can be done instead. Promises about a single kind are held by the tests of the commands.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

import neurosim as library
from neurosim.cli.application import execute
from neurosim.errors import DivergedError
from neurosim.runs import Observer, StudyObserver, run_ensemble
from neurosim.training.ensemble import Ensemble

FEW = {"training.epochs": 3, "expect": {}, "plots.pictures": ["learning_curves"]}
WILD = {**FEW, "optimizer.name": "sgd", "optimizer.lr": 1e30}
VARIANTS = '\n[[variants]]\nname = "one"\n[[variants]]\nname = "two"\n"optimizer.lr" = 0.01\n'
WORDS = {"town": ["Ashby", "Brill"] * 4, "price": [1.5 * row for row in range(8)]}
DONE, USAGE, FILES, DIVERGED = 0, 2, 3, 4


class StopsAfterTheFirstEpoch(Observer):
    def epoch(self, record):
        raise KeyboardInterrupt


class StopsHalfWay(StudyObserver):
    def share(self, done):
        if done >= 0.5:
            raise KeyboardInterrupt


def single(folder, scenario="xor", overrides=FEW, **how):
    library.run(scenario, out=folder, overrides=overrides, for_report=True, **how)


def drawn(folder):
    settings = ["training.epochs=3", "expect={}", 'plots.pictures=["learning_curves"]']
    words = [word for setting in settings for word in ("--set", setting)]
    assert execute(["run", "xor", "--out", str(folder), "--quiet", *words]) == 0


def interrupted(folder):
    with pytest.raises(KeyboardInterrupt):
        single(folder, observer=StopsAfterTheFirstEpoch())


def killed_early(folder):
    interrupted(folder)
    shutil.rmtree(folder / "checkpoint")


def resumed(folder):
    interrupted(folder)
    assert execute(["run", "--resume", str(folder), "--quiet"]) == 0


def diverged(folder):
    with pytest.raises(DivergedError):
        single(folder, "sine", WILD)


def study(folder, overrides=FEW, scenario="xor", variants=VARIANTS, **how):
    path = folder.with_suffix(".toml")
    path.write_text(library.load_scenario(scenario, overrides=overrides).to_toml() + variants)
    library.study(path, out=folder, **how)


def study_stopped(folder):
    with pytest.raises(KeyboardInterrupt):
        study(folder, observer=StopsHalfWay())


def repeats(folder):
    library.study("xor", out=folder, overrides={**FEW, "scenario.repeats": 2})


def many(folder):
    run_ensemble(Ensemble(library.load_scenario("xor", overrides=FEW), range(3)), folder)


def many_stopped(folder):
    many(folder)
    (folder / "ensemble.csv").unlink()
    (folder / "summary.json").unlink()
    (folder / "seeds.json").write_text('{"backend": "cpu", "seeds": [0, 2]}')


@dataclass(frozen=True)
class Kind:
    """How such a run is made, and what becomes of commands that read it and of going on with it."""

    make: object
    read: int = DONE
    resume: int = DONE


KINDS = {
    "finished": Kind(drawn, resume=FILES),
    "resumed": Kind(resumed, resume=FILES),
    "killed after training": Kind(single),
    "killed before its first checkpoint": Kind(killed_early, read=FILES),
    "interrupted": Kind(interrupted, read=FILES),
    "diverged": Kind(diverged, read=FILES, resume=DIVERGED),
    "regression": Kind(lambda folder: single(folder, "sine")),
    "table of words": Kind(lambda folder: single(folder, "sine", data=(WORDS, "price"))),
    "untrained": Kind(lambda folder: single(folder, overrides={**FEW, "training.epochs": 0})),
    "study": Kind(study),
    "study stopped": Kind(study_stopped, read=FILES),
    "study, one diverged": Kind(lambda folder: study(folder, WILD, "sine"), resume=DIVERGED),
    "study, all diverged": Kind(
        lambda folder: study(folder, WILD, "sine", VARIANTS.replace("0.01", "1e31")), read=FILES, resume=DIVERGED
    ),
    "repeats": Kind(repeats),
    "many seeds": Kind(many, read=FILES),
    "many seeds stopped": Kind(many_stopped, read=FILES),
    "no run": Kind(lambda folder: folder.mkdir(), read=FILES, resume=FILES),
}
# Finished single runs like any other: what reads them takes the same way, and takes a while.
ALIKE = ("resumed", "regression", "table of words", "untrained")
READ = [pytest.param(kind, marks=[pytest.mark.ci] if kind in ALIKE else []) for kind in KINDS]
STUDIES = ("study", "study stopped", "study, one diverged", "study, all diverged", "repeats")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a kind of run, made once."""
    root = tmp_path_factory.mktemp("kinds")
    folders = {}

    def of(kind):
        if kind not in folders:
            folder = root / kind.replace(" ", "-").replace(",", "")
            KINDS[kind].make(folder)
            folders[kind] = folder
        return folders[kind]

    return of


@pytest.fixture
def on(made, tmp_path, monkeypatch, capsys):
    """A copy of a kind of run, and a call of a command that must end as documented."""
    monkeypatch.chdir(tmp_path)

    def call(kind, *words, status):
        if not (tmp_path / "run").exists():
            shutil.copytree(made(kind), tmp_path / "run")
        capsys.readouterr()
        code = execute([str(word) for word in words])
        out, err = capsys.readouterr()
        assert code == status, (words, code, out, err)
        assert "Traceback" not in err
        assert "bug in neurosim" not in err
        if code in (USAGE, FILES, DIVERGED) and "Diverged:" not in err:
            # Why, and what can be done.
            assert "Error: " in err
            assert "Hint: " in err or kind == "no run", err
        if "--json" in words and code == DONE:
            json.loads(out)
        return out, err

    return call


@pytest.mark.parametrize("kind", KINDS)
def test_going_on(kind, on):
    first = KINDS[kind].resume
    on(kind, "run", "--resume", "run", "--json", status=first)
    # Once all is there, there is nothing left to do; a single run that diverged is as it was.
    again = DIVERGED if kind == "diverged" else FILES
    _, err = on(kind, "run", "--resume", "run", status=again)
    if again == FILES and kind != "no run":
        assert "is finished: nothing is left" in err
        assert "run/report.html" in err


@pytest.mark.parametrize("kind", READ)
def test_reading(kind, on):
    status = KINDS[kind].read
    on(kind, "report", "run", status=status)
    on(kind, "compare", "run", "run", "--json", "--out", "side", status=status)
    rows = {"regression": "x\n0.5\n", "diverged": "x\n0.5\n", "table of words": "x,town\n0.5,Brill\n"}
    Path("rows.csv").write_text(rows.get(kind, "x1,x2\n0,1\n"))
    of_one = FILES if kind in STUDIES else status
    on(kind, "predict", "run", "--data", "rows.csv", "--json", status=of_one)


@pytest.mark.parametrize("kind", KINDS)
def test_diagnosis(kind, on):
    status = DONE if "diverged" in kind else KINDS[kind].read
    on(kind, "doctor", "run", "--no-trials", "--json", status=status)


# Those that have not ended; what has, diverged or not, ends in the same way again.
UNFINISHED = ("killed before its first checkpoint", "interrupted", "study stopped", "many seeds stopped", "no run")


@pytest.mark.parametrize("kind", READ)
def test_verifying(kind, on):
    status = FILES if kind in UNFINISHED else DONE
    out, _ = on(kind, "verify", "run", "--json", status=status)
    if status == DONE:
        assert json.loads(out)["same"]


@pytest.mark.ci
@pytest.mark.parametrize("kind", KINDS)
def test_films_and_replays(kind, on):
    status = USAGE if kind in STUDIES and KINDS[kind].read == DONE else KINDS[kind].read
    on(kind, "plot", "run", "--animate", "boundary", status=status)
    place = "0" if kind in ("untrained", "diverged") else "1"
    replayed = DIVERGED if kind == "diverged" else status
    on(kind, "replay", "run", "--from", place, "--json", "--out", "other", status=replayed)
    if replayed in (DONE, DIVERGED):
        on(kind, "replay", "run", "--from", "99", status=USAGE)


@pytest.mark.parametrize("kind", KINDS)
def test_its_scenario(kind, on):
    """The scenario of a run can be used whatever has become of the run."""
    status = FILES if kind == "no run" else DONE
    for words in (("info",), ("info", "--json"), ("explain",)):
        on(kind, words[0], "run", *words[1:], status=status)
