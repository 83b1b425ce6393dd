"""Penalties on the weights of networks side by side, each with its own: what is called in the place of an optimizer.

At `constants` is a table of words: the kernels of the optimizer and the address of its constants, how
many networks and how many penalties there are, and for each penalty the number of its first weight, how many weights
there are, and the addresses of l1 and l2, a number for each network.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled, kernel_on_demand
from neurosim.backends.cpu.memory import CONSTANTS, UPDATE, call_constants, call_update, floats, words

# Words of the table, those before the penalties, and those of a penalty.
OPTIMIZER, STEP_CONSTANTS, OWN, LANES, COUNT, HEAD = range(6)
FIRST, WEIGHTS, L1, L2, EACH = range(5)
ZERO = np.float32(0)


@compiled
def penalize(weight, gradient, weights, lanes, l1_address, l2_address):
    """Add the slopes of penalties to the gradients of some weights, as `updates.penalize` does for one network."""
    l1, l2 = floats(l1_address, lanes), floats(l2_address, lanes)
    for j in range(weights):
        w, g = floats(weight + 4 * j * lanes, lanes), floats(gradient + 4 * j * lanes, lanes)
        for k in range(lanes):
            sign = np.float32(w[k] > ZERO) - np.float32(w[k] < ZERO)
            g[k] += l1[k] * sign + l2[k] * w[k]


@kernel_on_demand(UPDATE)
def update(w_address, g_address, state_address, state_stride, count, constants):
    """Penalize the weights, then update them."""
    table = words(constants, HEAD)
    lanes = table[LANES]
    for place in range(table[COUNT]):
        one = words(constants + 8 * (HEAD + place * EACH), EACH)
        at = 4 * one[FIRST] * lanes
        penalize(w_address + at, g_address + at, one[WEIGHTS], lanes, one[L1], one[L2])
    call_update(table[OPTIMIZER], (w_address, g_address, state_address, state_stride, count, table[OWN]))


@kernel_on_demand(CONSTANTS)
def step_constants(params, constants, t, learning_rate):
    """The constants of the optimizer."""
    table = words(constants, HEAD)
    call_constants(table[STEP_CONSTANTS], (params, table[OWN], t, learning_rate))
