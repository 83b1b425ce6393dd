"""What came back from a class, as a table: a row for each student, whatever is in the folders."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurosim.classroom.answers import Answers, answers_in
from neurosim.classroom.handout import Course, numbers_of, with_seed
from neurosim.classroom.returned import ANSWERS, RUN_SUMMARY, SCENARIO, Returned, read_folder, shown
from neurosim.classroom.roster import Student
from neurosim.classroom.sheets import Asked, Marked, mark, read_answers
from neurosim.classroom.training import Trained, Trainer
from neurosim.printable import escaped
from neurosim.scenario import Scenario
from neurosim.training.measures import JUDGED_BY

COLUMNS = (
    "rank", "id", "name", "folder", "seed", "answers_right", "answers_given", "answers_asked", "page_right",
    "page_asked", "measure", "value", "loss", "parameters", "epochs", "late", "remarks",
)  # fmt: skip
# What a spreadsheet would take for a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
MOST_STRANGERS, LONGEST = 20, 200
# Numbers that a run has told agree with ours to this share.
SAME = 1e-6
# Answers are taken for another student's where so large a share is right for that one.
TAKEN_OVER, FEWEST = 0.8, 3


@dataclass
class Row:
    """A student's row of the table.

    Attributes
    ----------
    student : Student
        Whose it is.
    answers : Marked
        Of the worksheet.
    page_right, page_asked : int
        Answers of the page that trains, and its questions.
    trained : Trained
        What became of the network.
    late : bool
        Whether something was handed in too late.
    remarks : list of str
        What is wrong, or to be looked at.
    changed : bool
        Whether the network is another one than was handed out.
    rank : int
        From 1; 0 for a student without a network of their own.
    """

    student: Student
    answers: Marked
    page_right: int
    page_asked: int
    trained: Trained
    late: bool
    remarks: list[str]
    changed: bool
    rank: int = 0


@dataclass(frozen=True)
class Marks:
    """The table: its rows, the best network first, the measure, and names of folders that are nobody's."""

    rows: list[Row]
    measure: str
    strangers: list[str]


def collect(
    folder: Path,
    course: Course,
    given: Scenario,
    trainer: Trainer,
    due: float = math.inf,
    *,
    data_dir: Path | None = None,
    heard: Callable[[Student], None] = lambda student: None,
) -> Marks:
    """Read what has come back to a folder with a folder for each student, and train each network.

    `heard` is called with each student before the network is trained.
    """
    questions = given.play.questions if given.play is not None else []
    asked = {student: numbers_of(given, student, course, data_dir) for student in course.students}
    handed_out = (given.path or Path()).read_text(encoding="utf-8") if given.path is not None else ""
    rows, told = [], {}
    for student in course.students:
        heard(student)
        found = read_folder(folder / student.folder)
        remarks = found.remarks
        answers, marked = _worksheet(found, asked[student], course.share)
        told[student] = answers
        trained = _network(found, student, trainer)
        changed = not _is_as_handed_out(found, student, handed_out)
        if trained.final and not changed:
            remarks.append("the network is the one that was handed out")
        pages = [answers_in(page, name, course.scenario, questions) for name, page in found.pages.items()]
        right = _of_pages(pages, found) if questions else 0
        if found.pages and not questions:
            remarks.append("has answers of a page, and the scenario asks no questions")
        late = found.changed >= due
        rows.append(Row(student, marked, right, len(questions), trained, late, remarks, changed))
    for row in rows:
        row.remarks += _taken_over(row, told[row.student], asked, course.share)
    measure = _measure([row.trained.final for row in rows if row.trained.final])
    _rank(rows, measure)
    rows.sort(key=lambda row: (row.rank == 0, row.rank, row.student.folder))
    return Marks(rows, measure, list(_strangers(folder, course)))


def _worksheet(found: Returned, asked: Sequence[Asked], share: float) -> tuple[Mapping[int, float | None], Marked]:
    nothing = Marked(0, 0, len(asked))
    if ANSWERS not in found.files:
        if not any(remark.startswith(ANSWERS) for remark in found.remarks) and found.changed:
            found.remarks.append(f"{ANSWERS} is missing")
        return {}, nothing
    try:
        answers = read_answers(found.files[ANSWERS])
    except ValueError as error:
        found.remarks.append(f"{ANSWERS} {error}")
        return {}, nothing
    marked = mark(answers, asked, share)
    if marked.wrong:
        lines = ", ".join(map(str, marked.wrong[:8])) + (" ..." if len(marked.wrong) > 8 else "")
        found.remarks.append(f"wrong in line{'s' * (len(marked.wrong) > 1)} {lines}")
    return answers, marked


def _network(found: Returned, student: Student, trainer: Trainer) -> Trained:
    text = found.files.get(SCENARIO)
    if text is None:
        if not any(remark.startswith(SCENARIO) for remark in found.remarks) and found.changed:
            found.remarks.append(f"{SCENARIO} is missing")
        return Trained()
    trained = trainer.train(text, student.seed)
    if trained.reason:
        # Messages about a place in the file begin with its name.
        reason = escaped(trained.reason.removeprefix(f"{SCENARIO}: "), LONGEST)
        found.remarks.append(reason if reason.startswith(SCENARIO) else f"{SCENARIO}: {reason}")
    found.remarks += _held_against_run(found.files.get(RUN_SUMMARY), student, trained)
    return trained


def _is_as_handed_out(found: Returned, student: Student, handed_out: str) -> bool:
    """Whether the student has changed nothing in the scenario."""
    text = found.files.get(SCENARIO, b"")
    return text.decode(errors="replace").split() == with_seed(handed_out, student.seed).split()


def _held_against_run(content: bytes | None, student: Student, trained: Trained) -> Iterator[str]:
    """What the student's own run says, beside what has come out here."""
    if content is None:
        return
    try:
        tree = json.loads(content)
        told, seed = tree["final"], tree["seed"]
        given = {name: float(told[name]) for name in trained.final if told.get(name) is not None}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        yield f"{RUN_SUMMARY} is not that of a run"
        return
    if seed != student.seed:
        yield f"the run has the seed {shown(str(seed))}, not {student.seed}"
    differing = [
        name
        for name, value in given.items()
        if not math.isclose(value, trained.final[name], rel_tol=SAME, abs_tol=SAME)
    ]
    if differing:
        name = differing[0]
        yield f"the run says {name} {given[name]:.5g}; trained again it is {trained.final[name]:.5g}"


def _of_pages(pages: Sequence[Answers], found: Returned) -> int:
    """How many answers of the page are right: of several files, the best one."""
    found.remarks += [f"{page.file} {page.fault}" for page in pages if page.fault]
    return max((page.count for page in pages), default=0)


def _taken_over(
    row: Row, answers: Mapping[int, float | None], asked: Mapping[Student, Sequence[Asked]], share: float
) -> Iterator[str]:
    """Says whose numbers the answers are, where most are wrong for this student and right for another."""
    if row.answers.given < FEWEST or 2 * row.answers.right >= row.answers.given:
        return
    for other, numbers in asked.items():
        theirs = mark(answers, numbers, share)
        if other != row.student and theirs.given and theirs.right >= TAKEN_OVER * theirs.given:
            yield f"{theirs.right} of {theirs.given} answers are right for {escaped(other.name, 40)}"
            return


def _measure(finals: Sequence[Mapping[str, float]]) -> str:
    """What all networks are ranked by: accuracy, or else the loss, on the rows that tell most."""
    names = [f"{split}_{kind}" for split in JUDGED_BY for kind in ("accuracy", "loss")]
    return next((name for name in names if finals and all(name in final for final in finals)), "")


def loss_beside(measure: str) -> str:
    """The loss on the rows that a measure is of: it parts networks that are equally good."""
    return f"{measure.partition('_')[0]}_loss"


def _rank(rows: Sequence[Row], measure: str) -> None:
    if not measure:
        return
    sign = 1.0 if measure.endswith("loss") else -1.0

    def order(row: Row) -> tuple[float, float]:
        final = row.trained.final
        return sign * final[measure], final.get(loss_beside(measure), 0.0)

    ranked = sorted((row for row in rows if row.trained.final and row.changed), key=order)
    for place, row in enumerate(ranked, 1):
        equal = place > 1 and order(row) == order(ranked[place - 2])
        row.rank = ranked[place - 2].rank if equal else place


def _strangers(folder: Path, course: Course) -> Iterator[str]:
    """Names in the folder that are no student's; the first few."""
    known = {student.folder for student in course.students}
    try:
        with os.scandir(folder) as listed:
            others = (entry.name for entry in listed if entry.name not in known)
            yield from sorted(map(shown, itertools.islice(others, MOST_STRANGERS)))
    except OSError:
        return


def records(marks: Marks) -> list[dict[str, Any]]:
    """The rows with the columns of the file of marks; None where there is no value."""
    return [
        dict(
            zip(
                COLUMNS,
                (
                    row.rank or None, row.student.key, row.student.name, row.student.folder, row.student.seed,
                    row.answers.right, row.answers.given, row.answers.asked, row.page_right, row.page_asked,
                    marks.measure or None, row.trained.final.get(marks.measure),
                    row.trained.final.get(loss_beside(marks.measure)), row.trained.parameters or None,
                    row.trained.epochs or None, row.late, "; ".join(row.remarks),
                ),
                strict=True,
            )
        )
        for row in marks.rows
    ]  # fmt: skip


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The file of marks, which a spreadsheet opens as text and numbers, never as a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(row[name]) for name in COLUMNS] for row in rows)
    return text.getvalue().encode("utf-8-sig", errors="backslashreplace")


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else ""
    if not isinstance(value, str):
        return value
    safe = escaped(value, 2000)
    return f"'{safe}" if safe.lstrip().startswith(_FORMULAS) else safe
