"""Gradients of the weights of convolutions with groups or a dilation.

What some output rows see of a few groups is copied first, with its border of zeros, so that the maps of a group lie
together. The sums are over positions, row by row of a block of rows, then over the lanes, then over blocks.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.conv2d import WIDEST, add_bias_gradient, copy_channels, gradient, line_tile_size, run_height
from neurosim.backends.cpu.cutting import share
from neurosim.backends.cpu.depthwise import add_depthwise_gradient
from neurosim.backends.cpu.depthwise_tiles import copy_cell
from neurosim.backends.cpu.gradient_blocks import SpreadGeometry, groups_together, rows_of_spread_block, size_of_copy
from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.map_copies import copy_part
from neurosim.backends.cpu.vectors import LANES, LINE

together_of = compiled(groups_together)
block_of = compiled(rows_of_spread_block)
copy_size = compiled(size_of_copy)


def gradient_floats(geometry: SpreadGeometry) -> int:
    """How many numbers of scratch memory `conv_weight_gradient` needs."""
    _, _, channels, out_height, out_width, out_channels, *_, groups = geometry
    rows = min(rows_of_spread_block(geometry), out_height)
    height, width = size_of_copy(geometry, rows)
    own, made = channels // groups, out_channels // groups
    return groups_together(own, groups) * (height * width * own + rows * out_width * made) * LANES


@compiled
def copy_tiles(source, pitch, positions, tiles, made, target):
    """Copy the channels ``tiles[0]`` to ``tiles[1]`` of some positions so that those of each tile lie together."""
    numbers = line_tile_size(made)[1]
    if numbers == made:
        # All tiles are alike: a cell is read as a whole.
        count, plane = (tiles[1] - tiles[0]) // made, positions * made * LINE
        for p in range(positions):
            copy_cell(source + p * pitch + tiles[0] * LINE, target + p * made * LINE, plane, count, made)
        return
    c = tiles[0]
    while c < tiles[1]:
        numbers = line_tile_size(made - c % made)[1]
        copy_channels(source + c * LINE, pitch, positions, numbers, target + (c - tiles[0]) * positions * LINE)
        c += numbers


@compiled
def add_weight_gradient(geometry, x, dz, dweight, rows, overwrite, part):
    """Add the share of output rows ``rows[0]`` to ``rows[1]`` to the gradient of one group's weights, or write it.

    `x` is (address of the group's copied map, bytes of a row), `dz` the address of its copied tiles, `dweight` that of
    the weights of its first output channel. Of the pairs of a tile and a row of taps, ``part[0]`` to ``part[1]`` are
    chosen.
    """
    _, _, channels, _, out_width, out_channels, kernel_height, kernel_width, sy, sx, _, _, dy, dx, groups = geometry
    own, made = channels // groups, out_channels // groups
    source, line = x
    if own == 1 and made == 1:
        places, sizes = (source, sy * line, sx * LINE, dy * line, dx * LINE), (rows[1] - rows[0], out_width)
        add_depthwise_gradient((kernel_height, kernel_width), channels, places, dz, dweight, sizes, overwrite, part)
        return
    # The taps of a row are adjacent unless they are apart.
    runs = 1 if dx == 1 else kernel_width
    count = kernel_width * own if dx == 1 else own
    height = rows[1] - rows[0]
    c = np.int64(0)
    while c < made:
        most, numbers = line_tile_size(made - c)
        # The tiles of the rest, narrower than the others, are one of those that are counted.
        before = c // WIDEST * kernel_height
        others = (dz + c * height * out_width * LINE, out_width * numbers * LINE, numbers * LINE)
        for ky in range(max(0, part[0] - before), min(kernel_height, part[1] - before)):
            for kx in range(runs):
                first = source + ky * dy * line + kx * dx * own * LINE
                out = dweight + 4 * ((ky * kernel_width + kx) * own * out_channels + c)
                k = np.int64(0)
                while k < count:
                    lines = run_height(count - k, most)
                    inputs = (first + k * LINE, sy * line, sx * own * LINE)
                    sums = (height, out_width, out + 4 * k * out_channels, out_channels, overwrite)
                    gradient((lines, numbers, *inputs, *others, *sums))
                    k += lines
        c += numbers


@compiled
def conv_weight_gradient(geometry, x, dz, dweight, dbias, scratch, part):
    """The share of a group of samples in the gradients of weights and bias (none if `dbias` is 0), overwriting both.

    `scratch` is the address of `gradient_floats` numbers. Of the weights, those are chosen that are `part`, (number,
    parts), of all; the first part has the biases. The sums are over positions, row by row of a block of rows, then over
    the lanes, then over blocks.
    """
    height, width, channels, out_height, out_width, out_channels, kernel_height, _, sy, _, top, left = geometry[:12]
    groups = geometry[14]
    own, made, pitch = channels // groups, out_channels // groups, out_channels * LINE
    together = together_of(own, groups)
    pairs = (made + WIDEST - 1) // WIDEST * kernel_height
    chosen = share(part[0], part[1], (groups + together - 1) // together * pairs)
    block = block_of(geometry)
    for first in range(0, out_height, block):
        rows = (first, min(first + block, out_height))
        high, wide = copy_size(geometry, rows[1] - rows[0])
        line, size = wide * own * LINE, high * wide * own * LINE
        is_new, from_row = np.int64(first == 0), dz + first * out_width * pitch
        if dbias != 0 and part[0] == 0:
            add_bias_gradient(geometry[:12], dz, dbias, rows, is_new)
        for number in range((groups + together - 1) // together):
            of_these = max(0, chosen[0] - number * pairs), min(pairs, chosen[1] - number * pairs)
            if of_these[0] >= of_these[1]:
                continue
            begin, end = number * together, min(groups, (number + 1) * together)
            part_of_map = (rows[0] * sy - top, high, -left, wide)
            copy_part((height, width, channels), x, own, part_of_map, (begin, end), scratch)
            copies = scratch + (end - begin) * size
            positions = (rows[1] - rows[0]) * out_width
            copy_tiles(from_row, pitch, positions, (begin * made, end * made), made, copies)
            for g in range(begin, end):
                map_at, tiles_at = scratch + (g - begin) * size, copies + (g - begin) * made * positions * LINE
                target = dweight + 4 * g * made
                add_weight_gradient(geometry, (map_at, line), tiles_at, target, rows, is_new, of_these)
