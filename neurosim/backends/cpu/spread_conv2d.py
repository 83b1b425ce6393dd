"""Convolutions with groups of channels, or with a kernel whose cells are apart (a dilation).

As `conv2d`, on the same maps. Of each cell under the kernel only the lines of a group's own channels are adjacent, so
the loops over taps and over lines are two. A depthwise convolution has a single line of each cell in a group, and these
are as far apart in memory as all channels of a cell take: so groups with few channels are taken together, a cell at a
time.

A geometry is that of `conv2d`, and behind it how far apart the cells under the kernel are, ``(rows, columns)``, and the
number of groups. Weights are (kernel_height, kernel_width, channels of a group, out_channels). The order of a sum
depends only on the geometry.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.conv2d import ONE, first_multiple, pack, run_height, tile_size
from neurosim.backends.cpu.depthwise import copy_floats, depthwise_correlate
from neurosim.backends.cpu.gradient_blocks import BLOCK, TOGETHER, SpreadGeometry
from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.map_tiles import spread_correlation_tile
from neurosim.backends.cpu.memory import floats
from neurosim.backends.cpu.vectors import LINE, PART, linked


def packed_floats(geometry: SpreadGeometry) -> int:
    """How many numbers `pack_weights` writes."""
    _, _, channels, _, _, out_channels, kernel_height, kernel_width, *_, groups = geometry
    return kernel_height * kernel_width * (channels // groups) * out_channels


def scratch_floats(geometry: SpreadGeometry) -> int:
    """How many numbers of scratch memory the forward pass needs, and the gradient of the inputs."""
    height, width, channels, out_height, out_width, out_channels, *_, groups = geometry
    kernel, step, apart = ((geometry[k], geometry[k + 1]) for k in (6, 8, 12))
    if not channels == out_channels == groups:
        return 0
    # On the way back, inputs that are a stride apart see at most so many of the taps, at most so far apart.
    return max(
        copy_floats(out_height, out_width, step, kernel, apart),
        copy_floats(height, width, (1, 1), kernel, apart),
    )


def transposed_floats(geometry: SpreadGeometry) -> int:
    """How many numbers `pack_transposed` writes: the weights, and zeros in place of a bias."""
    return packed_floats(geometry) + geometry[2]


@linked(14)
def spread_correlation(height, numbers, source, line, tap, step, weight, band, rows, taps, count, bias, out, pitch):
    """`spread_correlation_tile` for all the lanes."""
    for part in range(0, LINE, PART):
        weights = (weight, band, rows, taps, count)
        spread_correlation_tile((height, numbers), (source + part, line, tap, step), weights, bias, (out + part, pitch))


@compiled
def tiles_together(first, channels, own, made):
    """The end of the tiles that are taken together, from channel `first` on; groups have `own` and make `made`."""
    end = first + tile_size(made - first % made)[1]
    while end < channels and (end // made - first // made + 1) * own <= TOGETHER:
        end += tile_size(made - end % made)[1]
    return end


@compiled
def inside(start, apart, taps, size):
    """The taps inside the map of a window that begins at `start`: how many are before, and how many are inside."""
    skip = min(taps, first_multiple(start, apart))
    return skip, max(0, min(taps, (size - start + apart - 1) // apart) - skip)


@compiled
def correlate_row(source, weight, taps, columns, bias, out, channels, groups):
    """One row of the channels ``channels[0]`` to ``channels[1]`` of a correlation.

    `source` is (address of the rows under the kernel, bytes from one of them to the next, width, all its channels),
    `weight` (address, rows before the first, rows, weights of one channel), `taps` (number of taps in a row, how far
    they are apart), `columns` (number, source column of the first tap of the first,
    step), `bias` that of all channels, `out` (address, bytes per column), `groups` (channels of each in, and out).
    """
    address, line, width, lines = source
    packed, above, rows, cells = weight
    count, apart = taps
    places, first, step = columns
    own, made = groups
    pitch = lines * LINE
    begin = min(places, first_multiple(first, step))
    end = min(places, max(begin, (width - (count - 1) * apart - 1 - first) // step + 1))
    # Of several tiles as many positions as fit, then the next tile: so a cell is read as a whole.
    widest, numbers = tile_size(made - channels[0] % made)
    span = max(1, places) if channels[0] + numbers >= channels[1] else widest
    for left in range(0, places, span):
        right = min(left + span, places)
        c = channels[0]
        group, rest = c // made, made - c % made
        while c < channels[1]:
            most, numbers = tile_size(rest)
            of_group = address + group * own * LINE
            per_tap = 4 * own * numbers
            of_tile = packed + 4 * c * cells + above * count * per_tap
            i = np.int64(left)
            while i < right:
                start = first + i * step
                if begin <= i < end:
                    skip, run = np.int64(0), count
                    height = run_height(min(end, right) - i, most)
                else:
                    skip, run = inside(start, apart, count, width)
                    height = np.int64(ONE)
                cells_at = (of_group + (start + skip * apart) * pitch, line, apart * pitch, step * pitch)
                numbers_at = (of_tile + skip * per_tap, count * per_tap, rows, run, own)
                target = out[0] + i * out[1] + c * LINE
                spread_correlation((height, numbers, *cells_at, *numbers_at, bias + 4 * c, target, out[1]))
                i += height
            c += numbers
            rest -= numbers
            if rest == 0:
                group, rest = group + 1, made


@compiled
def correlate(shape, source, packed, taps, apart, first, step, bias, count, out, channels, groups, rows, scratch):
    """Rows ``rows[0]`` to ``rows[1]`` of the correlation of a map with packed weights.

    Parameters
    ----------
    shape : (height, width, channels)
        Shape of the map at `source`.
    taps, apart, first, step : (int, int)
        By row and by column: size of the kernel, how far apart its cells are, place of its first tap for the first
        output (before the map where negative), and how far it moves from output to output.
    count : int
        Columns of the output.
    out : (address, bytes per row, bytes per column)
    channels, groups : int
        Channels of the output, and groups in which these and those of the source are.
    scratch : int
        Address of `scratch_floats` numbers.
    """
    height, width, lines = shape
    if lines == channels == groups:
        depthwise_correlate(shape, source, packed, taps, apart, first, step, bias, count, out, rows, scratch)
        return
    own, made = lines // groups, channels // groups
    line = width * lines * LINE
    cells = taps[0] * taps[1] * own
    block = max(1, BLOCK // (width * max(own, min(lines, TOGETHER)) * LINE * step[0]))
    for block_start in range(rows[0], rows[1], block):
        c = np.int64(0)
        while c < channels:
            end = tiles_together(c, channels, own, made)
            for j in range(block_start, min(block_start + block, rows[1])):
                top = first[0] + j * step[0]
                skip, run = inside(top, apart[0], taps[0], height)
                correlate_row(
                    (source + (top + skip * apart[0]) * line, apart[0] * line, width, lines),
                    (packed, skip, run, cells),
                    (taps[1], apart[1]),
                    (count, first[1], step[1]),
                    bias,
                    (out[0] + j * out[1], out[2]),
                    (c, end),
                    (own, made),
                )
            c = end


@compiled
def pack_weights(geometry, weight, packed):
    """Put weights into the order in which `conv_forward` reads them (`packed_floats` numbers)."""
    _, _, channels, _, _, out_channels, kernel_height, kernel_width, _, _, _, _, _, _, groups = geometry
    lines = kernel_height * kernel_width * (channels // groups)
    pack(lines, out_channels, out_channels // groups, weight, packed)


@compiled
def conv_forward(geometry, x, packed, bias, z, y0, y1, scratch):
    """Rows `y0` to `y1` of z = x * weight + bias, for one group of samples."""
    height, width, channels, _, out_width, out_channels, kernel_height, kernel_width, sy, sx, top, left = geometry[:12]
    dy, dx, groups = geometry[12:]
    pitch = out_channels * LINE
    correlate(
        (height, width, channels),
        x,
        packed,
        (kernel_height, kernel_width),
        (dy, dx),
        (-top, -left),
        (sy, sx),
        bias,
        out_width,
        (z, out_width * pitch, pitch),
        out_channels,
        groups,
        (y0, y1),
        scratch,
    )


@compiled
def phase(place, pad, stride, kernel, apart):
    """The outputs that see the inputs `place`, `place` + stride, ...

    Output o sees input i through tap t where o * stride + t * apart = i + pad: these inputs see every `period`-th tap,
    from the first on, and of two such taps the outputs are `step` apart, the later tap's first. So this is a
    convolution with stride 1, whose cells are apart and whose taps run backward.

    Returns
    -------
    (tap, taps, period, output, step)
        The first tap and the number of taps, and the output of the last tap for the first input.
    """
    common, rest = stride, apart
    while rest:
        common, rest = rest, common % rest
    period, step = stride // common, apart // common
    tap = np.int64(0)
    while tap < period and (place + pad - tap * apart) % stride != 0:
        tap += 1
    taps = (kernel - tap + period - 1) // period if tap < min(period, kernel) else np.int64(0)
    return tap, taps, period, (place + pad - (tap + (taps - 1) * period) * apart) // stride, step


@compiled
def pack_transposed(geometry, weight, packed):
    """Put weights into the order in which `conv_input_gradient` reads them (`transposed_floats` numbers)."""
    _, _, channels, _, _, out_channels, kernel_height, kernel_width, sy, sx, top, left = geometry[:12]
    dy, dx, groups = geometry[12:]
    own, made = channels // groups, out_channels // groups
    source = floats(weight, kernel_height * kernel_width * own * out_channels)
    target = floats(packed, source.size + channels)
    place = 0
    for py in range(sy):
        tap_y, rows, down, _, _ = phase(py, top, sy, kernel_height, dy)
        for px in range(sx):
            tap_x, columns, across, _, _ = phase(px, left, sx, kernel_width, dx)
            c = np.int64(0)
            while c < channels:
                width = tile_size(own - c % own)[1]
                for i in range(rows):
                    for j in range(columns):
                        ky, kx = tap_y + (rows - 1 - i) * down, tap_x + (columns - 1 - j) * across
                        first = ((ky * kernel_width + kx) * own + c % own) * out_channels + c // own * made
                        for k in range(made):
                            for n in range(width):
                                target[place] = source[first + n * out_channels + k]
                                place += 1
                c += width
    for n in range(channels):
        target[source.size + n] = np.float32(0)


@compiled
def conv_input_gradient(geometry, dz, packed, dx, y0, y1, scratch):
    """Rows `y0` to `y1` of the gradient of x, for one group of samples."""
    _, width, channels, out_height, out_width, out_channels = geometry[:6]
    kernel_height, kernel_width, sy, sx, top, left, down, across, groups = geometry[6:]
    made = out_channels // groups
    weights = packed
    zeros = packed + 4 * kernel_height * kernel_width * channels * made
    pitch = channels * LINE
    for py in range(sy):
        _, rows, _, first_row, row_step = phase(py, top, sy, kernel_height, down)
        for px in range(sx):
            _, columns, _, first_column, column_step = phase(px, left, sx, kernel_width, across)
            correlate(
                (out_height, out_width, out_channels),
                dz,
                weights,
                (rows, columns),
                (row_step, column_step),
                (first_row, first_column),
                (np.int64(ONE), np.int64(ONE)),
                zeros,
                max(0, (width - px + sx - 1) // sx),
                (dx + (py * width + px) * pitch, sy * width * pitch, sx * pitch),
                channels,
                groups,
                (max(0, (y0 - py + sy - 1) // sy), max(0, (y1 - py + sy - 1) // sy)),
                scratch,
            )
            weights += 4 * rows * columns * channels * made
