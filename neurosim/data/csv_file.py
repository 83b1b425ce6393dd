"""CSV files with a header row: comma-separated UTF-8, read with Python's csv module.

Every fault names the file, the row (counted from 1 below the header), its line and the column.

A field takes up to twenty times its bytes as a Python text, so the fields of a file are never all there at once: the
file is kept as it is, and read again for each thing that is asked of it.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError
from neurosim.input_files import open_ordinary, unreadable
from neurosim.suggestions import unknown

LARGEST = 1 << 28
MOST_FIELDS = 1 << 26
MOST_COLUMNS = 1 << 20
LONGEST_LINE = 1 << 24
CHUNK = 1 << 20
# Fields that are numbers and texts at the same time.
AT_ONCE = 1 << 14
MISSING = "the value is missing"
MEND = "Mend the field, or leave out its row."
RENAME = "The first row must have a name for each column, each another one."
SHORTEN = "Leave out columns and rows that the network can do without."
UTF8_AGAIN = "Save it again as CSV with UTF-8 encoding."
# What other files begin with that are given for a CSV file, and what to do about it.
OTHER_FILES = (
    (b"\x1f\x8b", "it is compressed with gzip", "Unpack it first (gunzip, 7-Zip)."),
    (b"PK\x03\x04", "it is a spreadsheet (such as .xlsx) or a zip archive", "Save or unpack it as CSV."),
)


@dataclass(frozen=True)
class CsvFile:
    """The content of a CSV file that was checked; `read_csv` makes it.

    Attributes
    ----------
    path : pathlib.Path
        Where it was read from.
    names : tuple of str
        Names of the columns.
    count : int
        How many rows there are below the names.
    """

    path: Path
    names: tuple[str, ...]
    count: int
    _content: bytes = field(repr=False)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def require(self, columns: Sequence[str]) -> None:
        """Raise DataError (with the nearest name) unless the file has all of `columns`."""
        for column in columns:
            if column not in self._places:
                message, hint = unknown("column", column, self.names)
                raise DataError(f"{self.path}: {message}", hint)

    def texts(self, column: str) -> Iterator[str]:
        """The fields of one column, one after the other, without blanks around them.

        Raises
        ------
        DataError
            For an unknown column, and on the way for a field that is missing.
        """
        self.require([column])
        place = self._places[column]
        for row, record in enumerate(self._rows(), 1):
            text = record[place].strip()
            if not text:
                raise self._fault(row, column, MISSING)
            yield text

    def numbers(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """The numbers of several columns, float64 of shape (rows, columns).

        Raises
        ------
        DataError
            For an unknown column and for a field that is missing, not a number or not finite.
        """
        self.require(columns)
        places = [self._places[column] for column in columns]
        values = np.empty((self.count, len(columns)), dtype=np.float64)
        rows, done = self._rows(), 0
        while block := list(islice(rows, 1 + AT_ONCE // len(self.names))):
            fields = [record[place].strip() for record in block for place in places]
            try:
                numbers = np.fromiter(map(float, fields), np.float64, len(fields))
            except ValueError:
                raise self._no_number(done, block, places) from None
            if not np.isfinite(numbers).all() or "_" in ",".join(fields):
                raise self._no_number(done, block, places)
            values[done : done + len(block)] = numbers.reshape(len(block), len(columns))
            done += len(block)
        return values

    def _no_number(self, done: int, block: Sequence[list[str]], places: Sequence[int]) -> DataError:
        """The error for the first field of some rows, behind `done` others, that is no number."""
        faults = (
            self._fault(row, self.names[place], fault)
            for row, record in enumerate(block, done + 1)
            for place in places
            if (fault := _number_fault(record[place].strip()))
        )
        return next(faults)

    def _rows(self) -> Iterator[list[str]]:
        """The fields of each row below the names, with the blanks around them."""
        records = filter(None, csv.reader(_text(self._content), strict=True))
        next(records)
        return records

    def _fault(self, row: int, column: str, fault: str) -> DataError:
        _, line = next(islice(_records(self.path, self._content), row, None))
        return DataError(f'{self.path}: row {row} (line {line}), column "{column}": {fault}', MEND)


def parse_number(field: str) -> float | None:
    """The number that `field` writes (perhaps nan or inf), or None if it writes none."""
    if "_" in field:  # Python allows 1_000, other programs do not
        return None
    try:
        return float(field)
    except ValueError:
        return None


def _number_fault(text: str) -> str:
    """Why a field is no number that can be learnt from; empty where it is one."""
    if not text:
        return MISSING
    number = parse_number(text)
    shown = repr(text) if len(text) <= 60 else f"{text[:60]!r}..."
    if number is None:
        return f"{shown} is not a number"
    return "" if math.isfinite(number) else f"{shown} is not a finite number"


def read_csv(path: Path | str) -> CsvFile:
    """Read a CSV file whose first row names its columns.

    Blank lines are skipped, blanks around a field are dropped, and a byte-order mark is allowed.

    What is kept is the file, byte by byte: at most 256 MiB with 67,108,864 (2**26) commas and line ends, in lines of at
    most 16 MiB and 1,048,576 (2**20) columns. Its numbers take eight bytes each beside it: where all fields are single
    digits that is four times the file, which is the most.

    Raises
    ------
    DataError
        For a file that is missing, no ordinary file, larger than that, compressed, not UTF-8, empty or without rows,
        for columns without a name or with the same name, and for rows of another length.
    """
    path = Path(path)
    with open_ordinary(path) as file:
        try:
            content = _read(path, file)
        except OSError as error:
            raise unreadable(path, error) from error
    _check_text(path, content)
    records = _records(path, content)
    names = tuple(name.strip() for name in next(records, ([], 0))[0])
    if not names:
        raise DataError(f"{path}: the file is empty", "The first row must name the columns.")
    _check_names(path, names)
    count = 0
    for count, (record, line) in enumerate(records, 1):
        if len(record) != len(names):
            raise _wrong_length(path, count, line, record, names)
    if count == 0:
        raise DataError(f"{path}: there are no rows below the column names", "A row for each example.")
    return CsvFile(path, names, count, content)


def _read(path: Path, file: BinaryIO) -> bytes:
    """All bytes of a file, which are counted before they are kept."""
    start = file.read(4)
    for magic, what, hint in OTHER_FILES:
        if start.startswith(magic):
            raise DataError(f"{path}: not CSV: {what}", hint)
    file.seek(0)
    size = ends = commas = line = 0
    while part := file.read(CHUNK):
        size += len(part)
        commas += part.count(b",")
        ends += max(part.count(b"\n"), part.count(b"\r"))
        last = max(part.rfind(b"\n"), part.rfind(b"\r"))
        line = len(part) - last - 1 + (line if last < 0 else 0)
        if size > LARGEST:
            raise DataError(f"{path}: has more than the {LARGEST} bytes that are read", SHORTEN)
        if commas + ends > MOST_FIELDS:
            raise DataError(f"{path}: has more than the {MOST_FIELDS} commas and line ends that are read", SHORTEN)
        if line > LONGEST_LINE:
            raise DataError(
                f"{path}: has a line of more than the {LONGEST_LINE} bytes that are read",
                "Each row is a line of its own: is this a CSV file?",
            )
    file.seek(0)
    # Not what somebody has added since.
    return file.read(size)


def _check_text(path: Path, content: bytes) -> None:
    """Raise DataError at the first byte that is no text in UTF-8."""
    place, what = _undecodable(content), "not UTF-8 text"
    null = content.find(b"\0", 0, len(content) if place is None else place)
    if null >= 0:
        place, what = null, "not plain text in UTF-8"
    if place is None:
        return
    line_start = content.rfind(b"\n", 0, place) + 1
    line = content.count(b"\n", 0, place) + 1
    column = content.count(b",", line_start, place) + 1
    where = f"row {line - 1} (line {line}), column {column}"
    raise DataError(f"{path}: {what}: byte 0x{content[place]:02x} in {where}", UTF8_AGAIN)


def _undecodable(content: bytes) -> int | None:
    """Place of the first byte that is not UTF-8, or None."""
    # In parts: as one text it would take up to four times its size.
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(content), CHUNK):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(content[start : start + CHUNK], final=start + CHUNK >= len(content))
        except UnicodeDecodeError as error:
            return start - pending + error.start
    return None


def _text(content: bytes) -> io.TextIOWrapper:
    """The lines of a file, with what ends them."""
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")


def _records(path: Path, content: bytes) -> Iterator[tuple[list[str], int]]:
    """The records that are not blank, with the blanks around fields, and the line that each ends in."""
    reader = csv.reader(_narrow_lines(path, _text(content)), strict=True)
    row = 0
    try:
        for record in reader:
            if record:
                yield record, reader.line_num
                row += 1
    except csv.Error as error:
        raise DataError(
            f"{path}: row {row} (line {reader.line_num}): {error}",
            "A field that contains commas or quotes is written in double quotes, with each quote in it doubled.",
        ) from error


def _narrow_lines(path: Path, lines: io.TextIOWrapper) -> Iterator[str]:
    """The lines, none with more columns than are read."""
    for number, line in enumerate(lines, 1):
        if line.count(",") >= MOST_COLUMNS:
            raise DataError(f"{path}: line {number} has more than the {MOST_COLUMNS} columns that are read", SHORTEN)
        yield line


def _check_names(path: Path, names: Sequence[str]) -> None:
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise DataError(
            f"{path}: row 0 (line 1): the only column is called {names[0]!r}",
            "Columns are separated by commas: save the file again with commas.",
        )
    before: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if not name:
            raise DataError(f"{path}: row 0 (line 1): column {position} has no name", RENAME)
        if name in before:
            where = f"row 0 (line 1): columns {before[name]} and {position}"
            raise DataError(f'{path}: {where} are both called "{name}"', RENAME)
        before[name] = position


def _wrong_length(path: Path, row: int, line: int, record: Sequence[str], names: Sequence[str]) -> DataError:
    where = f"{path}: row {row} (line {line})"
    if len(record) < len(names):
        return DataError(
            f'{where}: ends before column "{names[len(record)]}"; it has {len(record)} of {len(names)} fields',
            "Add what is missing, or leave out the row.",
        )
    return DataError(
        f'{where}: goes on after the last column "{names[-1]}"; it has {len(record)} fields instead of {len(names)}',
        "A number with a decimal comma counts as two fields: write a point.",
    )
