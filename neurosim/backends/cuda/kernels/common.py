"""The building blocks of all phases: random numbers, tiles of a product, and computations for a single unit.

A few bundles are passed to almost every function:

    net = (stages, numbers, weights, work, keys)           the network, and the results of a batch
    data = (features, values, classes, order, scaling)     the data set, the order of its rows, and their weights
    learner = (state, gradient, constants)                 the optimizer
    team = (block, blocks)                                 the number of this block of threads, and of all

A batch is the rows `first`, `first + 1`, ... of the order, `rows` in all. In the work space the rows of a stage are
stored consecutively, and a row has its numbers in the order height, width, channels.
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
    keep_slopes,
    slope,
    update,
)
from neurosim.backends.cuda.grid_barrier import wait_for_blocks
from neurosim.backends.cuda.target import cuda, inner, larger, smaller

# Kinds of stages, columns of the stage table, entries of the loss table, phases: see `neurosim.backends.cuda.fields`.
(
    DENSE, DROPOUT, CONVOLUTION, MAX_POOL, AVG_POOL, BATCH_NORM, LAYER_NORM, ALONE, FORK, JOIN, COMBINE, PART,
    SPREAD_CONVOLUTION,
) = range(13)  # fmt: skip
(
    KIND, INPUTS, UNITS, X, Z, A, OUT, D, DZ, BEHIND, WEIGHT, BIAS, ACTIVATION, WHOLE_ROWS, PARAMS, DROP, DROP_BELOW,
    DROP_SCALE, PENALTY, CHANNELS, MAP_HEIGHT, MAP_WIDTH, MAP_CHANNELS, KERNEL_HEIGHT, KERNEL_WIDTH, STRIDE_DOWN,
    STRIDE_ACROSS, PAD_TOP, PAD_LEFT, OUT_HEIGHT, OUT_WIDTH, PARTS, TERMS, PLACES, STATISTICS, RUNNING_MEAN,
    RUNNING_VARIANCE, SKIP, SKIP_BEHIND, FIRST_CHANNEL, GATE, LEARNED, LEARNED_NAMES, LEARNED_NUMBERS, LEARNED_WIDTH,
    LEARNED_SLOPES, LEARNED_SUMS, LEARNED_TERMS, ON_MAPS, FROZEN, BIAS_FIRST, STARTS, GRADIENT_STARTS, APART_DOWN,
    APART_ACROSS, OWN, COUNTED_TOP, COUNTED_BOTTOM, COUNTED_LEFT, COUNTED_RIGHT,
) = range(60)  # fmt: skip
(
    LOSS_PARAMS, JUDGE, THRESHOLD, SQUARES, SQUARES_PARTS, ARRAYS, ARRAY_COUNT, DUES, DUE_COUNT, REDUCTIONS, VALUES,
    SUMS, SUMS_PARTS, SPREAD,
) = range(14)  # fmt: skip
CLIP_VALUE, CLIP_NORM = range(2)
(
    FORWARD, FINISH_ROWS, JUDGE_ROWS, PULL_BACK, BACKWARD, DROP_FORWARD, DROP_BACKWARD, LEARN, GATHER, ADD_SQUARES,
    UPDATE, FIND_STARTS, FIND_GRADIENT_STARTS, COMBINE_FORWARD, COMBINE_BACKWARD, ACTIVATE, ACTIVATE_BACKWARD,
    JOIN_FORWARD, JOIN_BACKWARD, FORK_BACKWARD, PART_FORWARD, PART_BACKWARD, CONVOLVE, CONVOLVE_BACKWARD,
    CONVOLVE_PARTS, POOL_FORWARD, POOL_BACKWARD, SPREAD_FORWARD, SPREAD_BACKWARD, SPREAD_PARTS, CHANNEL_PARTS,
    CHANNEL_SQUARES, CHANNEL_STATISTICS, RUNNING_STATISTICS, GROUP_STATISTICS, NORMALIZE, GRADIENT_PARTS,
    CHANNEL_GRADIENTS, GROUP_GRADIENTS, NORMALIZE_BACKWARD, LEARNED_PARTS, CLIP, DIRECTION_SUMS, DIRECTION_VALUES,
    DIRECT, UPDATE_SUMS, UPDATE_VALUES, FINISH,
) = range(48)  # fmt: skip
# In place of the offset of a stage's inputs, where these are the batch itself.
NOWHERE = -1
ZERO, ONE = np.float32(0), np.float32(1)
BY_THRESHOLD, BY_LARGEST = 1, 2
# One more than needed, so that threads storing a column hit different banks of shared memory.
LEFT = ROWS + 1
RIGHT = COLUMNS + 1
PER_THREAD = DOWN * ACROSS
THREADS_ACROSS = COLUMNS // ACROSS
# How many numbers of each tile a thread loads, and whether all threads load as many.
LEFT_LOADS, RIGHT_LOADS = -(-DEPTH * ROWS // THREADS), -(-DEPTH * COLUMNS // THREADS)
LEFT_WHOLE, RIGHT_WHOLE = DEPTH * ROWS % THREADS == 0, DEPTH * COLUMNS % THREADS == 0
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
    """0 if a unit is dropped in this row of the epoch, else 1 / (1 - rate); 1 without dropout."""
    stages, numbers, _, _, keys = net
    drop = stages[s, DROP]
    if drop < 0 or keys.shape[0] == 0:
        return ONE
    return mask_of(keys[drop], stages[s, DROP_BELOW], numbers[stages[s, DROP_SCALE]], row, unit)


@inner
def mask_of(key, below, scale, row, unit):
    """`mask` for a dropout layer with this key: 0, or `scale`."""
    word = mix64(key + np.uint64(row + 1) * GOLDEN)
    bits = np.uint32(np.uint32(unit) + np.uint32(word >> S32))
    bits = np.uint32((bits ^ (bits >> S16)) * HASH1)
    bits = np.uint32((bits ^ (bits >> S15) ^ np.uint32(word)) * HASH2)
    bits = np.uint32(bits ^ (bits >> S16))
    return scale if bits >= np.uint32(below) else ZERO


# Where numbers are stored
# ----------------------------------------------------------------------------------------------


@inner
def this_thread():
    """The number of this thread among the THREADS that work together, of which the compiler knows that it is positive.

    A block has as many threads, or, where networks are small, several times as many.
    """
    return np.int64(np.uint32(np.uint32(cuda.threadIdx.x) % np.uint32(THREADS)))


@inner
def value_at(net, data, x, units, row, first, k):
    """Number `k` in row `row` at offset `x`, in rows of `units`; from the batch itself if `x` is NOWHERE."""
    _, _, _, work, _ = net
    if x == NOWHERE:
        features, _, _, order, scaling = data
        source = np.uint32(order[np.uint32(first + row)])
        return np.float32(features[source, np.uint32(k)]) * scaling[0] + scaling[1]
    # Places are computed in 32 bits, with half the instructions; a table has no greater ones.
    return work[np.uint32(x + row * units + k)]


@inner
def weight_of(scaling, row):
    """What the loss of a row of the data set is multiplied by; weights, if there are any, follow scale and shifts."""
    return scaling[3 + row] if scaling.shape[0] > 3 else ONE


@inner
def right_answer(loss, a, classes, source, numbers):
    """1 if the answer of an output row is right, else 0."""
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


@inner
def input_of(net, data, s, row, first, k):
    """Input number `k` of stage `s` in row `row` of the batch."""
    stages, _, _, _, _ = net
    return value_at(net, data, stages[s, X], stages[s, INPUTS], row, first, k)


@inner
def split(number, size):
    """Quotient and remainder of nonnegative numbers; unsigned 32-bit division is the fastest."""
    whole = np.uint32(np.uint32(number) // np.uint32(size))
    return np.int64(whole), np.int64(np.uint32(np.uint32(number) - whole * np.uint32(size)))


@inner
def first_of(team):
    """The number of this thread among all threads of a team, where its loop over numbers or rows begins."""
    return team[0] * THREADS + this_thread()


@inner
def stride_of(team):
    """The number of threads in a team, which is the step of such a loop."""
    return team[1] * THREADS


@inner
def meet(counter, meetings):
    """A barrier of all blocks of a launch: the one number `meetings`, from 1 on; `counter` begins with 0."""
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        wait_for_blocks(counter, meetings, cuda.gridDim.x)
    cuda.syncthreads()


@inner
def turns_of(count, team):
    """How often the threads of a team take a number each, until all are taken: a loop that can be unrolled."""
    return (count + stride_of(team) - 1) // stride_of(team)


# Sums over rows, as the CPU engine takes those of maps -----------------------------------------------------------

# Rows of a group, which are added up before the groups are.
GROUP = 16


@inner
def pair_of_group(work, at, stride, count, n):
    """Number `n` and the one half a group further on; 0 from number `count` on."""
    number = work[at + n * stride] if n < count else ZERO
    other = work[at + (n + 8) * stride] if n + 8 < count else ZERO
    return number + other


@inner
def sum_of_group(work, at, stride, count):
    """The sum of up to GROUP numbers, `stride` apart: halves are added until a single number is left."""
    even = pair_of_group(work, at, stride, count, 0) + pair_of_group(work, at, stride, count, 4)
    even += pair_of_group(work, at, stride, count, 2) + pair_of_group(work, at, stride, count, 6)
    odd = pair_of_group(work, at, stride, count, 1) + pair_of_group(work, at, stride, count, 5)
    odd += pair_of_group(work, at, stride, count, 3) + pair_of_group(work, at, stride, count, 7)
    return even + odd


# Tiles ----------------------------------------------------------------------------------------------------------


@inner
def clear(sums):
    """All sums of a thread start at 0."""
    for k in range(PER_THREAD):
        sums[k] = ZERO


@inner
def begin(values, at, first, columns, sums, thread):
    """Each sum of a thread starts at the number of its column, from `at` on, or at 0 if that is NONE.

    The tile begins at column `first`.
    """
    j0 = first + thread % THREADS_ACROSS * ACROSS
    for j in range(ACROSS):
        start = values[at + j0 + j] if at >= 0 and j0 + j < columns else ZERO
        for i in range(DOWN):
            sums[i * ACROSS + j] = start


@inner
def load_right(values, at, terms, columns, k0, c0, right, thread):
    """Load the tile at (k0, c0) of a product's right matrix, (terms, columns) from `at` on; 0 beyond its ends."""
    for load in range(RIGHT_LOADS):
        e = thread + load * THREADS
        if RIGHT_WHOLE or e < DEPTH * COLUMNS:
            j = e % COLUMNS
            k = e // COLUMNS
            inside = k0 + k < terms and c0 + j < columns
            right[k, j] = values[np.uint32(at + (k0 + k) * columns + c0 + j)] if inside else ZERO


@inner
def accumulate(left, right, sums, thread):
    """Add DEPTH terms to each sum of a thread; `left` (DEPTH, ROWS) and `right` (DEPTH, COLUMNS) are shared."""
    i0 = thread // THREADS_ACROSS * DOWN
    j0 = thread % THREADS_ACROSS * ACROSS
    for k in range(DEPTH):
        for i in range(DOWN):
            factor = left[k, i0 + i]
            for j in range(ACROSS):
                place = i * ACROSS + j
                sums[place] = cuda.fma(factor, right[k, j0 + j], sums[place])


@inner
def share(sums, result, thread):
    """Store a thread's sums in the shared `result` (ROWS, COLUMNS), where any thread can read them."""
    i0 = thread // THREADS_ACROSS * DOWN
    j0 = thread % THREADS_ACROSS * ACROSS
    for i in range(DOWN):
        for j in range(ACROSS):
            result[i0 + i, j0 + j] = sums[i * ACROSS + j]


@inner
def tiles_of(rows, columns):
    """The number of tiles into which a product of this shape is divided."""
    return ((rows + ROWS - 1) // ROWS) * ((columns + COLUMNS - 1) // COLUMNS)


# Forward and backward for a unit, and learning for a parameter
# --------------------------------------------------------


@inner
def learned_number(net, s, unit, k):
    """The learned parameter number `k` of the activation of a unit of stage `s`."""
    stages, _, weights, _, _ = net
    numbers = stages[s, LEARNED_NUMBERS]
    return weights[stages[s, LEARNED] + k * numbers + (unit % numbers if numbers > 1 else 0)]


@inner
def keep_slope(net, s, place, k, slope):
    """Store what an output contributes to the gradient of the learned parameter number `k`."""
    stages, _, _, work, _ = net
    work[stages[s, LEARNED_SLOPES] + place * stages[s, LEARNED_NAMES] + k] = slope


@inner
def finish_unit(net, s, row, first, unit, channel, total):
    """Bias, activation and dropout of one unit, from its weighted sum."""
    stages, numbers, weights, work, _ = net
    place = row * stages[s, UNITS] + unit
    if stages[s, BIAS] >= 0 and stages[s, BIAS_FIRST] < 0:
        total += weights[stages[s, BIAS] + channel]
    work[stages[s, Z] + place] = total
    if stages[s, WHOLE_ROWS] == 0:
        a = activate(stages[s, ACTIVATION], total, numbers, stages[s, PARAMS], net, s, unit)
        work[stages[s, A] + place] = a
        if stages[s, DROP] >= 0:
            work[stages[s, OUT] + place] = a * mask(net, s, first + row, unit)


@inner
def through_unit(net, s, row, first, unit, d):
    """The gradient with respect to a weighted sum, from that of the unit's output."""
    stages, numbers, _, work, _ = net
    place = row * stages[s, UNITS] + unit
    z, a = work[stages[s, Z] + place], work[stages[s, A] + place]
    kept = d * mask(net, s, first + row, unit)
    keep_slopes(stages[s, ACTIVATION], z, a, numbers, stages[s, PARAMS], net, s, unit, place, kept)
    return kept * slope(stages[s, ACTIVATION], z, a, numbers, stages[s, PARAMS], net, s, unit)


@inner
def keep_gradient(net, s, row, first, unit, d):
    """Store the gradient of a unit's output of stage `s`: that of its weighted sum, unless a whole row is needed."""
    stages, _, _, work, _ = net
    place = stages[s, D] + row * stages[s, UNITS] + unit
    by_unit = stages[s, ACTIVATION] >= 0 and stages[s, WHOLE_ROWS] == 0
    work[place] = through_unit(net, s, row, first, unit, d) if by_unit else d


@inner
def learn_weight(net, s, k, g, learner, step, learning):
    """`learn_one` for a weight of stage `s`, which may have a penalty."""
    learn_one(net, k, with_penalty(net, s, k, g), learner, step, learning)


@inner
def with_penalty(net, s, k, g):
    """The gradient of a weight of stage `s`, with that of its penalty, if there is one."""
    stages, numbers, weights, _, _ = net
    at = stages[s, PENALTY]
    if at >= 0:
        g = penalized(g, weights[k], numbers, at)
    return g


@inner
def penalized(g, w, numbers, at):
    """The gradient of a weight, with that of its penalty, whose l1 and l2 are ``numbers[at]`` and the one after it."""
    l1 = numbers[at]
    if w < ZERO:
        l1 = -l1
    elif w == ZERO:
        l1 = ZERO
    return g + (l1 + numbers[at + 1] * w)


@inner
def learn_one(net, k, g, learner, step, learning):
    """Update parameter `k` from its gradient, or store the gradient."""
    _, numbers, weights, _, _ = net
    state, gradient, constants = learner
    if learning != 0:
        bound = numbers[CLIP_VALUE]
        update(weights, state, k, smaller(larger(g, -bound), bound), constants, step)
    else:
        gradient[k] = g
