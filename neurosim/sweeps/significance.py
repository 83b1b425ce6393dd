"""Which differences are more than chance: intervals of means, and tests of pairs that have the same seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from neurosim.sweeps import student

# Differences that are the same but for the rounding of float64.
_SAME = 1e-12


def half_width(values: Sequence[float]) -> float | None:
    """Half of the 95% interval of a mean (Student's t); None of a single value."""
    if len(values) < 2:
        return None
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return student.bound(len(values) - 1) * spread


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> float | None:
    """The p-value of a paired t-test, two-sided, on the seeds that both have.

    None where these are fewer than two, or where all differences are the same: then there is no spread to hold the
    mean against.
    """
    common = [seed for seed in ours if seed in theirs]
    if len(common) < 2:
        return None
    differences = np.array([ours[seed] - theirs[seed] for seed in common])
    size = max(max(abs(ours[seed]), abs(theirs[seed])) for seed in common)
    if float(np.ptp(differences)) <= _SAME * size:
        return None
    statistic = float(np.mean(differences)) / (float(np.std(differences, ddof=1)) / math.sqrt(len(common)))
    return 2.0 * student.tail(len(common) - 1, abs(statistic))


def holm(tests: Sequence[float | None]) -> list[float | None]:
    """p-values corrected by Holm's method: the chance that any of them is as small, if all differences are chance."""
    made = [place for place, p in enumerate(tests) if p is not None]
    corrected: list[float | None] = [None] * len(tests)
    largest = 0.0
    for number, place in enumerate(sorted(made, key=lambda place: tests[place] or 0.0)):
        largest = max(largest, (len(made) - number) * (tests[place] or 0.0))
        corrected[place] = min(largest, 1.0)
    return corrected
