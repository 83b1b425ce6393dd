"""Clipping the gradient, by value or by its norm, and the update that waits for it.

The numbers of a network are divided into chunks, which the threads share; a chunk's result does not depend on the
thread that computes it.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled, kernel
from neurosim.backends.cpu.memory import CLIP, call_update, doubles, floats, words
from neurosim.backends.cpu.team import wait
from neurosim.backends.cpu.updates import BY_NORM, BY_VALUE, CHUNK


@compiled
def sum_squares(gradient, count, sums, thread, threads):
    """Sum of squares of each of this thread's chunks, into ``sums[chunk]``."""
    for q in range(thread, (count + CHUNK - 1) // CHUNK, threads):
        g = floats(gradient + 4 * q * CHUNK, min(CHUNK, count - q * CHUNK))
        total = 0.0
        for j in range(g.size):
            total += np.float64(g[j]) * np.float64(g[j])
        doubles(sums + 8 * q, 1)[0] = total


@compiled
def clipped_update(clip, bound, update, thread, threads):
    """Clip this thread's chunks of the whole gradient, and update their parameters if `update` has a function."""
    kind, parameters, gradient, state, count, sums = clip
    function, state_stride, constants = update
    factor = np.float32(1)
    chunks = (count + CHUNK - 1) // CHUNK
    if kind == BY_NORM:
        total = 0.0
        for q in range(chunks):
            total += doubles(sums + 8 * q, 1)[0]
        norm = np.sqrt(total)
        if norm > bound:
            factor = np.float32(bound / norm)
    for q in range(thread, chunks, threads):
        at, size = 4 * q * CHUNK, min(CHUNK, count - q * CHUNK)
        g = floats(gradient + at, size)
        if kind == BY_VALUE:
            limit = np.float32(bound)
            for j in range(size):
                g[j] = limit if g[j] > limit else -limit if g[j] < -limit else g[j]
        elif factor != np.float32(1):
            for j in range(size):
                g[j] *= factor
        if function != 0:
            call_update(function, (parameters + at, gradient + at, state + at, state_stride, size, constants))


@kernel(CLIP)
def clip(kind, vectors, count, sums, function, state_stride, constants, thread, threads, barrier, bound):
    """Clip the whole gradient and, if `function` is not 0, update all parameters; called by every thread.

    `vectors` has the addresses of the flat parameters, gradient and state, and `sums` is that of a float64 number for
    each chunk.
    """
    place = words(vectors, 3)
    if kind == BY_NORM:
        sum_squares(place[1], count, sums, thread, threads)
        wait(barrier, threads)
    how = (kind, place[0], place[1], place[2], count, sums)
    clipped_update(how, bound, (function, state_stride, constants), thread, threads)
