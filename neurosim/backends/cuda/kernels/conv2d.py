"""Convolutions, as products of matrices that are never stored.

What is computed. Maps x (height, width, channels in), weights W (cells, channels out) with a cell for each position
under the kernel and each input channel, output maps with `positions` positions; with P (rows * positions, cells) the
matrix whose rows contain the numbers under the kernel at one position of one row's map, 0 in the padding:

    forward    z = P W + b,  a = f(z),  out = a * mask
    backward   dx[y, x, c] = sum of d[u, v, o] * W[i, j, c, o] over the places (u, v) and the cells (i, j) under
               which (y, x) lies: u * stride + i - top = y, v * stride + j - left = x
    update     dW = P^T d,  db = column sums of d,  then the optimizer

How. With the tiles of `phases`; only the source of a tile's numbers is different. An entry of P is looked up in x when
it is loaded (implicit im2col), and in the backward pass each input gathers its terms, so that no two threads add to
the same number.

dW has few entries, each a sum over all positions of all rows. The sum is divided into parts of at most TERMS positions
of one row: parts are computed in parallel, each in its own matrix, and added up when the weights learn, in the order of
the CPU engine: over the rows of a group, then over the parts of a map, then over groups.

Where the bytes go. An input is loaded once for each cell and each column of tiles, mostly from cache; W once for each
row of tiles. The parts of dW are written once and read once.

Launch geometry. As in `phases`. Which terms form a part depends only on TERMS, so the bits do not depend on the number
of blocks.
"""

from neurosim.backends.cuda.blanks import COLUMNS, DEPTH, ROWS, THREADS
from neurosim.backends.cuda.kernels.common import (
    BEHIND,
    BIAS,
    BIAS_FIRST,
    CHANNELS,
    GROUP,
    KERNEL_HEIGHT,
    KERNEL_WIDTH,
    MAP_CHANNELS,
    MAP_HEIGHT,
    MAP_WIDTH,
    OUT_HEIGHT,
    OUT_WIDTH,
    OWN,
    PAD_LEFT,
    PAD_TOP,
    PARTS,
    PER_THREAD,
    STRIDE_ACROSS,
    STRIDE_DOWN,
    TERMS,
    WEIGHT,
    ZERO,
    D,
    accumulate,
    begin,
    clear,
    finish_unit,
    first_of,
    input_of,
    keep_gradient,
    learn_one,
    learn_weight,
    load_right,
    share,
    split,
    stride_of,
    sum_of_group,
    tiles_of,
)
from neurosim.backends.cuda.target import cuda, float32, inner


@inner
def window_of(stages, s):
    """How the window of a stage slides: sizes of the map, the kernel, the strides, the padding and the output map."""
    return (
        stages[s, MAP_HEIGHT], stages[s, MAP_WIDTH], stages[s, KERNEL_HEIGHT], stages[s, KERNEL_WIDTH],
        stages[s, STRIDE_DOWN], stages[s, STRIDE_ACROSS], stages[s, PAD_TOP], stages[s, PAD_LEFT],
        stages[s, OUT_HEIGHT], stages[s, OUT_WIDTH],
    )  # fmt: skip


@inner
def cells_of(stages, s):
    """The number of weights of one output: positions under the kernel, times the input channels that it sees."""
    return stages[s, KERNEL_HEIGHT] * stages[s, KERNEL_WIDTH] * stages[s, OWN]


@inner
def parts_of(stages, s):
    """The number of parts of the sums over the output positions of a row, and the number of positions."""
    places = stages[s, OUT_HEIGHT] * stages[s, OUT_WIDTH]
    return (places + stages[s, TERMS] - 1) // stages[s, TERMS], places


@inner
def range_of_part(stages, s, number):
    """The positions, among those of all rows, that part `number` of all rows begins and ends with."""
    parts, places = parts_of(stages, s)
    row, part = split(number, parts)
    begin = part * stages[s, TERMS]
    return row * places + begin, row * places + min(begin + stages[s, TERMS], places)


@inner
def under_kernel(net, data, s, window, channels, place, cell, first):
    """Entry (place, cell) of P: `place` counts the output positions of all rows, `cell` those under the kernel."""
    height, width, _, kernel_width, down, across, top, left, high, wide = window
    row, at = split(place, high * wide)
    u, v = split(at, wide)
    ij, channel = split(cell, channels)
    i, j = split(ij, kernel_width)
    y = u * down + i - top
    x = v * across + j - left
    if y < 0 or y >= height or x < 0 or x >= width:
        return ZERO
    return input_of(net, data, s, row, first, (y * width + x) * channels + channel)


@inner
def above_input(net, s, window, channels, place, cell):
    """The gradient that reaches an input through a cell; `cell` counts those under the kernel, by output channel.

    From the last cell to the first, so that outputs come in their order.
    """
    stages, _, _, work, _ = net
    height, width, kernel_height, kernel_width, down, across, top, left, high, wide = window
    row, at = split(place, height * width)
    y, x = split(at, width)
    ij, channel = split(cell, channels)
    i, j = split(ij, kernel_width)
    below, right = y + top - (kernel_height - 1 - i), x + left - (kernel_width - 1 - j)
    if below < 0 or right < 0:
        return ZERO
    u, between_rows = split(below, down)
    v, between_columns = split(right, across)
    if between_rows != 0 or between_columns != 0 or u >= high or v >= wide:
        return ZERO
    return work[stages[s, D] + ((row * high + u) * wide + v) * channels + channel]


@inner
def convolve(net, data, s, rows, first, team, shared):
    """The convolution `s` for a batch: z = P W and the steps that follow."""
    stages, _, weights, _, _ = net
    left, right, result = shared
    sums = cuda.local.array(PER_THREAD, float32)
    thread = cuda.threadIdx.x
    window, channels, cells = window_of(stages, s), stages[s, MAP_CHANNELS], cells_of(stages, s)
    outputs, weight = stages[s, CHANNELS], stages[s, WEIGHT]
    positions = stages[s, OUT_HEIGHT] * stages[s, OUT_WIDTH]
    places = rows * positions
    across = (outputs + COLUMNS - 1) // COLUMNS
    for tile in range(team[0], tiles_of(places, outputs), team[1]):
        r0 = tile // across * ROWS
        c0 = tile % across * COLUMNS
        begin(weights, stages[s, BIAS_FIRST], c0, outputs, sums, thread)
        for k0 in range(0, cells, DEPTH):
            for e in range(thread, DEPTH * ROWS, THREADS):
                k = e % DEPTH
                i = e // DEPTH
                inside = r0 + i < places and k0 + k < cells
                left[k, i] = under_kernel(net, data, s, window, channels, r0 + i, k0 + k, first) if inside else ZERO
            load_right(weights, weight, cells, outputs, k0, c0, right, thread)
            cuda.syncthreads()
            accumulate(left, right, sums, thread)
            cuda.syncthreads()
        share(sums, result, thread)
        cuda.syncthreads()
        for e in range(thread, ROWS * COLUMNS, THREADS):
            i = r0 + e // COLUMNS
            j = c0 + e % COLUMNS
            if i < places and j < outputs:
                row, at = split(i, positions)
                finish_unit(net, s, row, first, at * outputs + j, j, result[e // COLUMNS, e % COLUMNS])


@inner
def convolve_backward(net, s, rows, first, team, shared):
    """From the gradient of the weighted sums of the convolution `s` to that of the stage before it."""
    stages, _, weights, _, _ = net
    left, right, result = shared
    sums = cuda.local.array(PER_THREAD, float32)
    thread = cuda.threadIdx.x
    window, inputs, outputs = window_of(stages, s), stages[s, MAP_CHANNELS], stages[s, CHANNELS]
    weight = stages[s, WEIGHT]
    last = stages[s, KERNEL_HEIGHT] * stages[s, KERNEL_WIDTH] - 1
    cells = (last + 1) * outputs
    positions = stages[s, MAP_HEIGHT] * stages[s, MAP_WIDTH]
    places = rows * positions
    across = (inputs + COLUMNS - 1) // COLUMNS
    for tile in range(team[0], tiles_of(places, inputs), team[1]):
        r0 = tile // across * ROWS
        c0 = tile % across * COLUMNS
        clear(sums)
        for k0 in range(0, cells, DEPTH):
            for e in range(thread, DEPTH * ROWS, THREADS):
                k = e % DEPTH
                i = e // DEPTH
                inside = r0 + i < places and k0 + k < cells
                left[k, i] = above_input(net, s, window, outputs, r0 + i, k0 + k) if inside else ZERO
            for e in range(thread, DEPTH * COLUMNS, THREADS):
                k = e % DEPTH
                j = e // DEPTH
                if k0 + k < cells and c0 + j < inputs:
                    ij, output = split(k0 + k, outputs)
                    right[k, j] = weights[weight + ((last - ij) * inputs + c0 + j) * outputs + output]
                else:
                    right[k, j] = ZERO
            cuda.syncthreads()
            accumulate(left, right, sums, thread)
            cuda.syncthreads()
        share(sums, result, thread)
        cuda.syncthreads()
        for e in range(thread, ROWS * COLUMNS, THREADS):
            i = r0 + e // COLUMNS
            j = c0 + e % COLUMNS
            if i < places and j < inputs:
                row, at = split(i, positions)
                keep_gradient(net, stages[s, BEHIND], row, first, at * inputs + j, result[e // COLUMNS, e % COLUMNS])


@inner
def convolve_parts(net, data, s, rows, first, team, shared):
    """The parts of dW = P^T d and of the column sums of d: (parts, weights and biases)."""
    stages, _, _, _, _ = net
    cells, outputs = cells_of(stages, s), stages[s, CHANNELS]
    parts, _ = parts_of(stages, s)
    tiles = tiles_of(cells, outputs)
    for item in range(team[0], rows * parts * tiles, team[1]):
        part, tile = split(item, tiles)
        begin, end = range_of_part(stages, s, part)
        weight_part(net, data, s, part, tile, begin, end, first, shared)
    bias_parts(net, s, rows, team)


@inner
def bias_parts(net, s, rows, team):
    """The parts of the column sums of d, behind those of dW."""
    stages, _, _, work, _ = net
    cells, outputs = cells_of(stages, s), stages[s, CHANNELS]
    parts, _ = parts_of(stages, s)
    for e in range(first_of(team), rows * parts * outputs, stride_of(team)):
        part, channel = split(e, outputs)
        begin, end = range_of_part(stages, s, part)
        total = ZERO
        for place in range(begin, end):
            total += work[stages[s, D] + place * outputs + channel]
        work[stages[s, PARTS] + part * (cells + 1) * outputs + cells * outputs + channel] = total


@inner
def weight_part(net, data, s, part, tile, begin, end, first, shared):
    """One tile of the part of dW from the positions `begin` to `end`."""
    stages, _, _, work, _ = net
    left, right, result = shared
    sums = cuda.local.array(PER_THREAD, float32)
    thread = cuda.threadIdx.x
    window, channels, cells = window_of(stages, s), stages[s, MAP_CHANNELS], cells_of(stages, s)
    outputs, gradient = stages[s, CHANNELS], stages[s, D]
    target = stages[s, PARTS] + part * (cells + 1) * outputs
    across = (outputs + COLUMNS - 1) // COLUMNS
    r0 = tile // across * ROWS
    c0 = tile % across * COLUMNS
    clear(sums)
    for k0 in range(begin, end, DEPTH):
        for e in range(thread, DEPTH * ROWS, THREADS):
            i = e % ROWS
            k = e // ROWS
            inside = r0 + i < cells and k0 + k < end
            left[k, i] = under_kernel(net, data, s, window, channels, k0 + k, r0 + i, first) if inside else ZERO
        load_right(work, gradient, end, outputs, k0, c0, right, thread)
        cuda.syncthreads()
        accumulate(left, right, sums, thread)
        cuda.syncthreads()
    share(sums, result, thread)
    cuda.syncthreads()
    for e in range(thread, ROWS * COLUMNS, THREADS):
        i = r0 + e // COLUMNS
        j = c0 + e % COLUMNS
        if i < cells and j < outputs:
            work[target + i * outputs + j] = result[e // COLUMNS, e % COLUMNS]


@inner
def learn_convolution(net, s, rows, learner, step, learning, team):
    """Add up the parts of each weight's and each bias's gradient; then they learn."""
    stages, _, _, work, _ = net
    outputs = stages[s, CHANNELS]
    weights = cells_of(stages, s) * outputs
    parts, _ = parts_of(stages, s)
    size = weights + outputs
    for k in range(first_of(team), size, stride_of(team)):
        g = ZERO
        for row in range(0, rows, GROUP):
            of_group = ZERO
            for part in range(parts):
                at = stages[s, PARTS] + (row * parts + part) * size + k
                of_group += sum_of_group(work, at, parts * size, rows - row)
            g += of_group
        if k < weights:
            learn_weight(net, s, stages[s, WEIGHT] + k, g, learner, step, learning)
        elif stages[s, BIAS] >= 0:
            learn_one(net, stages[s, BIAS] + k - weights, g, learner, step, learning)
