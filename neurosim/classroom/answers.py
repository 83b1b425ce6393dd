"""The answers that students have downloaded from the page that trains, as a table for their teacher.

The files come from strangers: they are small, of one form, and what is wrong with one is a line of the table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from neurosim.errors import DataError
from neurosim.printable import printable
from neurosim.scenario.play import Question

FORMAT = "neurosim-answers-1"
MOST_FILES, MOST_BYTES = 2000, 100_000
MOST_LETTERS = 40
# Judges an answer to a question that is a goal: the file, the question, and what the file says.
Reached = Callable[[str, Question, Mapping[str, Any]], bool | None]


def claimed(file: str, question: Question, entry: Mapping[str, Any]) -> bool:
    """Whether the page has told that a goal was reached."""
    return entry.get("right") is True


@dataclass(frozen=True)
class Answers:
    """One student's answers.

    Attributes
    ----------
    file, name : str
        The file, and what the student has put as name.
    right : tuple of bool or None
        Whether each answer is right; None where there is none, or no right one.
    given : tuple of str
        The answers as text.
    fault : str
        What is wrong with the file; empty if nothing is.
    """

    file: str
    name: str = ""
    right: tuple[bool | None, ...] = ()
    given: tuple[str, ...] = ()
    fault: str = ""

    @property
    def count(self) -> int:
        """How many are right."""
        return sum(answer is True for answer in self.right)


def collect(folder: Path, scenario: str, questions: Sequence[Question], reached: Reached = claimed) -> list[Answers]:
    """The answers to the questions of a scenario in the files ``*.json`` of a folder, by name of the student.

    Choices and numbers are judged here, by the scenario; goals by `reached`, which left out believes the page.

    Raises
    ------
    DataError
        When the folder cannot be read, or holds too many files.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}") from error
    if len(files) > MOST_FILES:
        raise DataError(f"{folder} has {len(files):,} files; a class has {MOST_FILES:,} at most")
    found = [_read(path, scenario, questions, reached) for path in files]
    return sorted(found, key=lambda answers: (bool(answers.fault), answers.name.casefold(), answers.file))


def _read(path: Path, scenario: str, questions: Sequence[Question], reached: Reached) -> Answers:
    file = _cut(path.name)
    try:
        if path.is_symlink() or not path.is_file():
            return Answers(file, fault="is no file")
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError:
        return Answers(file, fault="cannot be read")
    return answers_in(content, path.name, scenario, questions, reached)


def answers_in(
    content: bytes, name: str, scenario: str, questions: Sequence[Question], reached: Reached = claimed
) -> Answers:
    """The answers to the questions of a scenario in the content of a file of this name."""
    file = _cut(name)
    if len(content) > MOST_BYTES:
        return Answers(file, fault="is too large")
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return Answers(file, fault="cannot be read")
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        return Answers(file, fault="holds no answers")
    student = _cut(tree.get("name"))
    if tree.get("scenario") != scenario:
        return Answers(file, student, fault=f"is about {_cut(tree.get('scenario')) or 'another scenario'}")
    listed = tree.get("answers")
    entries = listed if isinstance(listed, list) else []
    if [_asked(entry) for entry in entries] != [question.ask for question in questions]:
        return Answers(file, student, fault="answers other questions")
    pairs = list(zip(questions, entries, strict=True))
    right = tuple(_judged(question, entry, partial(reached, file)) for question, entry in pairs)
    return Answers(file, student, right, tuple(_cut(entry.get("given")) for _, entry in pairs))


def _asked(entry: Any) -> Any:
    return entry.get("ask") if isinstance(entry, dict) else None


def _judged(
    question: Question, entry: dict[str, Any], reached: Callable[[Question, Mapping[str, Any]], bool | None]
) -> bool | None:
    given = entry.get("given")
    if given is None:
        return None
    return reached(question, entry) if question.kind == "goal" else question.is_right(given)


def _cut(text: object) -> str:
    shown = "" if text is None else printable(" ".join(str(text)[: 4 * MOST_LETTERS].split()))
    return shown if len(shown) <= MOST_LETTERS else f"{shown[: MOST_LETTERS - 1]}…"
