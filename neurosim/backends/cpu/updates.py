"""From gradients to the optimizer: penalties, and how the numbers of a network are divided for an update."""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import floats
from neurosim.backends.cpu.table import PENALTY

# Numbers of a chunk, whose result does not depend on the thread that computes it.
CHUNK = 2048
ZERO = np.float32(0)
BY_VALUE, BY_NORM = range(2)


@compiled
def penalize(stage, weight, gradient, count):
    """Add the slope of the stage's penalty to the gradient of some of its weights."""
    penalty = floats(stage[PENALTY], 2)
    l1, l2 = penalty[0], penalty[1]
    w, g = floats(weight, count), floats(gradient, count)
    for j in range(count):
        sign = np.float32(w[j] > ZERO) - np.float32(w[j] < ZERO)
        g[j] += l1 * sign + l2 * w[j]
