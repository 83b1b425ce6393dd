"""log, exp, sin, cos and powers of arrays, in float64, exact to the last few bits; and the other functions, slowly.

Range reduction after fdlibm (Sun Microsystems 1993).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.elementary import powers, scalars
from neurosim.elementary.angles import SHORT_HALF_PI
from neurosim.elementary.pairs import (
    FIRST_LOG,
    LN2,
    LN2_HIGH,
    LN2_LOW,
    LOG_PARTS,
    LOG_RESTS,
    LOGS,
    POWER_RESTS,
    POWERS,
    exact_product,
    exp_of_rest,
    log_of,
)
from neurosim.elementary.powers import PARTS_OF_EXP

# So many powers take less time one by one.
FEW = 24
_LOGS, _LOG_RESTS, _POWERS, _POWER_RESTS = map(np.array, (LOGS, LOG_RESTS, POWERS, POWER_RESTS))
_HALF_ROOT = math.sqrt(0.5)
_LOG_SERIES = tuple(1.0 / (2 * k + 1) for k in range(13))
_EXP_SERIES = tuple(1.0 / math.factorial(k) for k in range(15))
_SINE_SERIES = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(10))
_COSINE_SERIES = tuple((-1) ** k / math.factorial(2 * k) for k in range(11))


def log(x: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithm of positive numbers that are not subnormal; -infinity at 0."""
    numbers = np.asarray(x, np.float64)
    m, e = _split(np.where(numbers > 0.0, numbers, 1.0))
    # log(m) = 2 artanh(q)
    q = (m - 1.0) / (m + 1.0)
    result = e * LN2_HIGH + (e * LN2_LOW + 2.0 * q * _horner(q * q, _LOG_SERIES))
    return np.where(numbers > 0.0, result, -np.inf)


def _split(numbers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """(m, e) with m from sqrt(1/2) to sqrt(2) and numbers = m * 2**e."""
    m, e = np.frexp(numbers)
    small = m < _HALF_ROOT
    return np.where(small, 2.0 * m, m), e - small


def exp(x: ArrayLike) -> NDArray[np.float64]:
    """e**x for x from -700 to 700; smaller numbers count as -700."""
    numbers = np.maximum(np.asarray(x, np.float64), -700.0)
    n = np.rint(numbers / LN2)
    r = (numbers - n * LN2_HIGH) - n * LN2_LOW
    return np.ldexp(_horner(r, _EXP_SERIES), n.astype(np.int64))


def power(x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """x to the power y, with the bits of `powers.pow`."""
    base, exponent = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    if base.size <= FEW:
        few = [powers.pow(*pair) for pair in zip(base.ravel().tolist(), exponent.ravel().tolist(), strict=True)]
        return np.array(few, np.float64).reshape(base.shape)
    ordinary = (base > 0.0) & (base < np.inf) & (np.abs(exponent) < 1e300)
    exponents = np.where(ordinary, exponent, 0.0)
    m, e = _split(np.where(ordinary, base, 1.0))
    k = (m * LOG_PARTS + 0.5).astype(np.int64)
    place = k - FIRST_LOG
    high, low = log_of(m, e.astype(np.float64), k / LOG_PARTS, _LOGS[place], _LOG_RESTS[place])
    ordinary &= np.abs(high * exponents) < 700.0
    times = np.where(ordinary, exponents, 0.0)
    number, rest = exact_product(high, times)
    n = np.floor(number * PARTS_OF_EXP + 0.5)
    near = exp_of_rest(number, rest + low * times, n)
    whole = n.astype(np.int64)
    one = _POWERS[whole & 63]
    result: NDArray[np.float64] = np.ldexp(one + (_POWER_RESTS[whole & 63] + one * near), whole >> 6)
    # Signs, 0, infinity, and what is too large or too small.
    others = zip(base[~ordinary].tolist(), exponent[~ordinary].tolist(), strict=True)
    result[~ordinary] = [powers.pow(*pair) for pair in others]
    return result


def sin(x: ArrayLike) -> NDArray[np.float64]:
    """Sine of angles up to a million."""
    return _turned(x, 0)


def cos(x: ArrayLike) -> NDArray[np.float64]:
    """Cosine of angles up to a million."""
    return _turned(x, 1)


def _turned(x: ArrayLike, quarters: int) -> NDArray[np.float64]:
    """sin(x + quarters * pi / 2)."""
    numbers = np.asarray(x, np.float64)
    n = np.rint(numbers * (2.0 / math.pi))
    r = numbers
    for part in SHORT_HALF_PI:
        r = r - n * part
    s = r * r
    across = r * _horner(s, _SINE_SERIES)
    along = _horner(s, _COSINE_SERIES)
    quadrant = (n.astype(np.int64) + quarters) % 4
    result = np.where(quadrant % 2 == 1, along, across)
    return np.where(quadrant >= 2, -result, result)


def _horner(x: NDArray[np.float64], coefficients: tuple[float, ...]) -> NDArray[np.float64]:
    """The polynomial with these coefficients, the constant one first."""
    result = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + coefficient
    return result


class _Mathematics:
    """The functions of `scalars`, for arrays as well."""

    pow = staticmethod(power)
    ceil, copysign, fabs, floor, fmod = np.ceil, np.copysign, np.fabs, np.floor, np.fmod
    isfinite, isinf, isnan, sqrt, trunc = np.isfinite, np.isinf, np.isnan, np.sqrt, np.trunc

    def __getattr__(self, name: str) -> Any:
        found = getattr(scalars, name)
        return _by_element(found) if callable(found) else found


@functools.cache
def _by_element(function: Callable[..., float]) -> Callable[..., Any]:
    return np.vectorize(function, otypes=[np.float64])


mathematics = _Mathematics()
