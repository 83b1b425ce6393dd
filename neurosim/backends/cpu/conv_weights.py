"""The orders in which convolutions read their weights, forward and on the way back.

A geometry is that of `conv2d`; beside it is `spread`, how far apart the cells under the kernel are, by row and by
column, and the number of groups.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.map_tiles import TILES
from neurosim.backends.cpu.memory import floats

SIZES = tuple((height, width) for width, height in TILES.items())


@compiled
def tile_size(left):
    """(height, width) of the tile of a correlation for the next of `left` channels."""
    for size in SIZES:
        if size[1] <= left:
            return size
    return SIZES[-1]


@compiled
def pack(geometry, spread, weight, packed):
    """Put weights into the order in which the forward pass reads them: tile by tile of the channels that go out."""
    _, _, channels, _, _, out_channels, kernel_height, kernel_width, _, _, _, _ = geometry
    _, _, groups = spread
    lines, made = kernel_height * kernel_width * (channels // groups), out_channels // groups
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
def pack_backward(geometry, spread, weight, packed):
    """Put weights into the order in which the gradient of the inputs reads them; behind them, zeros for a bias."""
    _, _, channels, _, _, out_channels, kernel_height, kernel_width, sy, sx, top, left = geometry
    dy, dx, groups = spread
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
