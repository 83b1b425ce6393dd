"""Pools of maps in groups of samples, see `neurosim.backends.cpu.maps`.

A geometry is that of a convolution (see `conv2d`); a pool of largest numbers also takes `apart`, the rows and columns
from one cell under the window to the next, and one of means `counted`, the cells beyond each edge of the map that count
as zeros: (top, bottom, left, right).
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import floats
from neurosim.backends.cpu.vectors import LANES, LINE

ONE, ZERO = np.float32(1), np.float32(0)


@compiled
def window_at(geometry, oy, ox):
    """The cells of the map under the window at a position: rows y0 to y1, columns x0 to x1."""
    height, width, _, _, _, _, down, across, sy, sx, top, left = geometry
    y, x = oy * sy - top, ox * sx - left
    return max(y, 0), min(y + down, height), max(x, 0), min(x + across, width)


@compiled
def cells_at(geometry, apart, oy, ox):
    """The same of a window whose cells are `apart`: of rows the first, the end and the step, and so of columns."""
    height, width, _, _, _, _, down, across, sy, sx, top, left = geometry
    dy, dx = apart
    y, x = oy * sy - top, ox * sx - left
    y0, x0 = y + max(0, (dy - 1 - y) // dy) * dy, x + max(0, (dx - 1 - x) // dx) * dx
    return (y0, min(y + down * dy, height), dy), (x0, min(x + across * dx, width), dx)


@compiled
def share_of_mean(geometry, counted, oy, ox):
    """1 / the number of cells that count in the mean at a position."""
    height, width, _, _, _, _, down, across, sy, sx, top, left = geometry
    y, x = oy * sy - top, ox * sx - left
    rows = min(y + down, height + counted[1]) - max(y, -counted[0])
    columns = min(x + across, width + counted[3]) - max(x, -counted[2])
    return ONE / np.float32(rows * columns)


@compiled
def max_pool(geometry, apart, x, a, chosen):
    """The largest cell of each of the chosen channels, a range, under the window."""
    width, channels, out_height, out_width = geometry[1], geometry[2], geometry[3], geometry[4]
    skip, count = chosen[0] * LINE, (chosen[1] - chosen[0]) * LANES
    for oy in range(out_height):
        for ox in range(out_width):
            rows, columns = cells_at(geometry, apart, oy, ox)
            out = floats(a + (oy * out_width + ox) * channels * LINE + skip, count)
            first = floats(x + (rows[0] * width + columns[0]) * channels * LINE + skip, count)
            for n in range(count):
                out[n] = first[n]
            for i in range(*rows):
                for j in range(*columns):
                    cell = floats(x + (i * width + j) * channels * LINE + skip, count)
                    for n in range(count):
                        # NaN is propagated, so that divergence is noticed.
                        out[n] = cell[n] if cell[n] > out[n] or cell[n] != cell[n] else out[n]


@compiled
def clear(address, count):
    """Zeros."""
    values = floats(address, count)
    for n in range(count):
        values[n] = ZERO


@compiled
def clear_channels(address, cells, channels, chosen):
    """Zeros in the chosen channels of a map."""
    count = (chosen[1] - chosen[0]) * LANES
    if count == channels * LANES:
        clear(address, cells * count)
    else:
        for cell in range(cells):
            clear(address + (cell * channels + chosen[0]) * LINE, count)


@compiled
def max_pool_backward(geometry, apart, x, a, d, dx, scratch, chosen):
    """The gradient goes to the first cell under the window that is the largest, of the chosen channels."""
    height, width, channels, out_height, out_width = geometry[0], geometry[1], geometry[2], geometry[3], geometry[4]
    skip, count = chosen[0] * LINE, (chosen[1] - chosen[0]) * LANES
    clear_channels(dx, height * width, channels, chosen)
    left = floats(scratch, count)
    for oy in range(out_height):
        for ox in range(out_width):
            rows, columns = cells_at(geometry, apart, oy, ox)
            place = (oy * out_width + ox) * channels * LINE + skip
            largest, gradient = floats(a + place, count), floats(d + place, count)
            for n in range(count):
                left[n] = gradient[n]
            for i in range(*rows):
                for j in range(*columns):
                    at = (i * width + j) * channels * LINE + skip
                    cell, out = floats(x + at, count), floats(dx + at, count)
                    for n in range(count):
                        # Where a NaN was propagated, it is the first NaN.
                        is_largest = cell[n] == largest[n] or cell[n] != cell[n]
                        out[n] += left[n] if is_largest else ZERO
                        left[n] = ZERO if is_largest else left[n]


@compiled
def average_pool(geometry, counted, x, a, chosen):
    """The mean of the cells of each of the chosen channels under the window."""
    width, channels, out_height, out_width = geometry[1], geometry[2], geometry[3], geometry[4]
    skip, count = chosen[0] * LINE, (chosen[1] - chosen[0]) * LANES
    for oy in range(out_height):
        for ox in range(out_width):
            y0, y1, x0, x1 = window_at(geometry, oy, ox)
            out = floats(a + (oy * out_width + ox) * channels * LINE + skip, count)
            for n in range(count):
                out[n] = ZERO
            for i in range(y0, y1):
                for j in range(x0, x1):
                    cell = floats(x + (i * width + j) * channels * LINE + skip, count)
                    for n in range(count):
                        out[n] += cell[n]
            share = share_of_mean(geometry, counted, oy, ox)
            for n in range(count):
                out[n] *= share


@compiled
def average_pool_backward(geometry, counted, d, dx, chosen):
    """Each cell under the window gets the same share of the gradient, of the chosen channels."""
    height, width, channels, out_height, out_width = geometry[0], geometry[1], geometry[2], geometry[3], geometry[4]
    skip, count = chosen[0] * LINE, (chosen[1] - chosen[0]) * LANES
    clear_channels(dx, height * width, channels, chosen)
    for oy in range(out_height):
        for ox in range(out_width):
            y0, y1, x0, x1 = window_at(geometry, oy, ox)
            gradient = floats(d + (oy * out_width + ox) * channels * LINE + skip, count)
            share = share_of_mean(geometry, counted, oy, ox)
            for i in range(y0, y1):
                for j in range(x0, x1):
                    out = floats(dx + (i * width + j) * channels * LINE + skip, count)
                    for n in range(count):
                        out[n] += gradient[n] * share
