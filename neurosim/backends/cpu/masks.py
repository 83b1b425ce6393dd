"""Dropout masks and shuffles: the compiled form of the numbers defined in `neurosim.randomness`."""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled, entry, scalar
from neurosim.backends.cpu.memory import floats
from neurosim.randomness import GOLDEN as _GOLDEN

GOLDEN = np.uint64(_GOLDEN)
ZERO = np.float32(0)


@compiled
def mix64(value):
    """The finalizer of SplitMix64."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@compiled
def fold(state, word):
    """The key of a purpose that has one more word than the purpose of the key `state`."""
    return mix64((state ^ np.uint64(word)) + GOLDEN)


@scalar
def uniform(start, second, unit):
    """32 random bits of a unit, from the two keys of its row."""
    bits = np.uint32(start + np.uint32(unit))
    bits = np.uint32((bits ^ (bits >> np.uint32(16))) * np.uint32(0x7FEB352D))
    bits = np.uint32((bits ^ (bits >> np.uint32(15)) ^ second) * np.uint32(0x846CA68B))
    return np.uint32(bits ^ (bits >> np.uint32(16)))


@compiled
def drop_row(source, out, first, units, key, row, below, scale):
    """out = source * scale where the unit is kept, else source * 0: NaN stays NaN, as in the other backends.

    `source` and `out` are addresses of `units` numbers, the units `first`, `first` + 1, ... of the
    row with number `row`; forward and backward alike.
    """
    word = mix64(key + np.uint64(row + 1) * GOLDEN)
    start = np.uint32(word >> np.uint64(32)) + np.uint32(first)
    second = np.uint32(word)
    values = floats(source, units)
    if source == out:
        # Two views of the same memory would fail the check for overlap, and the loop would not be vectorized.
        for j in range(units):
            values[j] *= scale if uniform(start, second, j) >= below else ZERO
        return
    results = floats(out, units)
    for j in range(units):
        results[j] = values[j] * (scale if uniform(start, second, j) >= below else ZERO)


@compiled
def drop_lane(source, out, lane, lanes, units, key, row, below, scale):
    """Like `drop_row`, for one of `lanes` networks whose numbers are side by side."""
    word = mix64(key + np.uint64(row + 1) * GOLDEN)
    start = np.uint32(word >> np.uint64(32))
    second = np.uint32(word)
    values = floats(source, units * lanes)
    results = floats(out, units * lanes)
    for j in range(units):
        kept = uniform(start, second, j) >= below
        results[j * lanes + lane] = values[j * lanes + lane] * (scale if kept else ZERO)


@compiled
def fill_permutation(key, order):
    """Fill `order` (int64) with the permutation of its indices for `key`."""
    for k in range(order.size):
        order[k] = k
    for last in range(order.size - 1, 0, -1):
        word = mix64(key + np.uint64(last + 1) * GOLDEN)
        other = np.int64(((word >> np.uint64(32)) * np.uint64(last + 1)) >> np.uint64(32))
        order[last], order[other] = order[other], order[last]


@entry
def shuffle(key, order):
    """`fill_permutation`, for calls from Python."""
    fill_permutation(key, order)
