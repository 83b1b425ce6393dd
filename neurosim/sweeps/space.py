"""What a sweep varies: settings with a list of values or a range, and the points that are tried."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.errors import UsageError
from neurosim.randomness import Stream
from neurosim.scenario.overrides import key_path, parse_override

GRID, RANDOM, SOBOL = "grid", "random", "sobol"
MOST_POINTS = 1_000_000
_RANGE = re.compile(r"(log|lin|int)\s*\((.*)\)", re.DOTALL)
_EXAMPLE = "For example optimizer.lr=log(1e-4,1,5), or network.layers.0.units=4,8,16."
Point = Mapping[str, Any]


@dataclass(frozen=True)
class Values:
    """A list of values."""

    values: tuple[Any, ...]

    def at(self, share: float) -> Any:
        """The value at a place from 0 up to, but not including, 1."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, evenly spaced (``lin``), by equal factors (``log``), or whole ones (``int``)."""

    kind: str
    low: float
    high: float

    def at(self, share: float) -> Any:
        """The number at a place from 0 to 1; both ends are exact."""
        if self.kind == "int":
            return min(int(self.low + share * (self.high - self.low + 1)), int(self.high))
        return self._between(share)

    def spaced(self, count: int) -> tuple[Any, ...]:
        """So many numbers, the ends among them; whole ones that coincide are there once."""
        shares = [number / max(count - 1, 1) for number in range(count)]
        numbers = [self._between(share) for share in shares]
        return tuple(dict.fromkeys(round(number) for number in numbers) if self.kind == "int" else numbers)

    def _between(self, share: float) -> float:
        if share in (0.0, 1.0):
            return self.high if share else self.low
        if self.kind == "log":
            # Twelve digits: logarithms leave the last ones to chance.
            power = math.log10(self.low) + share * (math.log10(self.high) - math.log10(self.low))
            return float(f"{10.0**power:.12g}")
        return float(f"{self.low + share * (self.high - self.low):.12g}")


@dataclass(frozen=True)
class Dimension:
    """A setting and what it is varied over; of a range, `count` is how many values a grid has."""

    key: str
    over: Values | Range
    count: int | None = None


def parse_over(text: str) -> Dimension:
    """Read ``key.path=1,2,3``, ``key.path=log(1e-4,1,5)``, ``lin(0,0.5)`` or ``int(4,64)``.

    Raises
    ------
    UsageError
        If the text has another form.
    """
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not value:
        raise UsageError(f"over {text}: expected KEY.PATH=VALUES", _EXAMPLE)
    if key_path(key) == ("scenario", "seed"):
        raise UsageError("over scenario.seed: seeds are a dimension of their own", "seeds=10  trains ten of each.")
    called = _RANGE.fullmatch(value)
    if called is None:
        values = _list(key, value)
        return Dimension(key, Values(values), len(values))
    kind, arguments = called[1], called[2]
    try:
        numbers = [float(part) for part in arguments.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(map(math.isfinite, numbers)):
        raise UsageError(
            f"over {text}: {kind} takes two ends and, for a grid, how many values", f"For example {kind}(1,10,4)."
        )
    low, high, *count = numbers
    if low >= high:
        raise UsageError(f"over {text}: the first end must be less than the second")
    if kind == "log" and low <= 0:
        raise UsageError(f"over {text}: log needs ends above 0")
    if kind == "int" and not (low.is_integer() and high.is_integer()):
        raise UsageError(f"over {text}: the ends of int are whole numbers")
    if count and not (count[0].is_integer() and 2 <= count[0] <= MOST_POINTS):
        raise UsageError(f"over {text}: how many values is a whole number from 2 on")
    return Dimension(key, Range(kind, low, high), int(count[0]) if count else None)


def _list(key: str, text: str) -> tuple[Any, ...]:
    """The values of a list: TOML values, or words without quotes."""
    _, whole = parse_override(f"{key}=[{text}]") if _is_toml(f"[{text}]") else ("", None)
    values = whole if whole is not None else [parse_override(f"{key}={part}")[1] for part in text.split(",")]
    if any(value == "" for value in values):
        raise UsageError(f"over {key}={text}: a value is missing between two commas", _EXAMPLE)
    # 1 and 1.0 are the same setting.
    different: list[Any] = []
    for value in values:
        if not any(value == other and type(value) is type(other) for other in different):
            different.append(value)
    return tuple(different)


def _is_toml(value: str) -> bool:
    import tomllib

    try:
        return set(tomllib.loads(f"value = {value}")) == {"value"}
    except (ValueError, RecursionError):
        return False


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
    for dimension in dimensions:
        if isinstance(dimension.over, Range) and dimension.count is not None:
            raise UsageError(
                f"over {dimension.key}: points that are drawn come from the whole range",
                "Leave out the number of values, or have a grid.",
            )
    if not dimensions:
        raise UsageError("points are to be drawn, and no setting is varied", _EXAMPLE)
    assert count is not None
    return [
        {dimension.key: dimension.over.at(float(share)) for dimension, share in zip(dimensions, row, strict=True)}
        for row in _shares(search, count, len(dimensions))
    ]


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
