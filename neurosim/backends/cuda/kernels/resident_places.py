"""Where blocks that own units have what is theirs, and how it gets there: a part of `resident`.

A block has its weights unit after unit, as products take them; among all parameters they are far apart, input after
input. So whatever moves between its shared memory and the GPU's finds its place first.
"""

import numpy as np

from neurosim.backends.cuda.blanks import BLOCKS, DEPTH, MOST_OWN, OWN_SLOTS, PIECES, ROWS, STAGES, THREADS
from neurosim.backends.cuda.grid_barrier import wait_for_blocks
from neurosim.backends.cuda.kernels.common import BIAS, INPUTS, UNITS, WEIGHT, ZERO, this_thread
from neurosim.backends.cuda.target import cuda, inlined

# Places of a stage beside those of its table: see `neurosim.backends.cuda.resident.Place`.
(
    OWN, AT, BIAS_AT, KEPT, GRADIENT, TALL, FLAT, WIDTH, TALL_OUT, FLAT_OUT, WIDTH_OUT, BACK, OUTGOING, FIRST,
    FROM_LAST,
) = range(15)  # fmt: skip
RING, FOUR = 4, 4
# Threads of the warp in which one waits for other blocks: the others can do something else meanwhile.
WAITING = min(32, THREADS // 2)
PIECE = DEPTH * ROWS
# Rows of which gradients of weights ask for the numbers at the same time.
AHEAD = 8
# Sizes of small arrays: what the sums of products and of gradients begin with, sums, and such numbers.
TWO_STARTS, LEARN_SUMS, LEARN_AHEAD = 2 * MOST_OWN, FOUR * MOST_OWN, FOUR * AHEAD
U = np.uint32
NOTHING = -1


@inlined
def arrive_and_wait(counter, meetings):
    """The part of `common.meet` between its two barriers of the block, for the thread that waits."""
    if cuda.threadIdx.x == 0:
        wait_for_blocks(counter, meetings, cuda.gridDim.x)


@inlined
def can_help():
    """Whether a thread has nothing to do while one waits for other blocks."""
    return this_thread() >= WAITING


# Between shared memory and the GPU's ----------------------------------------------------------------------------


@inlined
def clear_shared(array, count):
    """Fill a shared array with 0."""
    for e in range(this_thread(), count, THREADS):
        array[U(e)] = ZERO


@inlined
def take(layer, net, near):
    """Copy weights, biases and state of the block's units into shared memory."""
    stage, here = layer
    own, own_state, _, _, _, _, _ = near
    _, weights, state, _, _, _ = net
    for e in range(this_thread(), (stage[INPUTS] + 1) * here[OWN], THREADS):
        source, target = places_of(stage, here, e)
        if source >= 0:
            own[target] = weights[source]
            for k in range(OWN_SLOTS):
                own_state[k, target] = state[k, source]


@inlined
def bring(layer, net, near):
    """Copy them back."""
    stage, here = layer
    own, own_state, _, _, _, _, _ = near
    _, weights, state, _, _, _ = net
    for e in range(this_thread(), (stage[INPUTS] + 1) * here[OWN], THREADS):
        target, source = places_of(stage, here, e)
        if target >= 0:
            weights[target] = own[source]
            for k in range(OWN_SLOTS):
                state[k, target] = own_state[k, source]


@inlined
def places_of(stage, here, e):
    """Where number `e` of a block's own is among all parameters, and in shared memory; NOTHING for none."""
    j, k = e % here[OWN], e // here[OWN]
    unit = unit_of(here, j)
    if unit >= stage[UNITS] or (k == stage[INPUTS] and stage[BIAS] < 0):
        return NOTHING, NOTHING
    if k == stage[INPUTS]:
        return stage[BIAS] + unit, here[BIAS_AT] + j
    return stage[WEIGHT] + k * stage[UNITS] + unit, here[AT] + j * stage[INPUTS] + k


@inlined
def unit_of(here, j):
    """The unit of a layer that is number `j` of the block's; the last layer is divided from the last block on."""
    block = np.int64(np.uint32(cuda.blockIdx.x))
    if here[FROM_LAST] != 0:
        block = BLOCKS - 1 - block
    return block * here[OWN] + j


@inlined
def take_outgoing(layer, below, net, near):
    """Copy the weights from the block's units of the layer `below` into all of this one; of threads that `can_help`."""
    stage, here = layer
    _, weights, _, _, _, _ = net
    outgoing = near[4]
    units = stage[UNITS]
    for e in range(this_thread() - WAITING, below[1][OWN] * units, THREADS - WAITING):
        k = unit_of(below[1], e // units)
        if k < stage[INPUTS]:
            outgoing[U(here[OUTGOING] + e)] = weights[U(stage[WEIGHT] + k * units + e % units)]


@inlined
def take_last(stage, net, near):
    """Copy the weights of the last layer: all of them, unit after unit; likewise."""
    _, weights, _, _, _, _ = net
    last = near[5]
    inputs, units = stage[INPUTS], stage[UNITS]
    for e in range(this_thread() - WAITING, inputs * units, THREADS - WAITING):
        last[U(e % units * inputs + e // units)] = weights[U(stage[WEIGHT] + e)]


@inlined
def fetch(data, ahead, first, rows):
    """This thread's share of the numbers of a batch, scaled, into registers."""
    features, _, _, order, scaling = data
    width = STAGES[0][1][WIDTH]
    for n in range(PIECES):
        e = (n * BLOCKS + np.int64(np.uint32(cuda.blockIdx.x))) * THREADS + this_thread()
        if e // width < rows and e % width < STAGES[0][0][INPUTS]:
            source = np.uint32(order[np.uint32(first + e // width)])
            ahead[n] = np.float32(features[source, np.uint32(e % width)]) * scaling[0] + scaling[1]


@inlined
def put(work, ahead, rows, half):
    """Store them, both ways."""
    width, here = STAGES[0][1][WIDTH], STAGES[0][1]
    for n in range(PIECES):
        e = (n * BLOCKS + np.int64(np.uint32(cuda.blockIdx.x))) * THREADS + this_thread()
        if e // width < rows and e % width < STAGES[0][0][INPUTS]:
            work[U(here[TALL] + e % width * ROWS + e // width)] = ahead[n]
            work[U(here[FLAT] + half * ROWS * width + e)] = ahead[n]
