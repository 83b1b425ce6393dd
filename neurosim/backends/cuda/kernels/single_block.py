"""Complete training in one launch: a team of threads for each of many small networks.

What it computes. Every epoch, batch and step of networks that differ in their seed: shuffle, forward,
loss, backward, update (see `phases`). The networks' parameters are (networks, numbers), their optimizer
state (networks, slots, size); loss and right answer of each row of the present epoch are their measures,
(networks, rows, 2).

Launch geometry. THREADS threads for each network, and NETWORKS networks in a block; a team never looks at another's
network. Teams within a warp wait for one another by `syncwarp`, which costs next to nothing; larger ones are alone in
their block, and wait by `syncthreads`, which costs tens of nanoseconds. A launch costs microseconds.

Where the bytes go. What of a network fits into shared memory is there for the whole launch: its parameters, their
state, the work space, order and measures of its rows. The inputs of a batch are fetched once, to the beginning of the
work space. Everything that is the same for all networks is a constant of the kernel: the table, the phases of a step,
the size of a batch.
"""

import numpy as np

from neurosim.backends.cuda.blanks import (
    BATCH,
    DROPOUTS,
    LOSS_TABLE,
    MEASURES_HERE,
    NETWORK_INPUTS,
    NETWORKS,
    NUMBER_TABLE,
    ORDER_HERE,
    SHUFFLES,
    SLOTS_HERE,
    STAGE_TABLE,
    STATE_HERE,
    THREADS,
    WEIGHTS_HERE,
    WHOLE,
    WORK_HERE,
    run_step,
    wait,
)
from neurosim.backends.cuda.kernels.common import (
    GOLDEN,
    NOWHERE,
    S32,
    ZERO,
    mix64,
    split,
    this_thread,
    turns_of,
    value_at,
)
from neurosim.backends.cuda.target import cuda, float32, inner, int32, jit

# No array may be empty.
WEIGHTS_ROOM, SLOTS_ROOM, STATE_ROOM = max(WEIGHTS_HERE, 1), max(SLOTS_HERE, 1), max(STATE_HERE, 1)
WORK_ROOM, ORDER_ROOM, MEASURES_ROOM = max(WORK_HERE, 1), max(ORDER_HERE, 1), max(MEASURES_HERE, 1)


@jit
def train_networks(
    epochs, first_epoch, begin, end, features, values, classes, scaling, order, shuffles, weights, state, gradient,
    work, keys, constants, measures, totals
):  # fmt: skip
    """Train `epochs` epochs of every network; sums of loss and right answers go to `totals` (networks, epochs, 2).

    Of each epoch only the rows at positions from `begin` to before `end` of its order.
    `features` (members, rows, inputs) and `values`, `classes`, `scaling` likewise have one member for each network,
    or one that all share; `shuffles` (networks,) is the key of the order of rows, empty for no shuffle;
    `keys` (networks, dropouts, 2) are those of the masks before and after the epoch is folded in;
    `constants` (steps, n) are the optimizer's for every step of all epochs.
    """
    weights_here = cuda.shared.array((NETWORKS, WEIGHTS_ROOM), float32)
    state_here = cuda.shared.array((NETWORKS, SLOTS_ROOM, STATE_ROOM), float32)
    work_here = cuda.shared.array((NETWORKS, WORK_ROOM), float32)
    order_here = cuda.shared.array((NETWORKS, ORDER_ROOM), int32)
    measures_here = cuda.shared.array((NETWORKS, MEASURES_ROOM, 2), float32)
    place = np.int64(np.uint32(cuda.threadIdx.x) // np.uint32(THREADS))
    network, lane = np.int64(np.uint32(cuda.blockIdx.x)) * NETWORKS + place, this_thread()
    if network >= weights.shape[0]:
        return
    own_weights = weights_here[place] if WEIGHTS_HERE else weights[network]
    own_state = state_here[place] if STATE_HERE else state[network]
    own_work = work_here[place] if WORK_HERE else work[network]
    own_order = order_here[place][: order.shape[1]] if ORDER_HERE else order[network]
    own_measures = measures_here[place] if MEASURES_HERE else measures[network]
    if WEIGHTS_HERE:
        copy(weights[network], own_weights, lane)
    if STATE_HERE:
        for slot in range(SLOTS_HERE):
            copy(state[network, slot], own_state[slot], lane)
    if ORDER_HERE:
        copy(order[network], own_order, lane)
    member = network if features.shape[0] > 1 else 0
    net = (STAGE_TABLE, NUMBER_TABLE, own_weights, own_work, keys[network, :, 1])
    data = (features[member], values[member], classes[member], own_order, scaling[member])
    learner = (own_state, gradient[network], constants)
    wait()
    step = 0
    for epoch in range(epochs):
        if SHUFFLES or DROPOUTS:
            if lane == 0:
                draw_epoch(first_epoch + epoch, network, shuffles, own_order, keys)
            wait()
        for first in range(begin, end, BATCH):
            rows = BATCH if WHOLE else min(BATCH, end - first)
            fetch(net, data, rows, first, lane)
            wait()
            run_step(net, data, LOSS_TABLE, rows, first, learner, step, own_measures)
            step += 1
        if lane < 2:
            totals[network, epoch, lane] = exact_sum(own_measures, begin, end, lane)
    if WEIGHTS_HERE:
        copy(own_weights, weights[network], lane)
    if STATE_HERE:
        for slot in range(SLOTS_HERE):
            copy(own_state[slot], state[network, slot], lane)


@inner
def copy(source, target, lane):
    """All numbers of an array into another one."""
    for k in range(lane, source.shape[0], THREADS):
        target[np.uint32(k)] = source[np.uint32(k)]


@inner
def fetch(net, data, rows, first, lane):
    """The inputs of a batch, to where all stages read them."""
    _, _, _, work, _ = net
    for turn in range(turns_of(rows * NETWORK_INPUTS, (0, 1))):
        e = lane + turn * THREADS
        if e < rows * NETWORK_INPUTS:
            row, k = split(e, NETWORK_INPUTS)
            work[np.uint32(e)] = value_at(net, data, NOWHERE, NETWORK_INPUTS, row, first, k)


@inner
def draw_epoch(epoch, network, shuffles, order, keys):
    """What is drawn for an epoch: the order of its rows, and the keys of its masks."""
    if SHUFFLES:
        fill_permutation(fold(shuffles[network], epoch), order)
    for k in range(DROPOUTS):
        keys[network, k, 1] = fold(keys[network, k, 0], epoch)


@inner
def exact_sum(measures, begin, end, column):
    """The sum of a column, from row `begin` to before `end`.

    The rounding error of each addition is compensated in the next (Kahan 1965).
    """
    total, error = ZERO, ZERO
    for row in range(begin, end):
        term = measures[np.uint32(row), np.uint32(column)] - error
        grown = total + term
        error = (grown - total) - term
        total = grown
    return total


@inner
def fold(state, word):
    """The key of a purpose that has one more word than the purpose of the key `state`."""
    return mix64((state ^ np.uint64(word)) + GOLDEN)


@inner
def fill_permutation(key, order):
    """Fill `order` with the permutation of its indices for `key`: Fisher and Yates, one thread."""
    for k in range(order.shape[0]):
        order[k] = k
    for last in range(order.shape[0] - 1, 0, -1):
        word = mix64(key + np.uint64(last + 1) * GOLDEN)
        other = np.int64(((word >> S32) * np.uint64(last + 1)) >> S32)
        kept = order[last]
        order[last] = order[other]
        order[other] = kept
