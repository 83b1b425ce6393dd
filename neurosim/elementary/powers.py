"""Logarithms, powers of e, and powers."""

from __future__ import annotations

import math
from math import fmod, inf, nan

from neurosim.elementary.pairs import (
    FIRST_LOG,
    LOG_PARTS,
    LOG_RESTS,
    LOGS,
    POWER_RESTS,
    POWERS,
    exact_product,
    exact_sum,
    exp_of_rest,
    log_of,
    product,
)

HALF_ROOT = 0.7071067811865476
# The largest x of which exp is finite, and the smallest of which it is not 0.
EXP_LARGEST, EXP_SMALLEST = 709.782712893384, -745.1332191019412
# 64 / log(2)
PARTS_OF_EXP = 92.33248261893644
LOG2_E, LOG2_E_REST = 1.4426950408889634, 2.0355273740931033e-17
LOG10_E, LOG10_E_REST = 0.4342944819032518, 1.098319650216765e-17


def split(x: float) -> tuple[float, int]:
    """(m, e) with m from sqrt(1/2) to sqrt(2) and x = m * 2**e, for finite x > 0."""
    m, exponent = math.frexp(x)
    return (2.0 * m, exponent - 1) if m < HALF_ROOT else (m, exponent)


def scaled(x: float, n: int) -> float:
    """x * 2**n for an x near 1: infinite where it is too large, and rounded once where it is small."""
    half = n >> 1
    return x * power_of_two(half) * power_of_two(n - half)


def power_of_two(n: int) -> float:
    """2**n for n from -1022 to 1023."""
    return math.ldexp(1.0, n)


def log_parts(x: float) -> tuple[float, float]:
    """log(x) as a pair, for finite x > 0."""
    m, exponent = split(x)
    k = int(m * LOG_PARTS + 0.5)
    return log_of(m, float(exponent), k / LOG_PARTS, LOGS[k - FIRST_LOG], LOG_RESTS[k - FIRST_LOG])


def log(x: float) -> float:
    """Natural logarithm."""
    if not 0.0 < x < inf:
        return _of_no_logarithm(x)
    high, low = log_parts(x)
    nearest: float = high + low
    return nearest


def log2(x: float) -> float:
    """Logarithm to base 2."""
    if not 0.0 < x < inf:
        return _of_no_logarithm(x)
    m, exponent = split(x)
    near, near_rest = log_parts(m)
    near, near_rest = product(near, near_rest, LOG2_E, LOG2_E_REST)
    high, low = exact_sum(float(exponent), near)
    nearest: float = high + (low + near_rest)
    return nearest


def log10(x: float) -> float:
    """Logarithm to base 10."""
    if not 0.0 < x < inf:
        return _of_no_logarithm(x)
    high, low = log_parts(x)
    high, low = product(high, low, LOG10_E, LOG10_E_REST)
    nearest: float = high + low
    return nearest


def log1p(x: float) -> float:
    """log(1 + x), exact to the last places near 0."""
    total, lost = exact_sum(1.0, x)
    if not 0.0 < total < inf:
        return _of_no_logarithm(total)
    high, low = log_parts(total)
    high, low = exact_sum(high, low + lost / total)
    return high + low if x != 0.0 else x


def _of_no_logarithm(x: float) -> float:
    """What logarithms give for 0, infinity, NaN and what is below 0."""
    if x == 0.0:
        return -inf
    return nan if x < 0.0 else x


def exp_parts(x: float, rest: float) -> tuple[int, float, float]:
    """(n, high, low) with exp(x + rest) = (high + low) * 2**n and high from 1 to 2, for x up to 1000."""
    k = math.floor(x * PARTS_OF_EXP + 0.5)
    near = exp_of_rest(x, rest, float(k))
    high = POWERS[k & 63]
    return k >> 6, high, POWER_RESTS[k & 63] + high * near


def exp_of(x: float, rest: float) -> float:
    """exp(x + rest)."""
    if x > EXP_LARGEST:
        return inf
    if x < EXP_SMALLEST:
        return 0.0
    n, high, low = exp_parts(x, rest)
    return scaled(high + low, n)


def exp(x: float) -> float:
    """e**x."""
    return exp_of(x, 0.0) if x == x else x


def expm1_parts(x: float) -> tuple[float, float]:
    """e**x - 1 as a pair, for x from -50 to 700."""
    n, high, low = exp_parts(x, 0.0)
    scale = power_of_two(n)
    high, rest = exact_sum(scale * high, -1.0)
    return exact_sum(high, rest + scale * low)


def expm1(x: float) -> float:
    """e**x - 1, exact to the last places near 0."""
    if x == 0.0 or x != x:
        return x
    if x > 700.0:
        return exp(x)
    if x < -50.0:
        return -1.0
    high, low = expm1_parts(x)
    return high + low


def pow(x: float, y: float) -> float:
    """x to the power y."""
    if y == 0.0 or x == 1.0:
        return 1.0
    size = abs(x)
    if 0.0 < size < inf and abs(y) < inf:
        high, low = log_parts(size)
        about = high * y
    else:
        high, low = 0.0, 0.0
        about = (size - 1.0) * y
    if abs(about) < 750.0 and high != 0.0:
        power, rest = exact_product(high, y)
        result = exp_of(power, rest + low * y)
    elif about > 0.0:
        result = inf
    elif about < 0.0:
        result = 0.0
    else:
        # Any power of -1, also an infinite one; or NaN.
        result = 1.0 if size == 1.0 and y == y else nan
    if math.copysign(1.0, x) > 0.0 or not abs(y) < inf:
        return result
    if abs(fmod(y, 2.0)) == 1.0:
        return -result
    return nan if -inf < x < 0.0 and abs(fmod(y, 1.0)) > 0.0 else result
