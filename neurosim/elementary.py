"""log, exp, sin and cos in float64, made of operations that every processor rounds alike.

NumPy's own depend on the vector instructions of the processor, and those of the C library on the system. Initial
values and generated data must not, so they use these: additions, multiplications, divisions and roundings only, each an
operation of its own. They are exact to the last few bits of float64.

Range reduction and constants after fdlibm (Sun Microsystems 1993); the series are those of the textbooks.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
# pi / 2 in parts of which the first two end with zeros, so that their multiples are exact.
_HALF_PI = (1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624879595063154e-21)


def log(x: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithm of positive numbers that are not subnormal; -infinity at 0."""
    numbers = np.asarray(x, np.float64)
    m, e = np.frexp(np.where(numbers > 0.0, numbers, 1.0))
    small = m < math.sqrt(0.5)
    m, e = np.where(small, 2.0 * m, m), e - small
    # log(m) = 2 artanh(q)
    q = (m - 1.0) / (m + 1.0)
    series = _horner(q * q, [1.0 / (2 * k + 1) for k in range(13)])
    result = e * _LN2_HIGH + (e * _LN2_LOW + 2.0 * q * series)
    return np.where(numbers > 0.0, result, -np.inf)


def exp(x: ArrayLike) -> NDArray[np.float64]:
    """e**x for x from -700 to 700; smaller numbers count as -700."""
    numbers = np.maximum(np.asarray(x, np.float64), -700.0)
    n = np.rint(numbers / math.log(2.0))
    r = (numbers - n * _LN2_HIGH) - n * _LN2_LOW
    return np.ldexp(_horner(r, [1.0 / math.factorial(k) for k in range(15)]), n.astype(np.int64))


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
    for part in _HALF_PI:
        r = r - n * part
    s = r * r
    across = r * _horner(s, [(-1) ** k / math.factorial(2 * k + 1) for k in range(10)])
    along = _horner(s, [(-1) ** k / math.factorial(2 * k) for k in range(11)])
    quadrant = (n.astype(np.int64) + quarters) % 4
    result = np.where(quadrant % 2 == 1, along, across)
    return np.where(quadrant >= 2, -result, result)


def _horner(x: NDArray[np.float64], coefficients: list[float]) -> NDArray[np.float64]:
    """The polynomial with these coefficients, the constant one first."""
    result = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + coefficient
    return result
