"""One order of the shipped scenarios: the list, the course page, the README and "next" keep to it."""

import json
import re
from pathlib import Path

import pytest

from neurosim.cli.application import execute
from neurosim.scenario import architectures, shipped
from neurosim.scenario.course import COURSE, PUBLISHED, chapter_of, lessons, next_lesson

ROOT = Path(__file__).parents[2]


def test_every_shipped_scenario_has_one_place_in_the_course():
    assert sorted(lessons()) == sorted(shipped())
    assert list(shipped()) == list(lessons())


def test_the_course_page_has_its_chapters_and_lessons_in_that_order():
    page = (ROOT / "scenarios/README.md").read_text(encoding="utf-8")
    chapters = {}
    for chapter, text in re.findall(r"^## \d+\. (.+?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL):
        chapters[chapter] = tuple(re.findall(r"^\| `neurosim run ([a-z0-9-]+)`", text, re.MULTILINE))
    assert chapters == COURSE
    assert list(chapters) == list(COURSE)


def test_the_course_page_names_the_architectures():
    page = (ROOT / "scenarios/README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `neurosim info ([a-z0-9-]+)`", page, re.MULTILINE) == list(architectures())


def test_the_readme_names_them_in_that_order():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[a-z0-9-]+` ?)+) \|", readme.partition("| shipped scenario |")[2], re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row) if name in shipped()]
    assert named == list(lessons())


def test_the_list_has_them_in_that_order_under_their_chapters(capsys):
    assert execute(["list", "scenarios", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["scenarios"]
    assert [row["name"] for row in rows] == [*lessons(), *architectures()]
    assert all(row["chapter"] == (chapter_of(row["name"]) or PUBLISHED) for row in rows)
    execute(["list", "scenarios"])
    lines = [line.strip() for line in capsys.readouterr().out.partition("\n\n")[0].splitlines()]
    chapters = {**COURSE, PUBLISHED: tuple(architectures())}
    expected = [word for chapter, names in chapters.items() for word in (chapter, *names)]
    assert [line if line in chapters else line.split()[0] for line in lines] == expected


def test_each_lesson_leads_to_the_next_one():
    found = [lessons()[0]]
    while (following := next_lesson(found[-1])) is not None:
        found.append(following)
    assert found == list(lessons())


@pytest.mark.parametrize("name", ["", "mine", "last"])
def test_what_is_no_lesson_has_no_next_one(name):
    assert next_lesson(name) is None
