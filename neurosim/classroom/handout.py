"""The folder of a class: what students get, the teacher's solutions, and ``class.json``, which says who is in it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from neurosim.classroom.returned import ANSWERS, SCENARIO
from neurosim.classroom.roster import Student
from neurosim.classroom.sheets import Asked, as_csv, asked_by
from neurosim.errors import DataError, UsageError
from neurosim.files.atomic import make_folder, write_atomically
from neurosim.files.inputs import open_ordinary
from neurosim.printable import command, printable
from neurosim.scenario import Scenario, load_scenario
from neurosim.scenario.writing import to_toml
from neurosim.training.simulator import Simulator
from neurosim.worksheet import Sheet, explain

FORMAT = "neurosim-class-1"
MANIFEST, STUDENTS, SOLUTIONS = "class.json", "students", "solutions"
MOST_BYTES = 2_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_SEED = re.compile(r"^seed[ \t]*=[ \t]*[0-9_]+", re.MULTILINE)
_README = """\
{title}
{line}
For {name}, class {course}.

Your own seed is {seed}: it decides the first weights of your network, so your numbers are nobody else's.

1. {sheet} is a worksheet: one training step with gaps.
   Work out the numbers, and write each into {answers}, in the column "answer" of the row with the number
   of its line. A decimal point or a decimal comma will do; five digits are enough. An answer counts as right within
   {percent} of the number. A spreadsheet opens the file; save it as CSV again, under the same name.
2. {scenario} is your network. Change it as you like, except for [data], so that it does well:
       {run}
   It is trained again, from your seed, on your teacher's computer, for at most {epochs} epochs and with at most
   {parameters} parameters. If you have run it, hand in the folder run as well.
{page}
Hand in this folder, with all files under the names that they have now{due}.
"""
_PAGE = """\
3. Answer the questions on the page that  {play}  opens, and put the file with your answers,
   which the page lets you download, into this folder.
"""


@dataclass(frozen=True)
class Course:
    """A class and its homework.

    Attributes
    ----------
    name : str
        Of the class; the seeds depend on it.
    scenario : str
        Name of the scenario.
    students : tuple of Student
        Who is in it.
    steps, path : int, bool
        Of the worksheet, as for `neurosim.explain`.
    due : str
        Until when it is to be handed in, in ISO form; empty if that is open.
    epochs, parameters : int
        What a student's network may have.
    share : float
        How far from a number, as a share of it, its answer may be.
    """

    name: str
    scenario: str
    students: tuple[Student, ...]
    steps: int
    path: bool
    due: str
    epochs: int
    parameters: int
    share: float


def moment(due: str) -> float:
    """The end of a time that is given as a date, or as a date with a time, in seconds since 1970.

    Without an offset it is this computer's own time; a date alone ends with its day.

    Raises
    ------
    UsageError
        When it is neither.
    """
    try:
        when = datetime.fromisoformat(due)
        if len(due) <= len("2026-12-24"):
            when += timedelta(days=1)
        return when.timestamp()
    except (ValueError, OverflowError, OSError) as error:
        message = f"{printable(due)} is no date such as 2026-12-24 or 2026-12-24T18:00"
        raise UsageError(message) from error


def check_name(name: str) -> None:
    """Raise UsageError unless a class may have this name, which is that of its folder."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"a class cannot be called {printable(name)!r}", "Take letters a to z, digits, hyphens and dots: class-7b"
        )


def make_class(folder: Path, course: Course, given: Scenario, data_dir: Path | None = None) -> None:
    """Write the folder of a class, which must not be there yet.

    Raises
    ------
    UsageError
        When there is such a folder, or the scenario is not for a class.
    DataError
        When something cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already", "A class is never overwritten: take another name.")
    if given.is_study:
        raise UsageError(f"{course.scenario} trains several networks; a class needs a scenario with one")
    if given.data.paths:
        raise UsageError(
            f"{course.scenario} reads files of your own, which students do not have",
            "A class needs a scenario on a data set that neurosim has or downloads.",
        )
    text = _text_of(given)
    sheets = [(student, worksheet(given, student, course, data_dir)) for student in course.students]
    make_folder(folder)
    write_atomically(folder / SCENARIO, text)
    for student, sheet in sheets:
        asked = asked_by(sheet)
        theirs = make_folder(folder / STUDENTS / student.folder)
        write_atomically(theirs / SCENARIO, with_seed(text, student.seed))
        write_atomically(theirs / "worksheet.txt", sheet.printed(blank=True, part="worksheet"))
        write_atomically(theirs / ANSWERS, as_csv(asked, blank=True))
        write_atomically(theirs / "README.txt", _readme(course, given, student))
        solution = make_folder(folder / SOLUTIONS / student.folder)
        write_atomically(solution / "answers.txt", sheet.printed(part="answers"))
        write_atomically(solution / ANSWERS, as_csv(asked, blank=False))
    # Last: with it the class is whole.
    write_atomically(folder / MANIFEST, json.dumps(_manifest(course), indent=1, ensure_ascii=False) + "\n")


def worksheet(given: Scenario, student: Student, course: Course, data_dir: Path | None = None) -> Sheet:
    """A student's worksheet, of the scenario as it was handed out."""
    simulator = Simulator(given, "reference", student.seed, data_dir=data_dir)
    return explain(simulator, None, course.steps, path=course.path)


def numbers_of(given: Scenario, student: Student, course: Course, data_dir: Path | None = None) -> list[Asked]:
    """The numbers that a student is asked for."""
    return asked_by(worksheet(given, student, course, data_dir))


def read_class(folder: Path) -> tuple[Course, Scenario]:
    """The class in a folder, and its scenario.

    Raises
    ------
    DataError
        When there is none, or its files are damaged.
    """
    path = folder / MANIFEST
    with open_ordinary(path) as stream:
        content = stream.read(MOST_BYTES + 1)
    try:
        if len(content) > MOST_BYTES:
            raise ValueError("it is too large")
        course = _course(json.loads(content))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"{path} does not describe a class: {error}", 'It is written by "neurosim class new", and not to be edited.'
        ) from error
    return course, load_scenario(folder / SCENARIO)


def _course(tree: Any) -> Course:
    if tree["format"] != FORMAT:
        raise ValueError(f"its format is {tree['format']!r}, not {FORMAT!r}")
    students = tuple(
        Student(str(each["id"]), str(each["name"]), str(each["folder"]), int(each["seed"])) for each in tree["students"]
    )
    for student in students:
        if not re.fullmatch(r"[0-9]+-[a-z0-9-]+", student.folder):
            raise ValueError(f"{student.folder!r} is no folder of a student")
    return Course(
        str(tree["name"]), str(tree["scenario"]), students, int(tree["steps"]), bool(tree["path"]), str(tree["due"]),
        int(tree["epochs"]), int(tree["parameters"]), float(tree["tolerance"]),
    )  # fmt: skip


def _manifest(course: Course) -> dict[str, Any]:
    students = [
        {"id": each.key, "name": each.name, "folder": each.folder, "seed": each.seed} for each in course.students
    ]
    return {
        "format": FORMAT, "name": course.name, "scenario": course.scenario, "steps": course.steps,
        "path": course.path, "due": course.due, "epochs": course.epochs, "parameters": course.parameters,
        "tolerance": course.share, "students": students,
    }  # fmt: skip


def _text_of(given: Scenario) -> str:
    """The text of a scenario, with its comments where it can be; without the line that is meant for an editor."""
    if given.path is None:
        return to_toml(given.given)
    text = given.path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("#:schema ")]
    text = "".join(lines)
    return text if len(_SEED.findall(text)) == 1 else to_toml(given.given)


def with_seed(text: str, seed: int) -> str:
    """The text of a scenario with another seed."""
    return _SEED.sub(f"seed = {seed}", text, count=1)


def _readme(course: Course, given: Scenario, student: Student) -> str:
    title = printable(given.scenario.headline)
    questions: Sequence[Any] = given.play.questions if given.play is not None else ()
    return _README.format(
        title=title,
        line="=" * min(len(title), 79),
        name=printable(student.name),
        course=course.name,
        seed=student.seed,
        sheet="worksheet.txt",
        answers=ANSWERS,
        scenario=SCENARIO,
        run=command("run", SCENARIO, out="run"),
        percent=f"{100 * course.share:g}%",
        epochs=f"{course.epochs:,}",
        parameters=f"{course.parameters:,}",
        page="\n" + _PAGE.format(play=command("play", given.scenario.name)) if questions else "",
        due=f", by {course.due}" if course.due else "",
    )
