"""From gradients to the optimizer: sums over groups, penalties, clipping, and the update.

The numbers of a network are divided into chunks, which the threads share; a chunk's result does not depend on the
thread that computes it.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import call_update, doubles, floats
from neurosim.backends.cpu.table import (
    CHANNELS,
    HAS_BIAS,
    KIND,
    MAPS,
    MOMENTS,
    PARTIAL,
    PARTIALS,
    PENALTY,
    WEIGHT,
    WEIGHT_GRADIENT,
    WEIGHT_STATE,
    WEIGHTS,
)

CHUNK = 2048
ZERO = np.float32(0)
NO_CLIPPING, BY_VALUE, BY_NORM = range(3)


@compiled
def penalize(stage, weight, gradient, count):
    """Add the slope of the stage's penalty to the gradient of some of its weights."""
    penalty = floats(stage[PENALTY], 2)
    l1, l2 = penalty[0], penalty[1]
    w, g = floats(weight, count), floats(gradient, count)
    for j in range(count):
        sign = np.float32(w[j] > ZERO) - np.float32(w[j] < ZERO)
        g[j] += l1 * sign + l2 * w[j]


@compiled
def add_groups(stage, groups, first, count, gradient):
    """The sum of all groups' shares of the gradient, in order."""
    g = floats(gradient, count)
    for j in range(count):
        g[j] = ZERO
    for group in range(groups):
        partial = floats(stage[PARTIALS] + 4 * (group * stage[PARTIAL] + first), count)
        for j in range(count):
            g[j] += partial[j]


@compiled
def finish_maps(plan, groups, update, thread, threads):
    """Gradients of the parameters of all stages on maps, and their updates."""
    function, state_stride, constants = update
    number = 0
    for s in range(plan.shape[0]):
        stage = plan[s]
        if not stage[MAPS] or stage[PARTIALS] == 0 or stage[KIND] == MOMENTS:
            continue
        # The bias follows the weights, and beta follows gamma.
        total = stage[WEIGHTS] + (stage[CHANNELS] if stage[HAS_BIAS] else 0)
        for first in range(0, total, CHUNK):
            number += 1
            if number % threads != thread:
                continue
            count = min(CHUNK, total - first)
            gradient, weight = stage[WEIGHT_GRADIENT] + 4 * first, stage[WEIGHT] + 4 * first
            add_groups(stage, groups, first, count, gradient)
            if stage[PENALTY] != 0 and first < stage[WEIGHTS]:
                penalize(stage, weight, gradient, min(count, stage[WEIGHTS] - first))
            if function != 0:
                state = stage[WEIGHT_STATE] + 4 * first
                call_update(function, (weight, gradient, state, state_stride, count, constants))


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
def clipped_update(clip, update, thread, threads):
    """Clip this thread's chunks of the whole gradient, and update their parameters if `update` has a function."""
    kind, bound, parameters, gradient, state, count, sums = clip
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
