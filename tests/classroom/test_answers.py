"""What students have answered on the page that trains, and what the teacher's table makes of their files."""

import json

import pytest

from neurosim.cli.application import execute
from neurosim.errors import ScenarioError
from neurosim.scenario import load_scenario

NAME = "try-hidden-units"
ASKED = [question.ask for question in load_scenario(NAME).play.questions]
RIGHT = [3, 3, "The area stays open on at least one side", 0.99]


def answers(name, given, **more):
    entries = [{"ask": ask, "given": value, "right": True, "step": 9} for ask, value in zip(ASKED, given, strict=True)]
    return {"format": "neurosim-answers-1", "scenario": NAME, "name": name, "answers": entries, **more}


@pytest.fixture
def table(tmp_path, capsys):
    def collected(**files):
        for name, content in files.items():
            text = content if isinstance(content, str) else json.dumps(content)
            (tmp_path / f"{name}.json").write_text(text)
        assert execute(["play", NAME, "--collect", str(tmp_path), "--json"]) == 0
        return {entry["file"]: entry for entry in json.loads(capsys.readouterr().out)["students"]}

    return collected


def test_answers_are_judged_by_the_scenario_not_by_the_file(table):
    wrong = answers("Bob", [4, True, "Nothing is learned", None])
    found = table(ann=answers("Ann", RIGHT), bob=wrong)
    assert found["ann.json"]["right"] == [True] * 4
    assert found["bob.json"]["right"] == [False, False, False, None]
    assert found["bob.json"]["given"] == ["4", "True", "Nothing is learned", ""]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "cannot be read"),
        ("[" * 50_000, "cannot be read"),
        ("x" * 200_000, "is too large"),
        ([], "holds no answers"),
        ({"format": "neurosim-answers-1", "scenario": "xor", "name": "Ann"}, "is about xor"),
        (answers("Ann", RIGHT, answers=[]), "answers other questions"),
        (answers("Ann", RIGHT, answers=[{"ask": {}}] * 4), "answers other questions"),
    ],
)
def test_what_is_wrong_with_a_file_is_a_line_of_the_table(table, content, fault):
    found = table(ann=answers("Ann", RIGHT), other=content)
    assert found["other.json"]["fault"] == fault
    assert found["ann.json"]["fault"] == ""


def test_the_table_on_the_terminal(tmp_path, capsys):
    (tmp_path / "a.json").write_text(json.dumps(answers("A\x1b[31mnn\nLee", RIGHT)))
    (tmp_path / "link.json").symlink_to("/etc/passwd")
    assert execute(["play", NAME, "--collect", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "1", "2", "3", "4", "right", "file"]
    assert lines[1].endswith("right  right  right  right  4 of 4  a.json")
    assert lines[1].startswith("A\\x1b[31mnn Lee ")
    assert lines[2].endswith("link.json: is no file")
    assert lines[-1] == f"4  {ASKED[-1]}"
    assert execute(["play", "iris", "--collect", str(tmp_path)]) == 2
    assert "iris asks no questions" in capsys.readouterr().err
    assert execute(["play", NAME, "--collect", str(tmp_path / "none")]) == 3


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"ask": "?", "options": ["a", "b"], "answer": "c"}, "expected an answer that is one of the options"),
        ({"ask": "?", "answer": "three"}, "expected a number as the answer, or options to choose from"),
        ({"ask": "?", "options": ["a", "b"], "within": 1.0}, "expected a number as the answer, since within is given"),
        ({"ask": "?", "goal": {"measure": "test_loss"}}, "expected at_least or at_most, or both"),
        ({"ask": "?", "goal": {"measure": "test_loss", "at_most": 1.0}, "before": True}, "cannot come before training"),
        ({"ask": "?", "goal": {"measure": "loss", "at_most": 1.0}}, "expected 'train_loss'"),
    ],
)
def test_a_question_that_cannot_be_asked(question, said):
    with pytest.raises(ScenarioError, match=said):
        load_scenario("xor", overrides={"play": {"questions": [question]}})


def test_a_lesson_comes_back_from_toml():
    scenario = load_scenario(NAME)
    text = scenario.to_toml()
    assert text.count("[[play.questions]]") == 4
    assert 'goal = { measure = "test_accuracy"' in text
