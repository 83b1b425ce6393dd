"""The phases of a training step, for `blocks` blocks of threads that work in parallel.

What is computed. Dense stages of x (rows, inputs), weights W (inputs, units) and bias b:

    forward    z = x W + b,  a = f(z),  out = a * mask
    backward   d = (d' W'^T) * mask * f'(z)          (d', W' of the next stage)
    update     dW = x^T d,  db = column sums of d,  then the optimizer

How. All three products are divided into tiles of ROWS x COLUMNS results. A block loads DEPTH columns of the left
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

A step is a program: a list of phases, each of one kind and for one stage (`neurosim.backends.cuda.table`
writes it). All blocks must finish one phase before the next begins; the caller that runs the program makes sure of
that.
"""

import numpy as np

from neurosim.backends.cuda.blanks import (
    COLUMNS,
    DEPTH,
    ROWS,
    THREADS,
    activate_row,
    learn_layers,
    loss_gradient,
    loss_of_row,
    pull_back_row,
    run_array_phase,
    run_layer_phase,
)
from neurosim.backends.cuda.kernels.clipping import add_squares, update_all
from neurosim.backends.cuda.kernels.common import (
    ACTIVATION,
    ADD_SQUARES,
    BACKWARD,
    BEHIND,
    BIAS,
    BIAS_FIRST,
    CLIP,
    DENSE,
    DROP,
    DROP_BACKWARD,
    DROP_FORWARD,
    DZ,
    FIND_GRADIENT_STARTS,
    FIND_STARTS,
    FINISH_ROWS,
    FORWARD,
    GATHER,
    GRADIENT_STARTS,
    INPUTS,
    JUDGE_ROWS,
    KIND,
    LEARN,
    LEFT,
    LEFT_LOADS,
    LEFT_WHOLE,
    LOSS_PARAMS,
    ONE,
    OUT,
    PARAMS,
    PER_THREAD,
    PULL_BACK,
    RIGHT,
    RIGHT_LOADS,
    RIGHT_WHOLE,
    STARTS,
    UNITS,
    UPDATE,
    WEIGHT,
    WHOLE_ROWS,
    ZERO,
    A,
    D,
    X,
    Z,
    accumulate,
    begin,
    clear,
    finish_unit,
    first_of,
    input_of,
    keep_gradient,
    learn_one,
    learn_weight,
    mask,
    right_answer,
    share,
    stride_of,
    this_thread,
    through_unit,
    tiles_of,
    value_at,
    weight_of,
)
from neurosim.backends.cuda.kernels.starts import begin_with_shift
from neurosim.backends.cuda.target import cuda, float32, inner

# Programs -------------------------------------------------------------------------------------------------------


@inner
def run_phase(kind, s, net, data, loss, rows, first, learner, step, learning, measures, team):
    """One phase of a step; with `learning` other than 0 the step changes the parameters."""
    # One set for all products: only one of them is computed at a time.
    left = cuda.shared.array((DEPTH, LEFT), float32)
    right = cuda.shared.array((DEPTH, RIGHT), float32)
    result = cuda.shared.array((ROWS, RIGHT), float32)
    shared = (left, right, result)
    if kind == FORWARD:
        forward(net, data, s, rows, first, team, shared)
    elif kind == FINISH_ROWS:
        finish_rows(net, s, rows, first, team)
    elif kind == JUDGE_ROWS:
        judge_rows(net, data, loss, rows, first, measures, team)
    elif kind == PULL_BACK:
        pull_back(net, s, rows, first, team)
    elif kind == BACKWARD:
        backward(net, s, rows, first, team, shared)
    elif kind == DROP_FORWARD:
        drop_forward(net, data, s, rows, first, team)
    elif kind == DROP_BACKWARD:
        drop_backward(net, s, rows, first, team)
    elif kind in (LEARN, GATHER):
        learn(net, data, rows, first, learner, step, learning if kind == LEARN else 0, team, shared)
    elif kind == ADD_SQUARES:
        add_squares(net, loss, learner, team)
    elif kind == UPDATE:
        update_all(net, loss, learner, step, team)
    elif kind in (FIND_STARTS, FIND_GRADIENT_STARTS):
        begin_with_shift(kind, net, data, s, rows, team)
    elif kind >= CLIP:
        run_array_phase(kind, net, loss, learner, step, team)
    else:
        run_layer_phase(kind, net, data, s, rows, first, learning, team, shared)


# Forward --------------------------------------------------------------------------------------------------------


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
            for load in range(RIGHT_LOADS):
                e = thread + load * THREADS
                if RIGHT_WHOLE or e < DEPTH * COLUMNS:
                    j = e % COLUMNS
                    k = e // COLUMNS
                    inside = k0 + k < inputs and c0 + j < units
                    right[k, j] = weights[np.uint32(weight + (k0 + k) * units + c0 + j)] if inside else ZERO
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
def drop_forward(net, data, s, rows, first, team):
    """A dropout stage that follows no activation."""
    stages, _, _, work, _ = net
    units = stages[s, UNITS]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row = e // units
        unit = e % units
        work[stages[s, OUT] + e] = input_of(net, data, s, row, first, unit) * mask(net, s, first + row, unit)


@inner
def finish_rows(net, s, rows, first, team):
    """The row-wise activation of stage `s`, after its weighted sums: one thread per row."""
    stages, numbers, _, work, _ = net
    units = stages[s, UNITS]
    for row in range(first_of(team), rows, stride_of(team)):
        z = stages[s, Z] + row * units
        a = stages[s, A] + row * units
        activate_row(stages[s, ACTIVATION], work[z : z + units], work[a : a + units], numbers, stages[s, PARAMS])
        if stages[s, DROP] >= 0:
            for unit in range(units):
                work[stages[s, OUT] + row * units + unit] = work[a + unit] * mask(net, s, first + row, unit)


# Loss -----------------------------------------------------------------------------------------------------------


@inner
def judge_rows(net, data, loss, rows, first, measures, team):
    """Loss and right answer of each row into `measures` (rows of the epoch, 2), and the gradient of the loss.

    One thread per row. The gradient is that of the mean over the batch. A row without weight is left out.
    """
    stages, numbers, _, work, _ = net
    _, values, classes, order, scaling = data
    last = stages.shape[0] - 1
    units = stages[last, UNITS]
    scale = ONE / np.float32(rows)
    for row in range(first_of(team), rows, stride_of(team)):
        source = order[first + row]
        out = stages[last, OUT] + row * units
        z = stages[last, Z] + row * units if stages[last, Z] >= 0 else out
        d = stages[last, D] + row * units
        z_row, a_row = work[z : z + units], work[out : out + units]
        weight = weight_of(scaling, source)
        found = loss_of_row(z_row, a_row, values, classes, source, numbers, loss[LOSS_PARAMS])
        measures[first + row, 0] = weight * found if weight != ZERO else ZERO
        measures[first + row, 1] = right_answer(loss, a_row, classes, source, numbers)
        d_row = work[d : d + units]
        loss_gradient(z_row, a_row, values, classes, source, d_row, numbers, loss[LOSS_PARAMS])
        for unit in range(units):
            d_row[unit] = d_row[unit] * scale * weight if weight != ZERO else ZERO


# Backward -------------------------------------------------------------------------------------------------------


@inner
def pull_back(net, s, rows, first, team):
    """Turn the gradient of the output of stage `s`, in place, into that of its weighted sums."""
    stages, _, _, work, _ = net
    units, gradient = stages[s, UNITS], stages[s, D]
    if stages[s, WHOLE_ROWS] == 0:
        for e in range(first_of(team), rows * units, stride_of(team)):
            work[gradient + e] = through_unit(net, s, e // units, first, e % units, work[gradient + e])
    else:
        for row in range(first_of(team), rows, stride_of(team)):
            pull_back_whole_row(net, s, row, first)


@inner
def pull_back_whole_row(net, s, row, first):
    """`pull_back` for one row of a row-wise activation."""
    stages, numbers, _, work, _ = net
    units = stages[s, UNITS]
    z, a = stages[s, Z] + row * units, stages[s, A] + row * units
    d, dz = stages[s, D] + row * units, stages[s, DZ] + row * units
    for unit in range(units):
        work[d + unit] *= mask(net, s, first + row, unit)
    z_row, a_row = work[z : z + units], work[a : a + units]
    d_row, dz_row = work[d : d + units], work[dz : dz + units]
    pull_back_row(stages[s, ACTIVATION], z_row, a_row, d_row, dz_row, numbers, stages[s, PARAMS])
    for unit in range(units):
        d_row[unit] = dz_row[unit]


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
def drop_backward(net, s, rows, first, team):
    """A dropout stage that follows no activation."""
    stages, _, _, work, _ = net
    units, gradient = stages[s, UNITS], stages[s, D]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row = e // units
        unit = e % units
        d = work[gradient + e] * mask(net, s, first + row, unit)
        keep_gradient(net, stages[s, BEHIND], row, first, unit, d)


# Update ---------------------------------------------------------------------------------------------------------


@inner
def learn(net, data, rows, first, learner, step, learning, team, shared):
    """Gradients of all parameters, with their update at once; without `learning` they are stored instead.

    All stages together: no stage waits for another, so there is work for every block.
    """
    stages, _, _, work, _ = net
    block, blocks = team
    before = 0
    for s in range(stages.shape[0]):
        if stages[s, KIND] == DENSE:
            tiles = tiles_of(stages[s, INPUTS], stages[s, UNITS])
            for tile in range((block - before) % blocks, tiles, blocks):
                weight_tile(net, data, s, tile, rows, first, learner, step, learning, shared)
            # The next stage continues with the block after the last one that had a tile.
            before = (before + tiles) % blocks
    for s in range(stages.shape[0]):
        if stages[s, KIND] == DENSE and stages[s, BIAS] >= 0:
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
        for load in range(RIGHT_LOADS):
            e = thread + load * THREADS
            if RIGHT_WHOLE or e < DEPTH * COLUMNS:
                j = e % COLUMNS
                k = e // COLUMNS
                inside = k0 + k < rows and c0 + j < units
                right[k, j] = work[np.uint32(gradient + (k0 + k) * units + c0 + j)] if inside else ZERO
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
