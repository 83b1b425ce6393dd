"""The compiled loop: batches through stages, forward, loss, backward and update.

Every thread runs the same code on its own blocks and meets the others at barriers. A block of a
dense stage's backward pass is a range of its inputs: the thread that owns it computes that part of
the input gradient, of the weight gradient, and at once the update of those weights, while they are
in cache. Since nobody else reads these weights, one barrier a stage is enough, and no gradient is
ever summed across threads.

Row numbers for dropout count from the start of the epoch, so masks depend on the row's place in the
epoch and not on the batch.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.base import JUDGES
from neurosim.backends.cpu.jit import compiled, entry
from neurosim.backends.cpu.masks import drop_row
from neurosim.backends.cpu.memory import (
    address_of,
    call_activation,
    call_constants,
    call_loss,
    call_update,
    exchange_float_mode,
    floats,
    integers,
)
from neurosim.backends.cpu.plan import DENSE, DROPOUT, Field, LossField
from neurosim.backends.cpu.products import column_sums, multiply, multiply_transposed_left, multiply_transposed_right
from neurosim.backends.cpu.team import wait

# Numba reads module constants, not members of an enumeration.
(
    KIND, INPUTS, UNITS, BY_ROWS, COLUMN_BLOCKS, INPUT_BLOCKS, WAIT, X, Z, A, D, DX, WEIGHT, BIAS, WEIGHT_GRADIENT,
    BIAS_GRADIENT, WEIGHT_STATE, BIAS_STATE, HAS_BIAS, FORWARD, BACKWARD, WHOLE_ROWS, PARAMS, DROPOUT_INDEX,
    DROP_BELOW, DROP_SCALE,
) = (int(field) for field in Field)  # fmt: skip
(LOSS, LOSS_PARAMS, LOSS_Z, LOSS_A, LOSS_D, OUTPUTS, VALUES, CLASSES, FROM_LOGITS) = (int(f) for f in LossField)
NO_ACCURACY, BY_THRESHOLD = JUDGES["none"], JUDGES["threshold"]
# Passed as np.int64(START): a literal 0 would compile the callee a second time for itself.
START = 0
GATHER_ROWS = 16
FLUSH = -1


@compiled
def row_blocks(rows):
    """Blocks that the rows of a batch are cut into."""
    if rows < 16:
        return 1
    return max(2, rows // 64)


@compiled
def edge(q, blocks, count):
    """Where block `q` of `blocks` begins among `count` rows or columns: on a multiple of 8 where it can."""
    if q == blocks:
        return count
    return q * count // blocks // 8 * 8


@compiled
def gather_row(data, source, place, x, values, classes):
    """Copy one row of the data set, scaled, with its targets, to place number `place` of a batch."""
    bytes_, numbers, targets, labels, scale, shift = data
    if bytes_.shape[0] > 0:
        width = bytes_.shape[1]
        out = floats(x + 4 * place * width, width)
        for j in range(width):
            out[j] = np.float32(bytes_[source, j]) * scale + shift
    else:
        width = numbers.shape[1]
        out = floats(x + 4 * place * width, width)
        for j in range(width):
            out[j] = numbers[source, j] * scale + shift
    if targets.shape[0] > 0:
        outputs = targets.shape[1]
        target = floats(values + 4 * place * outputs, outputs)
        for j in range(outputs):
            target[j] = targets[source, j]
    if labels.shape[0] > 0:
        integers(classes + 4 * place, 1)[0] = labels[source]


@compiled
def drop_block(stage, source, out, r0, r1, c0, c1, first_row, keys):
    """Apply a dropout stage's mask to a block, from `source` to `out`."""
    units = stage[UNITS]
    key = keys[stage[DROPOUT_INDEX]]
    below = np.uint32(stage[DROP_BELOW])
    scale = floats(stage[DROP_SCALE], 1)[0]
    for i in range(r0, r1):
        place = 4 * (i * units + c0)
        drop_row(source + place, out + place, c0, c1 - c0, key, first_row + i, below, scale)


@compiled
def forward_block(stage, x, r0, r1, c0, c1, first_row, keys, sgemm):
    """One block of one stage: its weighted sums, bias and activation, or its dropout."""
    inputs = stage[INPUTS]
    units = stage[UNITS]
    if stage[KIND] == DENSE:
        left = x + 4 * r0 * inputs
        out = stage[Z] + 4 * (r0 * units + c0)
        multiply(sgemm, r1 - r0, c1 - c0, inputs, left, inputs, stage[WEIGHT] + 4 * c0, units, out, units)
        arguments = (stage[Z], stage[BIAS], stage[A], units, r0, r1, c0, c1, stage[PARAMS])
        call_activation(stage[FORWARD], arguments)
    else:
        drop_block(stage, x, stage[A], r0, r1, c0, c1, first_row, keys)


@compiled
def pull_back(plan, s, r0, r1, c0, c1, first_row, keys, whole_rows):
    """Turn the gradient of stage `s`'s outputs, in place, into that of the weighted sums behind it.

    Goes back through dropout stages to the dense stage they follow. An activation of whole rows is
    applied only when the caller says that the block has whole rows; else it is left to be done
    when all columns are there.
    """
    while plan[s, KIND] == DROPOUT:
        drop_block(plan[s], plan[s, D], plan[s, D], r0, r1, c0, c1, first_row, keys)
        s -= 1
    if whole_rows or not plan[s, WHOLE_ROWS]:
        stage = plan[s]
        arguments = (stage[Z], stage[A], stage[D], stage[UNITS], r0, r1, c0, c1, stage[PARAMS])
        call_activation(stage[BACKWARD], arguments)


@compiled
def count_right(loss, r0, r1, accuracy, threshold):
    """How many rows of the block give the right class."""
    outputs = loss[OUTPUTS]
    right = 0
    for i in range(r0, r1):
        a = floats(loss[LOSS_A] + 4 * i * outputs, outputs)
        label = integers(loss[CLASSES] + 4 * i, 1)[0]
        if accuracy == BY_THRESHOLD:
            right += (1 if a[0] > threshold else 0) == label
        else:
            best = 0
            for j in range(1, outputs):
                if a[j] > a[best]:
                    best = j
            right += best == label
    return right


@compiled
def loss_block(loss, d, r0, r1, scale, judge, totals):
    """Add loss and right answers of a block of rows to `totals`; write the gradient unless `d` is 0."""
    accuracy, threshold = judge
    arguments = (loss[LOSS_Z], loss[LOSS_A], loss[VALUES], loss[CLASSES], d, loss[OUTPUTS], r0, r1, loss[LOSS_PARAMS])
    totals[0] += call_loss(loss[LOSS], (*arguments, scale))
    if accuracy != NO_ACCURACY:
        totals[1] += count_right(loss, r0, r1, accuracy, threshold)


@compiled
def backward_block(plan, s, x, rows, q, blocks, first_row, keys, update, sgemm):
    """Block `q` of `blocks` of a dense stage's backward pass: a range of its inputs, and their update."""
    stage = plan[s]
    inputs = stage[INPUTS]
    units = stage[UNITS]
    k0 = edge(q, blocks, inputs)
    k1 = edge(q + 1, blocks, inputs)
    weight = stage[WEIGHT] + 4 * k0 * units
    gradient = stage[WEIGHT_GRADIENT] + 4 * k0 * units
    if stage[DX] != 0:
        dx = stage[DX] + 4 * k0
        multiply_transposed_right(sgemm, rows, k1 - k0, units, stage[D], units, weight, units, dx, inputs)
        pull_back(plan, s - 1, np.int64(START), rows, k0, k1, first_row, keys, np.bool_(False))
    multiply_transposed_left(sgemm, k1 - k0, units, rows, x + 4 * k0, inputs, stage[D], units, gradient, units)
    function, state_stride, constants = update
    if function != 0:
        arguments = (weight, gradient, stage[WEIGHT_STATE] + 4 * k0 * units, state_stride, (k1 - k0) * units, constants)
        call_update(function, arguments)
    if stage[HAS_BIAS]:
        j0 = edge(q, blocks, units)
        j1 = edge(q + 1, blocks, units)
        column_sums(stage[D], rows, units, j0, j1 - j0, stage[BIAS_GRADIENT] + 4 * j0)
        if function != 0:
            at = 4 * j0
            arguments = (
                stage[BIAS] + at,
                stage[BIAS_GRADIENT] + at,
                stage[BIAS_STATE] + at,
                state_stride,
                j1 - j0,
                constants,
            )
            call_update(function, arguments)


@compiled
def forward_pass(plan, x, rows, first_row, keys, sgemm, thread, threads, barrier):
    """All stages for a batch, each thread its blocks; ends ready for the loss of this thread's rows."""
    for s in range(plan.shape[0]):
        stage = plan[s]
        source = x if stage[X] == 0 else stage[X]
        if stage[BY_ROWS]:
            blocks = row_blocks(rows)
            for q in range(thread, blocks, threads):
                r0, r1 = edge(q, blocks, rows), edge(q + 1, blocks, rows)
                forward_block(stage, source, r0, r1, np.int64(START), stage[UNITS], first_row, keys, sgemm)
        else:
            blocks = stage[COLUMN_BLOCKS]
            for q in range(thread, blocks, threads):
                c0, c1 = edge(q, blocks, stage[UNITS]), edge(q + 1, blocks, stage[UNITS])
                forward_block(stage, source, np.int64(START), rows, c0, c1, first_row, keys, sgemm)
        if stage[WAIT]:
            wait(barrier, threads)


@compiled
def backward_pass(plan, x, rows, first_row, keys, update, sgemm, thread, threads, barrier):
    """Gradients of all dense stages, from last to first, and their updates; D of the last holds dz."""
    after_loss = True
    for s in range(plan.shape[0] - 1, -1, -1):
        stage = plan[s]
        if stage[KIND] != DENSE:
            continue
        if stage[WHOLE_ROWS] and not after_loss:
            # The pass above worked on columns and left this out.
            blocks = row_blocks(rows)
            for q in range(thread, blocks, threads):
                r0, r1 = edge(q, blocks, rows), edge(q + 1, blocks, rows)
                arguments = (stage[Z], stage[A], stage[D], stage[UNITS], r0, r1, 0, stage[UNITS], stage[PARAMS])
                call_activation(stage[BACKWARD], arguments)
            wait(barrier, threads)
        after_loss = False
        source = x if stage[X] == 0 else stage[X]
        blocks = stage[INPUT_BLOCKS]
        for q in range(thread, blocks, threads):
            backward_block(plan, s, source, rows, q, blocks, first_row, keys, update, sgemm)
        if stage[DX] != 0:
            wait(barrier, threads)


@compiled
def gather_batch(data, order, start, rows, x, loss, thread, threads):
    """Copy this thread's share of rows `start` to `start + rows` of `order` into a batch."""
    for first in range(thread * GATHER_ROWS, rows, threads * GATHER_ROWS):
        for place in range(first, min(first + GATHER_ROWS, rows)):
            gather_row(data, order[start + place], place, x, loss[VALUES], loss[CLASSES])


@entry
def train(
    plan, loss, inputs, data, order, batch, keys, optimizer, rates, t, judge, sgemm, totals, thread, threads, words
):
    """Train on the rows in `order`, batch by batch; called by every thread of a team at once.

    Parameters
    ----------
    plan, loss : int64
        The stage table and the loss table.
    inputs : float32 (2, capacity, features)
        Two batches of inputs: one in use, one being gathered.
    data : (uint8 rows, float32 rows, target values, class indices, scale, shift)
        The data set; of the first two one is empty.
    order : int64 (rows,)
        Row numbers, in the order of the epoch.
    keys : uint64 (dropout layers,)
        Keys of the dropout masks.
    optimizer : (update, constants, params, state stride, float32 (threads, constants))
        Kernels and parameters of the optimizer; update 0 leaves the parameters as they are.
    rates : float64 (steps,)
        Learning rate of each step.
    t : int
        Steps done before.
    judge : (int, float32)
        How right answers are told, and the threshold.
    totals : float64 (row blocks, 2)
        Sums of loss and of right answers, added to.
    """
    mode = exchange_float_mode(FLUSH)
    update, step_constants, params, state_stride, constants = optimizer
    barrier = address_of(words)
    mine = address_of(constants) + 4 * thread * constants.shape[1]
    slab = 4 * inputs.shape[1] * inputs.shape[2]
    first_slab = address_of(inputs)
    last = plan.shape[0] - 1
    count = order.size
    gather_batch(data, order, np.int64(START), min(batch, count), first_slab, loss, thread, threads)
    wait(barrier, threads)
    for step in range((count + batch - 1) // batch):
        start = step * batch
        rows = min(batch, count - start)
        x = first_slab + (step & 1) * slab
        if update != 0:
            call_constants(step_constants, (params, mine, np.float64(t + step + 1), rates[step]))
        forward_pass(plan, x, rows, start, keys, sgemm, thread, threads, barrier)
        blocks = row_blocks(rows)
        scale = np.float32(1.0 / rows)
        for q in range(thread, blocks, threads):
            r0, r1 = edge(q, blocks, rows), edge(q + 1, blocks, rows)
            loss_block(loss, loss[LOSS_D], r0, r1, scale, judge, totals[q])
            if not loss[FROM_LOGITS]:
                pull_back(plan, last, r0, r1, np.int64(START), loss[OUTPUTS], start, keys, np.bool_(True))
        wait(barrier, threads)
        backward_pass(plan, x, rows, start, keys, (update, state_stride, mine), sgemm, thread, threads, barrier)
        following = start + batch
        if following < count:
            other = first_slab + ((step + 1) & 1) * slab
            gather_batch(data, order, following, min(batch, count - following), other, loss, thread, threads)
        wait(barrier, threads)
    exchange_float_mode(mode)


@entry
def evaluate(plan, loss, inputs, data, judge, sgemm, keys, totals, outputs, thread, threads):
    """Forward pass and loss of all rows in chunks of the plan's capacity, dealt out to the threads.

    Every thread has a `plan`, a `loss` and `inputs` of its own. Chunk q adds to ``totals[q]``. The
    outputs go to `outputs` (rows, outputs), unless it has no rows; losses are left out where
    ``data`` has no targets.
    """
    count = max(data[0].shape[0], data[1].shape[0])
    capacity = inputs.shape[1]
    x = address_of(inputs)
    width = loss[OUTPUTS]
    has_targets = data[2].shape[0] > 0 or data[3].shape[0] > 0
    for q in range(thread, (count + capacity - 1) // capacity, threads):
        start = q * capacity
        rows = min(capacity, count - start)
        for place in range(rows):
            gather_row(data, start + place, place, x, loss[VALUES], loss[CLASSES])
        for s in range(plan.shape[0]):
            stage = plan[s]
            source = x if stage[X] == 0 else stage[X]
            forward_block(stage, source, np.int64(START), rows, np.int64(START), stage[UNITS], start, keys, sgemm)
        if has_targets:
            loss_block(loss, np.int64(START), np.int64(START), rows, np.float32(0), judge, totals[q])
        if outputs.shape[0] > 0:
            a = floats(loss[LOSS_A], rows * width)
            for i in range(rows):
                for j in range(width):
                    outputs[start + i, j] = a[i * width + j]
