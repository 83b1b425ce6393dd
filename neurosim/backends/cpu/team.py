"""Threads that run one compiled function together, and how they share its work and wait for each other.

A team lives as long as one call (an epoch). Within it, work is done in phases, each of so many blocks; a phase is over
when all of its blocks are done. Every thread has blocks of its own, the same in each step, so that what it needs is
still in the cache of its processor; when it has done them, it does those that others have not begun. So nobody waits
for a thread that does nothing: one whose processor the system has given to somebody else comes back to find that its
share is done, and passes through the phases that are over. Where every thread has its part, they meet at a barrier.
Both are made of atomic words and cost a fraction of a microsecond, whereas a parallel region would cost several.
"""

from __future__ import annotations

import _thread
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import atomic_add, atomic_load, exchange_if_equal, yield_processor
from neurosim.backends.cpu.table import PHASE, THREAD, THREADS
from neurosim.process.interruption import deferred

# Words on separate cache lines: how many threads have arrived, and how often all have; the number of the phase, and how
# many of its blocks are done; then, for each thread, the last phase in which one of its blocks was taken, and how many.
ARRIVED = 0
GENERATION = 64
CURRENT = 128
DONE = 192
TAKEN = 256
LINE = 64
# The number of the phase is above that of blocks.
PHASE_BIT = 32
BLOCKS = (1 << PHASE_BIT) - 1
SPINS = 2000


def team_words(threads: int) -> NDArray[np.int64]:
    """New memory for a team."""
    return np.zeros((TAKEN + LINE * threads) // 8, np.int64)


def join(context: NDArray[np.int64], thread: int, threads: int) -> None:
    """Enter the number of a thread and that of all into its context."""
    context[THREAD], context[THREADS] = thread, threads


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


@compiled
def take_block(team: int, phase: int, owner: int, threads: int, blocks: int) -> int:
    """The next block of a thread that nobody has begun, which then is the caller's; -1 if there is none."""
    own = (blocks - owner + threads - 1) // threads
    place = team + TAKEN + LINE * owner
    word = atomic_load(place)
    while word >> PHASE_BIT <= phase:
        # A phase before: none of this one's blocks is taken.
        taken = word & BLOCKS if word >> PHASE_BIT == phase else 0
        if taken >= own:
            return -1
        if exchange_if_equal(place, word, (phase << PHASE_BIT) + taken + 1):
            return owner + taken * threads
        word = atomic_load(place)
    return -1


@compiled
def next_block(team: int, context: Any, block: int, blocks: int) -> int:
    """The next of one or more `blocks` for this thread, which has done `block` of this phase, or none yet (-1).

    When all have been done, and what was written for them is visible, it is -1. Every thread passes through the same
    phases; ``context[PHASE]`` is the number of the one that it is in.
    """
    phase, thread, threads = context[PHASE], context[THREAD], context[THREADS]
    if block >= 0 and atomic_add(team + DONE, 1) == blocks - 1:
        # The last: nobody else changes this word before the next phase.
        atomic_add(team + DONE, -blocks)
        atomic_add(team + CURRENT, 1)
    if atomic_load(team + CURRENT) == phase:
        for k in range(threads):
            taken = take_block(team, phase, (thread + k) % threads, threads, blocks)
            if taken >= 0:
                return taken
    spins = 0
    while atomic_load(team + CURRENT) == phase:
        spins += 1
        if spins > SPINS:
            yield_processor()
    context[PHASE] = phase + 1
    return -1


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
    # Bare threads and locks: `threading` waits until each thread has begun, while this one could be at work.
    gate = _thread.allocate_lock()
    ended: list[_thread.LockType] = []

    def work(thread: int, end: _thread.LockType) -> None:
        try:
            with gate:
                count = len(ended) + 1
            body(thread, count)
        finally:
            end.release()

    with gate:
        for thread in range(1, threads):
            end = _thread.allocate_lock()
            end.acquire()
            try:
                _thread.start_new_thread(work, (thread, end))
            except RuntimeError:
                break
            ended.append(end)
    try:
        body(0, len(ended) + 1)
    finally:
        for end in ended:
            end.acquire()
