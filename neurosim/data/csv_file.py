"""CSV files with a header row: comma-separated UTF-8, read with Python's csv module.

Every fault names the file, the row (counted from 1 below the header), its line and the column.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError
from neurosim.suggestions import unknown

LARGEST = 1 << 28


@dataclass(frozen=True)
class CsvFile:
    """The text of a CSV file, column by column; `read_csv` makes it.

    Attributes
    ----------
    path : pathlib.Path
        Where it was read from.
    names : tuple of str
        Names of the columns.
    rows : tuple of tuple of str
        The fields of each row, without blanks around them.
    lines : tuple of int
        The line of the file in which each row ends, from 1.
    """

    path: Path
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def require(self, columns: Sequence[str]) -> None:
        """Raise DataError (with the nearest name) unless the file has all of `columns`."""
        for column in columns:
            if column not in self.names:
                message, hint = unknown("column", column, self.names)
                raise DataError(f"{self.path}: {message}", hint)

    def texts(self, column: str) -> list[str]:
        """The fields of one column; a missing one is a DataError."""
        self.require([column])
        position = self.names.index(column)
        fields = [row[position] for row in self.rows]
        for index, field in enumerate(fields):
            if not field:
                raise self._fault(index, column, "the value is missing")
        return fields

    def numbers(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """The numbers of several columns, float64 of shape (rows, columns).

        Raises
        ------
        DataError
            For an unknown column and for a field that is missing, not a number or not finite.
        """
        self.require(columns)
        values = np.empty((len(self.rows), len(columns)), dtype=np.float64)
        for place, column in enumerate(columns):
            for index, field in enumerate(self.texts(column)):
                number = parse_number(field)
                if number is None:
                    raise self._fault(index, column, f"{field!r} is not a number")
                if not math.isfinite(number):
                    raise self._fault(index, column, f"{field!r} is not a finite number")
                values[index, place] = number
        return values

    def _fault(self, index: int, column: str, fault: str) -> DataError:
        return DataError(f'{self.path}: row {index + 1} (line {self.lines[index]}), column "{column}": {fault}')


def parse_number(field: str) -> float | None:
    """The number that `field` writes (perhaps nan or inf), or None if it writes none."""
    if "_" in field:  # Python allows 1_000, other programs do not
        return None
    try:
        return float(field)
    except ValueError:
        return None


def read_csv(path: Path | str) -> CsvFile:
    """Read a CSV file whose first row names its columns.

    Blank lines are skipped, blanks around a field are dropped, and a byte-order mark is allowed.

    Raises
    ------
    DataError
        For a file that is missing, too large (above 256 MiB), not UTF-8, empty or without rows,
        for columns without a name or with the same name, and for rows of another length.
    """
    path = Path(path)
    records, lines = _split(path, _decode(path))
    if not records:
        raise DataError(f"{path}: the file is empty", "The first row must name the columns.")
    names = records[0]
    _check_names(path, names)
    for index, (record, line) in enumerate(zip(records[1:], lines[1:], strict=True)):
        if len(record) != len(names):
            raise _wrong_length(path, index, line, record, names)
    if len(records) == 1:
        raise DataError(f"{path}: there are no rows below the column names")
    return CsvFile(path, names, tuple(records[1:]), tuple(lines[1:]))


def _decode(path: Path) -> str:
    try:
        if not path.is_file():
            raise DataError(f"{path}: no such file")
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(f"{path}: has {size} bytes, more than the {LARGEST} that are read")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line_start = content.rfind(b"\n", 0, error.start) + 1
        line = content.count(b"\n", 0, error.start) + 1
        column = content.count(b",", line_start, error.start) + 1
        where = f"row {line - 1} (line {line}), column {column}"
        raise DataError(
            f"{path}: not UTF-8 text: byte 0x{content[error.start]:02x} in {where}",
            "Save it again as CSV with UTF-8 encoding.",
        ) from error


def _split(path: Path, text: str) -> tuple[list[tuple[str, ...]], list[int]]:
    """The records that are not blank, and the line each ends in."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records, lines = [], []
    try:
        for record in reader:
            if record:
                records.append(tuple(field.strip() for field in record))
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(
            f"{path}: row {len(records)} (line {reader.line_num}): {error}",
            "A field that contains commas or quotes is written in double quotes, with each quote in it doubled.",
        ) from error
    return records, lines


def _check_names(path: Path, names: Sequence[str]) -> None:
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise DataError(
            f"{path}: row 0 (line 1): the only column is called {names[0]!r}",
            "Columns are separated by commas: save the file again with commas.",
        )
    for position, name in enumerate(names):
        if not name:
            raise DataError(f"{path}: row 0 (line 1): column {position + 1} has no name")
        if name in names[:position]:
            raise DataError(
                f'{path}: row 0 (line 1): columns {names.index(name) + 1} and {position + 1} are both called "{name}"'
            )


def _wrong_length(path: Path, index: int, line: int, record: Sequence[str], names: Sequence[str]) -> DataError:
    where = f"{path}: row {index + 1} (line {line})"
    if len(record) < len(names):
        return DataError(
            f'{where}: ends before column "{names[len(record)]}"; it has {len(record)} of {len(names)} fields'
        )
    return DataError(
        f'{where}: goes on after the last column "{names[-1]}"; it has {len(record)} fields instead of {len(names)}',
        "A number with a decimal comma counts as two fields: write a point.",
    )
