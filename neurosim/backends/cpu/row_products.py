"""Products of the matrices of a single small network, in tiles that stay in registers.

As in `product_tiles`, but such matrices are too small to be packed first: the operand that is read by vectors is read
where it is. Every number is one sum over k, from first to last, with one fused multiply-add a term.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from neurosim.backends.cpu.jit import kernel_on_demand, scalar
from neurosim.backends.cpu.memory import LANE_SUMS, floats, intrinsic, words
from neurosim.backends.cpu.product_tiles import masked_load, masked_store, places_below
from neurosim.backends.cpu.table import (
    BIAS,
    BIAS_GRADIENT,
    DX,
    FIELDS,
    HAS_BIAS,
    INPUTS,
    LATE_BIAS,
    PACKED_TRANSPOSED,
    UNITS,
    WEIGHT,
    WEIGHT_GRADIENT,
    D,
    Z,
)
from neurosim.backends.cpu.vectors import FLOAT, VECTOR, WIDTH, broadcast, load, multiply_add, offset

# Rows of a tile, where there are so many.
HEIGHT = 4


@intrinsic
def row_tile(typingctx: Any, height: Any, left: Any, right: Any, count: Any, out: Any, column_sums: Any) -> Any:
    """`height` rows (a constant) of up to `WIDTH` columns of a product, over `count` values of k.

    The other arguments are ``(left, row, step)``, ``(right, stride)``, `count` and ``(start, out, pitch, last)``, all
    strides in bytes: number (i, k) of the left operand is at ``left + i * row + k * step``, the `last` numbers of row k
    of the right one at ``right + k * stride``. The sums of each row begin with what is at `start`, those of row i go to
    ``out + i * pitch``. The sums over the right operand's columns go to the address `column_sums`, unless it is None.
    """
    if not isinstance(height, types.IntegerLiteral):
        return None
    adds_up = column_sums != types.none

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, row, step = cgutils.unpack_tuple(builder, arguments[1], 3)
        right, stride = cgutils.unpack_tuple(builder, arguments[2], 2)
        start, out, pitch, last = cgutils.unpack_tuple(builder, arguments[4], 4)
        mask = places_below(builder, last)
        zeros = ir.Constant(VECTOR, None)
        sums = [masked_load(builder, start, mask)] * height.literal_value + [zeros] * adds_up
        # Without a count, which would only lead LLVM to unroll a loop of a few turns.
        end = offset(builder, right, stride, arguments[3])
        before, turn, after = builder.block, *(builder.append_basic_block(name) for name in ("turn", "after"))
        builder.cbranch(builder.icmp_signed("==", right, end), after, turn)
        builder.position_at_end(turn)
        numbers, lines, *totals = [builder.phi(value.type) for value in (left, right, *sums)]
        line = masked_load(builder, lines, mask)
        following = [builder.add(numbers, step), builder.add(lines, stride)]
        for i in range(height.literal_value):
            number = broadcast(builder, load(builder, offset(builder, numbers, row, i), FLOAT))
            following.append(multiply_add(builder, number, line, totals[i]))
        if adds_up:
            following.append(builder.fadd(totals[-1], line))
        for phi, first, then in zip((numbers, lines, *totals), (left, right, *sums), following, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(then, turn)
        builder.cbranch(builder.icmp_signed("==", following[1], end), after, turn)
        builder.position_at_end(after)
        results = []
        for first, then in zip(sums, following[2:], strict=True):
            results.append(builder.phi(VECTOR))
            results[-1].add_incoming(first, before)
            results[-1].add_incoming(then, turn)
        for i in range(height.literal_value):
            masked_store(builder, results[i], offset(builder, out, pitch, i), mask)
        if adds_up:
            masked_store(builder, results[-1], arguments[5], mask)
        return context.get_dummy_value()

    word = types.intp
    two, three, four = (types.UniTuple(word, number) for number in (2, 3, 4))
    return types.void(height, three, two, word, four, column_sums), codegen


@scalar
def multiply(rows, columns, inner, left, row, step, right, stride, start, out, column_sums):
    """out[i, j] = start[j] + sum over k of left[i, k] * right[k, j].

    Strides are in numbers; those of `out` are (columns, 1), as those of the right operand are (stride, 1). The sums of
    right[k, j] over k go to `column_sums`, unless it is None.
    """
    pitch = 4 * columns
    for c in range(0, columns, WIDTH):
        last = min(WIDTH, columns - c)
        source, begin, place = (right + 4 * c, 4 * stride), start + 4 * c, out + 4 * c
        totals = column_sums if column_sums is None else column_sums + 4 * c
        if rows >= HEIGHT:
            i = 0
            while i < rows:
                # The last tile may repeat some rows of the one before.
                i = min(i, rows - HEIGHT)
                numbers = (left + 4 * i * row, 4 * row, 4 * step)
                row_tile(HEIGHT, numbers, source, inner, (begin, place + i * pitch, pitch, last), totals)
                i += HEIGHT
        else:
            for i in range(rows):
                numbers = (left + 4 * i * row, 4 * row, 4 * step)
                row_tile(1, numbers, source, inner, (begin, place + i * pitch, pitch, last), totals)


@kernel_on_demand(LANE_SUMS)
def forward(address, x, rows, lanes, zeros, spare):
    """z[i, j] = bias[j] + sum over k of x[i, k] weight[k, j]; a late bias is left to the activation."""
    stage = words(address, FIELDS)
    inputs, units = stage[INPUTS], stage[UNITS]
    start = zeros if stage[LATE_BIAS] else stage[BIAS]
    multiply(rows, units, inputs, x, inputs, 1, stage[WEIGHT], units, start, stage[Z], None)


@kernel_on_demand(LANE_SUMS)
def backward(address, x, rows, lanes, zeros, spare):
    """The gradients of weights and biases and, where it is wanted, of the inputs."""
    stage = words(address, FIELDS)
    inputs, units = stage[INPUTS], stage[UNITS]
    bias = stage[BIAS_GRADIENT] if stage[HAS_BIAS] else spare
    multiply(inputs, units, rows, x, 1, inputs, stage[D], units, zeros, stage[WEIGHT_GRADIENT], bias)
    if stage[DX] != 0:
        columns = stage[WEIGHT]
        if units > 1:
            columns = stage[PACKED_TRANSPOSED]
            weight, transposed = floats(stage[WEIGHT], inputs * units), floats(columns, inputs * units)
            for k in range(inputs):
                for j in range(units):
                    transposed[j * inputs + k] = weight[k * units + j]
        multiply(rows, inputs, units, stage[D], units, 1, columns, inputs, zeros, stage[DX], None)
