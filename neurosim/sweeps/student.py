"""Student's t distribution, whose library takes longer to load than a ranking takes.

Its tail is an incomplete beta function (DLMF 8.17), worked out by the continued fraction of DLMF 8.17.22.
"""

from __future__ import annotations

import math

_TINY = 1e-300
_ROUNDING = 2.0**-53
# The two-sided share of a 95% interval, on one side; and what no such bound is below, the normal distribution's.
_BEYOND, _LEAST = 0.025, 1.95


def tail(freedom: int, t: float) -> float:
    """The chance of more than `t`, at least 0, with so many degrees of freedom."""
    if math.isinf(t):
        return 0.0
    a, square = freedom / 2, t * t
    x, rest = freedom / (freedom + square), square / (freedom + square)
    # x**a * rest**0.5 / beta(a, 0.5)
    front = math.exp(-a * math.log1p(square / freedom) + _log_gamma_ratio(a)) * math.sqrt(rest / math.pi)
    if x < (a + 1) / (a + 2.5):
        return front / a * _fraction(a, 0.5, x) / 2
    return 0.5 - front * _fraction(0.5, a, rest)


def bound(freedom: int) -> float:
    """What is exceeded with a chance of 2.5%: half the width of a 95% interval, in standard errors."""
    t = _LEAST
    # The tail is convex here, so that Newton's steps come closer from below and never go too far.
    while True:
        log_density = _log_gamma_ratio(freedom / 2) - (freedom + 1) / 2 * math.log1p(t * t / freedom)
        density = math.exp(log_density) / math.sqrt(freedom * math.pi)
        further = t + (tail(freedom, t) - _BEYOND) / density
        if further <= t * (1 + 4 * _ROUNDING):
            return t
        t = further


def _log_gamma_ratio(a: float) -> float:
    """log(gamma(a + 1/2) / gamma(a))."""
    if a < 30:
        return math.lgamma(a + 0.5) - math.lgamma(a)
    # DLMF 5.11.13; the difference of two large logarithms would lose digits.
    square = a * a
    return 0.5 * math.log(a) - (1 / 8 - (1 / 192 - (1 / 640 - 17 / 14336 / square) / square) / square) / a


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1) or _TINY)
    value, m = d, 0
    while True:
        m += 1
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / (1.0 + factor * d or _TINY)
            c = 1.0 + factor / c or _TINY
            value *= c * d
        if abs(c * d - 1.0) < 4 * _ROUNDING:
            return value
