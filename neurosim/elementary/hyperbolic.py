"""Hyperbolic functions and the error function: made of powers and logarithms."""

from __future__ import annotations

import math
from math import inf, nan

from neurosim.elementary.pairs import LN2, LN2_REST, exact_product, exact_sum, product, sum_in_order
from neurosim.elementary.powers import exp_of, exp_parts, expm1, expm1_parts, log, log1p, power_of_two

OVER_ROOT_PI, OVER_ROOT_PI_REST = 0.5641895835477563, 7.66772980658294e-18
LOG_ROOT_PI, LOG_ROOT_PI_REST = 0.5723649429247001, 5.132975581353913e-18
# From here on erfc is a continued fraction.
FAR = 1.5


def sinh(x: float) -> float:
    """Hyperbolic sine."""
    size = abs(x)
    if x == 0.0 or x != x:
        return x
    if size > 40.0:
        return math.copysign(_half_exp(size), x)
    high, low = expm1_parts(size)
    # With u = e**x - 1: (u + u / (u + 1)) / 2.
    return math.copysign(0.5 * (high + (low + (high + low) / (high + 1.0))), x)


def cosh(x: float) -> float:
    """Hyperbolic cosine."""
    size = abs(x)
    if x != x:
        return x
    half = _half_exp(size)
    return half + 0.25 / half


def _half_exp(x: float) -> float:
    """exp(x) / 2, which may be finite where exp(x) is not."""
    high, low = exact_sum(x, -LN2)
    return exp_of(high, low - LN2_REST)


def tanh(x: float) -> float:
    """Hyperbolic tangent."""
    size = abs(x)
    if x == 0.0 or x != x:
        return x
    if size > 22.0:
        return math.copysign(1.0, x)
    u = expm1(2.0 * size)
    return math.copysign(1.0 - 2.0 / (u + 2.0) if size >= 1.0 else u / (u + 2.0), x)


def asinh(x: float) -> float:
    """Inverse hyperbolic sine."""
    size = abs(x)
    if not 0.0 < size < inf:
        return x
    square = size * size
    if size > 1e8:
        result = log(size) + LN2
    elif size > 2.0:
        result = log(2.0 * size + 1.0 / (math.sqrt(square + 1.0) + size))
    else:
        result = log1p(size + square / (1.0 + math.sqrt(1.0 + square)))
    return math.copysign(result, x)


def acosh(x: float) -> float:
    """Inverse hyperbolic cosine."""
    if not 1.0 <= x < inf:
        return nan if x < 1.0 else x
    if x > 1e8:
        return log(x) + LN2
    if x > 2.0:
        return log(2.0 * x - 1.0 / (x + math.sqrt(x * x - 1.0)))
    t = x - 1.0
    return log1p(t + math.sqrt(2.0 * t + t * t))


def atanh(x: float) -> float:
    """Inverse hyperbolic tangent."""
    size = abs(x)
    if not 0.0 < size < 1.0:
        return nan if size > 1.0 else x if size != 1.0 else math.copysign(inf, x)
    double = 2.0 * size
    more = double / (1.0 - size) if size >= 0.5 else double + double * size / (1.0 - size)
    return math.copysign(0.5 * log1p(more), x)


def erf(x: float) -> float:
    """Error function."""
    size = abs(x)
    if x == 0.0 or x != x:
        return x
    if size > FAR:
        return math.copysign(1.0 - _erfc_far(size) if size < 6.0 else 1.0, x)
    high, low = _erf_near(size)
    return math.copysign(high + low, x)


def erfc(x: float) -> float:
    """1 - erf(x), exact to the last places where it is near 0."""
    if x != x:
        return x
    if x < 0.0:
        return 1.0 + erf(-x)
    if x > FAR:
        return _erfc_far(x) if x < 28.0 else 0.0
    high, low = _erf_near(x)
    high, lost = exact_sum(1.0, -high)
    result: float = high + (lost - low)
    return result


def _erf_near(x: float) -> tuple[float, float]:
    """erf(x) as a pair for x from 0 to 1.5: 2 x / sqrt(pi) exp(-x**2) (1 + x**2 / 1.5 (1 + x**2 / 2.5 (...)))."""
    square, square_rest = exact_product(x, x)
    high, low = 1.0, 0.0
    for k in range(40, 0, -1):
        high, low = product(high, low, square, square_rest)
        quotient = high / (k + 0.5)
        back, back_rest = exact_product(quotient, k + 0.5)
        low = ((high - back) - back_rest + low) / (k + 0.5)
        high, lost = exact_sum(1.0, quotient)
        high, low = sum_in_order(high, lost + low)
    n, power, power_rest = exp_parts(-square, -square_rest)
    high, low = product(high, low, power, power_rest)
    high, low = product(high, low, x, 0.0)
    high, low = product(high, low, OVER_ROOT_PI, OVER_ROOT_PI_REST)
    scale = power_of_two(n + 1)
    return scale * high, scale * low


def _erfc_far(x: float) -> float:
    """erfc(x) for x from 1.5 to 28: exp(-x**2) / sqrt(pi) / (x + 1/2 / (x + 2/2 / (x + 3/2 / (...))))."""
    square, rest = exact_product(x, x)
    below = x
    for k in range(120, 0, -1):
        below = x + 0.5 * k / below
    high, low = exact_sum(-square, -LOG_ROOT_PI)
    return exp_of(high, low - rest - LOG_ROOT_PI_REST) / below
