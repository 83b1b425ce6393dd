"""Numbers and indices as they are written on a worksheet."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neurosim.worksheet.blocks import Piece

DIGITS = 5


def written(value: float) -> str:
    """A number with five significant digits."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    text = f"{value:.{DIGITS}g}"
    return "0" if text == "-0" else text


def numbered(index: Sequence[int]) -> str:
    """An index, counted from 1, in brackets."""
    return "[" + ",".join(str(part + 1) for part in index) + "]"


def joined(terms: Sequence[Sequence[Piece]]) -> list[Piece]:
    """A sum of terms."""
    found: list[Piece] = []
    for place, term in enumerate(terms):
        found += [" + ", *term] if place else term
    return found
