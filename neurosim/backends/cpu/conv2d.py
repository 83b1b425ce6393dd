"""Direct convolutions of groups of samples, vectorized across the samples.

A feature map of a group is float32 (height, width, channels, `LANES`): every number of the map is a line of `LANES`
numbers, one for each sample. A convolution is then a plain loop over taps, a line times a weight, equally fast for any
number of channels, and nothing is copied into columns. The borders cost nothing either: at each position only the taps
inside the map are summed.

A geometry is a tuple of integers ``(height, width, channels, out_height, out_width, out_channels,
kernel_height, kernel_width, stride_height, stride_width, pad_top, pad_left)``; maps and weights are given by their
addresses, ideally multiples of `LINE` bytes. Weights are (kernel_height, kernel_width, channels, out_channels). The
forward pass and the gradient of the inputs are the same loops over weights in two different orders, into which
`pack_weights` and `pack_transposed` bring them once for all groups.

The order of a sum depends only on the geometry.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.cutting import share
from neurosim.backends.cpu.gradient_blocks import BLOCK, FEW_CHANNELS, Geometry, rows_of_block, width_of_map
from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.map_tiles import LINE_TILES, TILES, correlation_tile, gradient_tile, sum_of_line
from neurosim.backends.cpu.memory import floats
from neurosim.backends.cpu.vectors import LANES, LINE, PART, linked, stack_lines

SIZES = tuple((height, width) for width, height in TILES.items())
LINE_SIZES = tuple((height, width) for width, height in LINE_TILES.items())
# Passed as np.int64(ONE): a literal 1 would make Numba compile the callee a second time.
ONE = 1
WIDEST = max(width for _, width in LINE_SIZES)
LARGEST_TILE = max(width * height for height, width in LINE_SIZES)


def packed_floats(geometry: Geometry) -> int:
    """How many numbers `pack_weights` writes."""
    _, _, channels, _, _, out_channels, kernel_height, kernel_width, *_ = geometry
    return kernel_height * kernel_width * channels * out_channels


def transposed_floats(geometry: Geometry) -> int:
    """How many numbers `pack_transposed` writes: the weights, and zeros in place of a bias."""
    return packed_floats(geometry) + geometry[2]


gradient_block = compiled(rows_of_block)


def gradient_floats(geometry: Geometry) -> int:
    """How many numbers of scratch memory `conv_weight_gradient` needs."""
    _, _, channels, out_height, out_width, _, kernel_height, _, sy, _, _, _ = geometry
    width = width_of_map(geometry)
    if channels < FEW_CHANNELS:
        return ((out_height - 1) * sy + kernel_height) * width * channels * LANES
    return min(rows_of_block(geometry, width), out_height) * out_width * WIDEST * LANES


@linked(12)
def correlation(height, numbers, source, line, step, weight, band, rows, count, bias, out, pitch):
    """`correlation_tile` for all the lanes."""
    for part in range(0, LINE, PART):
        weights = (weight, band, rows, count)
        correlation_tile((height, numbers), (source + part, line, step), weights, bias, (out + part, pitch))


@linked(13)
def gradient(height, numbers, left, left_row, left_step, right, right_row, right_step, rows, count, out, pitch, new):
    """Add the sums of a tile over positions and lanes to `out`, `pitch` numbers from row to row, or write them."""
    lines = stack_lines(LARGEST_TILE)
    operands = (left, left_row, left_step), (right, right_row, right_step)
    gradient_tile((height, numbers), operands[0], operands[1], (rows, count), lines)
    for i in range(height):
        row = floats(out + 4 * i * pitch, numbers)
        for j in range(numbers):
            total = sum_of_line(lines + (i * numbers + j) * LINE)
            row[j] = total if new else row[j] + total


@compiled
def tile_size(left):
    """(height, width) of the tile of a correlation for the next of `left` channels."""
    for size in SIZES:
        if size[1] <= left:
            return size
    return SIZES[-1]


@compiled
def line_tile_size(left):
    """(height, width) of the tile of a gradient for the next of `left` channels."""
    for size in LINE_SIZES:
        if size[1] <= left:
            return size
    return LINE_SIZES[-1]


@compiled
def run_height(left, most):
    """How many of `left` lines the next tile takes, given the possible heights; a single line is the slowest."""
    for height in (most, 3, 2):
        if height <= min(left, most) and left - height != 1:
            return height
    return 1


@compiled
def first_multiple(start, step):
    """The first i >= 0 with start + i * step >= 0."""
    return max(0, (-start + step - 1) // step)


@compiled
def correlate_row(size, source, weight, taps, columns, bias, out):
    """One row of some channels of a correlation.

    `source` is (address of the rows under the kernel, width, channels), `weight` (address, bytes per
    row of taps, rows), `taps` the number of taps in a row, `columns` is (number, source column of
    the first tap of the first, step), `out` is (address, bytes per column).
    """
    most, numbers = size
    address, width, channels = source
    weights, band, rows = weight
    count, first, step = columns
    target, pitch = out
    line = width * channels * LINE
    inside = min(count, first_multiple(first, step))
    outside = min(count, max(inside, (width - taps - first) // step + 1))
    i = np.int64(0)
    while i < count:
        start = first + i * step
        skip = min(taps, max(0, -start))
        run = max(0, min(taps, width - start) - skip)
        height = run_height(outside - i, most) if inside <= i < outside else 1
        lines = (address + (start + skip) * channels * LINE, line, step * channels * LINE)
        numbers_at = (weights + skip * channels * numbers * 4, band, rows, run * channels)
        correlation((height, numbers, *lines, *numbers_at, bias, target + i * pitch, pitch))
        i += height


@compiled
def correlate(shape, source, packed, taps, first, step, bias, count, out, out_channels, rows):
    """Rows ``rows[0]`` to ``rows[1]`` of the correlation of a map with packed weights.

    Parameters
    ----------
    shape : (height, width, channels)
        Shape of the map at `source`.
    taps, first, step : (int, int)
        By row and by column: size of the kernel, place of its first tap for the first output (before
        the map where negative), and how far it moves from output to output.
    count : int
        Columns of the output.
    out : (address, bytes per row, bytes per column)
    """
    height, width, channels = shape
    target, out_line, pitch = out
    line = width * channels * LINE
    block = max(1, BLOCK // (line * step[0]))
    for block_start in range(rows[0], rows[1], block):
        weights = packed
        c = np.int64(0)
        while c < out_channels:
            size = tile_size(out_channels - c)
            band = taps[1] * channels * size[1] * 4
            for j in range(block_start, min(block_start + block, rows[1])):
                top = first[0] + j * step[0]
                skip = min(taps[0], max(0, -top))
                run = max(0, min(taps[0], height - top) - skip)
                correlate_row(
                    size,
                    (source + (top + skip) * line, width, channels),
                    (weights + skip * band, band, run),
                    taps[1],
                    (count, first[1], step[1]),
                    bias + 4 * c,
                    (target + j * out_line + c * LINE, pitch),
                )
            weights += taps[0] * band
            c += size[1]


@compiled
def pack_weights(geometry, weight, packed):
    """Put weights into the order in which `conv_forward` reads them (`packed_floats` numbers)."""
    _, _, channels, _, _, out_channels, kernel_height, kernel_width, _, _, _, _ = geometry
    pack(kernel_height * kernel_width * channels, out_channels, out_channels, weight, packed)


@compiled
def pack(lines, out_channels, made, weight, packed):
    """Put weights, `lines` for each channel that goes out, into the order of tiles; a group makes `made` channels."""
    source, target = floats(weight, lines * out_channels), floats(packed, lines * out_channels)
    place = 0
    c = np.int64(0)
    while c < out_channels:
        width = tile_size(made - c % made)[1]
        for k in range(lines):
            for j in range(width):
                target[place] = source[k * out_channels + c + j]
                place += 1
        c += width


@compiled
def conv_forward(geometry, x, packed, bias, z, y0, y1):
    """Rows `y0` to `y1` of z = x * weight + bias, for one group."""
    height, width, channels, _, out_width, out_channels, kernel_height, kernel_width, sy, sx, top, left = geometry
    pitch = out_channels * LINE
    correlate(
        (height, width, channels),
        x,
        packed,
        (kernel_height, kernel_width),
        (-top, -left),
        (sy, sx),
        bias,
        out_width,
        (z, out_width * pitch, pitch),
        out_channels,
        (y0, y1),
    )


@compiled
def phase(place, pad, stride, kernel):
    """The outputs that see the inputs `place`, `place` + stride, ...: (first tap, number of taps, first output).

    Output o sees input i through tap i + pad - o * stride, so these inputs see taps that are one
    stride apart, and their outputs are adjacent: a convolution with stride 1. The taps run backwards;
    the first output is that of the last tap for the first input.
    """
    tap = (place + pad) % stride
    taps = max(0, (kernel - tap + stride - 1) // stride)
    return tap, taps, (place + pad) // stride - taps + 1


@compiled
def pack_transposed(geometry, weight, packed):
    """Put weights into the order in which `conv_input_gradient` reads them (`transposed_floats` numbers)."""
    _, _, channels, _, _, out_channels, kernel_height, kernel_width, sy, sx, top, left = geometry
    source = floats(weight, kernel_height * kernel_width * channels * out_channels)
    target = floats(packed, source.size + channels)
    place = 0
    for py in range(sy):
        tap_y, rows, _ = phase(py, top, sy, kernel_height)
        for px in range(sx):
            tap_x, columns, _ = phase(px, left, sx, kernel_width)
            c = np.int64(0)
            while c < channels:
                width = tile_size(channels - c)[1]
                for i in range(rows):
                    for j in range(columns):
                        ky, kx = tap_y + (rows - 1 - i) * sy, tap_x + (columns - 1 - j) * sx
                        first = ((ky * kernel_width + kx) * channels + c) * out_channels
                        for k in range(out_channels):
                            for n in range(width):
                                target[place] = source[first + n * out_channels + k]
                                place += 1
                c += width
    for n in range(channels):
        target[place + n] = np.float32(0)


@compiled
def conv_input_gradient(geometry, dz, packed, dx, y0, y1):
    """Rows `y0` to `y1` of the gradient of x, for one group."""
    _, width, channels, out_height, out_width, out_channels, kernel_height, kernel_width, sy, sx, top, left = geometry
    weights = packed
    zeros = packed + 4 * kernel_height * kernel_width * channels * out_channels
    pitch = channels * LINE
    for py in range(sy):
        _, rows, first_row = phase(py, top, sy, kernel_height)
        for px in range(sx):
            _, columns, first_column = phase(px, left, sx, kernel_width)
            correlate(
                (out_height, out_width, out_channels),
                dz,
                weights,
                (rows, columns),
                (first_row, first_column),
                (np.int64(ONE), np.int64(ONE)),
                zeros,
                max(0, (width - px + sx - 1) // sx),
                (dx + (py * width + px) * pitch, sy * width * pitch, sx * pitch),
                channels,
                (max(0, (y0 - py + sy - 1) // sy), max(0, (y1 - py + sy - 1) // sy)),
            )
            weights += 4 * rows * columns * channels * out_channels


@compiled
def pad_map(geometry, x, padded):
    """Copy a map into one with the border of zeros that the kernel reaches; returns its (height, width)."""
    height, width, channels, out_height, out_width, _, kernel_height, kernel_width, sy, sx, top, left = geometry
    rows = (out_height - 1) * sy + kernel_height
    columns = (out_width - 1) * sx + kernel_width
    size = channels * LANES
    for i in range(rows):
        y = i - top
        for j in range(columns):
            target = floats(padded + 4 * (i * columns + j) * size, size)
            if 0 <= y < height and 0 <= j - left < width:
                source = floats(x + 4 * (y * width + j - left) * size, size)
                for k in range(size):
                    target[k] = source[k]
            else:
                for k in range(size):
                    target[k] = np.float32(0)
    return rows, columns


@compiled
def add_bias_gradient(geometry, dz, dbias, rows, overwrite):
    """Add the sums of `dz` over output rows ``rows[0]`` to ``rows[1]``, or write them: the weight of inputs of 1."""
    _, _, _, _, out_width, out_channels, _, _, _, _, _, _ = geometry
    pitch = out_channels * LINE
    ones = stack_lines(1)
    line = floats(ones, LANES)
    for n in range(LANES):
        line[n] = np.float32(1)
    c = np.int64(0)
    while c < out_channels:
        numbers = line_tile_size(out_channels - c)[1]
        right = (dz + rows[0] * out_width * pitch + c * LINE, out_width * pitch, pitch)
        sums = (rows[1] - rows[0], out_width, dbias + 4 * c, 0, overwrite)
        gradient((1, numbers, ones, 0, 0, *right, *sums))
        c += numbers


@compiled
def taps_inside(tap, pad, stride, size, first, last):
    """The range of outputs among `first` to `last` whose tap number `tap` lies inside the map."""
    start = min(last, max(first, first_multiple(tap - pad, stride)))
    end = (size - 1 - tap + pad) // stride + 1
    return start, max(start, min(last, end))


@compiled
def copy_channels(source, pitch, positions, numbers, out):
    """Copy `numbers` adjacent lines of each position, `pitch` bytes apart, to lie behind each other."""
    for p in range(positions):
        lines, target = floats(source + p * pitch, numbers * LANES), floats(out + p * numbers * LINE, numbers * LANES)
        for n in range(numbers * LANES):
            target[n] = lines[n]


@compiled
def add_weight_gradient(geometry, x, dz, dweight, rows, overwrite, scratch, part):
    """Add the share of output rows ``rows[0]`` to ``rows[1]`` to the gradient of the weights, or write it.

    `scratch` is the address of memory for `WIDEST` channels of these rows, or 0 if they are read where they are. Of the
    weights, those are chosen that are `part`, (number, parts), of all.
    """
    height, width, channels, _, out_width, out_channels, kernel_height, kernel_width, sy, sx, top, left = geometry
    line, pitch = width * channels * LINE, out_channels * LINE
    # Without a border on the left and right, the taps of a row have the same range, and their lines are adjacent.
    whole = left == 0 and (out_width - 1) * sx + kernel_width <= width
    groups = 1 if whole else kernel_width
    count = kernel_width * channels if whole else channels
    chosen = share(part[0], part[1], (out_channels + WIDEST - 1) // WIDEST * kernel_height)
    c = np.int64(0)
    while c < out_channels:
        most, numbers = line_tile_size(out_channels - c)
        channel, step = dz + rows[0] * out_width * pitch + c * LINE, pitch
        # The tiles of the rest, narrower than the others, are one of those that are counted.
        before = c // WIDEST * kernel_height
        taps = max(0, chosen[0] - before), min(kernel_height, chosen[1] - before)
        if scratch != 0 and taps[0] < taps[1]:
            copy_channels(channel, pitch, (rows[1] - rows[0]) * out_width, numbers, scratch)
            channel, step = scratch, numbers * LINE
        for ky in range(*taps):
            r0, r1 = taps_inside(ky, top, sy, height, rows[0], rows[1])
            for kx in range(groups):
                i0, i1 = taps_inside(kx, left, sx, width, np.int64(0), out_width)
                source = x + (r0 * sy + ky - top) * line + (i0 * sx + kx - left) * channels * LINE
                other = channel + ((r0 - rows[0]) * out_width + i0) * step
                out = dweight + 4 * ((ky * kernel_width + kx) * channels * out_channels + c)
                k = np.int64(0)
                while k < count:
                    lines = run_height(count - k, most)
                    inputs = (source + k * LINE, sy * line, sx * channels * LINE)
                    others = (other, out_width * step, step)
                    sums = (r1 - r0, i1 - i0, out + 4 * k * out_channels, out_channels, overwrite)
                    gradient((lines, numbers, *inputs, *others, *sums))
                    k += lines
        c += numbers


@compiled
def conv_weight_gradient(geometry, x, dz, dweight, dbias, scratch, part):
    """A group's share of the gradients of weights and bias (none if `dbias` is 0), overwriting the old values.

    `scratch` is the address of `gradient_floats` numbers, `part` as in `add_weight_gradient`; the first part has the
    biases. The sums are over positions, row by row of a block of rows, then over the lanes, then over blocks.
    """
    height, width, channels, out_height, _, _, _, _, _, _, top, left = geometry
    copies = scratch
    if channels < FEW_CHANNELS:
        height, width = pad_map(geometry, x, scratch)
        x = scratch
        copies, top, left = np.int64(0), np.int64(0), np.int64(0)
    inner = (height, width, *geometry[2:10], top, left)
    block = gradient_block(geometry, width)
    for first in range(0, out_height, block):
        rows = (first, min(first + block, out_height))
        if dbias != 0 and part[0] == 0:
            add_bias_gradient(inner, dz, dbias, rows, np.int64(first == 0))
        add_weight_gradient(inner, x, dz, dweight, rows, np.int64(first == 0), copies, part)
