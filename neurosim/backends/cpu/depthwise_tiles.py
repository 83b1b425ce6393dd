"""The innermost loops of depthwise convolutions, over channels whose maps lie one behind the other.

Each channel has its own kernel, so a tile has a few positions of a single channel: at every tap one weight times the
lines of all positions. Channels follow each other inside the tile, so that a call is worth its while.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from neurosim.backends.cpu.memory import intrinsic
from neurosim.backends.cpu.vectors import (
    FLOAT,
    LINE,
    LINE_VECTOR,
    VECTOR,
    branches,
    broadcast,
    load,
    multiply_add,
    offset,
    store,
    sums_of,
)

# Positions in a tile, at most; and rows and columns of taps in one of a gradient.
POSITIONS = 8
TAPS = 3
_WORD = types.intp


@intrinsic
def depthwise_tile(typingctx: Any, size: Any, source: Any, weight: Any, bias: Any, out: Any, channels: Any) -> Any:
    """`size` (positions, 1) outputs of each of some channels, in one part of the lanes.

    The other arguments are ``(source, plane, line, tap, step)``, ``(weight, rows, taps)``, `bias`, ``(out, pitch)``,
    and the number of channels. Output number p of channel c is ``bias[c]`` plus, for each of `rows` rows and `taps`
    taps, the line at ``source + c * plane + row * line + t * tap + p * step`` times the channel's next weight; it goes
    to line number c at ``out + p * pitch``.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, plane, line, tap, step = cgutils.unpack_tuple(builder, arguments[1], 5)
        weight, rows, taps = cgutils.unpack_tuple(builder, arguments[2], 3)
        out, pitch = cgutils.unpack_tuple(builder, arguments[4], 2)
        cells = builder.mul(rows, taps)
        for positions, _ in branches(builder, arguments[0], [(count, 1) for count in range(1, POSITIONS + 1)]):
            sums = sums_of(builder, positions, 1)
            steps = [offset(builder, ir.Constant(step.type, 0), step, p) for p in range(positions)]
            with cgutils.for_range(builder, arguments[5]) as channel:
                number = load(builder, offset(builder, arguments[3], 4, channel.index), FLOAT)
                for place in sums.values():
                    builder.store(broadcast(builder, number), place)
                map_at = offset(builder, source, plane, channel.index)
                numbers = offset(builder, weight, builder.mul(cells, ir.Constant(cells.type, 4)), channel.index)
                with cgutils.for_range(builder, rows) as row:
                    row_at = offset(builder, map_at, line, row.index)
                    of_row = offset(builder, numbers, builder.mul(taps, ir.Constant(taps.type, 4)), row.index)
                    with cgutils.for_range(builder, taps) as t:
                        at = offset(builder, row_at, tap, t.index)
                        number = broadcast(builder, load(builder, offset(builder, of_row, 4, t.index), FLOAT))
                        for p, place in enumerate(sums.values()):
                            cell = load(builder, builder.add(at, steps[p]), VECTOR)
                            builder.store(multiply_add(builder, cell, number, builder.load(place)), place)
                first = offset(builder, out, LINE, channel.index)
                for p, place in enumerate(sums.values()):
                    store(builder, builder.load(place), offset(builder, first, pitch, p))
        return context.get_dummy_value()

    pair, three, five = (types.UniTuple(_WORD, number) for number in (2, 3, 5))
    return types.void(pair, five, three, _WORD, pair, _WORD), codegen


@intrinsic
def depthwise_gradient_tile(typingctx: Any, size: Any, left: Any, right: Any, counts: Any, out: Any) -> Any:
    """Sums of products over positions for `size` (rows, columns) of taps, in one part of the lanes.

    The other arguments are ``(left, left_row, left_step, down, across)``, ``(right, right_row, right_step)``, ``(rows,
    count)`` and `out`. The lines on the left of tap (i, j) are at ``left + row * left_row + k * left_step + i * down +
    j * across`` for `rows` rows and `count` steps each, those on the right alike, without taps; the sums go to line
    number ``i * columns + j`` of `out`.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, left_row, left_step, down, across = cgutils.unpack_tuple(builder, arguments[1], 5)
        right, right_row, right_step = cgutils.unpack_tuple(builder, arguments[2], 3)
        rows, count = cgutils.unpack_tuple(builder, arguments[3], 2)
        sizes = [(high, wide) for high in range(1, TAPS + 1) for wide in range(1, TAPS + 1)]
        for high, wide in branches(builder, arguments[0], sizes):
            sums = sums_of(builder, high, wide)
            for place in sums.values():
                builder.store(ir.Constant(VECTOR, None), place)
            taps = [offset(builder, offset(builder, left, down, i), across, j) for i, j in sums]
            with cgutils.for_range(builder, rows) as row:
                first = offset(builder, ir.Constant(left_row.type, 0), left_row, row.index)
                second = offset(builder, right, right_row, row.index)
                with cgutils.for_range(builder, count) as k:
                    at = offset(builder, first, left_step, k.index)
                    slope = load(builder, offset(builder, second, right_step, k.index), VECTOR)
                    for tap, place in zip(taps, sums.values(), strict=True):
                        cell = load(builder, builder.add(tap, at), VECTOR)
                        builder.store(multiply_add(builder, cell, slope, builder.load(place)), place)
            for k, place in enumerate(sums.values()):
                store(builder, builder.load(place), offset(builder, arguments[4], LINE, k))
        return context.get_dummy_value()

    pair, three, five = (types.UniTuple(_WORD, number) for number in (2, 3, 5))
    return types.void(pair, five, three, pair, _WORD), codegen


@intrinsic
def copy_cell(typingctx: Any, source: Any, target: Any, plane: Any, groups: Any, own: Any) -> Any:
    """Copy `own` lines of each of some groups, which are adjacent, to places `plane` bytes apart."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, target, plane, groups, own = arguments
        with cgutils.for_range(builder, groups) as group:
            first = offset(builder, source, builder.mul(own, ir.Constant(own.type, LINE)), group.index)
            into = offset(builder, target, plane, group.index)
            with cgutils.for_range(builder, own) as k:
                line = load(builder, offset(builder, first, LINE, k.index), LINE_VECTOR)
                store(builder, line, offset(builder, into, LINE, k.index))
        return context.get_dummy_value()

    return types.void(*[_WORD] * 5), codegen


@intrinsic
def clear_cell(typingctx: Any, target: Any, plane: Any, groups: Any, own: Any) -> Any:
    """Zeros in such places."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, plane, groups, own = arguments
        with cgutils.for_range(builder, groups) as group:
            into = offset(builder, target, plane, group.index)
            with cgutils.for_range(builder, own) as k:
                store(builder, ir.Constant(LINE_VECTOR, None), offset(builder, into, LINE, k.index))
        return context.get_dummy_value()

    return types.void(*[_WORD] * 4), codegen
