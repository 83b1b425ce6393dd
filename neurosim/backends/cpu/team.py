"""Threads that run one compiled function together, and the barrier at which they wait for each other.

A team lives as long as one call (an epoch); within it, threads meet at a barrier of two atomic words, which costs a
fraction of a microsecond, whereas a parallel region would cost several.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import atomic_add, atomic_load, yield_processor
from neurosim.process.interruption import deferred

# Two words on separate cache lines: how many threads have arrived, and how often all have.
ARRIVED = 0
GENERATION = 64
SPINS = 2000


def barrier_words() -> NDArray[np.int64]:
    """New memory for one barrier."""
    return np.zeros(16, np.int64)


@compiled
def wait(barrier: int, threads: int) -> None:
    """Return when all `threads` have called this; whatever they wrote before is then visible to all."""
    if threads == 1:
        return
    generation = atomic_load(barrier + GENERATION)
    if atomic_add(barrier + ARRIVED, 1) == threads - 1:
        atomic_add(barrier + ARRIVED, -threads)
        atomic_add(barrier + GENERATION, 1)
        return
    spins = 0
    while atomic_load(barrier + GENERATION) == generation:
        spins += 1
        # With more threads than processors, the thread being waited for may not be running.
        if spins > SPINS:
            yield_processor()


def available_threads() -> int:
    """The number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_together(threads: int, body: Callable[[int, int], None]) -> None:
    """Call ``body(thread, threads)`` on `threads` threads at once, and wait for all of them.

    `body` must not raise once started, or the others would wait for it forever. If the system refuses a thread, fewer
    are used. Signals wait until all have returned.
    """
    if threads == 1:
        body(0, 1)
        return
    with deferred():
        _run_together(threads, body)


def _run_together(threads: int, body: Callable[[int, int], None]) -> None:
    started: list[threading.Thread] = []
    ready = threading.Event()

    def work(thread: int) -> None:
        ready.wait()
        body(thread, len(started) + 1)

    for thread in range(1, threads):
        worker = threading.Thread(target=work, args=(thread,), daemon=True)
        try:
            worker.start()
        except RuntimeError:
            break
        started.append(worker)
    ready.set()
    try:
        body(0, len(started) + 1)
    finally:
        for worker in started:
            worker.join()
