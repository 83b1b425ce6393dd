"""Pools of maps in groups of samples, see `neurosim.backends.cpu.maps`."""

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
def max_pool(geometry, x, a, chosen):
    """The largest cell of each of the chosen channels, a range, under the window."""
    width, channels, out_height, out_width = geometry[1], geometry[2], geometry[3], geometry[4]
    skip, count = chosen[0] * LINE, (chosen[1] - chosen[0]) * LANES
    for oy in range(out_height):
        for ox in range(out_width):
            y0, y1, x0, x1 = window_at(geometry, oy, ox)
            out = floats(a + (oy * out_width + ox) * channels * LINE + skip, count)
            first = floats(x + (y0 * width + x0) * channels * LINE + skip, count)
            for n in range(count):
                out[n] = first[n]
            for i in range(y0, y1):
                for j in range(x0, x1):
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
def max_pool_backward(geometry, x, a, d, dx, scratch, chosen):
    """The gradient goes to the first cell under the window that is the largest, of the chosen channels."""
    height, width, channels, out_height, out_width = geometry[0], geometry[1], geometry[2], geometry[3], geometry[4]
    skip, count = chosen[0] * LINE, (chosen[1] - chosen[0]) * LANES
    clear_channels(dx, height * width, channels, chosen)
    left = floats(scratch, count)
    for oy in range(out_height):
        for ox in range(out_width):
            y0, y1, x0, x1 = window_at(geometry, oy, ox)
            place = (oy * out_width + ox) * channels * LINE + skip
            largest, gradient = floats(a + place, count), floats(d + place, count)
            for n in range(count):
                left[n] = gradient[n]
            for i in range(y0, y1):
                for j in range(x0, x1):
                    at = (i * width + j) * channels * LINE + skip
                    cell, out = floats(x + at, count), floats(dx + at, count)
                    for n in range(count):
                        # Where a NaN was propagated, it is the first NaN.
                        is_largest = cell[n] == largest[n] or cell[n] != cell[n]
                        out[n] += left[n] if is_largest else ZERO
                        left[n] = ZERO if is_largest else left[n]


@compiled
def average_pool(geometry, x, a, chosen):
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
            share = ONE / np.float32((y1 - y0) * (x1 - x0))
            for n in range(count):
                out[n] *= share


@compiled
def average_pool_backward(geometry, d, dx, chosen):
    """Each cell under the window gets the same share of the gradient, of the chosen channels."""
    height, width, channels, out_height, out_width = geometry[0], geometry[1], geometry[2], geometry[3], geometry[4]
    skip, count = chosen[0] * LINE, (chosen[1] - chosen[0]) * LANES
    clear_channels(dx, height * width, channels, chosen)
    for oy in range(out_height):
        for ox in range(out_width):
            y0, y1, x0, x1 = window_at(geometry, oy, ox)
            gradient = floats(d + (oy * out_width + ox) * channels * LINE + skip, count)
            share = ONE / np.float32((y1 - y0) * (x1 - x0))
            for i in range(y0, y1):
                for j in range(x0, x1):
                    out = floats(dx + (i * width + j) * channels * LINE + skip, count)
                    for n in range(count):
                        out[n] += gradient[n] * share
