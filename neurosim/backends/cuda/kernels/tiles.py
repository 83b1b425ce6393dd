"""The products of dense stages, in tiles.

What is computed. Forward, backward and update of a dense stage (see `phases`): x W, d W^T and x^T d.

How. They are divided into tiles of ROWS x COLUMNS results. A block loads DEPTH columns of the left
matrix and DEPTH rows of the right one into shared memory, once for the whole tile, and each thread adds up the DOWN x
ACROSS results that it keeps in registers. So a number from global memory is used ROWS or COLUMNS times. The steps
after a product (bias, activation, dropout mask, derivative, optimizer) are done while its results are still in shared
memory, where neighboring threads take neighboring results: so weighted sums, masks and weight gradients need no extra
trip through memory, and everything is written in whole lines.

Where the bytes go. Forward: x once per column of tiles, W once per row of tiles; z, a, out written
once. Backward: d once per column of tiles, W read again, transposed as it is stored in shared memory. Update: x and d
read, each weight and its slots read and written once; the weight gradient itself is never stored.

Launch geometry. Any number of blocks: tile number t belongs to block t mod blocks. Each result is added up by one
thread in a fixed order, so the bits do not depend on the geometry.
"""

import numpy as np

from neurosim.backends.cuda.blanks import COLUMNS, DEPTH, ROWS, THREADS, learn_layers
from neurosim.backends.cuda.kernels.common import (
    BEHIND,
    BIAS,
    BIAS_FIRST,
    DENSE,
    FROZEN,
    GRADIENT_STARTS,
    INPUTS,
    KIND,
    LEFT_LOADS,
    LEFT_WHOLE,
    PER_THREAD,
    RIGHT_LOADS,
    RIGHT_WHOLE,
    STARTS,
    UNITS,
    WEIGHT,
    ZERO,
    D,
    X,
    accumulate,
    begin,
    clear,
    finish_unit,
    first_of,
    keep_gradient,
    learn_one,
    learn_weight,
    load_right,
    share,
    stride_of,
    this_thread,
    tiles_of,
    value_at,
)
from neurosim.backends.cuda.target import cuda, float32, inner


@inner
def forward(net, data, s, rows, first, team, shared):
    """The dense stage `s` for a batch."""
    stages, _, weights, work, _ = net
    left, right, result = shared
    sums = cuda.local.array(PER_THREAD, float32)
    thread = this_thread()
    inputs, units, weight, source = stages[s, INPUTS], stages[s, UNITS], stages[s, WEIGHT], stages[s, X]
    across = (units + COLUMNS - 1) // COLUMNS
    for tile in range(team[0], tiles_of(rows, units), team[1]):
        r0 = tile // across * ROWS
        c0 = tile % across * COLUMNS
        if stages[s, STARTS] >= 0:
            begin(work, stages[s, STARTS], c0, units, sums, thread)
        else:
            begin(weights, stages[s, BIAS_FIRST], c0, units, sums, thread)
        for k0 in range(0, inputs, DEPTH):
            for load in range(LEFT_LOADS):
                e = thread + load * THREADS
                if LEFT_WHOLE or e < DEPTH * ROWS:
                    k = e % DEPTH
                    i = e // DEPTH
                    inside = r0 + i < rows and k0 + k < inputs
                    left[k, i] = value_at(net, data, source, inputs, r0 + i, first, k0 + k) if inside else ZERO
            load_right(weights, weight, inputs, units, k0, c0, right, thread)
            cuda.syncthreads()
            accumulate(left, right, sums, thread)
            cuda.syncthreads()
        share(sums, result, thread)
        cuda.syncthreads()
        for e in range(thread, ROWS * COLUMNS, THREADS):
            i = r0 + e // COLUMNS
            j = c0 + e % COLUMNS
            if i < rows and j < units:
                finish_unit(net, s, i, first, j, j, result[e // COLUMNS, e % COLUMNS])


@inner
def backward(net, s, rows, first, team, shared):
    """From the gradient of the weighted sums of the dense stage `s` to that of the stage before it."""
    stages, _, weights, work, _ = net
    inputs, units, weight, gradient = stages[s, INPUTS], stages[s, UNITS], stages[s, WEIGHT], stages[s, D]
    left, right, result = shared
    sums = cuda.local.array(PER_THREAD, float32)
    thread = this_thread()
    across = (inputs + COLUMNS - 1) // COLUMNS
    for tile in range(team[0], tiles_of(rows, inputs), team[1]):
        r0 = tile // across * ROWS
        c0 = tile % across * COLUMNS
        clear(sums)
        for k0 in range(0, units, DEPTH):
            for load in range(LEFT_LOADS):
                e = thread + load * THREADS
                if LEFT_WHOLE or e < DEPTH * ROWS:
                    k = e % DEPTH
                    i = e // DEPTH
                    inside = r0 + i < rows and k0 + k < units
                    left[k, i] = work[np.uint32(gradient + (r0 + i) * units + k0 + k)] if inside else ZERO
            for load in range(RIGHT_LOADS):
                e = thread + load * THREADS
                if RIGHT_WHOLE or e < DEPTH * COLUMNS:
                    k = e % DEPTH
                    j = e // DEPTH
                    inside = k0 + k < units and c0 + j < inputs
                    right[k, j] = weights[np.uint32(weight + (c0 + j) * units + k0 + k)] if inside else ZERO
            cuda.syncthreads()
            accumulate(left, right, sums, thread)
            cuda.syncthreads()
        share(sums, result, thread)
        cuda.syncthreads()
        for e in range(thread, ROWS * COLUMNS, THREADS):
            i = r0 + e // COLUMNS
            j = c0 + e % COLUMNS
            if i < rows and j < inputs:
                keep_gradient(net, stages[s, BEHIND], i, first, j, result[e // COLUMNS, e % COLUMNS])


@inner
def learn(net, data, rows, first, learner, step, learning, team, shared):
    """Gradients of all parameters, with their update at once; without `learning` they are stored instead.

    All stages together: no stage waits for another, so there is work for every block.
    """
    stages, _, _, work, _ = net
    block, blocks = team
    before = 0
    for s in range(stages.shape[0]):
        if stages[s, KIND] == DENSE and stages[s, FROZEN] < 0:
            tiles = tiles_of(stages[s, INPUTS], stages[s, UNITS])
            for tile in range((block - before) % blocks, tiles, blocks):
                weight_tile(net, data, s, tile, rows, first, learner, step, learning, shared)
            # The next stage continues with the block after the last one that had a tile.
            before = (before + tiles) % blocks
    for s in range(stages.shape[0]):
        if stages[s, KIND] == DENSE and stages[s, BIAS] >= 0 and stages[s, FROZEN] < 0:
            units = stages[s, UNITS]
            for unit in range(first_of(team), units, stride_of(team)):
                g = ZERO
                for row in range(rows):
                    g += work[stages[s, D] + row * units + unit]
                learn_one(net, stages[s, BIAS] + unit, g, learner, step, learning)
    learn_layers(net, rows, learner, step, learning, team)


@inner
def weight_tile(net, data, s, tile, rows, first, learner, step, learning, shared):
    """One tile of dW = x^T d."""
    stages, _, _, work, _ = net
    left, right, result = shared
    sums = cuda.local.array(PER_THREAD, float32)
    thread = this_thread()
    inputs, units, weight, gradient = stages[s, INPUTS], stages[s, UNITS], stages[s, WEIGHT], stages[s, D]
    source = stages[s, X]
    across = (units + COLUMNS - 1) // COLUMNS
    r0 = tile // across * ROWS
    c0 = tile % across * COLUMNS
    begin(work, stages[s, GRADIENT_STARTS], c0, units, sums, thread)
    for k0 in range(0, rows, DEPTH):
        for load in range(LEFT_LOADS):
            e = thread + load * THREADS
            if LEFT_WHOLE or e < DEPTH * ROWS:
                i = e % ROWS
                k = e // ROWS
                inside = r0 + i < inputs and k0 + k < rows
                left[k, i] = value_at(net, data, source, inputs, k0 + k, first, r0 + i) if inside else ZERO
        load_right(work, gradient, rows, units, k0, c0, right, thread)
        cuda.syncthreads()
        accumulate(left, right, sums, thread)
        cuda.syncthreads()
    share(sums, result, thread)
    cuda.syncthreads()
    for e in range(thread, ROWS * COLUMNS, THREADS):
        i = r0 + e // COLUMNS
        j = c0 + e % COLUMNS
        if i < inputs and j < units:
            learn_weight(net, s, weight + i * units + j, result[e // COLUMNS, e % COLUMNS], learner, step, learning)
