"""A lesson that speaks of something else than what was run says so: at once, on the page, and when it is read again."""

import tomllib

import pytest

from neurosim import load_scenario, run
from neurosim.scenario.changes import lesson_note

XOR = ("xor", "--backend", "reference", "--set", "training.epochs=2", "--set", "expect={}")
NOTE = "You changed training.epochs: the lesson speaks of the scenario as it was written."


def plain(text):
    return " ".join(text.split())


def test_a_changed_run_says_so_on_the_terminal_on_the_page_and_later(neurosim, tmp_path):
    done = neurosim("run", *XOR, "--out", "a")
    assert NOTE in plain(done.out)
    assert plain(done.out).index(NOTE) < plain(done.out).index("A single unit draws")
    page = tmp_path / "a" / "report.html"
    assert f'<p class="note">{NOTE}</p>' in page.read_text(encoding="utf-8")
    page.unlink()
    assert neurosim("report", "a").code == 0
    assert f'<p class="note">{NOTE}</p>' in page.read_text(encoding="utf-8")
    done = neurosim("plot", "a", "--only", "learning_curves")
    assert (done.code, plain(done.err)) == (0, NOTE)
    # Whoever runs the copy again has not changed anything, but the lesson still speaks of something else.
    assert load_scenario(tmp_path / "a" / "scenario.toml").scenario.changed == ["training.epochs"]


@pytest.mark.parametrize(
    "settings",
    [
        {"training.epochs": 400},  # as it is in the file
        {"record.every": 1},
        {"expect.train_accuracy": {"at_least": 0.5}},
        {"scenario.title": "Mine"},
    ],
)
def test_what_changes_nothing_the_lesson_speaks_of_is_no_change(settings):
    scenario = load_scenario("xor", overrides=settings)
    assert scenario.scenario.changed is None
    assert scenario.lesson_note(missed=False) == ""
    assert "changed" not in tomllib.loads(scenario.to_toml())["scenario"]


def test_changes_add_up_over_copies(tmp_path):
    first = load_scenario("xor", overrides={"training.epochs": 2})
    (tmp_path / "copy.toml").write_text(first.to_toml(), encoding="utf-8")
    second = load_scenario(tmp_path / "copy.toml", overrides={"optimizer.lr": 0.5})
    assert second.scenario.changed == ["training.epochs", "optimizer.lr"]
    assert "You changed training.epochs, optimizer.lr:" in second.lesson_note(missed=False)


def test_another_seed_is_told_where_something_did_not_come_out():
    overrides = {"training.epochs": 1, "expect": {"train_accuracy": {"at_least": 1.0}}}
    result = run("xor", backend="reference", seed=1, overrides=overrides)
    assert result.scenario.scenario.changed == ["training.epochs", "scenario.seed"]
    assert not result.met
    assert "You chose another seed" in result.scenario.lesson_note(missed=not result.met)
    assert "seed" not in result.scenario.lesson_note(missed=False)
    assert run("xor", backend="reference", seed=7, overrides=overrides).scenario.scenario.changed == ["training.epochs"]


def test_one_variant_is_told_and_a_study_as_it_is_needs_no_word():
    study = load_scenario("vanishing-gradient")
    assert study.lesson_note(missed=True) == ""
    note = study.variants["relu"].lesson_note(missed=False)
    assert note == "This is the variant relu alone: the lesson speaks of all of them."
    # Also when it is read again.
    assert 'changed = ["variant relu"]' in study.variants["relu"].to_toml()


def test_many_changes_are_counted():
    note = lesson_note([f"network.layers.{number}.units" for number in range(8)], missed=False)
    assert "layers.4.units and 3 more:" in note


@pytest.mark.ci
def test_runs_side_by_side_say_it_too(neurosim, tmp_path):
    neurosim("run", *XOR, "--out", "a", "--no-report", "--quiet")
    neurosim("run", *XOR, "--set", "optimizer.lr=0.5", "--out", "b", "--no-report", "--quiet")
    assert neurosim("report", "a", "b", "--out", "both").code == 0
    text = (tmp_path / "both" / "report.html").read_text(encoding="utf-8")
    assert "Some of these runs are not what the lesson is about" in text


def test_the_lesson_names_a_word_to_look_up(neurosim):
    done = neurosim("run", *XOR, "--out", "a", "--no-report")
    assert "Is a word new to you? Try: neurosim glossary unit\n" in done.out
