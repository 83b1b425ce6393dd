"""Gradients of what stages on maps learn: the sums of all groups' shares, in order; and the update."""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled, kernel
from neurosim.backends.cpu.memory import LEARNED as SIGNATURE
from neurosim.backends.cpu.memory import call_update, floats, words
from neurosim.backends.cpu.table import (
    CHANNELS,
    FIELDS,
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
from neurosim.backends.cpu.updates import CHUNK, penalize

ZERO = np.float32(0)


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


@kernel(SIGNATURE)
def finish(plan, stages, groups, function, state_stride, constants, thread, threads):
    """Gradients of the parameters of all stages on maps, and their updates."""
    number = 0
    for s in range(stages):
        stage = words(plan + 8 * s * FIELDS, FIELDS)
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
