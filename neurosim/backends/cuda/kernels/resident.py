"""An epoch of a stack of dense layers in one launch, with weights that stay where they are used.

What it computes. As `persistent`, for networks of at least two dense layers, one after the other, of which the last
one is narrow.

How. A block owns some units of each layer: their weights, biases and optimizer state are in its shared memory for the
whole launch, and it alone computes with them. In the middle of a step blocks tell each other what their units put out,
and the gradients of it; they meet at a barrier (see `grid_barrier`) before they read that:

    forward    each hidden layer in turn: the block's units, for all rows                      a barrier after each
    last       all blocks alike: outputs, loss and its gradient, and that of the units of the layer below
    backward   the other hidden layers, from the last but one down: gradients of the block's units       between them
    learn      the weights of the block's units

With L layers that is 2 L - 3 barriers, three for three layers, and two for two. After learning there is none: a block
that has learned begins the next step. The last layer, which all blocks need (it is learned by blocks with nothing else
to learn, if there are any), and copies of those weights that lead from a block's units into units of others, are in
the GPU's memory.

Where the bytes go. Each block reads the outputs of each layer once forward and once to learn, and the gradients of each
layer once: that is most of what a step takes. It does so while it computes: numbers for products are copied into shared
memory DEPTH terms at a time, RING - 1 of these pieces ahead (see `async_copies`), and those of the next batch are
fetched during this one. They are stored twice, for neighboring threads to find neighboring numbers: for products over
units with the rows of the batch next to each other ("tall"), for gradients of weights with the units ("flat").

Launch geometry. BLOCKS blocks, all at once; THREADS threads each. In products a thread has a row of the batch, of
ROWS, and of the block's units each that is COLUMNS further on; for gradients of weights it has four inputs at a time,
and all of the block's units. Each sum is added up by one thread from first to last.
"""

import numpy as np

from neurosim.backends.cuda.async_copies import close_group, copy_four, wait_for_copies
from neurosim.backends.cuda.blanks import (
    BLOCKS,
    COLUMNS,
    DEPTH,
    FROM_LOGITS,
    KEPT_NUMBERS,
    LAST_NUMBERS,
    LOSS,
    MEETINGS,
    MOST_OWN,
    MOST_SUMS,
    OUTGOING_NUMBERS,
    OWN_NUMBERS,
    OWN_SLOTS,
    PIECES,
    POOL_NUMBERS,
    ROWS,
    STAGES,
    THREADS,
    WIDE,
    activate,
    activate_row,
    bring_home,
    loss_gradient,
    loss_of_row,
    pull_back_row,
    run_resident_step,
    slope,
    take_along,
    update,
)
from neurosim.backends.cuda.grid_barrier import wait_for_blocks
from neurosim.backends.cuda.kernels.common import (
    ACTIVATION,
    BIAS,
    BIAS_FIRST,
    CLIP_VALUE,
    DROP,
    DROP_BELOW,
    DROP_SCALE,
    INPUTS,
    LOSS_PARAMS,
    ONE,
    PARAMS,
    PENALTY,
    UNITS,
    WEIGHT,
    WHOLE_ROWS,
    ZERO,
    mask_of,
    meet,
    penalized,
    right_answer,
    this_thread,
    weight_of,
)
from neurosim.backends.cuda.target import cuda, float32, inlined, jit, larger, smaller
from neurosim.backends.cuda.vector_loads import load_four

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


@jit
def train_resident(
    batch, begin, end, shifted, features, values, classes, scaling, order, numbers, weights, state, work, fours, keys,
    constants, measures, counter
):  # fmt: skip
    """Train one epoch, as `persistent.train_epoch` does; sums of the first layer begin with the shift if `shifted`.

    `fours` is `work`, in fours.
    """
    own = cuda.shared.array(OWN_NUMBERS, float32, alignment=16)
    own_state = cuda.shared.array((OWN_SLOTS, OWN_NUMBERS), float32, alignment=16)
    kept = cuda.shared.array(KEPT_NUMBERS, float32, alignment=16)
    pool = cuda.shared.array(POOL_NUMBERS, float32, alignment=16)
    outgoing = cuda.shared.array(OUTGOING_NUMBERS, float32, alignment=16)
    last = cuda.shared.array(LAST_NUMBERS, float32, alignment=16)
    starts = cuda.shared.array(TWO_STARTS, float32)
    ahead = cuda.local.array(PIECES, float32)
    near = (own, own_state, kept, pool, outgoing, last, starts)
    net = (numbers, weights, state, work, fours, keys)
    data = (features, values, classes, order, scaling)
    # In the place of units that a block has room for, but there are none.
    clear_shared(own, OWN_NUMBERS)
    clear_shared(kept, KEPT_NUMBERS)
    clear_shared(outgoing, OUTGOING_NUMBERS)
    cuda.syncthreads()
    take_along(net, near)
    fetch(data, ahead, begin, min(batch, end - begin))
    put(work, ahead, min(batch, end - begin), 0)
    meet(counter, 1)
    for step in range((end - begin + batch - 1) // batch):
        first = begin + step * batch
        rows = min(batch, end - first)
        coming = min(batch, end - first - rows)
        learner = (constants, step, shifted)
        run_resident_step(net, near, data, rows, first, coming, learner, measures, ahead, counter, 1 + step * MEETINGS)
    cuda.syncthreads()
    bring_home(net, near)


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


# Products over units --------------------------------------------------------------------------------------------


@inlined
def add_products(work, place, terms, factors, at, columns, pool, sums):
    """Add a product to each sum of a thread: of its row and a column of `factors`, column after column from `at` on.

    The rows are tall, from `place` on. Of `columns` it has number COLUMNS i + its group; of a thread that has fewer,
    the sums that are too many are those of the last one.

    From here on indices are unsigned, as in `products`.
    """
    at_factors = cuda.local.array(MOST_SUMS, U)
    thread = U(cuda.threadIdx.x)
    row, group = thread % U(ROWS), thread // U(ROWS)
    count = (columns + COLUMNS - 1) // COLUMNS
    pieces = U((terms + DEPTH - 1) // DEPTH)
    for c in range(RING - 1):
        copy_piece(work, place, pool, U(c), pieces)
    for i in range(count):
        at_factors[i] = U(U(at) + min(group + U(i * COLUMNS), U(columns - 1)) * U(terms))
    for c in range(U(0), pieces, U(1)):
        wait_for_copies()
        # All have what they copied, and no longer need the piece before this one: its place is that of the next.
        cuda.syncthreads()
        copy_piece(work, place, pool, c + U(RING - 1), pieces)
        if group < U(columns):
            begin = c % U(RING) * U(PIECE) + row
            if terms % DEPTH == 0 or c + U(1) < pieces:
                for k in range(0, DEPTH, FOUR):
                    add_terms(FOUR, pool, begin + U(k * ROWS), factors, at_factors, U(k), count, sums)
                for i in range(count):
                    at_factors[i] += U(DEPTH)
            else:
                for k in range(terms % DEPTH):
                    add_terms(1, pool, begin + U(k * ROWS), factors, at_factors, U(k), count, sums)
    cuda.syncthreads()


@inlined
def add_terms(terms, pool, begin, factors, at_factors, first, count, sums):
    """So many terms of each sum."""
    for k in range(terms):
        number = pool[begin + U(k * ROWS)]
        for i in range(count):
            sums[i] = cuda.fma(number, factors[at_factors[i] + first + U(k)], sums[i])


@inlined
def copy_piece(work, place, pool, c, pieces):
    """Have piece number `c` copied, if there is one: four numbers for each thread."""
    if c < pieces:
        at = U(cuda.threadIdx.x) * U(FOUR)
        copy_four(pool, c % U(RING) * U(PIECE) + at, work, U(place) + c * U(PIECE) + at)
    close_group()


@inlined
def forward(layer, s, net, near, rows, first, half, shifted):
    """The block's units of a hidden layer."""
    stage, here = layer
    numbers, _, _, work, _, keys = net
    own, _, kept, pool, _, _, starts = near
    sums = cuda.local.array(MOST_SUMS, float32)
    thread = this_thread()
    row, group = thread % ROWS, thread // ROWS
    for i in range((here[OWN] + COLUMNS - 1) // COLUMNS):
        j = min(group + i * COLUMNS, here[OWN] - 1)
        if s == 0 and shifted != 0:
            sums[i] = starts[j]
        else:
            sums[i] = own[U(here[BIAS_AT] + j)] if stage[BIAS_FIRST] >= 0 else ZERO
    add_products(work, here[TALL], stage[INPUTS], own, here[AT], here[OWN], pool, sums)
    for i in range((here[OWN] + COLUMNS - 1) // COLUMNS):
        j = group + i * COLUMNS
        unit = unit_of(here, j)
        if j < here[OWN] and unit < stage[UNITS] and row < rows:
            total = sums[i]
            if stage[BIAS] >= 0 and stage[BIAS_FIRST] < 0:
                total += own[U(here[BIAS_AT] + j)]
            a = activate(stage[ACTIVATION], total, numbers, stage[PARAMS], net, s, unit)
            kept[U(here[KEPT] + j * ROWS + row)] = total
            kept[U(here[KEPT] + (here[OWN] + j) * ROWS + row)] = a
            if stage[DROP] >= 0:
                a = a * dropped(stage, numbers, keys, first + row, unit)
            work[U(here[TALL_OUT] + unit * ROWS + row)] = a
            work[U(here[FLAT_OUT] + (half * ROWS + row) * here[WIDTH_OUT] + unit)] = a


@inlined
def dropped(stage, numbers, keys, row, unit):
    """As `common.mask`, for a stage whose numbers are known."""
    if stage[DROP] < 0 or keys.shape[0] == 0:
        return ONE
    return mask_of(keys[stage[DROP]], stage[DROP_BELOW], numbers[stage[DROP_SCALE]], row, unit)


@inlined
def find_starts(stage, here, near, shift):
    """What the sums of the first layer begin with: what the shift of all inputs adds."""
    own, _, _, _, _, _, starts = near
    j = this_thread()
    if j < here[OWN]:
        total = ZERO
        for k in range(stage[INPUTS]):
            total += own[U(here[AT] + j * stage[INPUTS] + k)]
        starts[j] = total * shift + ZERO
    cuda.syncthreads()


# The last layer -------------------------------------------------------------------------------------------------


@inlined
def finish(layer, s, net, near, data, rows, first):
    """Sums, outputs and gradients of the loss of all rows, one after the other in the pool; all blocks do the same."""
    stage, here = layer
    numbers, weights, _, work, _, _ = net
    _, _, _, pool, _, last, _ = near
    sums = cuda.local.array(MOST_SUMS, float32)
    thread = this_thread()
    row, group = thread % ROWS, thread // ROWS
    units = stage[UNITS]
    for i in range((units + COLUMNS - 1) // COLUMNS):
        j = min(group + i * COLUMNS, units - 1)
        sums[i] = weights[U(stage[BIAS] + j)] if stage[BIAS_FIRST] >= 0 else ZERO
    add_products(work, here[TALL], stage[INPUTS], last, 0, units, pool, sums)
    for i in range((units + COLUMNS - 1) // COLUMNS):
        j = group + i * COLUMNS
        if j < units and row < rows:
            total = sums[i]
            if stage[BIAS] >= 0 and stage[BIAS_FIRST] < 0:
                total += weights[U(stage[BIAS] + j)]
            pool[U(row * WIDE + j)] = total
            if stage[WHOLE_ROWS] == 0:
                a = activate(stage[ACTIVATION], total, numbers, stage[PARAMS], net, s, j)
                pool[U(ROWS * WIDE + row * WIDE + j)] = a
    cuda.syncthreads()
    if thread < rows:
        judge(stage, s, net, pool, data, rows, first, thread)
    cuda.syncthreads()


@inlined
def judge(stage, s, net, pool, data, rows, first, row):
    """One row: the gradient of the loss with respect to the weighted sums."""
    numbers = net[0]
    _, values, classes, order, scaling = data
    units = stage[UNITS]
    at = row * WIDE
    z, a, d, dz = ROWS * WIDE * 0 + at, ROWS * WIDE + at, ROWS * WIDE * 2 + at, ROWS * WIDE * 3 + at
    z_row, a_row = pool[z : z + units], pool[a : a + units]
    d_row, dz_row = pool[d : d + units], pool[dz : dz + units]
    if stage[WHOLE_ROWS] != 0:
        activate_row(stage[ACTIVATION], z_row, a_row, numbers, stage[PARAMS])
    source = order[first + row]
    weight = weight_of(scaling, source)
    loss_gradient(z_row, a_row, values, classes, source, d_row, numbers, LOSS[LOSS_PARAMS])
    scale = ONE / np.float32(rows)
    for unit in range(units):
        d_row[unit] = d_row[unit] * scale * weight if weight != ZERO else ZERO
    if FROM_LOGITS == 0:
        if stage[WHOLE_ROWS] != 0:
            pull_back_row(stage[ACTIVATION], z_row, a_row, d_row, dz_row, numbers, stage[PARAMS])
            for unit in range(units):
                d_row[unit] = dz_row[unit]
        else:
            for unit in range(units):
                d_row[unit] = d_row[unit] * slope(
                    stage[ACTIVATION], z_row[unit], a_row[unit], numbers, stage[PARAMS], net, s, unit
                )


@inlined
def measure(stage, net, near, data, rows, first, measures):
    """Loss and right answer of all rows, by the last block, which has the fewest units, and threads that `can_help`."""
    numbers, pool = net[0], near[3]
    _, values, classes, order, scaling = data
    units = stage[UNITS]
    if cuda.blockIdx.x == BLOCKS - 1:
        for row in range(this_thread() - WAITING, rows, THREADS - WAITING):
            z, a = row * WIDE, ROWS * WIDE + row * WIDE
            z_row, a_row = pool[z : z + units], pool[a : a + units]
            source = order[first + row]
            weight = weight_of(scaling, source)
            found = loss_of_row(z_row, a_row, values, classes, source, numbers, LOSS[LOSS_PARAMS])
            measures[first + row, 0] = weight * found if weight != ZERO else ZERO
            measures[first + row, 1] = right_answer(LOSS, a_row, classes, source, numbers)


# Backward and update --------------------------------------------------------------------------------------------


@inlined
def backward_last(layer, below, s, net, near, rows, first):
    """From the gradients of the last layer, of number `s`, to those of the block's units in the layer `below`."""
    stage, here = layer
    _, _, kept, pool, _, last, _ = near
    thread = this_thread()
    row, group = thread % ROWS, thread // ROWS
    at = ROWS * WIDE * 2 + row * WIDE
    for j in range(group, here[OWN], COLUMNS):
        unit = unit_of(here, j)
        if unit < stage[UNITS] and row < rows:
            kept[U(here[GRADIENT] + j * ROWS + row)] = pool[U(at + unit)]
    for j in range(group, below[1][OWN], COLUMNS):
        k = unit_of(below[1], j)
        if k < stage[INPUTS] and row < rows:
            total = ZERO
            for unit in range(stage[UNITS]):
                total = cuda.fma(pool[U(at + unit)], last[U(unit * stage[INPUTS] + k)], total)
            keep(below, s - 1, net, kept, row, first, j, k, total)


@inlined
def backward(layer, below, s, net, near, rows, first):
    """The same from a hidden layer, of number `s`."""
    stage, here = layer
    _, _, _, work, _, _ = net
    _, _, kept, pool, outgoing, _, _ = near
    sums = cuda.local.array(MOST_SUMS, float32)
    thread = this_thread()
    row, group = thread % ROWS, thread // ROWS
    for i in range((below[1][OWN] + COLUMNS - 1) // COLUMNS):
        sums[i] = ZERO
    add_products(work, here[BACK], stage[UNITS], outgoing, here[OUTGOING], below[1][OWN], pool, sums)
    for i in range((below[1][OWN] + COLUMNS - 1) // COLUMNS):
        j = group + i * COLUMNS
        k = unit_of(below[1], j)
        if j < below[1][OWN] and k < stage[INPUTS] and row < rows:
            keep(below, s - 1, net, kept, row, first, j, k, sums[i])


@inlined
def keep(layer, s, net, kept, row, first, j, unit, total):
    """Keep the gradient of a unit's weighted sum, from that of its output; for the layer below others need it, too."""
    stage, here = layer
    numbers, _, _, work, _, keys = net
    z = kept[U(here[KEPT] + j * ROWS + row)]
    a = kept[U(here[KEPT] + (here[OWN] + j) * ROWS + row)]
    d = total * dropped(stage, numbers, keys, first + row, unit)
    d = d * slope(stage[ACTIVATION], z, a, numbers, stage[PARAMS], net, s, unit)
    kept[U(here[GRADIENT] + j * ROWS + row)] = d
    if s > 0:
        work[U(here[BACK] + unit * ROWS + row)] = d


@inlined
def find_gradient_starts(here, near, rows, shift):
    """What the gradients of the first layer's weights begin with."""
    _, _, kept, _, _, _, starts = near
    j = this_thread()
    if j < here[OWN]:
        total = ZERO
        for row in range(rows):
            total += kept[U(here[GRADIENT] + j * ROWS + row)]
        starts[MOST_OWN + j] = total * shift + ZERO
    cuda.syncthreads()


@inlined
def learn(layer, s, net, near, rows, half, learner):
    """The weights and biases of the block's units: their gradients, and the update."""
    stage, here = layer
    _, _, _, _, fours, _ = net
    _, _, kept, _, _, _, starts = near
    _, _, shifted = learner
    sums = cuda.local.array(LEARN_SUMS, float32)
    numbers = cuda.local.array(LEARN_AHEAD, float32)
    line = here[WIDTH] // FOUR
    source = here[FLAT] // FOUR + half * ROWS * line
    # Threads that have no weights of the layer before begin with this one.
    thread = (this_thread() + THREADS - here[FIRST]) % THREADS
    for quad in range(thread, line, THREADS):
        for j in range(here[OWN]):
            for n in range(FOUR):
                sums[j * FOUR + n] = starts[MOST_OWN + j] if s == 0 and shifted != 0 else ZERO
        whole = rows // AHEAD * AHEAD
        for row in range(0, whole, AHEAD):
            for r in range(AHEAD):
                four = load_four(fours, U(source + (row + r) * line + quad), U(0))
                for n in range(FOUR):
                    numbers[r * FOUR + n] = four[n]
            for r in range(AHEAD):
                for j in range(here[OWN]):
                    d = kept[U(here[GRADIENT] + j * ROWS + row + r)]
                    for n in range(FOUR):
                        sums[j * FOUR + n] = cuda.fma(numbers[r * FOUR + n], d, sums[j * FOUR + n])
        for row in range(whole, rows):
            four = load_four(fours, U(source + row * line + quad), U(0))
            for j in range(here[OWN]):
                d = kept[U(here[GRADIENT] + j * ROWS + row)]
                for n in range(FOUR):
                    sums[j * FOUR + n] = cuda.fma(four[n], d, sums[j * FOUR + n])
        for j in range(here[OWN]):
            for n in range(FOUR):
                k, unit = quad * FOUR + n, unit_of(here, j)
                if k < stage[INPUTS] and unit < stage[UNITS]:
                    place, at = stage[WEIGHT] + k * stage[UNITS] + unit, here[AT] + j * stage[INPUTS] + k
                    learn_number(s, net, near, place, at, sums[j * FOUR + n], stage[PENALTY], learner)
    if stage[BIAS] >= 0:
        # The last threads, which have the fewest weights.
        for j in range(THREADS - 1 - this_thread(), here[OWN], THREADS):
            if unit_of(here, j) < stage[UNITS]:
                g = ZERO
                for row in range(rows):
                    g += kept[U(here[GRADIENT] + j * ROWS + row)]
                place = stage[BIAS] + unit_of(here, j)
                learn_number(s, net, near, place, here[BIAS_AT] + j, g, NOTHING, learner)


@inlined
def learn_number(s, net, near, place, at, g, penalty, learner):
    """Parameter `place`, which is the block's own number `at`, from its gradient; `penalty` as in the table."""
    numbers, weights, state, _, _, _ = net
    own, own_state, _, _, _, _, _ = near
    constants, step, _ = learner
    bound = numbers[CLIP_VALUE]
    if s == len(STAGES) - 1:
        if penalty >= 0:
            g = penalized(g, weights[place], numbers, penalty)
        update(weights, state, place, smaller(larger(g, -bound), bound), constants, step)
    else:
        if penalty >= 0:
            g = penalized(g, own[at], numbers, penalty)
        update(own, own_state, at, smaller(larger(g, -bound), bound), constants, step)
        # Others take their weights into this layer's units from there.
        if s > 0:
            weights[place] = own[at]
