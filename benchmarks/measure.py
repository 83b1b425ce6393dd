"""Timing: interleaved rounds, medians and spread.

Anything that can be timed here is a contender: an object with ``round()``, which does its work once and returns the
seconds that one unit of it took.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

# Threads of BLAS, OpenMP and XLA spin for a while after their work; let them fall asleep before the next one starts.
PAUSE = 0.25


class Contender(Protocol):
    def round(self) -> float:
        """Do the work once; returns the seconds for one unit of it."""


@dataclass(frozen=True)
class Samples:
    """The times of one contender's rounds, in seconds per unit."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def low(self) -> float:
        return min(self.seconds)

    @property
    def high(self) -> float:
        return max(self.seconds)

    @property
    def spread(self) -> float:
        """The distance from the fastest to the slowest round, as a share of the median."""
        return (self.high - self.low) / self.median


@dataclass(frozen=True)
class Timed:
    """A function in this process as a contender."""

    function: Callable[[], object]
    units: int = 1
    clock: Callable[[], float] = time.perf_counter

    def round(self) -> float:
        start = self.clock()
        self.function()
        return (self.clock() - start) / self.units


def interleave(
    contenders: Mapping[str, Contender],
    rounds: int,
    *,
    pause: float = PAUSE,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Samples]:
    """Time contenders in turn, A B C A B C, so that a machine that slows down slows all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            sleep(pause)
            seconds[name].append(contender.round())
    return {name: Samples(tuple(values)) for name, values in seconds.items()}


def fastest(samples: Mapping[str, Samples], names: Iterable[str]) -> str | None:
    """The one of `names` with the smallest median; None if none of them was timed."""
    timed = [name for name in names if name in samples]
    return min(timed, key=lambda name: samples[name].median) if timed else None
