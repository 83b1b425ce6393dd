"""Products of larger matrices: one operand in panels, the result in tiles. Compiled only for networks that need it.

The bits are those of three plain loops with one fused multiply-add a term, see `product_tiles`.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled, kernel
from neurosim.backends.cpu.memory import PRODUCT, floats
from neurosim.backends.cpu.product_tiles import (
    BLOCK,
    COLUMNS,
    HEIGHTS,
    TALLEST,
    pack_lines,
    product_tile,
    transpose_block,
)
from neurosim.backends.cpu.vectors import LANES, WIDTH, stack_lines

# The most values of k in a panel: with the rows that it is multiplied by, it stays in the level-1 cache.
DEPTH = 256
PANEL_LINES = DEPTH * COLUMNS // LANES
ZERO = np.float32(0)


@compiled
def tile_height(left):
    """The number of rows of the next tile, of `left` ones."""
    for height in HEIGHTS:
        if height <= left:
            return height
    return 1


@compiled
def pack_transposed(source, stride, columns, depth, width, panel):
    """Line k of the panel = number k of each of `columns` rows of the source, then zeros up to `width`."""
    target = floats(panel, depth * width)
    whole, deep = columns // BLOCK * BLOCK, depth // BLOCK * BLOCK
    for j in range(0, whole, BLOCK):
        for k in range(0, deep, BLOCK):
            transpose_block(source + 4 * (j * stride + k), 4 * stride, panel + 4 * (k * width + j), 4 * width)
    for j in range(columns):
        row = floats(source + 4 * j * stride, depth)
        for k in range(deep if j < whole else 0, depth):
            target[k * width + j] = row[k]
    for j in range(columns, width):
        for k in range(depth):
            target[k * width + j] = ZERO


@kernel(PRODUCT)
def product(rows, columns, inner, left, row, step, right, stride, transposed, out, out_stride):
    """out = left @ right, or left @ right.T if `transposed`.

    Strides are in numbers; those of the left operand are from row to row and from one k to the next, and one of
    them is 1.
    """
    panel = stack_lines(PANEL_LINES)
    blocks = (inner + DEPTH - 1) // DEPTH
    for c in range(0, columns, COLUMNS):
        width = min(COLUMNS, columns - c)
        vectors = (width + WIDTH - 1) // WIDTH
        last = width - (vectors - 1) * WIDTH
        for block in range(blocks):
            first, end = block * inner // blocks, (block + 1) * inner // blocks
            if transposed:
                source = right + 4 * (c * stride + first)
                pack_transposed(source, stride, width, end - first, vectors * WIDTH, panel)
            else:
                pack_lines((vectors, last), (right + 4 * (first * stride + c), 4 * stride), end - first, panel)
            i = 0
            while i < rows:
                height = TALLEST if rows - i >= TALLEST else tile_height(rows - i)
                numbers = (left + 4 * (i * row + first * step), 4 * row, 4 * step)
                sums = (out + 4 * (i * out_stride + c), 4 * out_stride, last, np.int64(block == 0))
                product_tile((height, vectors), numbers, panel, end - first, sums)
                i += height
