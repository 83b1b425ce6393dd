"""Checks of metrics, on the answers of networks that are always right, that guess, and that always say the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.plugin import Metric
from neurosim.plugin.host.measuring import metric_value
from neurosim.randomness import Stream
from neurosim.testing.verdicts import Verdict, being_checked, failed, in_turn, noted, number, passed

ROWS = 200
WIDTHS = (1, 2, 3, 10)
RIGHT, GUESSED = "right answers", "guessed answers"


def metric_items(record: Metric) -> list[Verdict]:
    """The items of a metric: ``values``, ``determinism``, ``direction``, ``course``."""
    return in_turn(
        {
            "values": lambda: _values(record),
            "determinism": lambda: _determinism(record),
            "direction": lambda: _direction(record),
            "course": lambda: _course(record),
        }
    )


def _widths(record: Metric) -> tuple[int, ...]:
    return WIDTHS if record.targets == "values" else WIDTHS[1:]


def _case(record: Metric, what: str, width: int, rows: int = ROWS) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Answers of one kind, and the targets."""
    random = Stream(1, "metric")
    if record.targets == "values":
        values = random.uniform(1.0, 3.0, (rows, width))
        guesses = random.uniform(1.0, 3.0, (rows, width))
        return {RIGHT: values.copy(), GUESSED: guesses}.get(what, np.ones((rows, width))), values
    # Every class is there where there are rows enough.
    classes = random.permutation(rows) % width
    scores = random.uniform(0.0, 1.0, (rows, width))
    same = np.zeros((rows, width))
    same[:, 0] = 1.0
    found = {RIGHT: np.eye(width)[classes], GUESSED: scores / scores.sum(axis=1, keepdims=True)}.get(what, same)
    return found, classes


def _measure(record: Metric, what: str, width: int, rows: int = ROWS) -> float:
    answers, targets = _case(record, what, width, rows)
    doing = f"for {what}, {width} {'classes' if record.targets == 'classes' else 'targets'} and {rows} rows"
    with being_checked():
        return metric_value(record, list(record.params.values()), answers, targets, doing)


def _values(record: Metric) -> Verdict:
    for width in _widths(record):
        for what in (RIGHT, GUESSED, "the same answer for all"):
            value = _measure(record, what, width)
            if not np.isfinite(value):
                return failed("values", f"{number(value)} for {what} to {ROWS} rows of {width}; expected a number")
            # A split may be a single row; what has no value there may be NaN.
            _measure(record, what, width, 1)
    return passed("values", f"finite numbers for right, guessed and constant answers, {ROWS} rows at a time")


def _determinism(record: Metric) -> Verdict:
    width = _widths(record)[-1]
    first, second = (_measure(record, GUESSED, width) for _ in range(2))
    if first != second:
        return failed("determinism", f"{number(first)}, then {number(second)} for the same rows: keep nothing")
    return passed("determinism", "same rows, same number")


def _direction(record: Metric) -> Verdict:
    width = _widths(record)[-1]
    right, guessed = _measure(record, RIGHT, width), _measure(record, GUESSED, width)
    if right == guessed:
        return noted("direction", f"{number(right)} for right and for guessed answers")
    other = "larger" if right > guessed else "smaller"
    finding = f"right answers give {number(right)}, guessed ones {number(guessed)}"
    if record.better != other:
        return failed("direction", f'{finding}: write better="{other}", or turn the formula around')
    return passed("direction", f"{finding}: {other} is better")


def _course(record: Metric) -> Verdict:
    shown = [f"{number(_measure(record, GUESSED, width))} with {width}" for width in _widths(record)]
    return noted("course", f"for guessed answers {', '.join(shown)} {record.targets}")
