"""Clocks, rounds and medians: timing things so that their ratios mean something.

Machines speed up and slow down during a measurement. So the candidates to be compared take turns, round by round, and
each figure is the median of its rounds, shown with their spread.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

Clock = Callable[[], float]
LEAST_ROUNDS = 4


@dataclass(frozen=True)
class Timing:
    """The seconds that one piece of work took, round by round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median round."""
        return statistics.median(self.seconds)

    @property
    def fastest(self) -> float:
        """The fastest round."""
        return min(self.seconds)

    @property
    def spread(self) -> float:
        """The interquartile range of the rounds, as a share of the median."""
        if len(self.seconds) < 2:
            return 0.0
        lower, _, upper = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return (upper - lower) / self.median

    def per(self, units: float) -> Timing:
        """The timing of one of `units` equal parts of the work."""
        return Timing(tuple(seconds / units for seconds in self.seconds))


@dataclass(frozen=True)
class Work:
    """Something to be timed.

    Attributes
    ----------
    run : function
        The work.
    reset : function, optional
        Called beforehand, off the clock.
    repeats : int
        Number of runs in one measurement; for work that is too short for the clock.
    every : int
        Timed only in the first of this many rounds, and so on; for slow work.
    """

    run: Callable[[], object]
    reset: Callable[[], object] | None = None
    repeats: int = 1
    every: int = 1


def interleaved(
    works: Mapping[str, Work],
    rounds: int,
    clock: Clock = time.perf_counter,
    on_round: Callable[[int], None] = lambda number: None,
    budget: float = math.inf,
) -> dict[str, Timing]:
    """Time all works in turn, `rounds` times over; the seconds are those of one run.

    Parameters
    ----------
    works : mapping of str to Work
        The works, in the order in which they take turns.
    rounds : int
        How many times each is timed.
    clock : function
        Returns seconds.
    on_round : function
        Called with the number of each round, from 1, as it begins.
    budget : float
        Seconds after which no new round begins, once there have been `LEAST_ROUNDS`.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    begun = clock()
    for number in range(1, rounds + 1):
        if number > LEAST_ROUNDS and clock() - begun > budget:
            break
        on_round(number)
        for name, work in works.items():
            if (number - 1) % work.every:
                continue
            if work.reset is not None:
                work.reset()
            start = clock()
            for _ in range(work.repeats):
                work.run()
            times[name].append((clock() - start) / work.repeats)
    return {name: Timing(tuple(seconds)) for name, seconds in times.items()}


@contextmanager
def blas_threads(threads: int) -> Iterator[None]:
    """Let NumPy's matrix products use this many threads."""
    with threadpoolctl.threadpool_limits(limits=threads, user_api="blas"):
        yield


def square_product(size: int, threads: int) -> Callable[[], NDArray[Any]]:
    """A float32 matrix product (size, size) @ (size, size), by which the peak is measured."""
    left, right, out = (np.full((size, size), 0.5, np.float32) for _ in range(3))

    def run() -> NDArray[Any]:
        with blas_threads(threads):
            return np.matmul(left, right, out=out)

    return run
