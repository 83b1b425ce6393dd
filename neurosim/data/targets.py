"""What a column of targets is: names of classes, or values."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.csv_faults import parse_number
from neurosim.errors import UsageError
from neurosim.suggestions import did_you_mean

TASKS = ("auto", "classification", "regression")
# More different whole numbers than this are taken for values rather than classes.
MOST_AUTO_CLASSES = 20


def check_task(task: str) -> None:
    """Raise UsageError for what is no task."""
    if task not in TASKS:
        raise UsageError(f'task = "{task}": expected one of {", ".join(TASKS)}', did_you_mean(task, TASKS))


def check_one_column(task: str, columns: int) -> None:
    """Raise UsageError where several columns of targets are to be classes."""
    if task == "classification" and columns > 1:
        raise UsageError(
            f'task = "classification": the targets have {columns} columns, and the classes of rows stand in one',
            "Several questions of yes or no, answered by 1 and 0, are learned as values: leave task out, and take the "
            "loss binary_cross_entropy with one sigmoid unit for each.",
        )


def looks_like_values(labels: Iterable[str]) -> bool:
    """Whether a target column is for regression: numbers, unless they are a few whole ones.

    A few fields among numbers that are none are faults to be reported, not names of classes.
    """
    count, numbers, whole = 0, 0, True
    different: set[float] = set()
    for number in map(parse_number, labels):
        count += 1
        if number is None:
            continue
        numbers += 1
        whole = whole and number.is_integer()
        if len(different) <= MOST_AUTO_CLASSES:
            different.add(number)
    if numbers <= count / 2:
        return False
    few = len(different) <= min(MOST_AUTO_CLASSES, count / 2)
    return not (numbers == count and few and whole)


def classes_of(labels: Iterable[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names of the classes, in order (of numbers where all are numbers), and the class index of each label."""
    places: dict[str, int] = {}
    found = np.fromiter((places.setdefault(label, len(places)) for label in labels), dtype=np.int64)
    names, index = in_order(places)
    return names, index[found]


def in_order(labels: Iterable[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Different labels in order, of numbers where all are numbers, each number once; and the place of each label."""
    written = list(labels)
    keys: list[Any] = list(map(exact_number, written))
    if None in keys:
        keys = written
    spelling: dict[Any, str] = {}
    for key, label in zip(keys, written, strict=True):
        spelling.setdefault(key, label)
    ordered = sorted(spelling)
    index = {key: position for position, key in enumerate(ordered)}
    return tuple(spelling[key] for key in ordered), np.array([index[key] for key in keys], dtype=np.int64)


def exact_number(label: str) -> Decimal | None:
    """The finite number that a label writes, or None; long identifiers stay apart, and 1 and 1.0 are the same."""
    number = parse_number(label)
    if number is None or not np.isfinite(number):
        return None
    try:
        return Decimal(label)
    except InvalidOperation:  # an exponent of twenty digits
        return None
