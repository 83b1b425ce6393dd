"""Small data sets, which networks side by side share: their rows in another order for each network, at once for all.

Of a network, its order of up to eight rows is a word: byte i is the number of the row that comes at place i. `lanes`
calls the two kernels by address. The first argument of both is that of a table of words with these entries.
"""

from __future__ import annotations

from enum import IntEnum, auto

import numpy as np

from neurosim.backends.cpu.jit import compiled, kernel_on_demand
from neurosim.backends.cpu.masks import GOLDEN, fold, mix64
from neurosim.backends.cpu.memory import LANE_STAGE, bitmaps, integers, words

# The rows as they are.
IN_ORDER = np.uint64(0x0706050403020100)
BYTE, HALF = np.uint64(0xFF), np.uint64(32)


class Field(IntEnum):
    """Entries of the table: addresses, and how many there are."""

    ROWS = 0
    LANES = auto()
    KEYS = auto()  # of the shuffles, uint64
    ORDERS = auto()  # uint64
    STATES = auto()  # uint64, for what is worked out meanwhile
    NUMBERS = auto()  # int32, the same
    SOURCES = auto()  # how many sources there are; each is several entries behind


# Of a source: its address, how many numbers a row has, where they go, and whether networks are innermost there or rows.
ADDRESS, WIDTH, OUT, BY_LANE, EACH = range(5)
FIELDS = len(Field)
ROWS, LANES, KEYS, ORDERS, STATES, NUMBERS, SOURCES = (int(field) for field in Field)


@kernel_on_demand(LANE_STAGE)
def shuffle(table_address, epoch, _2, _3, _4, _5, _6, _7, _8):
    """The orders of an epoch, as `masks.fill_permutation` has them."""
    table = words(table_address, FIELDS)
    lanes = table[LANES]
    keys, states, orders = bitmaps(table[KEYS], lanes), bitmaps(table[STATES], lanes), bitmaps(table[ORDERS], lanes)
    for k in range(lanes):
        states[k] = fold(keys[k], epoch)
        orders[k] = IN_ORDER
    for last in range(table[ROWS] - 1, 0, -1):
        count, place = np.uint64(last + 1), np.uint64(8 * last)
        for k in range(lanes):
            word = mix64(states[k] + count * GOLDEN)
            other = np.uint64(8) * (((word >> HALF) * count) >> HALF)
            changed = ((orders[k] >> place) ^ (orders[k] >> other)) & BYTE
            orders[k] ^= (changed << place) | (changed << other)


@compiled
def pick(source, stride, count, numbers, out, lanes):
    """out[k] = source[numbers[k]], of `count` numbers which are `stride` places apart."""
    values, target = integers(source, stride * count), integers(out, lanes)
    first = values[0]
    for k in range(lanes):
        target[k] = first
    for row in range(1, count):
        value = values[stride * row]
        for k in range(lanes):
            target[k] = value if numbers[k] == row else target[k]


@kernel_on_demand(LANE_STAGE)
def gather(table_address, start, rows, _3, _4, _5, _6, _7, _8):
    """Copy the rows of a batch from all sources, for each network those at its places from `start` on."""
    table = words(table_address, FIELDS)
    count, lanes = table[ROWS], table[LANES]
    orders, numbers = bitmaps(table[ORDERS], lanes), integers(table[NUMBERS], lanes)
    for i in range(rows):
        place = np.uint64(8 * (start + i))
        for k in range(lanes):
            numbers[k] = np.int32((orders[k] >> place) & BYTE)
        for number in range(table[SOURCES]):
            source = words(table_address + 8 * (FIELDS + EACH * number), EACH)
            width = source[WIDTH]
            for j in range(width):
                values = source[ADDRESS] + 4 * j
                if source[BY_LANE]:
                    pick(values, width, count, numbers, source[OUT] + 4 * (i * width + j) * lanes, lanes)
                else:
                    for k in range(lanes):
                        value = integers(values + 4 * width * numbers[k], 1)[0]
                        integers(source[OUT] + 4 * ((k * rows + i) * width + j), 1)[0] = value
