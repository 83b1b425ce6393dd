"""Where a formula is to be checked: its kinks, the inputs it is meant for, the widths of its rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from neurosim.errors import PluginError
from neurosim.plugin.record import Declared

Fault = Callable[[str, str], PluginError]
# Between kinks closer than this there would be no room for a finite difference.
CLOSEST = 0.01


@dataclass(frozen=True)
class Every(Declared):
    """Kinks at regular distances: at `start`, and at every multiple of `step` from there, in both directions.

    Parameters
    ----------
    step : float
        The distance between neighbors, at least 0.01.
    start : float
        One of the kinks.
    """

    step: float
    start: float = 0.0

    def __post_init__(self) -> None:
        if not (_is_number(self.step) and _is_number(self.start) and self.step >= CLOSEST):
            raise PluginError(
                f"Every({self.step!r}, {self.start!r}): the step must be a number from {CLOSEST} on, the start any",
                "For kinks at all whole numbers write Every(1.0); half-way between them, Every(1.0, 0.5).",
            )

    def within(self, low: float, high: float) -> tuple[float, ...]:
        """The kinks from `low` to `high`."""
        first = math.ceil((low - self.start) / self.step)
        last = math.floor((high - self.start) / self.step)
        return tuple(self.start + number * self.step for number in range(first, last + 1))


def checked_kinks(given: Any, fault: Fault) -> tuple[float | Every, ...]:
    """The kinks of an activation as a tuple; a single one need not be in a tuple."""
    kinks = (given,) if isinstance(given, Every) or _is_number(given) else given
    if not isinstance(kinks, tuple | list) or not all(isinstance(kink, Every) or _is_number(kink) for kink in kinks):
        hint = "Write kinks=(0.0,), or kinks=Every(1.0) for a kink at every whole number."
        raise fault(f"kinks must be a tuple of numbers, not {given!r}", hint)
    return tuple(kink if isinstance(kink, Every) else float(kink) for kink in kinks)


def checked_domain(given: Any, fault: Fault) -> tuple[float, float] | None:
    """The domain of a formula as a pair of floats; None if it is not limited."""
    if given is None:
        return None
    pair = tuple(given) if isinstance(given, tuple | list) else ()
    if len(pair) != 2 or not all(isinstance(end, int | float) for end in pair) or not pair[0] < pair[1]:
        hint = "Write the lowest and the highest input, as in domain=(0.0, math.inf)."
        raise fault(f"domain must be two numbers, the lower one first, not {given!r}", hint)
    return float(pair[0]), float(pair[1])


def checked_widths(given: Any, fault: Fault) -> tuple[int, ...]:
    """The widths of rows to try, as a tuple; none if the kit is to choose."""
    widths: Iterable[Any] = given if isinstance(given, tuple | list) else (None,)
    if not all(isinstance(width, int) and width > 0 for width in widths):
        raise fault(f"widths must be a tuple of whole numbers from 1 on, not {given!r}", "Write widths=(2, 4), say.")
    return tuple(widths)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
