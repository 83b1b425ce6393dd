"""Products with rows of mostly zero bytes, such as images: a dense first layer, by bitmaps of the bytes that are not 0.

Where a byte is 0, its term adds nothing to a weighted sum, nor to the gradient of a weight. What is left of each sum is
in the same order as in a product with all terms, and has the same bits (but for the sign of a sum that is 0 because its
numbers are too small). Each sum begins with what a shift of all inputs adds, which is worked out once for all rows.

The bytes of a row take the place of its numbers in a batch; their bitmap is in a table of its own. Compiled only for
rows that are like this.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled, kernel
from neurosim.backends.cpu.memory import (
    SPARSE_BACKWARD,
    SPARSE_FORWARD,
    SPARSE_GATHER,
    bitmaps,
    call_update,
    floats,
    unsigned_bytes,
    words,
)
from neurosim.backends.cpu.sparse_tiles import BYTES, VECTORS, WORD_BITS, add_terms, nonzero_bytes, sum_lines
from neurosim.backends.cpu.table import (
    BATCHES,
    BITMAPS_FIELDS,
    FIELDS,
    INPUTS,
    PENALTY,
    SCALES,
    UNITS,
    WEIGHT,
    WEIGHT_GRADIENT,
    WEIGHT_STATE,
    WORDS,
    D,
    Z,
)
from neurosim.backends.cpu.updates import penalize
from neurosim.backends.cpu.vectors import WIDTH

WIDEST = VECTORS[0]
WORD_BYTES = WORD_BITS // 8
ZERO = np.float32(0)
NOTHING = np.uint64(0)


def scratch_numbers(rows, units):
    """How many float32 numbers of scratch memory the kernels need: beginnings of sums, sums, and bitmaps."""
    return units + WORD_BITS * units + 2 * WORD_BITS * word_count(rows)


def word_count(bits):
    """The number of words of a bitmap."""
    return -(-bits // WORD_BITS)


@compiled
def tile_vectors(columns):
    """The number of vectors of the next tile of so many columns, and that of numbers in the last of them."""
    for vectors in VECTORS:
        if vectors * WIDTH <= columns:
            return vectors, WIDTH
    return 1, columns


@compiled
def bitmap(table, at, inputs):
    """The address of the bitmap of the row at `at`."""
    return table[WORDS] + WORD_BYTES * ((inputs + WORD_BITS - 1) // WORD_BITS) * ((at - table[BATCHES]) // (4 * inputs))


@compiled
def begin(matrix, rows, pitch, columns, shift, out):
    """What the shift adds to sums over all rows. Infinity times zero is NaN, so nothing infinite goes unnoticed."""
    c = 0
    while c < columns:
        vectors, last = tile_vectors(columns - c)
        sum_lines((vectors, last), (matrix + 4 * c, 4 * pitch, rows), out + 4 * c)
        c += (vectors - 1) * WIDTH + last
    values = floats(out, columns)
    for j in range(columns):
        values[j] = values[j] * shift + ZERO


@kernel(SPARSE_GATHER)
def gather(table_address, source, inputs, out):
    """Copy a row of bytes from `source`, and make its bitmap."""
    marks = bitmaps(bitmap(words(table_address, BITMAPS_FIELDS), out, inputs), (inputs + WORD_BITS - 1) // WORD_BITS)
    row, copy = unsigned_bytes(source, inputs), unsigned_bytes(out, inputs)
    for k in range(inputs):
        copy[k] = row[k]
    whole = inputs // WORD_BITS
    for w in range(whole):
        marks[w] = nonzero_bytes(source + WORD_BITS * w)
    left = inputs - WORD_BITS * whole
    if left > 0 and whole > 0:
        marks[whole] = nonzero_bytes(source + inputs - WORD_BITS) >> np.uint64(WORD_BITS - left)
    elif left > 0:
        marks[0] = NOTHING
        for k in range(left):
            marks[0] |= np.uint64(row[k] != 0) << np.uint64(k)


@kernel(SPARSE_FORWARD)
def forward(table_address, stage_address, x, r0, r1, c0, c1, scratch):
    """The weighted sums of a block."""
    table, stage = words(table_address, BITMAPS_FIELDS), words(stage_address, FIELDS)
    inputs, units, scales = stage[INPUTS], stage[UNITS], table[SCALES]
    begin(stage[WEIGHT] + 4 * c0, inputs, units, c1 - c0, floats(scales + 4 * BYTES, 1)[0], scratch)
    c = c0
    while c < c1:
        vectors, last = tile_vectors(c1 - c)
        # The weights of the inputs of one word nearly fit the level-1 cache.
        for k in range(0, inputs, WORD_BITS):
            matrix = (stage[WEIGHT] + 4 * (k * units + c), 4 * units)
            for i in range(r0, r1):
                row, out = x + 4 * i * inputs, stage[Z] + 4 * (i * units + c)
                sums = (scratch + 4 * (c - c0) if k == 0 else out, out)
                bits = (bitmap(table, row, inputs) + WORD_BYTES * (k // WORD_BITS), WORD_BYTES, 1)
                add_terms((vectors, last), bits, (row + k, 1), scales, matrix, sums)
        c += (vectors - 1) * WIDTH + last


@compiled
def transpose_bits(marks):
    """Bit k of word i = bit i of word k, by exchanging halves, then quarters of each half, and so on."""
    width = np.uint64(WORD_BITS // 2)
    pattern = (np.uint64(1) << width) - np.uint64(1)
    while width != NOTHING:
        distance = np.int64(width)
        for i in range(0, WORD_BITS, 2 * distance):
            for j in range(i, i + distance):
                change = ((marks[j] >> width) ^ marks[j + distance]) & pattern
                marks[j + distance] ^= change
                marks[j] ^= change << width
        width >>= np.uint64(1)
        pattern ^= pattern << width


@compiled
def mark_columns(table, x, rows, inputs, k, out):
    """Bitmaps of the columns from `k` to the end of its word: for each `WORD_BITS` rows, a word for each column."""
    for r in range(0, rows, WORD_BITS):
        marks = bitmaps(out + WORD_BYTES * r, WORD_BITS)
        for i in range(WORD_BITS):
            own = bitmap(table, x + 4 * (r + i) * inputs, inputs) + WORD_BYTES * (k // WORD_BITS)
            marks[i] = bitmaps(own, 1)[0] if r + i < rows else NOTHING
        transpose_bits(marks)


@kernel(SPARSE_BACKWARD)
def backward(table_address, stage_address, x, rows, k0, k1, function, state_stride, constants, scratch):
    """Gradients of the weights of inputs `k0` to `k1`, and their update."""
    table, stage = words(table_address, BITMAPS_FIELDS), words(stage_address, FIELDS)
    inputs, units, scales = stage[INPUTS], stage[UNITS], table[SCALES]
    groups = (rows + WORD_BITS - 1) // WORD_BITS
    starts, marks = scratch, scratch + 4 * units
    tile = marks + WORD_BYTES * WORD_BITS * groups
    begin(stage[D], rows, units, units, floats(scales + 4 * BYTES, 1)[0], starts)
    for word in range(k0 // WORD_BITS * WORD_BITS, k1, WORD_BITS):
        mark_columns(table, x, rows, inputs, word, marks)
        first, last = max(k0, word), min(k1, word + WORD_BITS)
        gradient = stage[WEIGHT_GRADIENT] + 4 * first * units if function == 0 else tile
        c = 0
        while c < units:
            vectors, numbers = tile_vectors(units - c)
            for k in range(first, last):
                sums = (starts + 4 * c, gradient + 4 * ((k - first) * units + c))
                bits = (marks + WORD_BYTES * (k - word), WORD_BYTES * WORD_BITS, groups)
                add_terms((vectors, numbers), bits, (x + k, 4 * inputs), scales, (stage[D] + 4 * c, 4 * units), sums)
            c += (vectors - 1) * WIDTH + numbers
        weight, count = stage[WEIGHT] + 4 * first * units, (last - first) * units
        if stage[PENALTY] != 0:
            penalize(stage, weight, gradient, count)
        if function != 0:
            state = stage[WEIGHT_STATE] + 4 * first * units
            call_update(function, (weight, gradient, state, state_stride, count, constants))
