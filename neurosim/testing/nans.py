"""Whether formulas propagate NaN: one that turns it into a number hides that training diverges."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.testing.domains import Rows, target_text
from neurosim.testing.gradients import row_text
from neurosim.testing.plain import Array, Curve, RowCurve
from neurosim.testing.verdicts import number

ADVICE = (
    "divergence may go unnoticed because of it; no comparison with NaN is true, so write "
    "0.0 if z < 0.0 else z rather than z if z > 0.0 else 0.0, and max(z, 0.0) rather than max(0.0, z)"
)


def hidden_by_activation(curve: Curve | RowCurve, row: Array | None = None) -> str:
    """A description of what an activation turns NaN into, if need be in a row like `row`; empty if it stays NaN."""
    if isinstance(curve, Curve):
        (answer,) = _tried(curve.f, np.array([np.nan]))
        return "" if np.isnan(answer) else f"f(nan) = {number(answer)}: {ADVICE}"
    assert row is not None
    for place in range(row.size):
        z = _with_nan(row, place)
        a = _tried(curve.f, z)
        if not np.isnan(a[place]):
            return f"f gives {row_text(a)} for z = {row_text(z)}: {ADVICE}"
    return ""


def hidden_by_loss(measure: Any, rows: Rows, name: str) -> str:
    """A description of the first row with a NaN whose loss is a number; for classes, the right one is NaN."""
    for a, y in rows:
        for place in (y,) if isinstance(y, int) else range(a.size):
            row = _with_nan(a, place)
            value = _tried(lambda row, y=y: np.full(row.size, measure.value(row, y)), row)[0]
            if not np.isnan(value):
                return f"the value for {name} = {row_text(row)}, y = {target_text(y)} is {number(value)}: {ADVICE}"
    return ""


def _with_nan(row: Array, place: int) -> Array:
    changed = row.astype(np.float64)
    changed[place] = np.nan
    return changed


def _tried(function: Any, row: Array) -> Array:
    """The result of a function; NaN if it raises, as ``int(nan)`` does: compiled, it could be any number."""
    try:
        return np.asarray(function(row))
    except (ValueError, OverflowError):
        return np.full(row.size, np.nan)
