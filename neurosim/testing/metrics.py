"""Checks of metrics, on the answers of networks that are always right, that guess, and that always say the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import PluginError
from neurosim.plugin import Metric
from neurosim.plugin.host import Registry
from neurosim.plugin.host.measuring import metric_value
from neurosim.randomness import Stream
from neurosim.testing.scope import scope
from neurosim.testing.verdicts import Verdict, attempt, failed, noted, number, passed

ROWS = 200
WIDTHS = (1, 2, 3, 10)
RIGHT, GUESSED = "right answers", "guessed answers"


def check_metric(
    record: Metric, *, backends: Iterable[str] | None = None, registry: Registry | None = None
) -> list[Verdict]:
    """Check a metric.

    Parameters
    ----------
    record : Metric
        What to check.
    backends, registry
        Unused here.

    Returns
    -------
    list of Verdict
        ``values``, ``determinism``, ``direction``, ``course``; if the first one fails, only that.
    """
    scope(backends, registry)
    values = attempt("values", lambda: _values(record))
    if values.outcome == "failed":  # the others would say it again
        return [values]
    return [
        values,
        attempt("determinism", lambda: _determinism(record)),
        attempt("direction", lambda: _direction(record)),
        attempt("course", lambda: _course(record)),
    ]


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
    try:
        return metric_value(record, list(record.params.values()), answers, targets, doing)
    except PluginError as error:
        # To check what it raises is what is being done.
        raise PluginError(error.message, "" if error.__cause__ else error.hint) from error


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
