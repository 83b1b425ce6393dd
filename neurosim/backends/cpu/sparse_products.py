"""Products with rows of mostly zero bytes, such as images: a dense first layer, by lists of the bytes that are not 0.

Where a byte is 0, its term adds nothing to a weighted sum, nor to the gradient of a weight. What is left of each sum is
in the same order as in a product with all terms, and has the same bits (but for the sign of a sum that is 0 because its
numbers are too small). Each sum begins with what a shift of all inputs adds, which is worked out once for all rows.

Lists of terms (see `sparse_tiles`) take the place of the rows of a batch, in the same memory. Compiled only for rows
that are like this.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled, kernel
from neurosim.backends.cpu.memory import (
    SPARSE_BACKWARD,
    SPARSE_FORWARD,
    SPARSE_GATHER,
    call_update,
    floats,
    integers,
    unsigned_bytes,
    words,
)
from neurosim.backends.cpu.products import column_sums
from neurosim.backends.cpu.sparse_tiles import (
    BYTE,
    BYTES,
    MASK,
    VECTORS,
    WORD_BITS,
    add_terms,
    lowest_bit,
    nonzero_bytes,
)
from neurosim.backends.cpu.table import (
    COUNTS,
    FIELDS,
    FIRST_LIST,
    INPUTS,
    LISTS_FIELDS,
    PENALTY,
    SCALES,
    UNITS,
    WEIGHT,
    WEIGHT_GRADIENT,
    WEIGHT_STATE,
    D,
    Z,
)
from neurosim.backends.cpu.updates import penalize
from neurosim.backends.cpu.vectors import PART, WIDTH

WIDEST = VECTORS[0]
# Places whose rows of a matrix stay in the level-1 cache.
DEPTH = 49152 // (WIDEST * PART)
# The columns of a batch of which lists are made at a time, and the rows.
COLUMNS = ROWS = 64
ZERO = np.float32(0)


def scratch_numbers(rows, units):
    """How many float32 numbers of scratch memory the kernels need: positions, lists and their lengths, and sums."""
    return 4 * rows + COLUMNS * (2 + ROWS) + units + COLUMNS * units


@compiled
def tile_vectors(columns):
    """The number of vectors of the next tile of so many columns, and that of numbers in the last of them."""
    for vectors in VECTORS:
        if vectors * WIDTH <= columns:
            return vectors, WIDTH
    return 1, columns


@compiled
def length(lists, at, inputs):
    """The place for the number of terms of the list at `at`, which takes the place of a row."""
    return words(lists[COUNTS] + 8 * ((at - lists[FIRST_LIST]) // (4 * inputs)), 1)


@compiled
def begin_with(sums, columns, shift):
    """Sums over all k as what the shift adds. Infinity times zero is NaN, so nothing infinite goes unnoticed."""
    values = floats(sums, columns)
    for j in range(columns):
        values[j] = values[j] * shift + ZERO


@kernel(SPARSE_GATHER)
def gather(lists_address, source, inputs, out):
    """The list of a row of bytes at `source`."""
    lists = words(lists_address, LISTS_FIELDS)
    row, terms = unsigned_bytes(source, inputs), integers(out, inputs)
    count = 0
    whole = inputs // WORD_BITS * WORD_BITS
    for first in range(0, whole, WORD_BITS):
        left = nonzero_bytes(source + first)
        while left != 0:
            k = first + lowest_bit(left)
            left &= left - np.uint64(1)
            terms[count] = (k << BYTE) | np.int64(row[k])
            count += 1
    for k in range(whole, inputs):
        if row[k] != 0:
            terms[count] = (k << BYTE) | np.int64(row[k])
            count += 1
    length(lists, out, inputs)[0] = count


@kernel(SPARSE_FORWARD)
def forward(lists_address, stage_address, x, r0, r1, c0, c1, scratch):
    """The weighted sums of a block."""
    lists, stage = words(lists_address, LISTS_FIELDS), words(stage_address, FIELDS)
    inputs, units, scales = stage[INPUTS], stage[UNITS], lists[SCALES]
    positions, ends, starts = words(scratch, r1), words(scratch + 8 * r1, r1), scratch + 16 * r1
    column_sums(stage[WEIGHT], inputs, units, c0, c1 - c0, starts)
    begin_with(starts, c1 - c0, floats(scales + 4 * BYTES, 1)[0])
    c = c0
    while c < c1:
        vectors, last = tile_vectors(c1 - c)
        matrix = (stage[WEIGHT] + 4 * c, 4 * units)
        for i in range(r0, r1):
            positions[i] = x + 4 * i * inputs
            ends[i] = positions[i] + 4 * length(lists, positions[i], inputs)[0]
        for k in range(0, inputs, DEPTH):
            for i in range(r0, r1):
                out = stage[Z] + 4 * (i * units + c)
                sums = (starts + 4 * (c - c0) if k == 0 else out, out)
                terms = (positions[i], ends[i], min(k + DEPTH, inputs))
                positions[i] = add_terms((vectors, last), terms, scales, matrix, sums)
        c += (vectors - 1) * WIDTH + last


@compiled
def skip(first, end, place):
    """The address of the first term at a place that is not before `place`."""
    low, high = 0, (end - first) // 4
    while low < high:
        middle = (low + high) // 2
        if integers(first + 4 * middle, 1)[0] >> BYTE < place:
            low = middle + 1
        else:
            high = middle
    return first + 4 * low


@compiled
def list_columns(positions, ends, r0, r1, k0, k1, out, counts):
    """Lists of columns `k0` to `k1` of some rows, from those of the rows, whose positions then are at `k1`."""
    for k in range(k1 - k0):
        counts[k] = 0
    for i in range(r0, r1):
        at = positions[i]
        while at < ends[i]:
            term = integers(at, 1)[0]
            k = (term >> BYTE) - k0
            if k >= k1 - k0:
                break
            integers(out + 4 * (k * ROWS + counts[k]), 1)[0] = (i << BYTE) | (term & MASK)
            counts[k] += 1
            at += 4
        positions[i] = at


@kernel(SPARSE_BACKWARD)
def backward(lists_address, stage_address, x, rows, k0, k1, function, state_stride, constants, scratch):
    """Gradients of the weights of inputs `k0` to `k1`, and their update."""
    lists, stage = words(lists_address, LISTS_FIELDS), words(stage_address, FIELDS)
    inputs, units, scales = stage[INPUTS], stage[UNITS], lists[SCALES]
    positions, ends, counts = words(scratch, rows), words(scratch + 8 * rows, rows), words(scratch + 16 * rows, COLUMNS)
    terms = scratch + 16 * rows + 8 * COLUMNS
    starts = terms + 4 * COLUMNS * ROWS
    tile = starts + 4 * units
    column_sums(stage[D], rows, units, 0, units, starts)
    begin_with(starts, units, floats(scales + 4 * BYTES, 1)[0])
    for i in range(rows):
        row = x + 4 * i * inputs
        ends[i] = row + 4 * length(lists, row, inputs)[0]
        positions[i] = skip(row, ends[i], k0)
    for first in range(k0, k1, COLUMNS):
        last = min(first + COLUMNS, k1)
        gradient = stage[WEIGHT_GRADIENT] + 4 * first * units if function == 0 else tile
        for r0 in range(0, rows, ROWS):
            list_columns(positions, ends, r0, min(r0 + ROWS, rows), first, last, terms, counts)
            c = 0
            while c < units:
                vectors, numbers = tile_vectors(units - c)
                for k in range(last - first):
                    out = gradient + 4 * (k * units + c)
                    sums = (starts + 4 * c if r0 == 0 else out, out)
                    own = terms + 4 * k * ROWS
                    which = (own, own + 4 * counts[k], rows)
                    add_terms((vectors, numbers), which, scales, (stage[D] + 4 * c, 4 * units), sums)
                c += (vectors - 1) * WIDTH + numbers
        weight, count = stage[WEIGHT] + 4 * first * units, (last - first) * units
        if stage[PENALTY] != 0:
            penalize(stage, weight, gradient, count)
        if function != 0:
            state = stage[WEIGHT_STATE] + 4 * first * units
            call_update(function, (weight, gradient, state, state_stride, count, constants))
