"""The numbers that a worksheet asks for, as a file to be filled in, and whether they are right.

The file is CSV with the columns ``line``, ``name`` and ``answer``: a row for each gap at the end of a numbered line.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neurosim.worksheet.blocks import Line
from neurosim.worksheet.numbers import written
from neurosim.worksheet.sheet import Sheet

HEADER = ("line", "name", "answer")
# An answer is right within this share of the number, or within this distance: the sheet shows five digits.
SHARE, DISTANCE = 0.01, 1e-4
LONGEST_ANSWER = 40
# With a decimal comma a spreadsheet writes semicolons between the cells.
_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Asked:
    """A number that a worksheet asks for: of which line, what it is called there, and its value."""

    line: int
    name: str
    value: float


@dataclass(frozen=True)
class Marked:
    """Answers of a worksheet.

    Attributes
    ----------
    right, given, asked : int
        How many answers are right, how many there are, and how many numbers were asked for.
    wrong : tuple of int
        The lines whose answers are wrong.
    """

    right: int
    given: int
    asked: int
    wrong: tuple[int, ...] = ()


def asked_by(sheet: Sheet) -> list[Asked]:
    """What a blank sheet asks for, by its numbered lines."""
    lines = (
        block
        for section in sheet.asked(blank=True)
        for part in section.walk()
        for block in part.blocks
        if isinstance(block, Line)
    )
    return [
        Asked(number, line.name, line.value)
        for number, line in enumerate(lines, 1)
        if line.value is not None and not line.told
    ]


def as_csv(asked: Sequence[Asked], *, blank: bool) -> bytes:
    """The file of answers, empty or with the right ones; a spreadsheet reads it as UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((each.line, each.name, "" if blank else written(each.value)) for each in asked)
    return text.getvalue().encode("utf-8-sig")


def read_answers(content: bytes) -> dict[int, float | None]:
    """The answers by line; None for what is no number. Names of the lines are not looked at.

    Raises
    ------
    ValueError
        When it is no such file, or answers a line twice; the message says so.
    """
    # Spreadsheets write other encodings too; the numbers are the same in all of them.
    text = content.decode("utf-8-sig", errors="replace").replace("\0", "")
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error:
        raise ValueError("is not a readable CSV file") from None
    header = [cell.strip().casefold() for cell in rows[0]] if rows else []
    if not {"line", "answer"} <= set(header):
        raise ValueError("lacks the columns line and answer")
    line_at, answer_at = header.index("line"), header.index("answer")
    found: dict[int, float | None] = {}
    for row in rows[1:]:
        if len(row) <= max(line_at, answer_at) or not row[answer_at].strip():
            continue
        line = row[line_at].strip().strip("()")
        if not (line.isascii() and line.isdigit() and len(line) < 6):
            raise ValueError("has an answer without the number of its line")
        if int(line) in found:
            raise ValueError(f"answers line {int(line)} twice")
        found[int(line)] = number_in(row[answer_at])
    return found


def number_in(text: str) -> float | None:
    """The number that somebody has written, with a decimal point or comma; None if it is none."""
    tidy = text.strip().replace("\N{MINUS SIGN}", "-").replace(",", ".")
    if len(tidy) > LONGEST_ANSWER or "_" in tidy:
        return None
    try:
        value = float(tidy)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def is_right(given: float | None, value: float, share: float = SHARE) -> bool:
    """Whether an answer is near enough."""
    return given is not None and abs(given - value) <= max(share * abs(value), DISTANCE)


def mark(answers: Mapping[int, float | None], asked: Sequence[Asked], share: float = SHARE) -> Marked:
    """Hold answers against the right ones; lines that the sheet does not ask for are left out."""
    given = [each for each in asked if each.line in answers]
    wrong = tuple(each.line for each in given if not is_right(answers[each.line], each.value, share))
    return Marked(len(given) - len(wrong), len(given), len(asked), wrong)
