"""Sums of two float64 numbers, the second much smaller, as numbers of 106 bits; for numbers and for arrays.

Nothing here has branches: what calls it takes care of signs, infinities and the range. Sums after Knuth and products
after Dekker (1971). Logarithms and powers of e start from those of a place nearby, which are in tables, and add a few
terms of the textbook series (Tang 1989 and 1990).
"""

from __future__ import annotations

import math
from typing import Any

# Of log(2) the first part ends with zeros, so that its multiples by an exponent are exact.
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
LN2, LN2_REST = 0.6931471805599453, 2.3190468138462996e-17
# Splits the 53 bits of a number into two halves.
SPLITTER = 134217729.0
# A table has the logarithms of these parts of 1, another the powers of 2 by these.
LOG_PARTS, EXP_PARTS = 128.0, 64.0


def sum_in_order(large: Any, small: Any) -> tuple[Any, Any]:
    """The sum as a pair; the first number must be the larger one, or 0."""
    total = large + small
    return total, small - (total - large)


def exact_sum(x: Any, y: Any) -> tuple[Any, Any]:
    """The sum as a pair."""
    total = x + y
    rest = total - x
    return total, (x - (total - rest)) + (y - rest)


def exact_product(x: Any, y: Any) -> tuple[Any, Any]:
    """The product as a pair, of numbers below 1e300."""
    product = x * y
    x_turned, y_turned = SPLITTER * x, SPLITTER * y
    x_high, y_high = x_turned - (x_turned - x), y_turned - (y_turned - y)
    x_low, y_low = x - x_high, y - y_high
    return product, ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


def product(x: Any, x_rest: Any, y: Any, y_rest: Any) -> tuple[Any, Any]:
    """The product of two pairs."""
    high, low = exact_product(x, y)
    return sum_in_order(high, low + (x * y_rest + x_rest * y))


def log_of(m: Any, e: Any, place: Any, log_high: Any, log_low: Any) -> tuple[Any, Any]:
    """log(m * 2**e) as a pair, from log(place), for m from sqrt(1/2) to sqrt(2) and a whole e below 2000."""
    # log(m / place) = 2 (s + s**3 / 3 + ...)
    difference = m - place
    both, both_rest = exact_sum(m, place)
    s = difference / both
    back, back_rest = exact_product(s, both)
    s_rest = ((difference - back) - back_rest - s * both_rest) / both
    square = s * s
    more = s_rest + s * square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0)))
    high, first_rest = sum_in_order(e * LN2_HIGH, log_high)
    high, second_rest = sum_in_order(high, 2.0 * s)
    return sum_in_order(high, (first_rest + second_rest) + ((log_low + e * LN2_LOW) + 2.0 * more))


def exp_of_rest(x: Any, rest: Any, n: Any) -> Any:
    """exp(y) - 1 for y = x + rest - n log(2) / 64, where n is the whole number nearest to 64 x / log(2)."""
    y, y_rest = sum_in_order(x - n * (LN2_HIGH / EXP_PARTS), -(n * (LN2_LOW / EXP_PARTS)))
    square = y * y
    series = 1.0 / 6.0 + y * (1.0 / 24.0) + square * (1.0 / 120.0 + y * (1.0 / 720.0))
    return y + (square * (0.5 + y * series) + (y_rest + rest) * (1.0 + y))


def tables() -> tuple[Any, Any, Any, Any]:
    """log(k / 128) for k from 90 to 182 and 2**(k / 64) for k from 0 to 63, each as two tuples, of pairs.

    Worked out with whole numbers, which are exact.
    """
    one = 1 << 180
    logs = {128: 0}
    for k in range(128, 182):
        logs[k + 1] = logs[k] + 2 * _inverse_tangent(2 * k + 1, one)
    for k in range(128, 90, -1):
        logs[k - 1] = logs[k] - 2 * _inverse_tangent(2 * k - 1, one)
    root = 2 * one
    for _ in range(6):
        root = math.isqrt(root * one)
    powers = [one]
    for _ in range(63):
        powers.append(powers[-1] * root // one)
    return (*_pairs([logs[k] for k in sorted(logs)], one), *_pairs(powers, one))


def _inverse_tangent(k: int, one: int) -> int:
    """artanh(1 / k), times `one`."""
    power = one // k
    total, n = power, 1
    while power:
        power, n = power // (k * k), n + 2
        total += power // n
    return total


def _pairs(numbers: list[int], one: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    high = [number / one for number in numbers]
    low = [(number - int(first * one)) / one for number, first in zip(numbers, high, strict=True)]
    return tuple(high), tuple(low)


FIRST_LOG = 90
LOGS, LOG_RESTS, POWERS, POWER_RESTS = tables()
