"""Rows to leave out by their class: those that nobody could label, or that another network is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.targets import exact_number
from neurosim.errors import DataError, UsageError
from neurosim.plugin.function_records import Table
from neurosim.suggestions import unknown

# The fields of a table that have an entry for each row, by the part of the table that they belong to.
_PARTS = {
    part: tuple(f"{part}{'_' if part else ''}{what}" for what in ("features", "targets", "weights"))
    for part in ("", "validation", "test")
}
Numbers = Mapping[str, NDArray[np.int64]]


def without_classes(table: Table, ignored: Sequence[str]) -> tuple[Table, Numbers]:
    """The table without the rows of some classes, and the numbers that the rows had, by part: "", "validation", "test".

    Raises
    ------
    UsageError
        For a class that the table does not have, and where targets are values.
    DataError
        When fewer than two classes, or no rows of a part, are left.
    """
    if not table.classes:
        raise UsageError(
            "ignore leaves out rows by their class, and the targets of this data set are values",
            "Leave it out, and such rows out of the data.",
        )
    gone = {_place(label, table.classes) for label in ignored}
    left = [place for place in range(len(table.classes)) if place not in gone]
    if len(left) < 2:
        there = f"only {table.classes[left[0]]!r}" if left else "none"
        raise DataError(f"ignore leaves {there} of {len(table.classes)} classes", "Two classes or more are needed.")
    places = np.full(len(table.classes), -1, np.int64)
    places[left] = np.arange(len(left))
    changed: dict[str, Any] = {"classes": tuple(table.classes[place] for place in left)}
    numbers: dict[str, NDArray[np.int64]] = {}
    for part, (features, targets, weights) in _PARTS.items():
        found = getattr(table, targets)
        if found is None:
            continue
        indices = places[np.asarray(found)]
        numbers[part] = kept = np.flatnonzero(indices >= 0)
        if not len(kept):
            raise DataError(f"ignore leaves no {part or 'training'} rows", "Ignore fewer classes.")
        changed[features], changed[targets] = getattr(table, features)[kept], indices[kept]
        if getattr(table, weights) is not None:
            changed[weights] = np.asarray(getattr(table, weights))[kept]
    return replace(table, **changed), numbers


def _place(label: str, classes: Sequence[str]) -> int:
    """Which class a label means; numbers are the same however they are written."""
    if label in classes:
        return classes.index(label)
    number = exact_number(label)
    same = [place for place, name in enumerate(classes) if number is not None and exact_number(name) == number]
    if not same:
        message, hint = unknown("class", label, classes)
        raise UsageError(f"ignore: {message}", hint)
    return same[0]
