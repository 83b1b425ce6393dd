"""Slopes by finite differences, precise enough to check an exact derivative.

A difference of order 8 has an error that falls with the eighth power of its width, and a rounding error that grows as
the width shrinks. Which width is best depends on the function and the point, so several are tried, and the slope is
taken where two neighboring widths agree best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

WIDTHS = (0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4)
# Weights of (f(z + k h) - f(z - k h)) / h for k = 1, 2, 3, 4.
_CENTRAL = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
# Weights of f(z + k h) / h for k = 0, 1, ..., 6: order 6, on one side only.
_ONE_SIDED = (-49 / 20, 6.0, -15 / 2, 20 / 3, -15 / 4, 6 / 5, -1 / 6)
# Distances from a point at which its two sides are compared, to see whether something jumps there.
_FAR, _NEAR = 1e-3, 1e-4


@dataclass(frozen=True)
class Jump:
    """A point at which a function, or its slope, is not the same from both sides.

    Attributes
    ----------
    at : float
        The point.
    what : "value" or "slope"
        Which of them jumps.
    left, right : float
        Its value on either side.
    """

    at: float
    what: str
    left: float
    right: float


def slopes(function: Function, z: Array, reach: Array | None = None) -> Array:
    """The slope of `function` at each of `z`, from both sides; NaN where the function is not finite.

    With `reach`, only values that are closer to a point than its reach count, but for the narrowest differences.
    """
    estimates = [_central(function, z, width) for width in WIDTHS]
    if reach is not None:
        for width, estimate in zip(WIDTHS[:-2], estimates, strict=False):
            estimate[len(_CENTRAL) * width >= reach] = np.nan
    return _best(estimates)


def side_slopes(function: Function, z: Array) -> tuple[Array, Array]:
    """The slopes to the left and to the right of each of `z`, each only from values on that side and at `z`."""
    left, right = (_best([_one_sided(function, z, sign * width) for width in WIDTHS]) for sign in (-1.0, 1.0))
    return left, right


def find_jump(function: Function, at: float) -> Jump | None:
    """The jump of `function` or of its slope at `at`, or None where both are continuous."""
    z = np.array([at])

    def value(offset: float) -> float:
        return float(function(z + offset)[0])

    # The slope beside a point, from values that are all on the same side of it.
    def slope(offset: float) -> float:
        widths = [abs(offset) / count for count in (5.0, 15.0)]
        return float(_best([_central(function, z + offset, width) for width in widths])[0])

    # If continuous, the values on both sides approach each other as the sides do.
    for what, side, least in (("value", value, 1e-7), ("slope", slope, 1e-5)):
        near = abs(side(_NEAR) - side(-_NEAR))
        far = abs(side(_FAR) - side(-_FAR))
        if near > max(0.5 * far, least):
            return Jump(at, what, side(-_NEAR), side(_NEAR))
    return None


def gradient(function: Callable[[Array], float], row: Array) -> Array:
    """The gradient of a function of a row, by `slopes` along each axis."""

    def along(k: int) -> Function:
        return axis(function, row, k)

    return np.array([slopes(along(k), row[k : k + 1])[0] for k in range(row.size)])


def axis(function: Callable[[Array], float], row: Array, k: int) -> Function:
    """A function of a row as a function of its number `k` alone."""

    def moved(values: Array) -> Array:
        results = np.empty(values.size)
        for place, value in enumerate(values.flat):
            other = row.copy()
            other[k] = value
            results[place] = function(other)
        return results.reshape(values.shape)

    return moved


def _central(function: Function, z: Array, width: float) -> Array:
    with np.errstate(all="ignore"):
        differences = [
            weight * (function(z + k * width) - function(z - k * width)) for k, weight in enumerate(_CENTRAL, 1)
        ]
        return np.sum(differences, axis=0) / width  # type: ignore[no-any-return]


def _one_sided(function: Function, z: Array, width: float) -> Array:
    with np.errstate(all="ignore"):
        values = [weight * function(z + k * width) for k, weight in enumerate(_ONE_SIDED)]
        return np.sum(values, axis=0) / width  # type: ignore[no-any-return]


def _best(estimates: Sequence[Array]) -> Array:
    """Of estimates with ever smaller widths, the one that agrees best with its predecessor."""
    table = np.array(estimates)
    with np.errstate(all="ignore"):
        changes = np.abs(np.diff(table, axis=0))
    chosen = np.argmin(np.where(np.isfinite(changes), changes, np.inf), axis=0)
    best: Array = np.take_along_axis(table[1:], chosen[None], axis=0)[0]
    return np.where(np.isfinite(changes).any(axis=0), best, np.nan)
