"""Numbers as a person would write them."""

from __future__ import annotations

import math

# Beyond these, powers of ten are easier to read.
SMALLEST, LARGEST = 1e-4, 1e7


def number(value: float, digits: int = 2) -> str:
    """A number rounded to `digits` significant digits: 0.018, 690, 147,000, 3.2e-07."""
    if not math.isfinite(value):
        return "infinite"
    if value == 0:
        return "0"
    if not SMALLEST <= abs(value) < LARGEST:
        return f"{value:.{digits}g}"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    return f"{rounded:,.{max(places, 0)}f}".rstrip("0").rstrip(".") if places > 0 else f"{rounded:,.0f}"


def count(value: int, thing: str) -> str:
    """A count with its noun: 1 step, 1,200 steps."""
    return f"{value:,} {thing}{'' if value == 1 else 's'}"
