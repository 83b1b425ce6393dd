"""Regression on a curve: one input x, one output y, a function chosen by name or drawn through points.

x is spread evenly at random over an interval, y is the function of it plus normal noise. Each named
function is a formula for any x; on -1 to 1, where x lies unless the scenario says otherwise, it shows
what is special about it.
"""

import math

import numpy as np

from neurosim.builtins.toy_datasets import MOST_SAMPLES, curve
from neurosim.elementary import exp, sin
from neurosim.errors import UsageError
from neurosim.plugin import Dataset, hookimpl
from neurosim.suggestions import unknown

# Larger numbers say little to a network that computes in float32.
MOST = 1e6
USUAL = (-1.0, 1.0)
POINTS = "points"


def sine(x):
    """One period from -1 to 1."""
    return sin(math.pi * x)


def square(x):
    """A wave that is 1 for half of each period of 2, and -1 for the other half."""
    return np.where(x % 2.0 < 1.0, 1.0, -1.0)


def triangle(x):
    """A wave of straight lines through the zeros and peaks of the sine."""
    return 2.0 * np.abs((x - 0.5) % 2.0 - 1.0) - 1.0


def step(x):
    """0 left of 0, then 1."""
    return np.where(x < 0.0, 0.0, 1.0)


def staircase(x):
    """Steps of height and width 1/2."""
    return np.floor(2.0 * x) / 2.0


def absolute(x):
    """A corner at 0."""
    return np.abs(x)


def bump(x):
    """A bell around 0, flat beyond."""
    return exp(-((x / 0.2) ** 2))


def runge(x):
    """On evenly spaced points the polynomials through it swing ever wider (Runge 1901)."""
    return 1.0 / (1.0 + 25.0 * x**2)


FUNCTIONS = {
    "sine": sine,
    "square": square,
    "triangle": triangle,
    "step": step,
    "staircase": staircase,
    "abs": absolute,
    "bump": bump,
    "runge": runge,
}


def load_function(request, function, points, samples, noise, interval):
    """Rows of a named function; or, with ``function = "points"``, of the straight lines between points."""
    if function not in (*FUNCTIONS, POINTS):
        raise UsageError(*unknown("function", function, [*FUNCTIONS, POINTS]))
    if not 1 <= samples <= MOST_SAMPLES:
        raise UsageError(f"samples = {samples}: expected 1 to {MOST_SAMPLES}", "Each sample is one row.")
    if not 0 <= noise <= MOST:
        raise UsageError(f"noise = {noise}: expected 0 to {MOST:g}", "It is a standard deviation: 0 is no noise.")
    corners = corners_of(points, function)
    low, high = ends_of(interval, corners)
    x = request.random.uniform(low, high, samples)
    exact = lines_between(x, *map(np.array, corners)) if corners else FUNCTIONS[function](x)
    y = exact + request.random.normal(0, noise, samples)
    return curve(x, y)


def lines_between(x, xs, ys):
    """The straight lines through points; left of the first one and right of the last one they go on level.

    As np.interp, where some processors round product and sum at once.
    """
    place = np.clip(np.searchsorted(xs, x, side="right") - 1, 0, len(xs) - 2)
    slope = (ys[place + 1] - ys[place]) / (xs[place + 1] - xs[place])
    inside = slope * (x - xs[place]) + ys[place]
    return np.where(x <= xs[0], ys[0], np.where(x >= xs[-1], ys[-1], inside))


def corners_of(points, function):
    """The points as a list of x and one of y; None for a named function."""
    if function != POINTS:
        if len(points) > 0:
            raise UsageError(
                f'points are given, but function = "{function}"', f'Write  function = "{POINTS}"  or leave points out.'
            )
        return None
    pairs = pairs_of(points)
    if len(pairs) < 2:
        raise UsageError(
            f"points: there are {len(pairs)}, a line needs 2 or more", "Such as  points = [[0, 0], [1, 2], [3, 1]]"
        )
    for number, pair in enumerate(pairs, start=1):
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and all(map(usable, pair))):
            raise UsageError(
                f"points: point {number} is {pair!r}, expected x and y, numbers from {-MOST:g} to {MOST:g}",
                "Such as  points = [[0, 0], [1, 2], [3, 1]]",
            )
        if number > 1 and pair[0] <= pairs[number - 2][0]:
            raise UsageError(
                f"points: point {number} has x = {pair[0]:g}, which is not beyond {pairs[number - 2][0]:g}, "
                "the x of the point before it",
                "A function has one y for each x: write the points from left to right.",
            )
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def pairs_of(points):
    """The pairs [x, y]; a list of single numbers, x and y in turn, is cut into them."""
    if any(isinstance(point, list | tuple) for point in points):
        return list(points)
    return [list(points[start : start + 2]) for start in range(0, len(points), 2)]


def ends_of(interval, corners):
    """Where x lies: as asked for, else from the first to the last point, else the usual."""
    if len(interval) == 0:
        return (corners[0][0], corners[0][-1]) if corners else USUAL
    if len(interval) != 2 or not all(map(usable, interval)) or not interval[0] < interval[1]:
        raise UsageError(
            f"interval = {list(interval)}: expected two numbers from {-MOST:g} to {MOST:g}, the smaller one first",
            "Such as  interval = [-1, 1]",
        )
    return interval[0], interval[1]


def usable(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST


@hookimpl
def neurosim_datasets():
    return [
        Dataset(
            "function",
            load_function,
            options={"function": "sine", "points": [], "samples": 200, "noise": 0.0, "interval": []},
            description=f"regression: a curve, {', '.join(FUNCTIONS)} or through points",
        ),
    ]
