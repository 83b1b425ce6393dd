"""Convolutions with groups of channels, or with a kernel whose cells are apart (a dilation).

What is computed. As in `conv2d`, but an output sees the `OWN` input channels of its own group alone, and the position
(i, j) under the kernel lies at (i * rows apart, j * columns apart).

How. One thread for each output, for each input in the backward pass, and for each part of a weight's gradient: a
depthwise convolution has no product of matrices that would be worth tiles. Each sum is taken in the order of the CPU
engine, and so are the parts, which are laid out as those of `conv2d` and learned from in the same way.

Where the bytes go. Neighboring threads process neighboring channels; the inputs under overlapping windows come from
cache, and the weights of all positions too.

Launch geometry. Any number of blocks.
"""

from neurosim.backends.cuda.kernels.common import (
    APART_ACROSS,
    APART_DOWN,
    BEHIND,
    BIAS_FIRST,
    CHANNELS,
    INPUTS,
    MAP_CHANNELS,
    OWN,
    PARTS,
    SPREAD_BACKWARD,
    SPREAD_FORWARD,
    UNITS,
    WEIGHT,
    ZERO,
    D,
    finish_unit,
    first_of,
    input_of,
    keep_gradient,
    split,
    stride_of,
)
from neurosim.backends.cuda.kernels.conv2d import bias_parts, cells_of, parts_of, range_of_part, window_of
from neurosim.backends.cuda.target import cuda, inner


@inner
def run_spread_phase(kind, net, data, s, rows, first, team):
    """A phase of such a convolution."""
    if kind == SPREAD_FORWARD:
        spread_forward(net, data, s, rows, first, team)
    elif kind == SPREAD_BACKWARD:
        spread_backward(net, s, rows, first, team)
    else:
        spread_parts(net, data, s, rows, first, team)
        bias_parts(net, s, rows, team)


@inner
def made_of(stages, s):
    """The number of output channels of a group."""
    return stages[s, CHANNELS] * stages[s, OWN] // stages[s, MAP_CHANNELS]


@inner
def spread_forward(net, data, s, rows, first, team):
    """The convolution `s` for a batch, and the steps that follow."""
    stages, _, weights, _, _ = net
    units, outputs, inputs, own = stages[s, UNITS], stages[s, CHANNELS], stages[s, MAP_CHANNELS], stages[s, OWN]
    height, width, kernel_height, kernel_width, down, across, top, left, _, wide = window_of(stages, s)
    below, beside = stages[s, APART_DOWN], stages[s, APART_ACROSS]
    made = made_of(stages, s)
    for e in range(first_of(team), rows * units, stride_of(team)):
        row, unit = split(e, units)
        place, channel = split(unit, outputs)
        u, v = split(place, wide)
        group, _ = split(channel, made)
        total = weights[stages[s, BIAS_FIRST] + channel] if stages[s, BIAS_FIRST] >= 0 else ZERO
        for i in range(kernel_height):
            y = u * down + i * below - top
            for j in range(kernel_width):
                x = v * across + j * beside - left
                if y >= 0 and y < height and x >= 0 and x < width:
                    cell = (y * width + x) * inputs + group * own
                    at = stages[s, WEIGHT] + (i * kernel_width + j) * own * outputs + channel
                    for c in range(own):
                        value = input_of(net, data, s, row, first, cell + c)
                        total = cuda.fma(value, weights[at + c * outputs], total)
        finish_unit(net, s, row, first, unit, channel, total)


@inner
def sees(place, padding, tap, apart, stride, size):
    """The output position, along one axis, that sees the input `place` through a tap; -1 if there is none."""
    reached = place + padding - tap * apart
    if reached < 0:
        return -1
    whole, rest = split(reached, stride)
    return whole if rest == 0 and whole < size else -1


@inner
def spread_backward(net, s, rows, first, team):
    """From the gradient of the weighted sums of the convolution `s` to that of the stage before it."""
    stages, _, weights, work, _ = net
    outputs, inputs, own, numbers = stages[s, CHANNELS], stages[s, MAP_CHANNELS], stages[s, OWN], stages[s, INPUTS]
    _, width, kernel_height, kernel_width, down, across, top, left, high, wide = window_of(stages, s)
    below, beside = stages[s, APART_DOWN], stages[s, APART_ACROSS]
    made = made_of(stages, s)
    for e in range(first_of(team), rows * numbers, stride_of(team)):
        row, unit = split(e, numbers)
        place, channel = split(unit, inputs)
        y, x = split(place, width)
        group, of_group = split(channel, own)
        total = ZERO
        # From the last tap to the first, so that outputs come in their order.
        for i in range(kernel_height - 1, -1, -1):
            u = sees(y, top, i, below, down, high)
            for j in range(kernel_width - 1, -1, -1):
                v = sees(x, left, j, beside, across, wide)
                if u >= 0 and v >= 0:
                    cell = stages[s, D] + ((row * high + u) * wide + v) * outputs + group * made
                    weight = stages[s, WEIGHT] + ((i * kernel_width + j) * own + of_group) * outputs + group * made
                    for k in range(made):
                        total = cuda.fma(work[cell + k], weights[weight + k], total)
        keep_gradient(net, stages[s, BEHIND], row, first, unit, total)


@inner
def spread_parts(net, data, s, rows, first, team):
    """The parts of the gradients of weights: for each part of the positions of a row a sum over these."""
    stages, _, _, work, _ = net
    outputs, inputs, own = stages[s, CHANNELS], stages[s, MAP_CHANNELS], stages[s, OWN]
    height, width, _, kernel_width, down, across, top, left, high, wide = window_of(stages, s)
    below, beside = stages[s, APART_DOWN], stages[s, APART_ACROSS]
    made, size = made_of(stages, s), cells_of(stages, s) * outputs
    parts, _ = parts_of(stages, s)
    for e in range(first_of(team), rows * parts * size, stride_of(team)):
        part, weight = split(e, size)
        ijc, channel = split(weight, outputs)
        ij, c = split(ijc, own)
        i, j = split(ij, kernel_width)
        group, _ = split(channel, made)
        begin, end = range_of_part(stages, s, part)
        total = ZERO
        for place in range(begin, end):
            row, at = split(place, high * wide)
            u, v = split(at, wide)
            y, x = u * down + i * below - top, v * across + j * beside - left
            value = ZERO
            if y >= 0 and y < height and x >= 0 and x < width:
                value = input_of(net, data, s, row, first, (y * width + x) * inputs + group * own + c)
            total = cuda.fma(value, work[stages[s, D] + place * outputs + channel], total)
        work[stages[s, PARTS] + part * (size + outputs) + weight] = total
