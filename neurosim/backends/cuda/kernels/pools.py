"""Pools of maps: the largest or the mean of the numbers under a window, channel by channel.

What is computed. Forward with one thread for each output, backward with one for each input, which gathers the
gradients of the windows that contain it: no two threads add to the same number. Of several largest numbers the first
is chosen, in row-major order; its cell is stored for the backward pass. Cells of the padding do not count. The mean
over a whole map is a window as large as the map.

Where the bytes go. Neighboring threads process neighboring channels: whole lines, mostly from cache, since overlapping
windows share their inputs.

Launch geometry. Any number of blocks.
"""

from neurosim.backends.cuda.blanks import run_spread_phase
from neurosim.backends.cuda.kernels.common import (
    APART_ACROSS,
    APART_DOWN,
    BEHIND,
    CHANNELS,
    CONVOLVE,
    CONVOLVE_BACKWARD,
    CONVOLVE_PARTS,
    COUNTED_BOTTOM,
    COUNTED_LEFT,
    COUNTED_RIGHT,
    COUNTED_TOP,
    INPUTS,
    KERNEL_HEIGHT,
    KERNEL_WIDTH,
    KIND,
    MAX_POOL,
    ONE,
    OUT,
    PLACES,
    POOL_FORWARD,
    SPREAD_FORWARD,
    UNITS,
    ZERO,
    D,
    first_of,
    input_of,
    keep_gradient,
    np,
    split,
    stride_of,
)
from neurosim.backends.cuda.kernels.conv2d import convolve, convolve_backward, convolve_parts, window_of
from neurosim.backends.cuda.target import inner


@inner
def run_map_phase(kind, net, data, s, rows, first, team, shared):
    """A phase of a convolution or a pool."""
    if kind == CONVOLVE:
        convolve(net, data, s, rows, first, team, shared)
    elif kind == CONVOLVE_BACKWARD:
        convolve_backward(net, s, rows, first, team, shared)
    elif kind == CONVOLVE_PARTS:
        convolve_parts(net, data, s, rows, first, team, shared)
    elif kind >= SPREAD_FORWARD:
        run_spread_phase(kind, net, data, s, rows, first, team)
    elif kind == POOL_FORWARD:
        pool_forward(net, data, s, rows, first, team)
    else:
        pool_backward(net, s, rows, first, team)


@inner
def inside_map(begin, length, apart, size):
    """Of the cells from `begin` on, `apart` from each other along `length`, those inside a map: the first, the end."""
    first = begin
    while first < 0:
        first += apart
    return first, min(begin + length, size)


@inner
def reach_of(stages, s):
    """Height and width of what the window of a stage spans."""
    high = (stages[s, KERNEL_HEIGHT] - 1) * stages[s, APART_DOWN] + 1
    return high, (stages[s, KERNEL_WIDTH] - 1) * stages[s, APART_ACROSS] + 1


@inner
def share_of_mean(stages, s, u, v):
    """1 / the number of cells under the window at output position (u, v) that count."""
    height, width, kernel_height, kernel_width, down, across, top, left, _, _ = window_of(stages, s)
    y, x = u * down - top, v * across - left
    rows = min(y + kernel_height, height + stages[s, COUNTED_BOTTOM]) - max(y, -stages[s, COUNTED_TOP])
    columns = min(x + kernel_width, width + stages[s, COUNTED_RIGHT]) - max(x, -stages[s, COUNTED_LEFT])
    return ONE / np.float32(rows * columns)


@inner
def pool_forward(net, data, s, rows, first, team):
    """The pool `s` for a batch."""
    stages, _, _, work, _ = net
    window, channels, units = window_of(stages, s), stages[s, CHANNELS], stages[s, UNITS]
    height, width, _, _, down, across, top, left, _, wide = window
    high_reach, wide_reach = reach_of(stages, s)
    below, beside = stages[s, APART_DOWN], stages[s, APART_ACROSS]
    is_max = stages[s, KIND] == MAX_POOL
    for e in range(first_of(team), rows * units, stride_of(team)):
        row, unit = split(e, units)
        place, channel = split(unit, channels)
        u, v = split(place, wide)
        y0, y1 = inside_map(u * down - top, high_reach, below, height)
        x0, x1 = inside_map(v * across - left, wide_reach, beside, width)
        found = ZERO
        chosen = y0 * width + x0
        y = y0
        while y < y1:
            x = x0
            while x < x1:
                value = input_of(net, data, s, row, first, (y * width + x) * channels + channel)
                if not is_max:
                    found += value
                # A NaN counts as the largest, so that it is not lost; of several, again the first is chosen.
                elif (y == y0 and x == x0) or value > found or (value != value and found == found):
                    found = value
                    chosen = y * width + x
                x += beside
            y += below
        if is_max:
            # Numbers this small are exact in float32.
            work[stages[s, PLACES] + e] = np.float32(chosen)
        else:
            found *= share_of_mean(stages, s, u, v)
        work[stages[s, OUT] + e] = found


@inner
def windows_over(place, reach, stride, padding, size):
    """The output positions, along one axis, whose windows span the input `place`: the first and the end."""
    reached = place + padding
    begin = (reached - reach + stride) // stride if reached >= reach else 0
    return begin, min(reached // stride + 1, size)


@inner
def pool_backward(net, s, rows, first, team):
    """From the gradient of the output of the pool `s` to that of the stage before it."""
    stages, _, _, work, _ = net
    window, channels, inputs = window_of(stages, s), stages[s, CHANNELS], stages[s, INPUTS]
    _, width, _, _, down, across, top, left, high, wide = window
    high_reach, wide_reach = reach_of(stages, s)
    is_max = stages[s, KIND] == MAX_POOL
    for e in range(first_of(team), rows * inputs, stride_of(team)):
        row, unit = split(e, inputs)
        place, channel = split(unit, channels)
        y, x = split(place, width)
        u0, u1 = windows_over(y, high_reach, down, top, high)
        v0, v1 = windows_over(x, wide_reach, across, left, wide)
        total = ZERO
        for u in range(u0, u1):
            for v in range(v0, v1):
                at = ((row * high + u) * wide + v) * channels + channel
                d = work[stages[s, D] + at]
                if not is_max:
                    total += d * share_of_mean(stages, s, u, v)
                elif work[stages[s, PLACES] + at] == np.float32(place):
                    total += d
        keep_gradient(net, stages[s, BEHIND], row, first, unit, total)
