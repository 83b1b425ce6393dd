"""Functions of angles, up to 1e12 (beyond, they are NaN), and angles from them."""

from __future__ import annotations

import math
from math import inf, nan

from neurosim.elementary.pairs import exact_product, exact_sum, sum_in_order

# pi / 2 in parts: three of 53 bits, and three of which the first two end with zeros, so that their multiples by a
# number of 20 bits are exact.
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
SHORT_HALF_PI = (1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624879595063154e-21)
QUARTER_PI = 0.7853981633974483
MOST_SHORT_TURNS = 1e6
LARGEST_ANGLE = 1e12
SINE_SERIES = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(1, 11))
COSINE_SERIES = tuple((-1.0) ** k / math.factorial(2 * k) for k in range(2, 12))
ARC_SERIES = tuple((-1.0) ** k / (2 * k + 1) for k in range(1, 24))
# atan at these places, and at infinity, in two parts.
ARC_PLACES = (0.0, 0.5, 1.0, 1.5)
ARCS = (0.0, 0.4636476090008061, QUARTER_PI, 0.982793723247329, 1.5707963267948966)
ARC_RESTS = (0.0, 2.2698777452961687e-17, 3.061616997868383e-17, 1.3903311031230998e-17, 6.123233995736766e-17)


def horner(x: float, coefficients: tuple[float, ...]) -> float:
    """The polynomial with these coefficients, the constant one first."""
    result = coefficients[-1]
    for k in range(len(coefficients) - 2, -1, -1):
        result = result * x + coefficients[k]
    return result


def turned(x: float) -> tuple[int, float, float]:
    """(n, r, rest) with x = n pi / 2 + r + rest and r at most pi / 4; n counts from 0 to 3."""
    if abs(x) < QUARTER_PI:
        return 0, x, 0.0
    n = math.floor(x / HALF_PI[0] + 0.5)
    turns = float(n)
    if abs(x) < MOST_SHORT_TURNS:
        r, rest = exact_sum(x - turns * SHORT_HALF_PI[0], -(turns * SHORT_HALF_PI[1]))
        r, rest = sum_in_order(r, rest - turns * SHORT_HALF_PI[2])
    else:
        first, first_rest = exact_product(turns, HALF_PI[0])
        second, second_rest = exact_product(turns, HALF_PI[1])
        r, rest = exact_sum(x - first, -first_rest)
        r, more = exact_sum(r, -second)
        r, rest = sum_in_order(r, rest + more - second_rest - turns * HALF_PI[2])
    return n % 4, r, rest


def sine_near(r: float, rest: float) -> float:
    """sin(r + rest) for r up to pi / 4."""
    square = r * r
    return r + (square * r * horner(square, SINE_SERIES) + rest * (1.0 - 0.5 * square))


def cosine_near(r: float, rest: float) -> float:
    """cos(r + rest) for r up to pi / 4."""
    square, square_rest = exact_product(r, r)
    high, low = sum_in_order(1.0, -0.5 * square)
    result: float = high + (low + (square * square * horner(square, COSINE_SERIES) - 0.5 * square_rest - r * rest))
    return result


def sin(x: float) -> float:
    """Sine of an angle up to 1e12."""
    if x == 0.0 or not abs(x) <= LARGEST_ANGLE:
        return x if x == 0.0 else nan
    n, r, rest = turned(x)
    result = sine_near(r, rest) if n % 2 == 0 else cosine_near(r, rest)
    return result if n < 2 else -result


def cos(x: float) -> float:
    """Cosine of an angle up to 1e12."""
    if not abs(x) <= LARGEST_ANGLE:
        return nan
    n, r, rest = turned(x)
    result = cosine_near(r, rest) if n % 2 == 0 else sine_near(r, rest)
    return result if n == 0 or n == 3 else -result


def tan(x: float) -> float:
    """Tangent of an angle up to 1e12."""
    if x == 0.0 or not abs(x) <= LARGEST_ANGLE:
        return x if x == 0.0 else nan
    n, r, rest = turned(x)
    sine, cosine = sine_near(r, rest), cosine_near(r, rest)
    return sine / cosine if n % 2 == 0 else -cosine / sine


def atan(x: float) -> float:
    """Arc tangent."""
    if x == 0.0 or x != x:
        return x
    size = abs(x)
    place = 0 if size < 0.4375 else 1 if size < 0.6875 else 2 if size < 1.1875 else 3 if size < 2.4375 else 4
    r = -1.0 / size if place == 4 else (size - ARC_PLACES[place]) / (1.0 + ARC_PLACES[place] * size)
    square = r * r
    return math.copysign(ARCS[place] + (r + (ARC_RESTS[place] + square * r * horner(square, ARC_SERIES))), x)


def asin(x: float) -> float:
    """Arc sine."""
    if x == 0.0 or not abs(x) <= 1.0:
        return x if x == 0.0 else nan
    root, rest = _other_side(x)
    return atan2(x, root) - x * rest


def acos(x: float) -> float:
    """Arc cosine."""
    if not abs(x) <= 1.0:
        return nan
    root, rest = _other_side(x)
    return atan2(root, x) + x * rest


def _other_side(x: float) -> tuple[float, float]:
    """sqrt(1 - x**2) as a pair, for x from -1 to 1."""
    square, rest = exact_product(x, x)
    high, low = exact_sum(1.0, -square)
    root = math.sqrt(high)
    back, back_rest = exact_product(root, root)
    return root, ((high - back) - back_rest + (low - rest)) / (2.0 * root) if root != 0.0 else 0.0


def atan2(y: float, x: float) -> float:
    """The angle of the point (x, y), from -pi to pi."""
    if x != x or y != y:
        return x + y
    up, right = abs(y), abs(x)
    # Both may be infinite, or 0.
    equal = 1.0 if up > 0.0 else 0.0
    slope = equal if up == right else inf if right == 0.0 else up / right
    angle = atan(slope)
    left = math.copysign(1.0, x) < 0.0
    return math.copysign(math.pi - (angle - 2.0 * HALF_PI[1]) if left else angle, y)
