"""A data set in place of one that is not at hand: its network can be looked at, not trained."""

import math

from neurosim.errors import DataError, UsageError
from neurosim.plugin import Dataset, Outline, hookimpl

MOST_NUMBERS = 1_000_000_000
MOST_CLASSES = 1_000_000


def load(request, shape, rows, classes, values, what):
    raise DataError(
        f"{what or 'the rows of this scenario'} did not come with neurosim: this scenario is for neurosim info, which "
        "needs no rows",
        'To train its network on rows of yours: source = "arrays" in [data] reads X and y from an npz file; from '
        "Python: neurosim.run(scenario, data=(X, y)).",
    )


def outline(shape, rows, classes, values, what):
    sizes = list(shape) if isinstance(shape, list | tuple) else []
    if (
        not 1 <= len(sizes) <= 3
        or not all(is_whole(size, 1, MOST_NUMBERS) for size in sizes)
        or math.prod(sizes) > MOST_NUMBERS
    ):
        raise UsageError(
            f"shape = {shape!r}: expected the shape of one row, up to three whole numbers from 1 on whose product is "
            f"at most {MOST_NUMBERS:,}",
            "Such as  shape = [224, 224, 3]  for color images, height x width x channels;  shape = [30]  for a table.",
        )
    for name, number, least, most in (
        ("rows", rows, 1, MOST_NUMBERS),
        ("classes", classes, 0, MOST_CLASSES),
        ("values", values, 1, MOST_CLASSES),
    ):
        if not is_whole(number, least, most):
            raise UsageError(f"{name} = {number!r}: expected a whole number from {least} to {most:,}")
    if classes == 1:
        raise UsageError("classes = 1: classification needs two classes or more", "0 is for targets that are values.")
    return Outline(rows, tuple(sizes), tuple(map(str, range(classes))), values)


def is_whole(number, least, most):
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= most


@hookimpl
def neurosim_datasets():
    return [
        Dataset(
            "placeholder",
            load,
            options={"shape": [], "rows": 0, "classes": 0, "values": 1, "what": ""},
            description="in place of data that are not at hand, for neurosim info alone: the shape of a row, and how "
            "many rows and classes there are",
            outline=outline,
        ),
    ]
