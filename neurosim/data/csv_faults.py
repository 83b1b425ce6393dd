"""What is wrong with the fields of a CSV file, said at once: column by column, with the rows, in a few lines."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neurosim.errors import DataError

MISSING = "the value is missing"
# What stands in a column of numbers where there is none.
ABSENT = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?"})
MEND = "Mend the field, or leave out its row."
MEND_ALL = "Mend the fields, or leave out their rows."
# Lines of a message, and of these for one column.
MOST_LINES = 10
OF_A_COLUMN = 3
# Fields that are looked at behind the first fault.
LOOKED_AT = 1 << 20


class FieldsError(DataError):
    """Fields that are missing, or not the numbers that are wanted.

    Attributes
    ----------
    counts : dict of str to int
        How many there are in each column that has some.
    unusable : tuple of str
        Columns of which most fields are so: these hold something else.
    lacking : bool
        Whether some are missing.
    """

    def __init__(
        self, message: str, hint: str, counts: Mapping[str, int], unusable: tuple[str, ...], lacking: bool
    ) -> None:
        super().__init__(message, hint)
        self.counts, self.unusable, self.lacking = dict(counts), unusable, lacking


@dataclass
class _Column:
    """The faults of one column: those to show, and how many there are."""

    name: str
    shown: list[str] = field(default_factory=list)
    count: int = 0


def parse_number(text: str) -> float | None:
    """The number that a field writes (perhaps nan or inf), or None if it writes none."""
    if "_" in text:  # Python allows 1_000, other programs do not
        return None
    try:
        return float(text)
    except ValueError:
        return None


def number_fault(text: str) -> str:
    """Why a field is not a number that can be learned from; empty where it is one."""
    if text in ABSENT:
        return f"{MISSING} ({text!r})" if text else MISSING
    number = parse_number(text)
    shown = repr(text) if len(text) <= 60 else f"{text[:60]!r}..."
    if number is None:
        return f"{shown} is not a number"
    return "" if math.isfinite(number) else f"{shown} is not a finite number"


def text_fault(text: str) -> str:
    """Why a field does not name a class; empty where it does."""
    return "" if text else MISSING


def field_faults(
    path: Path,
    rows: Iterable[tuple[int, int, Sequence[str]]],
    numbers: Sequence[tuple[int, str]],
    texts: Sequence[tuple[int, str]],
    good: int,
    may_lack: Collection[str] = (),
) -> FieldsError:
    """The error for all wrong fields of some columns.

    Parameters
    ----------
    path : Path
        The file.
    rows : iterable of (row, line, fields)
        From the first one with a fault on; fields without blanks around them.
    numbers, texts : sequence of (place, name)
        The columns that have to hold numbers, and those that have to hold anything.
    good : int
        How many rows before them have no fault.
    may_lack : collection of str
        Columns of numbers in which values may be missing.
    """
    wanted = [(place, _Column(name), number_fault) for place, name in numbers]
    wanted += [(place, _Column(name), text_fault) for place, name in texts]
    looked, complete, lacking = 0, True, False
    for row, line, fields in rows:
        for place, column, fault_of in wanted:
            fault = fault_of(fields[place])
            absent = fault.startswith(MISSING)
            if fault and not (absent and column.name in may_lack):
                lacking = lacking or absent
                column.count += 1
                if len(column.shown) < OF_A_COLUMN:
                    column.shown.append(f'row {row} (line {line}), column "{column.name}": {fault}')
        looked += 1
        if looked * len(wanted) > LOOKED_AT:
            complete = False
            break
    columns = [column for _, column, _ in wanted if column.count]
    unusable = [column for column in columns if 2 * column.count > good + looked]
    lines = [line for column in columns for line in _lines(column, whole=column in unusable)]
    total = sum(column.count for column in columns)
    if len(lines) == 1:
        message = f"{path}: {lines[0]}"
    else:
        more = [f"and {len(lines) - MOST_LINES} lines more"] if len(lines) > MOST_LINES else []
        count = f"{total:,} fields" if complete else f"more than {total:,} fields"
        message = "\n  ".join([f"{path}: {count} are wrong:", *lines[:MOST_LINES], *more])
    hint = MEND if total == 1 else MEND_ALL
    counts = {column.name: column.count for column in columns}
    return FieldsError(message, hint, counts, tuple(column.name for column in unusable), lacking)


def _lines(column: _Column, *, whole: bool) -> list[str]:
    """The first faults of a column, of one that holds something else only the first, with how many more there are."""
    lines = column.shown[:1] if whole else list(column.shown)
    more = column.count - len(lines)
    if more:
        lines[-1] += f" (and {more:,} more in this column)"
    return lines
