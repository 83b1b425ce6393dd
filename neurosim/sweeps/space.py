"""The points that a sweep tries, of what it varies."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurosim.errors import UsageError
from neurosim.randomness import Stream
from neurosim.scenario.varied import EXAMPLE, MOST_POINTS, Dimension, Range, Values

GRID, RANDOM, SOBOL = "grid", "random", "sobol"
Point = Mapping[str, Any]


def points(dimensions: Sequence[Dimension], search: str = GRID, count: int | None = None) -> list[Point]:
    """The points that are tried, in a fixed order; more of them begin with the fewer.

    Parameters
    ----------
    dimensions : sequence of Dimension
        What is varied; the last one changes fastest in a grid.
    search : {"grid", "random", "sobol"}
        All combinations; or `count` points, drawn independently or spread evenly by Sobol's sequence.
    count : int, optional
        How many points, unless it is a grid.

    Raises
    ------
    UsageError
        When a range and the search do not fit each other, or there are too many points.
    """
    keys = [dimension.key for dimension in dimensions]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise UsageError(f"over {twice}: given twice", "Put all its values into one.")
    if search == GRID:
        return _grid(dimensions)
    refuse_counted(dimensions)
    if not dimensions:
        raise UsageError("points are to be drawn, and no setting is varied", EXAMPLE)
    assert count is not None
    return [
        {dimension.key: dimension.over.at(float(share)) for dimension, share in zip(dimensions, row, strict=True)}
        for row in _shares(search, count, len(dimensions))
    ]


def refuse_counted(dimensions: Sequence[Dimension]) -> None:
    """Raise UsageError for a range with a number of values, where points are not those of a grid."""
    for dimension in dimensions:
        if isinstance(dimension.over, Range) and dimension.count is not None:
            raise UsageError(
                f"over {dimension.key}: points that are drawn come from the whole range",
                "Leave out the number of values, or have a grid.",
            )


def _grid(dimensions: Sequence[Dimension]) -> list[Point]:
    choices = []
    for dimension in dimensions:
        over = dimension.over
        if isinstance(over, Values):
            choices.append(over.values)
            continue
        if dimension.count is None:
            raise UsageError(
                f"over {dimension.key}: a grid needs to know how many values of this range",
                f"{over.kind}({over.low:g},{over.high:g},5)  has five; points can also be drawn from the whole range.",
            )
        choices.append(over.spaced(dimension.count))
    many = math.prod(map(len, choices))
    if many > MOST_POINTS:
        raise UsageError(
            f"the grid has {many:,} points, and at most {MOST_POINTS:,} can be tried",
            "Have fewer values, or draw points at random.",
        )
    return [
        dict(zip((dimension.key for dimension in dimensions), row, strict=True)) for row in itertools.product(*choices)
    ]


def _shares(search: str, count: int, dimensions: int) -> Any:
    """Places between 0 and 1, (count, dimensions): the same ones each time."""
    if search == RANDOM:
        return np.asarray(Stream(0, "sweep").uniform(shape=(count, dimensions)))
    from scipy.stats import qmc

    sequence = qmc.Sobol(dimensions, scramble=False)
    # Its first point is the corner of all low ends.
    sequence.fast_forward(1)
    return sequence.random(count)
