"""The phases of a training step, for `blocks` blocks of threads that work side by side.

What is computed. Dense stages of x (rows, inputs), weights W (inputs, units) and bias b:

    forward    z = x W + b,  a = f(z),  out = a * mask
    backward   d = (d' W'^T) * mask * f'(z)          (d', W' of the next stage)
    update     dW = x^T d,  db = column sums of d,  then the optimizer

How. All three products are cut into tiles of ROWS x COLUMNS results. A block loads DEPTH columns of
the left matrix and DEPTH rows of the right one into shared memory, once for the whole tile, and each
thread adds up the DOWN x ACROSS results it keeps in registers. A number that comes from global
memory is so used ROWS or COLUMNS times. What follows a product (bias, activation, dropout mask,
derivative, optimizer) is done while its results are still in shared memory, where neighbouring
threads take neighbouring results: so weighted sums, masks and weight gradients make no trip of their
own through memory, and what is written is written in whole lines.

Where the bytes go. Forward: x once per column of tiles, W once per row of tiles; z, a, out written
once. Backward: d once per column of tiles, W read again, transposed by the way it is stored into
shared memory. Update: x and d read, each weight and its slots read and written once; the weight
gradient itself is never stored.

Launch geometry. Any number of blocks: tile number t belongs to block t mod blocks. Each result is
added up by one thread in one order, so the bits do not depend on the geometry.

A step is a program: a list of phases, each of one kind and for one stage (`neurosim.backends.cuda.table`
writes it). Between two phases all blocks must have finished the first; who runs the program sees to that.
"""

import numpy as np

from neurosim.backends.cuda.blanks import (
    ACROSS,
    COLUMNS,
    DEPTH,
    DOWN,
    ROWS,
    THREADS,
    activate,
    activate_row,
    loss_gradient,
    loss_of_row,
    pull_back_row,
    slope,
    target_of,
    update,
)
from neurosim.backends.cuda.target import cuda, float32, inner

# Three bundles go through everything below:
#     net = (stages, numbers, weights, work, keys)           the network, and what a batch leaves behind
#     data = (features, values, classes, order, scaling)     the data set and the order of its rows
#     learner = (state, gradient, constants)                 the optimizer
#     team = (block, blocks)                                 which block of threads this is, of how many
# A batch is the rows `first`, `first + 1`, ... of the order, `rows` in all.

# Columns of the stage table, entries of the loss table: see `neurosim.backends.cuda.table`.
(
    KIND, INPUTS, UNITS, X, Z, A, OUT, D, DZ, BEHIND, WEIGHT, BIAS, ACTIVATION, WHOLE_ROWS, PARAMS, DROP, DROP_BELOW,
    DROP_SCALE,
) = range(18)  # fmt: skip
LOSS_PARAMS, JUDGE, THRESHOLD = range(3)
FORWARD, FINISH_ROWS, JUDGE_ROWS, PULL_BACK, BACKWARD, LEARN = range(6)
DENSE = 0
BY_THRESHOLD, BY_LARGEST = 1, 2
ZERO, ONE = np.float32(0), np.float32(1)
# One more than needed, so that threads that store a column hit different banks of shared memory.
LEFT = ROWS + 1
RIGHT = COLUMNS + 1
PER_THREAD = DOWN * ACROSS
THREADS_ACROSS = COLUMNS // ACROSS
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX1, MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S27, S30, S31, S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
HASH1, HASH2 = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
S15, S16 = np.uint32(15), np.uint32(16)


# Random numbers: those of neurosim.randomness -----------------------------------------------------------------


@inner
def mix64(value):
    """The finalizer of SplitMix64."""
    value = (value ^ (value >> S30)) * MIX1
    value = (value ^ (value >> S27)) * MIX2
    return value ^ (value >> S31)


@inner
def mask(net, s, row, unit):
    """0 where a unit is dropped in this row of the epoch, else 1 / (1 - rate); 1 where nothing is."""
    stages, numbers, _, _, keys = net
    drop = stages[s, DROP]
    if drop < 0 or keys.shape[0] == 0:
        return ONE
    word = mix64(keys[drop] + np.uint64(row + 1) * GOLDEN)
    bits = np.uint32(np.uint32(unit) + np.uint32(word >> S32))
    bits = np.uint32((bits ^ (bits >> S16)) * HASH1)
    bits = np.uint32((bits ^ (bits >> S15) ^ np.uint32(word)) * HASH2)
    bits = np.uint32(bits ^ (bits >> S16))
    return numbers[stages[s, DROP_SCALE]] if bits >= np.uint32(stages[s, DROP_BELOW]) else ZERO


# Tiles ----------------------------------------------------------------------------------------------------------


@inner
def input_of(net, data, s, row, first, k):
    """Input number `k` of stage `s` in row `row` of the batch."""
    stages, _, _, work, _ = net
    x = stages[s, X]
    if x < 0:
        features, _, _, order, scaling = data
        return np.float32(features[order[first + row], k]) * scaling[0] + scaling[1]
    return work[x + row * stages[s, INPUTS] + k]


@inner
def first_of(team):
    """Number of this thread among all threads of a team: where a loop over numbers or rows begins."""
    return team[0] * THREADS + cuda.threadIdx.x


@inner
def stride_of(team):
    """Threads of a team: the step of such a loop."""
    return team[1] * THREADS


@inner
def clear(sums):
    """All sums of a thread start at 0."""
    for k in range(PER_THREAD):
        sums[k] = ZERO


@inner
def accumulate(left, right, sums, thread):
    """Add DEPTH terms to each sum of a thread; `left` (DEPTH, ROWS) and `right` (DEPTH, COLUMNS) are shared."""
    i0 = thread // THREADS_ACROSS * DOWN
    j0 = thread % THREADS_ACROSS * ACROSS
    for k in range(DEPTH):
        for i in range(DOWN):
            factor = left[k, i0 + i]
            for j in range(ACROSS):
                sums[i * ACROSS + j] += factor * right[k, j0 + j]


@inner
def share(sums, result, thread):
    """Lay a thread's sums into the shared `result` (ROWS, COLUMNS), from where any thread may take them."""
    i0 = thread // THREADS_ACROSS * DOWN
    j0 = thread % THREADS_ACROSS * ACROSS
    for i in range(DOWN):
        for j in range(ACROSS):
            result[i0 + i, j0 + j] = sums[i * ACROSS + j]


@inner
def tiles_of(rows, columns):
    """Tiles that a product of this shape is cut into."""
    return ((rows + ROWS - 1) // ROWS) * ((columns + COLUMNS - 1) // COLUMNS)


# Programs -------------------------------------------------------------------------------------------------------


@inner
def run_phase(kind, s, net, data, loss, rows, first, learner, step, learning, measures, team):
    """One phase of a step; with `learning` other than 0 the step changes the parameters."""
    # One set for all products: only one of them is worked out at a time.
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
    else:
        learn(net, data, rows, first, learner, step, learning, team, shared)


# Forward --------------------------------------------------------------------------------------------------------


@inner
def forward(net, data, s, rows, first, team, shared):
    """Stage `s` for a batch."""
    stages, _, weights, _, _ = net
    if stages[s, KIND] != DENSE:
        drop_forward(net, data, s, rows, first, team)
        return
    left, right, result = shared
    sums = cuda.local.array(PER_THREAD, float32)
    thread = cuda.threadIdx.x
    inputs, units, weight = stages[s, INPUTS], stages[s, UNITS], stages[s, WEIGHT]
    across = (units + COLUMNS - 1) // COLUMNS
    for tile in range(team[0], tiles_of(rows, units), team[1]):
        r0 = tile // across * ROWS
        c0 = tile % across * COLUMNS
        clear(sums)
        for k0 in range(0, inputs, DEPTH):
            for e in range(thread, DEPTH * ROWS, THREADS):
                k = e % DEPTH
                i = e // DEPTH
                inside = r0 + i < rows and k0 + k < inputs
                left[k, i] = input_of(net, data, s, r0 + i, first, k0 + k) if inside else ZERO
            for e in range(thread, DEPTH * COLUMNS, THREADS):
                j = e % COLUMNS
                k = e // COLUMNS
                inside = k0 + k < inputs and c0 + j < units
                right[k, j] = weights[weight + (k0 + k) * units + c0 + j] if inside else ZERO
            cuda.syncthreads()
            accumulate(left, right, sums, thread)
            cuda.syncthreads()
        share(sums, result, thread)
        cuda.syncthreads()
        for e in range(thread, ROWS * COLUMNS, THREADS):
            i = r0 + e // COLUMNS
            j = c0 + e % COLUMNS
            if i < rows and j < units:
                finish_unit(net, s, i, first, j, result[e // COLUMNS, e % COLUMNS])


@inner
def finish_unit(net, s, row, first, unit, total):
    """Bias, activation and dropout of one unit, from its weighted sum without bias."""
    stages, numbers, weights, work, _ = net
    place = row * stages[s, UNITS] + unit
    if stages[s, BIAS] >= 0:
        total += weights[stages[s, BIAS] + unit]
    work[stages[s, Z] + place] = total
    if stages[s, WHOLE_ROWS] == 0:
        a = activate(stages[s, ACTIVATION], total, numbers, stages[s, PARAMS])
        work[stages[s, A] + place] = a
        if stages[s, DROP] >= 0:
            work[stages[s, OUT] + place] = a * mask(net, s, first + row, unit)


@inner
def drop_forward(net, data, s, rows, first, team):
    """A dropout stage that follows no dense one."""
    stages, _, _, work, _ = net
    units = stages[s, UNITS]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row = e // units
        unit = e % units
        work[stages[s, OUT] + e] = input_of(net, data, s, row, first, unit) * mask(net, s, first + row, unit)


@inner
def finish_rows(net, s, rows, first, team):
    """The row-wise activation of stage `s`, after its weighted sums: one thread a row."""
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

    One thread a row. The gradient is that of the mean over the batch.
    """
    stages, numbers, _, work, _ = net
    _, values, classes, order, _ = data
    last = stages.shape[0] - 1
    units = stages[last, UNITS]
    scale = ONE / np.float32(rows)
    for row in range(first_of(team), rows, stride_of(team)):
        source = order[first + row]
        out = stages[last, OUT] + row * units
        z = stages[last, Z] + row * units if stages[last, KIND] == DENSE else out
        d = stages[last, D] + row * units
        y = target_of(values, classes, source)
        z_row, a_row = work[z : z + units], work[out : out + units]
        measures[first + row, 0] = loss_of_row(z_row, a_row, y, numbers, loss[LOSS_PARAMS])
        measures[first + row, 1] = right_answer(loss, a_row, classes, source, numbers)
        d_row = work[d : d + units]
        loss_gradient(z_row, a_row, y, d_row, numbers, loss[LOSS_PARAMS])
        for unit in range(units):
            d_row[unit] *= scale


@inner
def right_answer(loss, a, classes, source, numbers):
    """1 where the answer of an output row is right, else 0."""
    judge = loss[JUDGE]
    if judge == BY_THRESHOLD:
        answer = 1 if a[0] > numbers[loss[THRESHOLD]] else 0
        return ONE if answer == classes[source] else ZERO
    if judge == BY_LARGEST:
        best = 0
        for k in range(1, a.shape[0]):
            if a[k] > a[best]:
                best = k
        return ONE if best == classes[source] else ZERO
    return ZERO


# Backward -------------------------------------------------------------------------------------------------------


@inner
def pull_back(net, s, rows, first, team):
    """Turn the gradient of what leaves stage `s`, in place, into that of its weighted sums."""
    stages, _, _, work, _ = net
    units, gradient = stages[s, UNITS], stages[s, D]
    if stages[s, KIND] != DENSE:
        for e in range(first_of(team), rows * units, stride_of(team)):
            work[gradient + e] *= mask(net, s, first + e // units, e % units)
    elif stages[s, WHOLE_ROWS] == 0:
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
def through_unit(net, s, row, first, unit, d):
    """Gradient with respect to a weighted sum, from that of what leaves the unit."""
    stages, numbers, _, work, _ = net
    place = row * stages[s, UNITS] + unit
    z, a = work[stages[s, Z] + place], work[stages[s, A] + place]
    kept = d * mask(net, s, first + row, unit)
    return kept * slope(stages[s, ACTIVATION], z, a, numbers, stages[s, PARAMS])


@inner
def backward(net, s, rows, first, team, shared):
    """From the gradient of stage `s`'s weighted sums to that of the stage behind it."""
    stages, _, weights, work, _ = net
    inputs, units, weight, gradient = stages[s, INPUTS], stages[s, UNITS], stages[s, WEIGHT], stages[s, D]
    if stages[s, KIND] != DENSE:
        for e in range(first_of(team), rows * inputs, stride_of(team)):
            keep_gradient(net, stages[s, BEHIND], e // inputs, first, e % inputs, work[gradient + e])
        return
    left, right, result = shared
    sums = cuda.local.array(PER_THREAD, float32)
    thread = cuda.threadIdx.x
    across = (inputs + COLUMNS - 1) // COLUMNS
    for tile in range(team[0], tiles_of(rows, inputs), team[1]):
        r0 = tile // across * ROWS
        c0 = tile % across * COLUMNS
        clear(sums)
        for k0 in range(0, units, DEPTH):
            for e in range(thread, DEPTH * ROWS, THREADS):
                k = e % DEPTH
                i = e // DEPTH
                inside = r0 + i < rows and k0 + k < units
                left[k, i] = work[gradient + (r0 + i) * units + k0 + k] if inside else ZERO
            for e in range(thread, DEPTH * COLUMNS, THREADS):
                k = e % DEPTH
                j = e // DEPTH
                inside = k0 + k < units and c0 + j < inputs
                right[k, j] = weights[weight + (c0 + j) * units + k0 + k] if inside else ZERO
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
def keep_gradient(net, s, row, first, unit, d):
    """Store the gradient of a unit that leaves stage `s`: that of its weighted sum, where no whole row is needed."""
    stages, _, _, work, _ = net
    place = stages[s, D] + row * stages[s, UNITS] + unit
    by_unit = stages[s, KIND] == DENSE and stages[s, WHOLE_ROWS] == 0
    work[place] = through_unit(net, s, row, first, unit, d) if by_unit else d


# Update ---------------------------------------------------------------------------------------------------------


@inner
def learn(net, data, rows, first, learner, step, learning, team, shared):
    """Gradients of all weights and biases, and at once their update; without `learning` they are kept instead.

    `learner` is (state, gradient, constants). All stages together: no stage waits for another, so
    there is work for every block.
    """
    stages, _, _, work, _ = net
    block, blocks = team
    before = 0
    for s in range(stages.shape[0]):
        if stages[s, KIND] == DENSE:
            tiles = tiles_of(stages[s, INPUTS], stages[s, UNITS])
            for tile in range((block - before) % blocks, tiles, blocks):
                weight_tile(net, data, s, tile, rows, first, learner, step, learning, shared)
            # The next stage goes on with the block after the last one that had a tile.
            before = (before + tiles) % blocks
    for s in range(stages.shape[0]):
        if stages[s, KIND] == DENSE and stages[s, BIAS] >= 0:
            units = stages[s, UNITS]
            for unit in range(first_of(team), units, stride_of(team)):
                g = ZERO
                for row in range(rows):
                    g += work[stages[s, D] + row * units + unit]
                learn_one(net, stages[s, BIAS] + unit, g, learner, step, learning)


@inner
def weight_tile(net, data, s, tile, rows, first, learner, step, learning, shared):
    """One tile of dW = x^T d."""
    stages, _, _, work, _ = net
    left, right, result = shared
    sums = cuda.local.array(PER_THREAD, float32)
    thread = cuda.threadIdx.x
    inputs, units, weight, gradient = stages[s, INPUTS], stages[s, UNITS], stages[s, WEIGHT], stages[s, D]
    across = (units + COLUMNS - 1) // COLUMNS
    r0 = tile // across * ROWS
    c0 = tile % across * COLUMNS
    clear(sums)
    for k0 in range(0, rows, DEPTH):
        for e in range(thread, DEPTH * ROWS, THREADS):
            i = e % ROWS
            k = e // ROWS
            inside = r0 + i < inputs and k0 + k < rows
            left[k, i] = input_of(net, data, s, k0 + k, first, r0 + i) if inside else ZERO
        for e in range(thread, DEPTH * COLUMNS, THREADS):
            j = e % COLUMNS
            k = e // COLUMNS
            inside = k0 + k < rows and c0 + j < units
            right[k, j] = work[gradient + (k0 + k) * units + c0 + j] if inside else ZERO
        cuda.syncthreads()
        accumulate(left, right, sums, thread)
        cuda.syncthreads()
    share(sums, result, thread)
    cuda.syncthreads()
    for e in range(thread, ROWS * COLUMNS, THREADS):
        i = r0 + e // COLUMNS
        j = c0 + e % COLUMNS
        if i < inputs and j < units:
            learn_one(net, weight + i * units + j, result[e // COLUMNS, e % COLUMNS], learner, step, learning)


@inner
def learn_one(net, k, g, learner, step, learning):
    """Update parameter `k` from its gradient, or keep the gradient."""
    _, _, weights, _, _ = net
    state, gradient, constants = learner
    if learning != 0:
        update(weights, state, k, g, constants, step)
    else:
        gradient[k] = g
