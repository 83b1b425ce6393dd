"""CSV files with a header row, in UTF-8, read with Python's csv module.

Columns are separated by commas; or by semicolons or tabs, where the header has more of these. Then a number may have a
decimal comma, as spreadsheets write it in much of Europe.

Every fault names the file, the row (counted from 1 below the header), its line and the column.

A field takes up to twenty times its bytes as a Python text, so the fields of a file are never all there at once: the
file is kept as it is, and read again for each thing that is asked of it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from neurosim.data.csv_faults import ABSENT, MOST_LINES, field_faults, parse_number
from neurosim.errors import DataError
from neurosim.files.inputs import open_ordinary, unreadable
from neurosim.suggestions import listed, unknown

LARGEST = 1 << 28
MOST_FIELDS = 1 << 26
MOST_COLUMNS = 1 << 20
LONGEST_LINE = 1 << 24
CHUNK = 1 << 20
# Fields that are numbers and texts at the same time.
AT_ONCE = 1 << 14
RENAME = "The first row must have a name for each column, each another one."
SHORTEN = "Leave out columns and rows that the network can do without."
UTF8_AGAIN = (
    'Save it again as CSV in UTF-8. Excel: Save As, "CSV UTF-8"; LibreOffice: Save As, "Edit filter settings", UTF-8.'
)
SEPARATORS = (",", ";", "\t")
NAMED = {",": "commas", ";": "semicolons", "\t": "tabs"}
# Two ways of writing one number.
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")
_QUOTED = re.compile(r'"[^"]*"')
_POINT_TOO = "other numbers of this file have a decimal comma, so it is unclear what the point means"
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
    separator : str
        What stands between the columns: "," or ";" or a tab.
    """

    path: Path
    names: tuple[str, ...]
    count: int
    separator: str
    _content: bytes = field(repr=False)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def require(self, columns: Sequence[str]) -> None:
        """Raise DataError (with the nearest name) unless the file has all of `columns`."""
        missing = [column for column in dict.fromkeys(columns) if column not in self._places]
        if missing:
            found = [unknown("column", column, self.names) for column in missing[:MOST_LINES]]
            more = f" and {len(missing) - MOST_LINES} more" if len(missing) > MOST_LINES else ""
            hint = self.without_names() or "; ".join(dict.fromkeys(hint for _, hint in found))
            raise DataError(f"{self.path}: {', '.join(message for message, _ in found)}{more}", hint)

    def without_names(self) -> str:
        """What to do about a first row that seems to hold no names, or all of them in one; else nothing."""
        shown = listed(self.names[:MOST_LINES])
        if len(self.names) == 1 and " " in shown:
            return f'The file has a single column, "{shown}". Columns are separated by commas, semicolons or tabs.'
        if any(parse_number(self._field(name)) is not None for name in self.names):
            return f"The first row has to name the columns, and here it is: {shown}. Put a row with names above it."
        return ""

    def texts(self, column: str, *, missing: Literal["refuse", "skip", "keep"] = "refuse") -> Iterator[str]:
        """The fields of one column, one after the other, without blanks around them.

        Numbers with a decimal comma are given with a point, where the file may have such.

        Raises
        ------
        DataError
            For an unknown column, and on the way for fields that are missing, unless they are to be skipped or to be
            kept as empty texts.
        """
        self.require([column])
        place = self._places[column]
        for row, record in enumerate(self._rows()):
            text = self._field(record[place])
            if text or missing == "keep":
                yield text
            elif missing == "refuse":
                raise self._faults(row, [], [column])

    def numbers(
        self, columns: Sequence[str], texts: Sequence[str] = (), may_lack: Collection[str] = ()
    ) -> NDArray[np.float64]:
        """The numbers of several columns, float64 of shape (rows, columns).

        In the columns `may_lack` values may be missing: they are nan.

        Raises
        ------
        DataError
            For an unknown column and for fields that are missing, not numbers or not finite: all of them at once, with
            those that are missing in the columns `texts`.
        """
        self.require([*columns, *texts])
        places = [self._places[column] for column in columns]
        values = np.empty((self.count, len(columns)), dtype=np.float64)
        rows, done = self._rows(), 0
        while block := list(islice(rows, 1 + AT_ONCE // len(self.names))):
            fields = [self._field(record[place]) for record in block for place in places]
            absent = []
            if may_lack:
                lacking = [name in may_lack for name in columns] * len(block)
                absent = [k for k, lacks in enumerate(lacking) if lacks and fields[k] in ABSENT]
                for k in absent:
                    fields[k] = "0"
            try:
                numbers = np.fromiter(map(float, fields), np.float64, len(fields))
            except ValueError:
                raise self._faults(done, columns, texts, may_lack) from None
            if not np.isfinite(numbers).all() or "_" in ",".join(fields):
                raise self._faults(done, columns, texts, may_lack)
            numbers[absent] = np.nan
            values[done : done + len(block)] = numbers.reshape(len(block), len(columns))
            done += len(block)
        if self.separator != ",":
            self._refuse_two_kinds_of_points(columns)
        return values

    def weights(self, column: str) -> NDArray[np.float64]:
        """The numbers of a column of weights, (rows,).

        Raises
        ------
        DataError
            As `numbers` does, for numbers below 0, and where all are 0.
        """
        found = self.numbers([column])[:, 0]
        negative = np.flatnonzero(found < 0)
        if negative.size:
            row = int(negative[0])
            more = f" (and {negative.size - 1:,} more in this column)" if negative.size > 1 else ""
            text = f"{self.where(row, column)}: the weight {found[row]:g} is below 0{more}"
            raise DataError(text, "Weights must be 0 or larger; a row with weight 0 does not count.")
        if not found.any():
            raise DataError(
                f'{self.path}: column "{column}": all weights are 0, so no row counts',
                "Give at least one row a weight above 0.",
            )
        return found

    def where(self, row: int, column: str) -> str:
        """What a message about a field begins with; `row` counts from 0."""
        _, line = next(islice(_records(self.path, self._content, self.separator), row + 1, None))
        return f'{self.path}: row {row + 1} (line {line}), column "{column}"'

    def _field(self, written: str) -> str:
        text = written.strip()
        if self.separator != "," and _DECIMAL_COMMA.fullmatch(text):
            return text.replace(",", ".")
        return text

    def _rows(self) -> Iterator[list[str]]:
        """The fields of each row below the names, with the blanks around them."""
        records = filter(None, csv.reader(_text(self._content), strict=True, delimiter=self.separator))
        next(records)
        return records

    def _faults(
        self, good: int, numbers: Sequence[str], texts: Sequence[str], may_lack: Collection[str] = ()
    ) -> DataError:
        """The error for all faults in some columns, of which the first `good` rows have none."""
        records = islice(_records(self.path, self._content, self.separator), good + 1, None)
        rows = (
            (row, line, [self._field(field) for field in record])
            for row, (record, line) in enumerate(records, good + 1)
        )
        places = [[(self._places[name], name) for name in names] for names in (numbers, texts)]
        return field_faults(self.path, rows, places[0], places[1], good, may_lack)

    def _refuse_two_kinds_of_points(self, columns: Sequence[str]) -> None:
        """Beside 1,5 a 2.000, in whatever column, may be what is written for 2000."""
        comma = False
        point: tuple[int, int, str] | None = None
        places = [self._places[column] for column in columns]
        for row, record in enumerate(self._rows()):
            for place in places:
                if "," in record[place]:
                    comma = True
                elif point is None and "." in record[place]:
                    point = row, place, record[place].strip()
        if comma and point is not None:
            row, place, text = point
            raise DataError(
                f"{self.where(row, self.names[place])}: {text!r} has a point; {_POINT_TOO}",
                "Write all numbers in one way, without separators of thousands.",
            )


def read_csv(path: Path | str) -> CsvFile:
    """Read a CSV file whose first row names its columns.

    Columns are separated by commas, semicolons or tabs, by whichever the header has most of; a number may have a
    decimal comma where these are not commas. Blank lines are skipped, blanks around a field are dropped, and a
    byte-order mark is allowed.

    What is kept is the file, byte by byte: at most 256 MiB with 67,108,864 (2**26) separators and line ends, in lines
    of at most 16 MiB and 1,048,576 (2**20) columns. Its numbers take eight bytes each beside it: where all fields are
    single digits that is four times the file, which is the most.

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
    separator = _separator(content)
    records = _records(path, content, separator)
    names = tuple(name.strip() for name in next(records, ([], 0))[0])
    if not names:
        raise DataError(f"{path}: the file is empty", "The first row must name the columns.")
    _check_names(path, names)
    count = wrong = 0
    faults: list[tuple[str, str]] = []
    for count, (record, line) in enumerate(records, 1):
        if len(record) != len(names):
            wrong += 1
            if len(faults) < MOST_LINES:
                faults.append(_wrong_length(count, line, record, names, separator))
    if wrong:
        hint = " ".join(dict.fromkeys(hint for _, hint in faults))
        if wrong == 1:
            raise DataError(f"{path}: {faults[0][0]}", hint)
        more = [f"and {wrong - len(faults):,} rows more"] if wrong > len(faults) else []
        lines = [f"{path}: {wrong:,} of {count:,} rows do not have {len(names)} fields:", *(text for text, _ in faults)]
        raise DataError("\n  ".join([*lines, *more]), hint)
    if count == 0:
        raise DataError(f"{path}: there are no rows below the column names", "Give a row for each example.")
    return CsvFile(path, names, count, separator, content)


def _separator(content: bytes) -> str:
    """What the first line that is not blank has most of, outside quotes; commas where it has none of them."""
    with _text(content) as lines:
        header = next((line for line in lines if line.strip()), "")
    plain = _QUOTED.sub("", header)
    return max(SEPARATORS, key=plain.count)


def _read(path: Path, file: BinaryIO) -> bytes:
    """All bytes of a file, which are counted before they are kept."""
    start = file.read(4)
    for magic, what, hint in OTHER_FILES:
        if start.startswith(magic):
            raise DataError(f"{path}: not CSV: {what}", hint)
    file.seek(0)
    size = ends = line = 0
    separators = dict.fromkeys(SEPARATORS, 0)
    while part := file.read(CHUNK):
        size += len(part)
        for separator in SEPARATORS:
            separators[separator] += part.count(separator.encode())
        ends += max(part.count(b"\n"), part.count(b"\r"))
        last = max(part.rfind(b"\n"), part.rfind(b"\r"))
        line = len(part) - last - 1 + (line if last < 0 else 0)
        if size > LARGEST:
            raise DataError(f"{path} has more than the {LARGEST} bytes that are read", SHORTEN)
        if max(separators.values()) + ends > MOST_FIELDS:
            raise DataError(f"{path} has more than the {MOST_FIELDS} separators and line ends that are read", SHORTEN)
        if line > LONGEST_LINE:
            raise DataError(
                f"{path} has a line of more than the {LONGEST_LINE} bytes that are read",
                "Each row is a line of its own: is this a CSV file?",
            )
    file.seek(0)
    # Not what somebody has added since.
    return file.read(size)


def _check_text(path: Path, content: bytes) -> None:
    """Raise DataError at the first byte that is not UTF-8 text."""
    place, what = _undecodable(content), "not UTF-8 text"
    null = content.find(b"\0", 0, len(content) if place is None else place)
    if null >= 0:
        place, what = null, "not plain text in UTF-8"
    if place is None:
        return
    line_start = content.rfind(b"\n", 0, place) + 1
    line = content.count(b"\n", 0, place) + 1
    column = max(content.count(separator.encode(), line_start, place) for separator in SEPARATORS) + 1
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


def _records(path: Path, content: bytes, separator: str) -> Iterator[tuple[list[str], int]]:
    """The records that are not blank, with the blanks around fields, and the line that each ends in."""
    lines = _narrow_lines(path, _text(content), separator)
    reader = csv.reader(lines, strict=True, delimiter=separator)
    row = 0
    try:
        for record in reader:
            if record:
                yield record, reader.line_num
                row += 1
    except csv.Error as error:
        raise DataError(
            f"{path}: row {row} (line {reader.line_num}): {error}",
            f"A field that contains {NAMED[separator]} or quotes is written in double quotes, with each quote in it "
            "doubled.",
        ) from error


def _narrow_lines(path: Path, lines: io.TextIOWrapper, separator: str) -> Iterator[str]:
    """The lines, none with more columns than are read."""
    for number, line in enumerate(lines, 1):
        if line.count(separator) >= MOST_COLUMNS:
            raise DataError(f"{path}: line {number} has more than the {MOST_COLUMNS} columns that are read", SHORTEN)
        yield line


def _check_names(path: Path, names: Sequence[str]) -> None:
    before: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if not name:
            raise DataError(f"{path}: row 0 (line 1): column {position} has no name", RENAME)
        if name in before:
            where = f"row 0 (line 1): columns {before[name]} and {position}"
            raise DataError(f'{path}: {where} are both called "{name}"', RENAME)
        before[name] = position


def _wrong_length(row: int, line: int, record: Sequence[str], names: Sequence[str], separator: str) -> tuple[str, str]:
    """What is wrong with a row that is too short or too long, and a hint."""
    where = f"row {row} (line {line})"
    if len(record) < len(names):
        return (
            f'{where}: ends before column "{names[len(record)]}"; it has {len(record)} of {len(names)} fields',
            "Add what is missing, or leave out the row.",
        )
    hint = f"A field that contains {NAMED[separator]} is written in double quotes."
    if separator == ",":
        hint = "A number with a decimal comma counts as two fields: write a point, or separate columns by semicolons."
    return (
        f'{where}: goes on after the last column "{names[-1]}"; it has {len(record)} fields instead of {len(names)}',
        hint,
    )
