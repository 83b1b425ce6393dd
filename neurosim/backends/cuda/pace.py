"""How much a launch may do on a GPU that also draws a screen: there the driver ends launches that take seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from neurosim.backends.cuda.target import cuda, simulated

# Seconds of a launch that nobody sees, and far below what the driver allows (two on Windows, five on Linux).
SECONDS = 0.25
# Steps of the first launch, before it is known how long one takes; and how many times as many the next one may have.
FIRST_STEPS, GROWTH = 16, 8


def has_limit() -> bool:
    """Whether the driver of this GPU ends long launches."""
    return not simulated() and bool(cuda.get_current_device().KERNEL_EXEC_TIMEOUT)


class Pace:
    """Divides steps into launches that are short enough; into one if there is no limit.

    Parameters
    ----------
    limited : bool
        Whether there is one.
    clock : function, optional
        The time in seconds, once the GPU has done what was launched.
    first : int
        Steps of the first launch.
    """

    def __init__(self, limited: bool, clock: Callable[[], float] | None = None, *, first: int = FIRST_STEPS) -> None:
        self._limited = limited
        self._clock = clock or _after_all_work
        self._steps = first

    def parts(self, steps: int) -> Iterator[tuple[int, int]]:
        """The first step of each launch, and the one before which it ends; what is launched meanwhile is timed."""
        if not self._limited:
            yield 0, steps
            return
        first = 0
        while first < steps:
            last = min(first + self._steps, steps)
            start = self._clock()
            yield first, last
            each = (self._clock() - start) / (last - first)
            fitting = int(SECONDS / each) if each > 0.0 else GROWTH * self._steps
            self._steps = max(1, min(fitting, GROWTH * (last - first)))
            first = last


def _after_all_work() -> float:
    cuda.synchronize()
    return time.perf_counter()
