"""What a setting can be varied over: a list of values, or a range of numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from neurosim.errors import UsageError
from neurosim.scenario.overrides import key_path, parse_override

MOST_POINTS = 1_000_000
EXAMPLE = "For example optimizer.lr=log(1e-4,1,5), or network.layers.0.units=4,8,16."
_RANGE = re.compile(r"(log|lin|int)\s*\((.*)\)", re.DOTALL)


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
        raise UsageError(f"over {text}: expected KEY.PATH=VALUES", EXAMPLE)
    if _RANGE.fullmatch(value) is None:
        key_path(key)
        return _dimension(key, _list(key, value), text)
    return _dimension(key, value, text)


def dimension_of(key: str, value: object) -> Dimension:
    """A setting and a list of values, or a text such as ``log(1e-4,1)``; raises as `parse_over`."""
    return _dimension(key, value, f"{key}={value}")


def _dimension(key: str, value: object, text: str) -> Dimension:
    try:
        if key_path(key) == ("scenario", "seed"):
            raise UsageError("seeds are a dimension of their own", "seeds=10  trains ten of each.")
        if isinstance(value, list | tuple):
            values = _different(value)
            return Dimension(key, Values(values), len(values))
        return _range(key, value)
    except UsageError as error:
        raise UsageError(f"over {text}: {error.message}", error.hint) from error


def _range(key: str, value: object) -> Dimension:
    called = _RANGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if called is None:
        raise UsageError("expected a list of values, or a range such as log(1e-4,1), lin(0,0.5) or int(4,64)")
    kind, arguments = called[1], called[2]
    try:
        numbers = [float(part) for part in arguments.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(map(math.isfinite, numbers)):
        raise UsageError(f"{kind} takes two ends and, for a grid, how many values", f"For example {kind}(1,10,4).")
    low, high, *count = numbers
    if low >= high:
        raise UsageError("the first end must be less than the second")
    if kind == "log" and low <= 0:
        raise UsageError("log needs ends above 0")
    if kind == "int" and not (low.is_integer() and high.is_integer()):
        raise UsageError("the ends of int are whole numbers")
    if count and not (count[0].is_integer() and 2 <= count[0] <= MOST_POINTS):
        raise UsageError("how many values is a whole number from 2 on")
    return Dimension(key, Range(kind, low, high), int(count[0]) if count else None)


def _list(key: str, text: str) -> tuple[Any, ...]:
    """The values of a list: TOML values, or words without quotes."""
    _, whole = parse_override(f"{key}=[{text}]") if _is_toml(f"[{text}]") else ("", None)
    values = whole if whole is not None else [parse_override(f"{key}={part}")[1] for part in text.split(",")]
    if any(value == "" for value in values):
        raise UsageError(f"over {key}={text}: a value is missing between two commas", EXAMPLE)
    return tuple(values)


def _different(values: list[Any] | tuple[Any, ...]) -> tuple[Any, ...]:
    """The values, each once; 1 and 1.0 are two."""
    if not values:
        raise UsageError("expected at least one value")
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
