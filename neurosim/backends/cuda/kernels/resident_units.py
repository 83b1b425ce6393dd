"""What blocks compute for the units that they own, and for the last layer: a part of `resident`."""

import numpy as np

from neurosim.backends.cuda.async_copies import close_group, copy_four, wait_for_copies
from neurosim.backends.cuda.blanks import (
    BLOCKS,
    COLUMNS,
    DEPTH,
    FROM_LOGITS,
    LAST_UNITS,
    LOSS,
    MOST_OWN,
    MOST_SUMS,
    ROWS,
    STAGES,
    THREADS,
    WIDE,
    activate,
    activate_row,
    loss_gradient,
    loss_of_row,
    pull_back_row,
    slope,
    update,
)
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
    penalized,
    right_answer,
    this_thread,
    weight_of,
)
from neurosim.backends.cuda.kernels.resident_places import (
    AHEAD,
    AT,
    BACK,
    BIAS_AT,
    FIRST,
    FLAT,
    FLAT_OUT,
    FOUR,
    GRADIENT,
    KEPT,
    LEARN_AHEAD,
    LEARN_SUMS,
    NOTHING,
    OUTGOING,
    OWN,
    PIECE,
    RING,
    TALL,
    TALL_OUT,
    WAITING,
    WIDTH,
    WIDTH_OUT,
    U,
    unit_of,
)
from neurosim.backends.cuda.target import cuda, float32, inlined, larger, smaller
from neurosim.backends.cuda.vector_loads import load_four

# Products over units --------------------------------------------------------------------------------------------


@inlined
def add_products(work, place, terms, factors, at, columns, pool, sums):
    """Add a product to each sum of a thread: of its row and a column of `factors`, column after column from `at` on.

    The rows are tall, from `place` on. Of `columns` it has number COLUMNS i + its group; of a thread that has fewer,
    the sums that are too many are those of the last one.

    From here on indices are unsigned, as in `products`.
    """
    at_factors = cuda.local.array(MOST_SUMS, U)
    group = U(cuda.threadIdx.x) // U(ROWS)
    pieces = (terms + DEPTH - 1) // DEPTH
    # Copying is for the threads without a sum, where they are half of all.
    idle = 1 if 2 * columns <= COLUMNS else 0
    for c in range(RING - 1):
        copy_piece(work, place, pool, c, c, pieces, idle)
    for i in range((columns + COLUMNS - 1) // COLUMNS):
        at_factors[i] = U(U(at) + min(group + U(i * COLUMNS), U(columns - 1)) * U(terms))
    # One turn for each place in the pool, so that these are constants.
    rounds = pieces // RING * RING
    for c in range(0, rounds, RING):
        take_turn(work, place, terms, factors, at_factors, columns, pool, sums, c, 0, idle)
        take_turn(work, place, terms, factors, at_factors, columns, pool, sums, c + 1, 1, idle)
        take_turn(work, place, terms, factors, at_factors, columns, pool, sums, c + 2, 2, idle)
        take_turn(work, place, terms, factors, at_factors, columns, pool, sums, c + 3, 3, idle)
    if rounds < pieces:
        take_turn(work, place, terms, factors, at_factors, columns, pool, sums, rounds, 0, idle)
    if rounds + 1 < pieces:
        take_turn(work, place, terms, factors, at_factors, columns, pool, sums, rounds + 1, 1, idle)
    if rounds + 2 < pieces:
        take_turn(work, place, terms, factors, at_factors, columns, pool, sums, rounds + 2, 2, idle)
    cuda.syncthreads()


@inlined
def take_turn(work, place, terms, factors, at_factors, columns, pool, sums, c, at_place, idle):
    """Use piece number `c`, and have a later one copied to where the one before it was."""
    thread = U(cuda.threadIdx.x)
    wait_for_copies()
    # All have what they copied, and no longer need the piece before this one.
    cuda.syncthreads()
    if thread // U(ROWS) < U(columns):
        begin, count = U(at_place * PIECE) + thread % U(ROWS), (columns + COLUMNS - 1) // COLUMNS
        add_piece(pool, begin, factors, at_factors, c, terms, count, sums)
    pieces = (terms + DEPTH - 1) // DEPTH
    copy_piece(work, place, pool, c + RING - 1, (at_place + RING - 1) % RING, pieces, idle)


@inlined
def add_piece(pool, begin, factors, at_factors, c, terms, count, sums):
    """The terms of piece number `c`."""
    if terms % DEPTH == 0 or (c + 1) * DEPTH <= terms:
        for k in range(0, DEPTH, FOUR):
            add_terms(FOUR, pool, begin + U(k * ROWS), factors, at_factors, U(k), count, sums)
        for i in range(count):
            at_factors[i] += U(DEPTH)
    else:
        for k in range(terms % DEPTH):
            add_terms(1, pool, begin + U(k * ROWS), factors, at_factors, U(k), count, sums)


@inlined
def add_terms(terms, pool, begin, factors, at_factors, first, count, sums):
    """So many terms of each sum."""
    for k in range(terms):
        number = pool[begin + U(k * ROWS)]
        for i in range(count):
            sums[i] = cuda.fma(number, factors[at_factors[i] + first + U(k)], sums[i])


@inlined
def copy_piece(work, place, pool, c, at_place, pieces, idle):
    """Have piece number `c` copied to a place in the pool, if there is one; if `idle`, by half of the threads."""
    thread = U(cuda.threadIdx.x)
    if idle != 0:
        if c < pieces and thread >= U(THREADS // 2):
            at = (thread - U(THREADS // 2)) * U(FOUR)
            copy_four(pool, U(at_place * PIECE) + at, work, U(place + c * PIECE) + at)
            copy_four(pool, U(at_place * PIECE + PIECE // 2) + at, work, U(place + c * PIECE + PIECE // 2) + at)
    elif c < pieces:
        at = thread * U(FOUR)
        copy_four(pool, U(at_place * PIECE) + at, work, U(place + c * PIECE) + at)
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
    # Arrays of a size that is known, so that their loops are no loops in the end.
    z_row, a_row = cuda.local.array(LAST_UNITS, float32), cuda.local.array(LAST_UNITS, float32)
    d_row, dz_row = cuda.local.array(LAST_UNITS, float32), cuda.local.array(LAST_UNITS, float32)
    at = U(row * WIDE)
    for unit in range(units):
        z_row[unit] = pool[at + U(unit)]
        if stage[WHOLE_ROWS] == 0:
            a_row[unit] = pool[at + U(ROWS * WIDE + unit)]
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
    for unit in range(units):
        pool[at + U(ROWS * WIDE * 2 + unit)] = d_row[unit]
        if stage[WHOLE_ROWS] != 0:
            pool[at + U(ROWS * WIDE + unit)] = a_row[unit]


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
    at = U(ROWS * WIDE * 2 + row * WIDE)
    for i in range((here[OWN] + COLUMNS - 1) // COLUMNS):
        j = group + i * COLUMNS
        unit = unit_of(here, j)
        if j < here[OWN] and unit < stage[UNITS] and row < rows:
            kept[U(here[GRADIENT] + j * ROWS + row)] = pool[at + U(unit)]
    for i in range((below[1][OWN] + COLUMNS - 1) // COLUMNS):
        j = group + i * COLUMNS
        k = unit_of(below[1], j)
        if j < below[1][OWN] and k < stage[INPUTS] and row < rows:
            total = ZERO
            for unit in range(stage[UNITS]):
                total = cuda.fma(pool[at + U(unit)], last[U(k) + U(unit * stage[INPUTS])], total)
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
