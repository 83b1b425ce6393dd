"""Small data sets made from a formula and random numbers: truth tables, clouds, curves.

Each function gets a request, whose ``request.random`` depends only on ``[data] seed``, and its options,
and returns a table with float32 features. Classes take turns row by row, so they are
equally large (to within one row). `noise` is the standard deviation of normal noise.
"""

import math

import numpy as np

from neurosim.elementary import cos, sin
from neurosim.errors import UsageError
from neurosim.plugin import Dataset, Table, hookimpl

MOST_SAMPLES = 10_000_000
MOST_NOISE = 1e6
MOST_CLASSES = 1000


def load_and(request):
    return truth_table([0, 0, 0, 1])


def load_or(request):
    return truth_table([0, 1, 1, 1])


def load_nand(request):
    return truth_table([1, 1, 1, 0])


def load_xor(request):
    return truth_table([0, 1, 1, 0])


def truth_table(outputs):
    inputs = [[0, 0], [0, 1], [1, 0], [1, 1]]
    return labeled(inputs, outputs, classes=2)


def blobs(request, samples, noise, classes):
    """Round clouds around centers spread evenly on a circle of radius 4: about -6 to 6."""
    if not 2 <= classes <= MOST_CLASSES:
        raise UsageError(
            f"classes = {classes}: expected 2 to {MOST_CLASSES}", "On the circle more clouds than some 20 are one ring."
        )
    check(samples, classes, noise)
    label = take_turns(samples, classes)
    angle = 2 * math.pi * label / classes
    x = 4 * cos(angle) + request.random.normal(0, noise, samples)
    y = 4 * sin(angle) + request.random.normal(0, noise, samples)
    return labeled(np.column_stack([x, y]), label, classes)


def circles(request, samples, noise):
    """A circle of radius 1 (class 0) around one of radius 0.5 (class 1)."""
    check(samples, 2, noise)
    label = take_turns(samples, 2)
    radius = np.where(label == 0, 1.0, 0.5)
    angle = request.random.uniform(0, 2 * math.pi, samples)
    x = radius * cos(angle) + request.random.normal(0, noise, samples)
    y = radius * sin(angle) + request.random.normal(0, noise, samples)
    return labeled(np.column_stack([x, y]), label, classes=2)


def moons(request, samples, noise):
    """Two half circles of radius 1 that reach into each other, around the origin: -1.5 to 1.5."""
    check(samples, 2, noise)
    label = take_turns(samples, 2)
    angle = request.random.uniform(0, math.pi, samples)
    side = np.where(label == 0, 1.0, -1.0)
    x = side * (cos(angle) - 0.5) + request.random.normal(0, noise, samples)
    y = side * (sin(angle) - 0.25) + request.random.normal(0, noise, samples)
    return labeled(np.column_stack([x, y]), label, classes=2)


def spirals(request, samples, noise, turns):
    """Two spirals wound into each other, from the origin out to radius 5, as in TensorFlow Playground."""
    check(samples, 2, noise)
    if not 0 < turns < math.inf:
        raise UsageError(f"turns = {turns}: a spiral needs a positive number of turns", "The usual value is 1.75.")
    label = take_turns(samples, 2)
    # The root spreads the points evenly along the arm, which grows with the square of the way out.
    way_out = np.sqrt(request.random.uniform(0, 1, samples))
    angle = 2 * math.pi * turns * way_out + math.pi * label
    x = 5 * way_out * sin(angle) + request.random.normal(0, noise, samples)
    y = 5 * way_out * cos(angle) + request.random.normal(0, noise, samples)
    return labeled(np.column_stack([x, y]), label, classes=2)


def sine(request, samples, noise):
    """One period of the sine: x from -pi to pi, the target is sin(x) plus noise."""
    check(samples, 1, noise)
    x = request.random.uniform(-math.pi, math.pi, samples)
    y = sin(x) + request.random.normal(0, noise, samples)
    return curve(x, y)


def take_turns(samples, classes):
    """Labels 0, 1, ..., classes - 1, 0, 1, ... for this many samples."""
    return np.arange(samples) % classes


def labeled(points, labels, classes):
    """The table of points (rows, 2) with class labels (rows,)."""
    return Table(
        features=np.asarray(points, dtype=np.float32),
        targets=np.asarray(labels, dtype=np.int64),
        classes=tuple(str(label) for label in range(classes)),
        feature_names=("x1", "x2"),
    )


def curve(x, y):
    """The table of a function of one number: x (rows,) with the values y (rows,)."""
    return Table(
        features=x.astype(np.float32).reshape(-1, 1),
        targets=y.astype(np.float32).reshape(-1, 1),
        feature_names=("x",),
    )


def check(samples, least, noise):
    """Raise UsageError unless there is a row for each class and the noise is a deviation."""
    if not least <= samples <= MOST_SAMPLES:
        raise UsageError(
            f"samples = {samples}: expected {least} to {MOST_SAMPLES}", "Each class needs at least one sample."
        )
    if not 0 <= noise <= MOST_NOISE:
        raise UsageError(f"noise = {noise}: expected 0 to {MOST_NOISE:g}", "It is a standard deviation: 0 is no noise.")


@hookimpl
def neurosim_datasets():
    return [
        Dataset("and", load_and, description="truth table of AND: 4 rows, a line separates them"),
        Dataset("or", load_or, description="truth table of OR: 4 rows, a line separates them"),
        Dataset("nand", load_nand, description="truth table of NAND: 4 rows, a line separates them"),
        Dataset("xor", load_xor, description="truth table of XOR: 4 rows that no line separates"),
        Dataset(
            "blobs",
            blobs,
            options={"samples": 300, "noise": 1.0, "classes": 3},
            description="round clouds of points in a ring",
        ),
        Dataset(
            "circles",
            circles,
            options={"samples": 400, "noise": 0.1},
            description="a circle of points inside another",
        ),
        Dataset(
            "moons",
            moons,
            options={"samples": 400, "noise": 0.1},
            description="two half circles that reach into each other",
        ),
        Dataset(
            "spirals",
            spirals,
            options={"samples": 400, "noise": 0.1, "turns": 1.75},
            description="two spirals wound into each other",
            source="after TensorFlow Playground",
        ),
        Dataset(
            "sine",
            sine,
            options={"samples": 200, "noise": 0.1},
            description="regression: one period of the sine",
        ),
    ]
