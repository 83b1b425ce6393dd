"""Runs whose scenario, rows, plugin or model are no longer what they were: each command that reads them says so.

A number of a run is shown only beside what it belongs to; ``--force`` shows it all the same, and says that it mixes.
"""

import json
from pathlib import Path

import pytest
from changed_runs import (
    COMPARE,
    DOCTOR,
    EXPLAIN,
    FEWER_ROWS,
    MEMBER,
    OF_FAILED,
    OF_MEMBER,
    OF_RUN,
    OF_STUDY,
    PLOT,
    PLUGIN_EDITED,
    PREDICT,
    QUICK,
    REPLAY,
    REPORT,
    ROWS_CHANGED,
    WITH,
    activation,
    edit,
    files,
    history_of_another,
    lr,
    model_swapped,
    scenario_edited,
    seed,
    swap,
    units,
)

import neurosim as library
from neurosim.errors import UsageError


def cases():
    """(words of a command, what is changed, words of the difference)."""
    of_run = [ROWS_CHANGED, FEWER_ROWS, PLUGIN_EDITED, lr("run"), seed("run"), activation("run"), units("run")]
    for words in [*OF_RUN, EXPLAIN]:
        yield from ((words, *change) for change in of_run)
    swapped = model_swapped("run", "other")
    for words in OF_RUN:
        yield from ((words, *change) for change in (swapped, history_of_another("run", "other")))
    yield from ((PREDICT, *change) for change in (swapped, PLUGIN_EDITED))
    of_study = [
        ROWS_CHANGED,
        PLUGIN_EDITED,
        lr("study"),
        activation(MEMBER),
        model_swapped(MEMBER, "study/members/seed-1"),
        (lambda: swap(f"{MEMBER}", "study/members/seed-1"), "seed = 2"),
    ]
    for words in OF_STUDY:
        yield from ((words, *change) for change in of_study)
    yield from ((["explain", "study", *WITH], *change) for change in of_study[:3])
    yield from ((words, *model_swapped(MEMBER, "study/members/seed-1")) for words in OF_MEMBER)
    of_seeds = [ROWS_CHANGED, PLUGIN_EDITED, lr("seeds")]
    yield from ((["explain", "seeds", *WITH], *change) for change in of_seeds)
    of_failed = [ROWS_CHANGED, PLUGIN_EDITED, scenario_edited("failed", "units = 3", "units = 5")]
    for words in OF_FAILED:
        yield from ((words, *change) for change in of_failed)


def some_of(all_cases):
    """Each command once and each change once; the others are left to ``-m ci``."""
    commands, changes = set(), set()
    for words, change, difference in all_cases:
        command, what = tuple(words[:2]), (words[1], difference)
        first = command not in commands or what not in changes
        commands.add(command)
        changes.add(what)
        yield pytest.param(words, change, difference, marks=() if first else pytest.mark.ci)


@pytest.mark.parametrize(("words", "change", "difference"), list(some_of(cases())))
def test_every_change_is_refused_before_anything_is_written(words, change, difference, here, place):
    change()
    changed = files(place)
    code, out, err = here(*words)
    assert (code, out) == (2, ""), err
    assert " has changed since it was trained" in err.splitlines()[0], err
    assert difference in err
    assert "--force" in err
    assert files(place) == changed


@pytest.mark.parametrize("words", [*OF_RUN, EXPLAIN, *OF_STUDY, *OF_FAILED])
def test_rows_that_are_gone(words, here, place):
    Path("rows.csv").unlink()
    before = files(place)
    code, out, err = here(*words)
    assert (code, out) == (3, "")
    assert err.startswith(f"Error: {place / 'rows.csv'}: there is no such file any more, and the run in ")
    assert "if it has only moved, write where it is now into " in err
    assert files(place) == before


@pytest.mark.parametrize("words", [*OF_RUN, EXPLAIN, PREDICT, *OF_STUDY, *OF_FAILED])
def test_a_plugin_that_is_not_there(words, here, place):
    before = files(place)
    code, out, err = here(*words[: words.index("--plugin")])
    assert (code, out) == (2, "")
    assert 'unknown activation "wavy"' in err
    assert "It was trained with the plugin wavy, a file:  --plugin wavy.py" in err
    assert files(place) == before


@pytest.mark.ci
def test_rows_that_have_only_moved(here):
    Path("rows.csv").rename("elsewhere.csv")
    Path("elsewhere").mkdir()
    Path("elsewhere.csv").rename("elsewhere/rows.csv")
    edit("run/scenario.toml", "rows.csv", "elsewhere/rows.csv")
    assert here(*DOCTOR)[0] == 0


@pytest.mark.parametrize("change", [ROWS_CHANGED, lr("run"), units("run"), activation("run")])
def test_a_model_answers_whatever_its_scenario_and_its_rows_have_become(change, here):
    change[0]()
    code, out, err = here(*PREDICT)
    assert (code, err) == (0, "")
    assert "mixed" not in out


REMARK = "mixed: the scenario of run has changed since it was trained, so not all of this belongs together\n"


def test_force_shows_it_all_the_same_and_says_so(here, place):
    kept = (place / "run" / "report.html").write_text("the run's own")
    lr("run")[0]()
    for words in ([*PLOT, "--only", "learning_curves"], REPORT, DOCTOR, COMPARE, EXPLAIN):
        code, _, err = here(*words, "--force")
        assert code == 0, err
        assert err.count("mixed") == 1, err
        assert err.endswith(REMARK)
    # What mixes is kept apart from what the run has left.
    assert (place / "run/mixed/learning_curves.png").is_file()
    assert len((place / "run/report.html").read_text()) == kept
    assert f"M{REMARK[1:-1]}." in (place / "run/mixed/report.html").read_text()
    assert f"M{REMARK[1:-1]}." in here(*COMPARE, "--force")[1]
    assert json.loads(here(*DOCTOR, "--force", "--json")[1])[0]["mixed"] == REMARK.removeprefix("mixed: ")[:-1]


def test_force_of_a_study(here, place):
    edit("rows.csv", ",yes", ",maybe")
    remark = "the data of study have changed since it was trained, so not all of this belongs together"
    code, out, err = here("report", "study", *WITH, "--force")
    assert (code, out, err) == (0, "study/mixed/report.html\n", f"mixed: {remark}\n")
    assert (place / "study/mixed/report.html").read_text().count(f"Mixed: {remark}.") == 1


def test_force_of_a_prediction(here):
    PLUGIN_EDITED[0]()
    code, out, err = here(*PREDICT, "--force", "--json")
    assert code == 0
    assert err == "mixed: the plugins of run have changed since it was trained, so not all of this belongs together\n"
    assert f"mixed: {json.loads(out)['mixed']}\n" == err


@pytest.mark.ci
def test_force_of_a_replay(here, place):
    """From its start it can be replayed with anything; later its past must be what it was."""
    lr("run")[0]()
    code, out, err = here(*REPLAY, "--force", "--out", "late")
    assert code == 3
    assert "its past cannot be reached" in err
    code, out, err = here("replay", "run", "--from", "0", *WITH, "--force", "--out", "again", "--json")
    assert (code, err) == (0, REMARK)
    assert json.loads(out)["replay"]["mixed"] in REMARK
    assert json.loads(Path("again/replay.json").read_text())["mixed"] in REMARK
    assert f"M{REMARK[1:-1]}." in Path("again/report.html").read_text()


def test_a_run_that_was_gone_on_with_by_force(here, place):
    scenario = library.load_scenario("own.toml", plugins=["wavy.py"], overrides={"plots.pictures": []})

    def stop(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.run(scenario, backend="reference", out="forced", observer=stop)
    words = ["run", "own.toml", *QUICK, "--resume", "forced", "--set", "optimizer.lr=0.3"]
    assert here(*words)[0] == 2
    assert here(*words, "--force")[0] == 0
    code, out, err = here("report", "forced", *WITH)
    assert (code, out) == (0, "forced/report.html\n")
    assert err.startswith("mixed: epoch 1 was trained differently (scenario: -lr = 0.1; scenario: +lr = 0.3)")
    assert "Mixed: epoch 1 was trained differently (scenario: -lr = 0.1" in (place / "forced/report.html").read_text()


def test_what_two_runs_were_trained_with(here):
    PLUGIN_EDITED[0]()
    assert here("run", "own.toml", *QUICK, "--out", "later", "--set", "plots.pictures=[]")[0] == 0
    code, out, err = here("compare", "run", "later", *WITH)
    assert code == 2
    assert err.startswith("Error: run has changed")
    code, out, _ = here("compare", "run", "later", *WITH, "--force")
    assert code == 0
    assert "Not all were trained with the same plugin wavy: what it does may have changed." in out


FUNCTIONS = {
    "plot": lambda run, **force: library.plot(run, "learning_curves", **force),
    "diagnose": lambda run, **force: library.diagnose(run, trials=False, **force),
    "compare": lambda run, **force: library.compare(run, "other", **force),
    "explain": lambda run, **force: library.explain(run, path=True, **force),
    "write_report": lambda run, **force: library.write_report(run, "page.html", **force),
    "replay": lambda run, **force: library.replay(run, epoch=0, **force),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_refuse_and_warn(name, here, place, monkeypatch):
    monkeypatch.setenv("NEUROSIM_DISABLE_PLUGINS", "0")
    monkeypatch.setenv("NEUROSIM_PLUGINS", "wavy.py")
    lr("run")[0]()
    before = files(place)
    with pytest.raises(UsageError, match="run has changed since it was trained") as caught:
        FUNCTIONS[name]("run")
    assert "force=True" in caught.value.hint
    assert files(place) == before
    with pytest.warns(UserWarning, match=REMARK.strip()) as warned:
        FUNCTIONS[name]("run", force=True)
    assert warned[0].filename == __file__


def test_a_result_whose_rows_have_changed_since_is_not_replayed(here):
    scenario = library.load_scenario("own.toml", plugins=["wavy.py"])
    result = library.run(scenario, backend="reference")
    edit("rows.csv", ",yes", ",maybe")
    with pytest.raises(UsageError, match="training rows have changed"):
        library.replay(result, epoch=1)
    edit("rows.csv", ",maybe", ",yes")
    assert library.replay(result, epoch=1).branch.history.train_loss == result.history.train_loss
