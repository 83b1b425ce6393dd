"""Depthwise convolutions with an output for each channel: a map and a kernel of each channel's own.

Of a cell such a group has a single line, and all channels lie between it and the line of the next cell. So a few
channels are copied first, as many rows at a time as stay in cache, each to a map of its own with the border of zeros
that the kernel reaches.
"""

from __future__ import annotations

from neurosim.backends.cpu.depthwise_tiles import POSITIONS, TAPS, depthwise_gradient_tile, depthwise_tile
from neurosim.backends.cpu.gradient_blocks import BLOCK, TOGETHER
from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.map_copies import copy_part
from neurosim.backends.cpu.map_tiles import sum_of_line
from neurosim.backends.cpu.memory import floats
from neurosim.backends.cpu.vectors import LANES, LINE, PART, linked, stack_lines

MOST_SUMS = TAPS * TAPS


def rows_at_once(columns: int, step: int) -> int:
    """How many rows of an output are computed before the next channels; their copies have so many columns."""
    return max(BLOCK // (TOGETHER * LINE * step * max(columns, 1)), 1)


def copied(outputs: int, step: int, taps: int, apart: int) -> int:
    """How many cells in a line some outputs see."""
    return max(0, (outputs - 1) * step + (taps - 1) * apart + 1)


def copy_floats(rows: int, count: int, step: tuple[int, int], taps: tuple[int, int], apart: tuple[int, int]) -> int:
    """How many numbers of scratch memory `depthwise_correlate` needs at most for so many rows and columns, or fewer."""
    columns, reach = copied(count, step[1], taps[1], apart[1]), copied(1, step[0], taps[0], apart[0])
    cells = BLOCK // (TOGETHER * LINE) + reach * columns
    return TOGETHER * min(copied(rows, step[0], taps[0], apart[0]) * columns, cells) * LANES


block_of = compiled(rows_at_once)
copied_of = compiled(copied)


@linked(13)
def depthwise(positions, source, plane, line, tap, step, weight, rows, taps, bias, out, pitch, channels):
    """`depthwise_tile` for all the lanes."""
    for part in range(0, LINE, PART):
        places = (source + part, plane, line, tap, step)
        depthwise_tile((positions, 1), places, (weight, rows, taps), bias, (out + part, pitch), channels)


@compiled
def depthwise_correlate(shape, source, packed, taps, apart, first, step, bias, count, out, rows, scratch):
    """As `spread_conv2d.correlate`, with as many groups as channels; `scratch` has `copy_floats` numbers."""
    channels, cells = shape[2], taps[0] * taps[1]
    columns = copied_of(count, step[1], taps[1], apart[1])
    line = columns * LINE
    block = block_of(columns, step[0])
    # Tiles are of about the same size.
    tiles = (count + POSITIONS - 1) // POSITIONS
    for begin in range(rows[0], rows[1], block):
        end = min(begin + block, rows[1])
        high = copied_of(end - begin, step[0], taps[0], apart[0])
        part = (first[0] + begin * step[0], high, first[1], columns)
        for c in range(0, channels, TOGETHER):
            stop = min(c + TOGETHER, channels)
            copy_part(shape, source, 1, part, (c, stop), scratch)
            for j in range(begin, end):
                row = scratch + (j - begin) * step[0] * line
                for tile in range(tiles):
                    i, after = tile * count // tiles, (tile + 1) * count // tiles
                    places = (row + i * step[1] * LINE, high * line, apart[0] * line, apart[1] * LINE, step[1] * LINE)
                    target = out[0] + j * out[1] + i * out[2] + c * LINE
                    numbers = (packed + 4 * c * cells, taps[0], taps[1], bias + 4 * c)
                    depthwise((after - i, *places, *numbers, target, out[2], stop - c))


@linked(16)
def depthwise_gradient(
    high, wide, x, x_row, x_step, down, across, dz, dz_row, dz_step, rows, count, out, row, tap, new
):
    """Add the sums of a tile over positions and lanes to the gradient of `high` x `wide` taps, or write them.

    The gradients of two rows of taps are `row` numbers apart, those of two taps `tap`.
    """
    lines = stack_lines(MOST_SUMS)
    for part in range(0, LINE, PART):
        left, right = (x + part, x_row, x_step, down, across), (dz + part, dz_row, dz_step)
        depthwise_gradient_tile((high, wide), left, right, (rows, count), lines + part)
    for i in range(high):
        for j in range(wide):
            total = sum_of_line(lines + (i * wide + j) * LINE)
            gradient = floats(out + 4 * (i * row + j * tap), 1)
            gradient[0] = total if new else gradient[0] + total


@compiled
def add_depthwise_gradient(kernel, channels, x, dz, dweight, sizes, overwrite, rows_of_taps):
    """Add the gradients of one channel's weights in ``rows_of_taps[0]`` to ``rows_of_taps[1]``, or write them.

    `kernel` is (height, width), `x` (address of the channel's copied map, bytes from one output row to the next, from
    one position to the next, from one row of taps to the next, from one tap to the next), `dz` that of its copied
    gradient, `sizes` the (rows, columns) of that.
    """
    source, x_row, x_step, down, across = x
    for i in range(rows_of_taps[0], rows_of_taps[1], TAPS):
        high = min(TAPS, rows_of_taps[1] - i)
        for j in range(0, kernel[1], TAPS):
            wide = min(TAPS, kernel[1] - j)
            places = (source + i * down + j * across, x_row, x_step, down, across, dz, sizes[1] * LINE, LINE)
            out = dweight + 4 * (i * kernel[1] + j) * channels
            depthwise_gradient((high, wide, *places, *sizes, out, kernel[1] * channels, channels, overwrite))
