"""The trials of a ranking as a table for other programs: a row for each, as CSV, as Parquet or as objects."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from neurosim.errors import UsageError
from neurosim.sweeps.entries import Entry
from neurosim.sweeps.ranking import Table

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Record = dict[str, Any]


def records(table: Table) -> list[Record]:
    """A row for each trial, the best settings first: their rank, the settings that differ, measures, cost and folder.

    All rows have the same columns in the same order, None where there is nothing.
    """
    settings = list(dict.fromkeys(key for place in table.places for key in place.settings))
    measures = list(dict.fromkeys(name for place in table.places for entry in place.entries for name in entry.final))
    return [
        _record(rank, entry, place.settings, settings, measures)
        for rank, place in enumerate(table.places, 1)
        for entry in place.entries
    ]


def _record(rank: int, entry: Entry, own: Any, settings: Sequence[str], measures: Sequence[str]) -> Record:
    return {
        "rank": rank,
        **{key: own.get(key) for key in settings},
        "seed": entry.seed,
        **{name: entry.final.get(name) for name in measures},
        "parameters": entry.parameters,
        "multiply_adds": entry.multiply_adds,
        "seconds": entry.seconds,
        "reason": entry.reason,
        "folder": None if entry.folder is None else str(entry.folder),
    }


def as_csv(rows: Sequence[Record]) -> str:
    """The rows as CSV. Texts that a spreadsheet would calculate begin with an apostrophe: they stay texts."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    if rows:
        writer.writerow([_harmless(name) for name in rows[0]])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return file.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    return _harmless(_text(value))


def _text(value: Any) -> str:
    """A setting as one text: lists and truth values as TOML and JSON write them."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    # Names of folders may have bytes that are no text.
    return text.encode("utf-8", "backslashreplace").decode()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_parquet(rows: Sequence[Record]) -> bytes:
    """The rows as a file of Parquet's; a column of settings of several types is one of texts.

    Raises
    ------
    UsageError
        Where pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow.parquet import write_table
    except ImportError as error:
        raise UsageError(
            "Parquet files are written by pyarrow, which is not installed", 'pip install "neurosim-edu[parquet]"'
        ) from error
    columns = {name: _column(pa, [row[name] for row in rows]) for name in (rows[0] if rows else ())}
    file = io.BytesIO()
    write_table(pa.table(columns), file)
    return file.getvalue()


def _column(pa: Any, values: Sequence[Any]) -> Any:
    kinds = set(_kinds(values))
    if kinds <= {int, float}:
        try:
            return pa.array(values, pa.int64() if kinds == {int} else pa.float64())
        except (pa.ArrowInvalid, OverflowError):  # a whole number of more than 64 bits
            pass
    elif kinds == {bool}:
        return pa.array(values, pa.bool_())
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _kinds(values: Sequence[Any]) -> Iterator[type]:
    return (type(value) for value in values if value is not None)
