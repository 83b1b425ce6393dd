"""The list of students: a CSV file with the columns ``id`` and ``name``, and the seed and folder of each student."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurosim.errors import DataError
from neurosim.files.inputs import open_ordinary
from neurosim.printable import label

MOST_BYTES, MOST_STUDENTS, LONGEST = 1_000_000, 2000, 200
# Seeds have at most nine digits: they are typed from paper.
SEEDS = 1_000_000_000
COLUMNS = ("id", "name")


@dataclass(frozen=True)
class Student:
    """A student of a class.

    Attributes
    ----------
    key, name : str
        What tells students apart, the id or else the name; and the name, or else the id.
    folder : str
        Name of the student's folder.
    seed : int
        Of the student's network.
    """

    key: str
    name: str
    folder: str
    seed: int


def read_students(path: Path, course: str, scenario: str) -> list[Student]:
    """The students in a CSV file, with their folders and seeds.

    Raises
    ------
    DataError
        When the file cannot be read, has no student, or has one twice.
    """
    with open_ordinary(path) as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise DataError(f"{path} is too large for a list of students: more than {MOST_BYTES:,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text", 'In a spreadsheet, save it as "CSV UTF-8".') from error
    return enrolled(_entries(text, path), course, scenario)


def enrolled(entries: Sequence[tuple[str, str]], course: str, scenario: str) -> list[Student]:
    """Students with these keys and names."""
    students: list[Student] = []
    taken: set[int] = set()
    width = len(str(len(entries)))
    for number, (key, name) in enumerate(entries, 1):
        seed = seed_of(course, scenario, key, taken)
        taken.add(seed)
        students.append(Student(key, name, f"{number:0{width}}-{_plain(name)}", seed))
    return students


def seed_of(course: str, scenario: str, key: str, taken: Collection[int] = ()) -> int:
    """A student's seed: from the SHA-256 of the class, the scenario and the student's key, in lines.

    One that another student has already got is replaced by that of the same text with one more empty line.
    """
    text = f"{course}\n{scenario}\n{key}"
    while True:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % SEEDS
        if seed not in taken:
            return seed
        text += "\n"


def _entries(text: str, path: Path) -> list[tuple[str, str]]:
    separator = ";" if ";" in text.partition("\n")[0] else ","
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(map(_tidy, row))]
    except csv.Error as error:
        raise DataError(f"{path} is not a readable CSV file: {error}") from error
    header = [_tidy(cell).casefold() for cell in rows[0]] if rows else []
    if not set(header) & set(COLUMNS):
        raise DataError(
            f"{path} has neither a column id nor a column name", "Its first line names the columns: id,name"
        )
    if len(rows) == 1:
        raise DataError(f"{path} lists no students: there is only the line with the names of the columns")
    if len(rows) > MOST_STUDENTS + 1:
        raise DataError(f"{path} lists {len(rows) - 1:,} students; a class has {MOST_STUDENTS:,} at most")
    found: dict[str, str] = {}
    for number, row in enumerate(rows[1:], 1):
        cells = dict(zip(header, map(_tidy, row), strict=False))
        key = cells.get("id") or cells.get("name") or ""
        if not key:
            raise DataError(f"{path}: student {number} has neither an id nor a name")
        if max(len(key), len(cells.get("name", ""))) > LONGEST:
            raise DataError(f"{path}: the name of student {number} has more than {LONGEST} characters")
        if key in found:
            why = "Give each student an id of their own, in a column id."
            raise DataError(f"{path} lists {label(key)} twice", why)
        found[key] = cells.get("name") or key
    return list(found.items())


def _tidy(cell: str) -> str:
    """A cell in one way of writing its letters, without blanks around it."""
    return " ".join(unicodedata.normalize("NFC", cell).split())


def _plain(name: str) -> str:
    """A name as part of a folder's: letters a to z, digits and hyphens."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:40].strip("-") or "student"
