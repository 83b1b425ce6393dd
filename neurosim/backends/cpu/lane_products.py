"""Products of the matrices of many networks side by side, in tiles that stay in registers.

Compiled only for ensembles of networks that are large enough for them. The bits are those of the loops in `lanes`:
every number is one sum over k, from first to last, with one fused multiply-add a term.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils

from neurosim.backends.cpu.jit import kernel
from neurosim.backends.cpu.memory import LANE_PRODUCT, intrinsic
from neurosim.backends.cpu.vectors import (
    LINE,
    PART,
    REGISTERS,
    VECTOR,
    branches,
    load,
    multiply_add,
    offset,
    store,
    sums_of,
)

# Vectors in a line of lanes.
_PARTS = LINE // PART
# Rows and columns of a tile: its sums, a row's factors and one vector more are in registers.
TALLEST = 2
WIDEST = max(1, (REGISTERS - 2 * _PARTS) // (TALLEST * _PARTS))
SIZES = [(height, width) for height in range(1, TALLEST + 1) for width in range(1, WIDEST + 1)]


@intrinsic
def lane_tile(typingctx: Any, size: Any, left: Any, right: Any, count: Any, out: Any) -> Any:
    """`size` (rows, columns) lines of a product, over `count` values of k.

    The other arguments are ``(left, row, step)``, ``(right, step, column)``, `count` and ``(out, pitch, column)``, all
    strides in bytes: line (i, k) of the left operand is at ``left + i * row + k * step``, line (k, j) of the right one
    at ``right + k * step + j * column``. The sums are added to what is at ``out + i * pitch + j * column``.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, row, left_step = cgutils.unpack_tuple(builder, arguments[1], 3)
        right, right_step, right_column = cgutils.unpack_tuple(builder, arguments[2], 3)
        out, pitch, out_column = cgutils.unpack_tuple(builder, arguments[4], 3)
        for height, width in branches(builder, arguments[0], SIZES):
            sums = sums_of(builder, height, width * _PARTS)
            places = {
                (i, j * _PARTS + p): offset(builder, offset(builder, out, pitch, i), out_column, j, p * PART)
                for i in range(height)
                for j in range(width)
                for p in range(_PARTS)
            }
            for key, place in sums.items():
                builder.store(load(builder, places[key], VECTOR), place)
            rows = [offset(builder, left, row, i) for i in range(height)]
            columns = [offset(builder, right, right_column, j) for j in range(width)]
            with cgutils.for_range(builder, arguments[3]) as k:
                factors = [
                    [load(builder, offset(builder, start, left_step, k.index, p * PART), VECTOR) for p in range(_PARTS)]
                    for start in rows
                ]
                for j, start in enumerate(columns):
                    for p in range(_PARTS):
                        other = load(builder, offset(builder, start, right_step, k.index, p * PART), VECTOR)
                        for i in range(height):
                            place = sums[i, j * _PARTS + p]
                            builder.store(multiply_add(builder, factors[i][p], other, builder.load(place)), place)
            for key, place in sums.items():
                store(builder, builder.load(place), places[key])
        return context.get_dummy_value()

    word = types.intp
    pair, three = (types.UniTuple(word, number) for number in (2, 3))
    return types.void(pair, three, three, word, three), codegen


@kernel(LANE_PRODUCT)
def product(rows, columns, inner, lanes, left, row, left_step, right, right_step, right_column, out):
    """out[i, j] += sum over k of left[i, k] * right[k, j], for each of `lanes` networks, a multiple of 16.

    Strides are in numbers of one network; those of `out` are (columns, 1).
    """
    size = 4 * lanes
    for line in range(lanes // 16):
        at = LINE * line
        i = 0
        while i < rows:
            height = min(TALLEST, rows - i)
            j = 0
            while j < columns:
                width = min(WIDEST, columns - j)
                lane_tile(
                    (height, width),
                    (left + at + i * row * size, row * size, left_step * size),
                    (right + at + j * right_column * size, right_step * size, right_column * size),
                    inner,
                    (out + at + (i * columns + j) * size, columns * size, size),
                )
                j += width
            i += height
