"""The innermost loops of convolutions: tiles of sums that stay in registers.

A number of a feature map is a line of `LANES` float32, one for each sample of a group, so every
multiply-add works on a whole line, whatever the number of channels. A tile is a few lines of one operand times a few
numbers (or lines) of the other; all its sums stay in registers while the loops run. A processor with shorter registers
has other tiles, which changes no sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from neurosim.backends.cpu.memory import intrinsic
from neurosim.backends.cpu.vectors import (
    FLOAT,
    INDEX,
    LANES,
    LINE,
    LINE_VECTOR,
    PART,
    REGISTERS,
    VECTOR,
    WORD,
    branches,
    broadcast,
    load,
    multiply_add,
    offset,
    store,
    sums_of,
)

# Widths of tiles, in numbers of the operand that is read at adjacent places, and how many lines of the
# other operand fit: a sum takes one register, a line another, and one is left for the first operand.
TILES = {8: 3, 6: 4, 4: 5, 2: 8, 1: 8} if REGISTERS == 32 else {6: 2, 4: 3, 2: 5, 1: 7}
# The same for products of two lines, which take all parts at once: if they have to wait for memory, the fewer lines
# they read the better.
_SUMS = REGISTERS * PART // LINE
LINE_TILES = TILES if _SUMS == 32 else {3: 2, 2: 3, 1: 5} if _SUMS == 8 else {2: 1, 1: 2}


def _add_products(builder: Any, sums: dict[tuple[int, int], Any], lines: list[Any], numbers: Iterable[Any]) -> None:
    """Add the product of each of `lines` and each of `numbers` to the sum of the two."""
    for j, number in enumerate(numbers):
        for i, line in enumerate(lines):
            place = sums[i, j]
            builder.store(multiply_add(builder, line, number, builder.load(place)), place)


def _sizes(tiles: dict[int, int]) -> list[tuple[int, int]]:
    """All (lines, numbers) of tiles: as many lines as fit, and fewer for what is left at the end."""
    return [
        (lines, numbers) for numbers, most in tiles.items() for lines in sorted({most, *range(1, min(3, most) + 1)})
    ]


def _add_lines(
    builder: Any, sums: dict[tuple[int, int], Any], starts: list[Any], weights: Any, count: Any, channels: int
) -> None:
    """Add `count` adjacent lines of each position times as many groups of adjacent weights."""
    with cgutils.for_range(builder, count) as k:
        lines = [load(builder, offset(builder, start, LINE, k.index), VECTOR) for start in starts]
        group = offset(builder, weights, 4 * channels, k.index)
        numbers = (load(builder, offset(builder, group, 4, c), FLOAT) for c in range(channels))
        _add_products(builder, sums, lines, (broadcast(builder, number) for number in numbers))


def _begin_with(builder: Any, sums: dict[tuple[int, int], Any], bias: Any) -> None:
    """All sums begin with the bias of their channel."""
    for (_, c), place in sums.items():
        number = load(builder, offset(builder, bias, 4, c), FLOAT)
        builder.store(broadcast(builder, number), place)


def _put_out(builder: Any, sums: dict[tuple[int, int], Any], out: Any, pitch: Any) -> None:
    """Store the sums of each position, `pitch` bytes from one position to the next."""
    for (p, c), place in sums.items():
        at = offset(builder, offset(builder, out, pitch, p), LINE, c)
        store(builder, builder.load(place), at)


@intrinsic
def correlation_tile(typingctx: Any, size: Any, source: Any, weight: Any, bias: Any, out: Any) -> Any:
    """`size` (positions, channels) outputs of a convolution, in one part of the lanes.

    The other arguments are ``(source, line, step)``, ``(weight, band, rows, count)``, `bias` and
    ``(out, pitch)``. Output number p is the bias plus, for each of `rows` rows, `count` lines of the
    source, at ``source + row * line + p * step``, times as many groups of adjacent weights, at
    ``weight + row * band``; it goes to ``out + p * pitch``, channel by channel.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, line, step = cgutils.unpack_tuple(builder, arguments[1], 3)
        weight, band, rows, count = cgutils.unpack_tuple(builder, arguments[2], 4)
        out, pitch = cgutils.unpack_tuple(builder, arguments[4], 2)
        for positions, channels in branches(builder, arguments[0], _sizes(TILES)):
            sums = sums_of(builder, positions, channels)
            _begin_with(builder, sums, arguments[3])
            with cgutils.for_range(builder, rows) as row:
                first = offset(builder, source, line, row.index)
                starts = [offset(builder, first, step, p) for p in range(positions)]
                weights = offset(builder, weight, band, row.index)
                _add_lines(builder, sums, starts, weights, count, channels)
            _put_out(builder, sums, out, pitch)
        return context.get_dummy_value()

    word = types.intp
    pair, three, four = (types.UniTuple(word, number) for number in (2, 3, 4))
    return types.void(pair, three, four, word, pair), codegen


@intrinsic
def spread_correlation_tile(typingctx: Any, size: Any, source: Any, weight: Any, bias: Any, out: Any) -> Any:
    """As `correlation_tile`, with cells under the kernel that are apart from each other.

    The arguments that differ are ``(source, line, tap, step)`` and ``(weight, band, rows, taps, count)``. For each of
    `rows` rows there are `taps` times `count` lines, at ``source + row * line + p * step + t * tap``, and the weights
    of all taps of a row are adjacent.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, line, tap, step = cgutils.unpack_tuple(builder, arguments[1], 4)
        weight, band, rows, taps, count = cgutils.unpack_tuple(builder, arguments[2], 5)
        out, pitch = cgutils.unpack_tuple(builder, arguments[4], 2)
        for positions, channels in branches(builder, arguments[0], _sizes(TILES)):
            sums = sums_of(builder, positions, channels)
            _begin_with(builder, sums, arguments[3])
            with cgutils.for_range(builder, rows) as row:
                first = offset(builder, source, line, row.index)
                of_row = offset(builder, weight, band, row.index)
                with cgutils.for_range(builder, taps) as t:
                    at = offset(builder, first, tap, t.index)
                    starts = [offset(builder, at, step, p) for p in range(positions)]
                    weights = offset(builder, of_row, builder.mul(count, ir.Constant(WORD, 4 * channels)), t.index)
                    _add_lines(builder, sums, starts, weights, count, channels)
            _put_out(builder, sums, out, pitch)
        return context.get_dummy_value()

    word = types.intp
    pair, four, five = (types.UniTuple(word, number) for number in (2, 4, 5))
    return types.void(pair, four, five, word, pair), codegen


@intrinsic
def gradient_tile(typingctx: Any, size: Any, left: Any, right: Any, counts: Any, out: Any) -> Any:
    """Sums of `size` (adjacent lines on the left) x (adjacent lines on the right).

    The other arguments are ``(left, left_row, left_step)``, ``(right, right_row, right_step)``,
    ``(rows, count)`` and `out`. The lines on the left are at ``left + row * left_row + k * left_step``
    for `rows` rows and `count` steps each, those on the right alike; the sums of lines i and j go to
    line number ``i * channels + j`` of `out`.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, left_row, left_step = cgutils.unpack_tuple(builder, arguments[1], 3)
        right, right_row, right_step = cgutils.unpack_tuple(builder, arguments[2], 3)
        rows, count = cgutils.unpack_tuple(builder, arguments[3], 2)
        for inputs, channels in branches(builder, arguments[0], _sizes(LINE_TILES)):
            parts = {part: sums_of(builder, inputs, channels) for part in range(0, LINE, PART)}
            for sums in parts.values():
                for place in sums.values():
                    builder.store(ir.Constant(VECTOR, None), place)
            with cgutils.for_range(builder, rows) as row:
                first = offset(builder, left, left_row, row.index)
                second = offset(builder, right, right_row, row.index)
                with cgutils.for_range(builder, count) as k:
                    for part, sums in parts.items():
                        start = offset(builder, first, left_step, k.index)
                        lines = [load(builder, offset(builder, start, LINE, i, part), VECTOR) for i in range(inputs)]
                        start = offset(builder, second, right_step, k.index)
                        others = (load(builder, offset(builder, start, LINE, j, part), VECTOR) for j in range(channels))
                        _add_products(builder, sums, lines, others)
            for part, sums in parts.items():
                for (i, j), place in sums.items():
                    at = offset(builder, arguments[4], LINE, i * channels + j, part)
                    store(builder, builder.load(place), at)
        return context.get_dummy_value()

    word = types.intp
    pair, three = (types.UniTuple(word, number) for number in (2, 3))
    return types.void(pair, three, three, pair, word), codegen


@intrinsic
def sum_of_line(typingctx: Any, address: Any) -> Any:
    """The sum of a line's numbers: halves are added until a single number is left."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = load(builder, arguments[0], LINE_VECTOR)
        width = LANES
        while width > 1:
            width //= 2
            kind = ir.VectorType(INDEX, width)
            halves = [
                builder.shuffle_vector(value, value, ir.Constant(kind, [start + i for i in range(width)]))
                for start in (0, width)
            ]
            value = builder.fadd(*halves)
        return builder.extract_element(value, ir.Constant(INDEX, 0))

    return types.float32(types.intp), codegen
