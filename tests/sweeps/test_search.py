"""Searches by Optuna: the same again, whatever has ended them; a journal that Optuna opens; trials that stop early."""

import json
import shutil

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from neurosim.errors import DataError, UsageError
from neurosim.files.lock import FolderLock
from neurosim.scenario.varied import parse_over
from neurosim.sweeps.journal import JOURNAL, Asked
from neurosim.sweeps.plan import Plan, plan_of
from neurosim.sweeps.sweep import sweep
from neurosim.sweeps.trials import Recipe

IRIS = Recipe("iris", {"training.epochs": 4, "expect": {}})
LR = parse_over("optimizer.lr=log(1e-4,1)")
UNITS = parse_over("network.layers.0.units=int(2,8)")
NAMES = parse_over("optimizer.name=sgd,adam")


def study_in(folder):
    """As Optuna's users open it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = JournalStorage(JournalFileBackend(str(folder / "optuna.journal")))
    return optuna.load_study(study_name=None, storage=storage)


def rows(swept):
    return [{**place.as_json(), "seconds": None, "runs": None} for place in swept.table.places]


def told(study):
    return [(trial.state, trial.params, trial.values, trial.intermediate_values) for trial in study.trials]


@pytest.mark.parametrize(
    "plan",
    [
        Plan((LR, UNITS, NAMES), 2, "tpe", 14),
        Plan((LR, UNITS), None, "cmaes", 8),
        Plan((LR, UNITS), 2, "tpe", 12, prune="median"),
    ],
    ids=["tpe", "cmaes", "pruned"],
)
def test_a_search_goes_on_where_a_power_cut_has_ended_it(tmp_path, plan):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    swept = sweep(IRIS, plan, whole, jobs=1)
    study = study_in(whole)
    assert len(study.trials) == plan.trials
    assert swept.trials == plan.trials * (plan.seeds or 1)
    best = swept.table.places[0]
    assert study.best_value == pytest.approx(best.mean)
    assert study.user_attrs["measure"] == swept.table.measure == "test_accuracy"
    assert {entry.folder.name for entry in best.entries} in [set(t.user_attrs["runs"]) for t in study.trials]
    # The journal ends within a line, with a trial under way, and some of what was trained is lost.
    shutil.copytree(whole, cut)
    journal = cut / "optuna.journal"
    journal.write_bytes(journal.read_bytes()[: int(journal.stat().st_size * 0.7)])
    folders = sorted(path for path in cut.iterdir() if path.is_dir())
    for folder in folders if plan.prune else folders[::3]:
        shutil.rmtree(folder)
    again = sweep(IRIS, plan, cut, jobs=1)
    assert told(study_in(cut)) == told(study)
    assert rows(again) == rows(swept)
    assert 0 < again.trained < swept.trials
    # All is known by now, and more trials go on from there.
    assert sweep(IRIS, plan, cut, jobs=1).trained == 0


def test_trials_that_are_behind_stop_early_and_are_rows(tmp_path):
    told = []
    plan = Plan((LR, NAMES), 2, "tpe", 12, prune="median")
    swept = sweep(IRIS, plan, tmp_path, jobs=1, tell=told.append)
    stopped = [place for place in swept.table.places if place.failed]
    assert told[-1].stopped == 2 * len(stopped) > 0
    assert told[-1].failed == 0
    for place in stopped:
        (reason,) = {entry.reason for entry in place.failed}
        assert reason.startswith("stopped early after ")
        assert [entry.folder for entry in place.entries] == [None, None]
        settings = place.entries[0].settings
        assert ("optimizer.beta1" in settings) == (settings["optimizer.name"] == "adam")
    states = [trial.state for trial in study_in(tmp_path).trials]
    assert states.count(TrialState.PRUNED) == len(stopped)
    # A grid that comes to the same settings trains them to their end.
    point = {key: stopped[0].entries[0].settings[key] for key in (LR.key, NAMES.key)}
    later = sweep(IRIS, [point], tmp_path, seeds=[0, 1], jobs=1)
    assert (later.trained, later.table.places[0].failed) == (2, [])


@pytest.mark.parametrize("moment", ["choosing", "stopping"])
def test_a_kill_in_the_middle_of_a_trial_changes_nothing(tmp_path, moment):
    plan = Plan((LR, UNITS), None, "tpe", 12, prune="median")
    recipe = Recipe("iris", {"training.epochs": 30, "expect": {}})
    swept = sweep(recipe, plan, tmp_path, jobs=1)
    trials = study_in(tmp_path).trials
    journal = tmp_path / "optuna.journal"
    lines = journal.read_text().splitlines(keepends=True)
    said = [json.loads(line) for line in lines]
    if moment == "choosing":
        # One of two settings has been chosen.
        number = next(n for n, op in enumerate(said) if op.get("param_name") == LR.key and op["trial_id"] == 2)
    else:
        # A trial has said that it is behind, and nobody has stopped it yet.
        behind = next(t for t in trials if t.state == TrialState.PRUNED)
        last = (behind.number, behind.last_step)
        number = next(n for n, op in enumerate(said) if (op.get("trial_id"), op.get("step")) == last)
        assert behind.last_step > 1
    journal.write_text("".join(lines[: number + 1]))
    for folder in [path for path in tmp_path.iterdir() if path.is_dir()]:
        shutil.rmtree(folder)
    assert rows(sweep(recipe, plan, tmp_path, jobs=1)) == rows(swept)


def test_what_diverges_or_does_not_fit_is_a_row_and_the_search_goes_on(tmp_path):
    recipe = Recipe("sine", {"training.epochs": 3, "expect": {}, "optimizer.name": "sgd"})
    plan = Plan((parse_over("optimizer.lr=log(1e-3,1e9)"), parse_over("training.batch_size=-1,32")), None, "tpe", 12)
    swept = sweep(recipe, plan, tmp_path, jobs=1)
    reasons = [place.failed[0].reason for place in swept.table.places if place.failed]
    assert any("diverged" in reason for reason in reasons)
    assert any("training.batch_size: expected a number of at least 1" in reason for reason in reasons)
    trials = study_in(tmp_path).trials
    assert {trial.state for trial in trials} == {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}
    assert {trial.user_attrs.get("reason") for trial in trials} - {None} == set(reasons)
    assert rows(sweep(recipe, plan, tmp_path, jobs=1)) == rows(swept)


def test_the_smallest_loss_is_searched_for_where_it_decides(tmp_path):
    swept = sweep(IRIS, Plan((LR,), None, "tpe", 3, by="train_loss"), tmp_path, jobs=1)
    study = study_in(tmp_path)
    assert study.direction == optuna.study.StudyDirection.MINIMIZE
    assert study.best_value == swept.table.places[0].mean


@pytest.mark.ci
def test_several_processes_share_a_search(tmp_path):
    plan = Plan((LR, UNITS), 2, "tpe", 10, prune="hyperband")
    swept = sweep(IRIS, plan, tmp_path, jobs=2)
    study = study_in(tmp_path)
    assert all(trial.state.is_finished() for trial in study.trials)
    assert sum(len(place.entries) for place in swept.table.places) == 20
    assert rows(sweep(IRIS, plan, tmp_path, jobs=2)) == rows(swept)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan((), 2, "tpe", 3), "no setting is varied"),
        (Plan((parse_over("optimizer.lr=log(1e-4,1,5)"),), None, "tpe", 3), "come from the whole range"),
        (Plan((LR, NAMES), None, "cmaes", 3), "at least two ranges"),
        (Plan((LR,), None, "tpe", 3, "test_r2", "median"), "test_r2 is measured at the end only"),
        (Plan((LR,), None, "tpe", 3, "nonsense"), "not every run has the measure nonsense"),
        (Plan((parse_over("optimizer.lr=-1,-2"),), None, "tpe", 3), "no trial could be trained; the first one: "),
    ],
)
def test_what_does_not_fit_a_search_is_said(tmp_path, plan, words):
    with pytest.raises(UsageError, match=words):
        sweep(IRIS, plan, tmp_path, jobs=1)


def test_a_search_has_no_parts(tmp_path):
    with pytest.raises(UsageError, match="goes by what came out so far, so it has no parts"):
        sweep(IRIS, Plan((LR,), None, "tpe", 3), tmp_path, shard=(1, 2))


def test_a_process_that_cannot_read_the_journal_says_so(tmp_path):
    asked = Asked(tmp_path / "elsewhere" / JOURNAL, "study", 0, "test_accuracy", 4, "median")
    with pytest.raises(UsageError, match="through which trials are stopped early"):
        asked.observer()


def test_a_folder_has_one_search_at_a_time(tmp_path):
    lock = FolderLock(tmp_path, resuming=True)
    try:
        with pytest.raises(DataError, match="is writing to"):
            sweep(IRIS, Plan((LR,), None, "tpe", 3), tmp_path, jobs=1)
    finally:
        lock.release()
    assert sweep(IRIS, Plan((LR,), None, "tpe", 2), tmp_path, jobs=1).trained == 2


def test_without_optuna_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(UsageError) as caught:
        sweep(IRIS, Plan((LR,), None, "tpe", 3), tmp_path)
    assert "Optuna's, which is not installed" in caught.value.message
    assert caught.value.hint == 'pip install "neurosim-edu[sweep]"'


def test_what_is_given_has_the_last_word():
    from neurosim.scenario.sweep_section import SweepSection

    section = SweepSection(
        over={"optimizer.lr": "log(1e-4,1)", "training.batch_size": [8, 16]}, seeds=3, search="tpe", trials=9,
        prune="median", by="test_loss",
    )  # fmt: skip
    assert plan_of(section) == Plan((LR, parse_over("training.batch_size=8,16")), 3, "tpe", 9, "test_loss", "median")
    changed = plan_of(section, [parse_over("optimizer.lr=0.1,0.2"), NAMES], seeds=1, search="sobol", by="train_loss")
    batches = parse_over("training.batch_size=8,16")
    assert changed == Plan((parse_over("optimizer.lr=0.1,0.2"), batches, NAMES), 1, "sobol", 9, "train_loss")
    assert plan_of(section, search="grid").trials is None
    with pytest.raises(UsageError, match="nothing varies"):
        plan_of(None)
    with pytest.raises(UsageError, match="the search random needs to know how many trials"):
        plan_of(None, [LR], search="random")
    with pytest.raises(UsageError, match="prune goes with the searches tpe, cmaes"):
        plan_of(None, [NAMES], prune="median")
