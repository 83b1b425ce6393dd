"""The functions of Python's ``math`` that the C library computes, for float64, with the same bits on every machine.

They follow C: where Python raises, such as for ``log(0.0)``, they return infinity or NaN. Each is within 2 units in the
last place of the true value; logarithms, exp and pow are the nearest float64 but for one result in some hundred.

All are written without exceptions, so that Numba compiles them for what kernels work out once a step.
"""

from __future__ import annotations

import math
from math import (  # noqa: F401 (exact everywhere)
    copysign,
    e,
    fabs,
    fmod,
    inf,
    isfinite,
    isinf,
    isnan,
    nan,
    pi,
    sqrt,
    tau,
)

from neurosim.elementary.angles import acos, asin, atan, atan2, cos, sin, tan  # noqa: F401
from neurosim.elementary.hyperbolic import acosh, asinh, atanh, cosh, erf, erfc, sinh, tanh  # noqa: F401
from neurosim.elementary.pairs import exact_product
from neurosim.elementary.powers import exp, expm1, log, log1p, log2, log10, pow, scaled  # noqa: F401


def floor(x: float) -> float:
    """Largest whole number not above x, as a float."""
    return math.copysign(float(math.floor(x)), x) if abs(x) < 4503599627370496.0 else x


def ceil(x: float) -> float:
    """Smallest whole number not below x, as a float."""
    return -floor(-x)


def trunc(x: float) -> float:
    """The whole part of x, as a float."""
    return math.copysign(floor(abs(x)), x)


def hypot(x: float, y: float) -> float:
    """The length of (x, y)."""
    large, small = max(abs(x), abs(y)), min(abs(x), abs(y))
    if isinf(x) or isinf(y):
        return inf
    if x != x or y != y or large == 0.0:
        return abs(x + y)
    _, exponent = math.frexp(large)
    large, small = math.ldexp(large, -exponent), math.ldexp(small, -exponent)
    first, rest = exact_product(large, large)
    return scaled(math.sqrt(first + (small * small + rest)), exponent)
