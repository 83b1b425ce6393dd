"""Many small networks at once: the same arithmetic for each, vectorized across them.

A network of 17 parameters is too small for anything but overhead. Here `lanes` networks that differ only in their seed
are stored side by side: each number of the usual layout becomes `lanes` numbers, so every innermost loop runs over
networks. Each network's sums are taken in the same order for any number of lanes, so a member of an ensemble has the
bits of the single run with its seed, and a single run of a small network is an ensemble of one (whose innermost loops
then run over units).
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.cutting import edge, row_blocks
from neurosim.backends.cpu.jit import compiled, entry
from neurosim.backends.cpu.losses import BY_THRESHOLD
from neurosim.backends.cpu.masks import fill_permutation, fold
from neurosim.backends.cpu.memory import (
    address_of,
    call_activation,
    call_constants,
    call_lane_loss,
    call_lane_stage,
    call_lane_sums,
    call_loss_of_rows,
    call_update,
    doubles,
    exchange_float_mode,
    floats,
    integers,
    unowned,
    words,
)
from neurosim.backends.cpu.table import (
    BACKWARD,
    BIAS,
    CLASSES,
    DENSE,
    DROPOUT,
    DX,
    FIELDS,
    FORWARD,
    KERNEL,
    KIND,
    LATE_BIAS,
    LOSS_A,
    LOSS_BY_BLOCKS,
    LOSS_D,
    LOSS_FIELDS,
    LOSS_FROM_LOGITS,
    LOSS_OF_ROWS,
    LOSS_PARAMS,
    LOSS_WEIGHTED,
    LOSS_Z,
    OUTPUTS,
    PARAMS,
    ROW_WEIGHTS,
    SUMS_BACKWARD,
    SUMS_FORWARD,
    UNITS,
    VALUES,
    WHOLE_ROWS,
    A,
    D,
    X,
    Z,
)
from neurosim.backends.cpu.vectors import LANES as GROUP

# As the engine flushes what is too small for a normal float32.
FLUSH = -1
# Bytes of a stage in the table.
STAGE = 8 * FIELDS
ZERO = np.float32(0)


@compiled
def whole_lines(count):
    """So many numbers, and those with which they fill whole lines."""
    return (count + GROUP - 1) // GROUP * GROUP


@compiled
def activate(address, rows, lanes, scratch, backward):
    """Apply the activation of a stage: from z to a or, `backward`, to the gradient in d."""
    stage = words(address, FIELDS)
    if stage[FORWARD] == 0:
        return
    zeros, first, second, third = scratch
    if stage[WHOLE_ROWS]:
        going_back = np.int64(1) if backward else np.int64(0)
        call_lane_stage(stage[KERNEL], (address, rows, lanes, zeros, first, second, third, going_back, 0))
        return
    # All numbers as one long row, unless each row is still to get the bias; in whole lines, since what is left over
    # would be computed number by number.
    width = stage[UNITS] * lanes
    count = whole_lines(rows * width)
    if backward:
        call_activation(stage[BACKWARD], (stage[Z], stage[A], stage[D], count, 0, 1, 0, count, stage[PARAMS]))
    elif stage[LATE_BIAS]:
        call_activation(stage[FORWARD], (stage[Z], stage[BIAS], stage[A], width, 0, rows, 0, width, stage[PARAMS]))
    else:
        call_activation(stage[FORWARD], (stage[Z], zeros, stage[A], count, 0, 1, 0, count, stage[PARAMS]))


@compiled
def drop(address, source, out, rows, lanes, masks):
    """Apply the dropout of a stage, with `masks`: (first row, epoch, address of keys, their number for a network)."""
    call_lane_stage(words(address, FIELDS)[KERNEL], (address, source, out, rows, lanes, *masks))


@compiled
def pull_back(address, rows, lanes, masks, scratch):
    """Turn the gradient of a stage's outputs, in place, into that of the weighted sums before it."""
    stage = words(address, FIELDS)
    while stage[KIND] == DROPOUT:
        drop(address, stage[D], stage[D], rows, lanes, masks)
        address -= STAGE
        stage = words(address, FIELDS)
    activate(address, rows, lanes, scratch, np.bool_(True))


@compiled
def gather(data, order, start, rows, lanes, x, loss, by_lane):
    """Copy each network's own rows of its own data set into a batch."""
    features, values, classes, weights = data
    width = features.shape[2]
    outputs = values.shape[2]
    inputs = floats(x, rows * width * lanes)
    for k in range(lanes):
        member = k if features.shape[0] > 1 else 0
        for i in range(rows):
            source = order[k, start + i]
            for j in range(width):
                inputs[(i * width + j) * lanes + k] = features[member, source, j]
            # Targets are arranged as the loss needs them: lane by lane, or network by network.
            place = i * lanes + k if by_lane else k * rows + i
            if values.shape[1] > 0:
                target = floats(loss[VALUES] + 4 * place * outputs, outputs)
                for j in range(outputs):
                    target[j] = values[member, source, j]
            if classes.shape[1] > 0:
                integers(loss[CLASSES] + 4 * place, 1)[0] = classes[member, source]
            if weights.shape[1] > 0:
                floats(loss[ROW_WEIGHTS] + 4 * place, 1)[0] = weights[member, source]


@compiled
def sum_up(address, losses_at, i0, i1, lanes, judge, sums, spare):
    """Add the losses of some rows of one output, from number `i0` to before `i1`, and right answers to `sums`.

    `spare` is the address of memory for `lanes` numbers.
    """
    accuracy, threshold = judge
    loss = words(address, LOSS_FIELDS)
    total, right = doubles(sums, lanes), doubles(sums + 8 * lanes, lanes)
    # Views that begin with a row: of an index that is a sum, Numba would ask whether it counts from the end.
    for i in range(i0, i1, lanes):
        losses = floats(losses_at + 4 * i, lanes)
        if loss[LOSS_WEIGHTED]:
            weights = floats(loss[ROW_WEIGHTS] + 4 * i, lanes)
            for k in range(lanes):
                # A row without weight is left out, whatever its loss is.
                total[k] += np.float64(weights[k]) * np.float64(losses[k]) if weights[k] != ZERO else 0.0
        else:
            for k in range(lanes):
                total[k] += np.float64(losses[k])
    if accuracy == BY_THRESHOLD:
        counts = integers(spare, lanes)
        for k in range(lanes):
            counts[k] = 0
        for i in range(i0, i1, lanes):
            a, label = floats(loss[LOSS_A] + 4 * i, lanes), integers(loss[CLASSES] + 4 * i, lanes)
            for k in range(lanes):
                counts[k] += (a[k] > threshold) == (label[k] == 1)
        for k in range(lanes):
            right[k] += counts[k]


@compiled
def sum_up_single(address, losses_at, i0, i1, judge, sums):
    """`sum_up` for a single network without weights of rows."""
    accuracy, threshold = judge
    loss, count = words(address, LOSS_FIELDS), i1 - i0
    losses, total = floats(losses_at + 4 * i0, count), doubles(sums, 2)
    for i in range(count):
        total[0] += np.float64(losses[i])
    if accuracy == BY_THRESHOLD:
        a, label = floats(loss[LOSS_A] + 4 * i0, count), integers(loss[CLASSES] + 4 * i0, count)
        right = 0
        for i in range(count):
            right += (a[i] > threshold) == (label[i] == 1)
        total[1] += right


@compiled
def weigh_gradient(loss, count):
    """Multiply the gradients of rows by their weights."""
    d, weights = floats(loss[LOSS_D], count), floats(loss[ROW_WEIGHTS], count)
    for i in range(count):
        d[i] = d[i] * weights[i] if weights[i] != ZERO else ZERO


@compiled
def lose(address, lane_loss, rows, lanes, scale, judge, sums, scratch):
    """Loss, its gradient if there is a place for it, and right answers of a batch; adds to `sums`.

    These are float64 (blocks of rows, 2, lanes): of the loss, and of right answers. They and the loss table are given
    by their addresses.
    """
    _zeros, first, second, third = scratch
    loss = words(address, LOSS_FIELDS)
    blocks = row_blocks(rows) if loss[LOSS_BY_BLOCKS] else 1
    if lane_loss == 0:
        place = (sums, first, second, third, judge[0], blocks)
        call_loss_of_rows(loss[LOSS_OF_ROWS], (address, rows, lanes, *place, scale))
        return
    count = whole_lines(rows * lanes)
    batch = (loss[LOSS_Z], loss[LOSS_A], loss[VALUES], loss[LOSS_D], count)
    call_lane_loss(lane_loss, (*batch, loss[LOSS_PARAMS], first, scale))
    if loss[LOSS_WEIGHTED] and loss[LOSS_D]:
        weigh_gradient(loss, rows * lanes)
    for q in range(blocks):
        i0, i1 = edge(q, blocks, rows) * lanes, edge(q + 1, blocks, rows) * lanes
        if lanes == 1 and not loss[LOSS_WEIGHTED]:
            sum_up_single(address, first, i0, i1, judge, sums + 16 * q)
        else:
            sum_up(address, first, i0, i1, lanes, judge, sums + 16 * q * lanes, second)


@compiled
def add_up(sums, totals):
    """Add the sums of all blocks of rows, one after the other, to totals (lanes, 2)."""
    for k in range(totals.shape[0]):
        for n in range(2):
            total = 0.0
            for q in range(sums.shape[0]):
                total += sums[q, n, k]
            totals[k, n] += total


@entry
def evaluate(plan, loss, lane_loss, x, data, order, batch, judge, scratch, totals, outputs):
    """Loss, right answers and outputs of all rows, in chunks of `batch` rows, dropout off.

    Parameters
    ----------
    plan, loss, lane_loss, x, data, order, judge, scratch
        As in `train`, of a plan without dropout; rows without targets have no loss.
    batch : int
        Rows of a chunk, each of which has a sum of its own.
    totals : float64 (lanes, 2)
        Sums of loss and of right answers, added to.
    outputs : float32 (lanes, rows, outputs)
        What the networks answer; may have no rows, if nobody asks.
    """
    lanes, rows = order.shape
    width = loss[OUTPUTS]
    has_targets = data[1].shape[1] > 0 or data[2].shape[1] > 0
    sums = np.zeros((1, 2, lanes))
    loss[LOSS_WEIGHTED] = data[3].shape[1] > 0
    for start in range(0, rows, batch):
        size = min(batch, rows - start)
        gather(data, order, start, size, lanes, x, loss, lane_loss != 0)
        for s in range(plan.shape[0]):
            source = x if plan[s, X] == 0 else plan[s, X]
            at = address_of(plan) + s * STAGE
            call_lane_sums(plan[s, SUMS_FORWARD], (at, source, size, lanes, scratch[0], scratch[1]))
            activate(at, size, lanes, scratch, np.bool_(False))
        if has_targets:
            sums[:] = 0.0
            lose(address_of(loss), lane_loss, size, lanes, np.float32(0), judge, address_of(sums), scratch)
            add_up(sums, totals)
        if outputs.shape[1] > 0:
            a = floats(loss[LOSS_A], size * width * lanes)
            for i in range(size):
                for j in range(width):
                    for k in range(lanes):
                        outputs[k, start + i, j] = a[(i * width + j) * lanes + k]


@entry
def train(
    plan,
    loss,
    lane_loss,
    x,
    data,
    order,
    shuffles,
    few,
    batch,
    keys,
    optimizer,
    rates,
    first_epoch,
    first_step,
    last_step,
    t,
    judge,
    scratch,
    totals,
):
    """Train a group of networks for some epochs.

    Parameters
    ----------
    plan, loss : int64
        The stage table and the loss table, laid out for as many lanes as `order` has rows.
    lane_loss : int
        Address of the loss for rows of one output.
    x : int
        Address of the batch of inputs.
    data : (float32 (members, rows, features), float32 (members, rows, outputs), int32 (members, rows), weights)
        The data sets; a single member is shared by all networks. The weights, float32 (members, rows), have no rows
        where all rows count the same.
    order : int64 (lanes, rows)
        Row numbers in their order; modified.
    shuffles : uint64 (lanes,) or (0,)
        Keys of the shuffles, to be folded with the epoch; if empty, rows keep their order.
    few : (shuffle, gather, table)
        Of few rows that the networks share: the kernels of `lane_rows`, and their table; 0 for others.
    keys : uint64 (lanes, dropout layers)
        Keys of the dropout masks, to be folded with the epoch.
    optimizer : (update, step_constants, params, params_stride, constants, parameters, gradient, state, count)
        Kernels and addresses; `count` numbers are updated, unless `update` is 0. The optimizer's `params` are
        `params_stride` bytes further on in each step, where a schedule changes them.
    rates : float64 (epochs * steps,)
        Learning rate of each step.
    first_epoch, t : int
        Epochs and steps done before.
    first_step, last_step : int
        The steps of each epoch to do: from the first up to, but not including, the last.
    totals : float64 (epochs, lanes, 2)
        Sums of loss and of right answers, added to.
    """
    plan, loss, order, totals = unowned(plan), unowned(loss), unowned(order), unowned(totals)
    data = (unowned(data[0]), unowned(data[1]), unowned(data[2]), unowned(data[3]))
    lanes, rows = order.shape
    update, step_constants, params, params_stride, constants, parameters, gradient, state, count = optimizer
    by_blocks = loss[LOSS_BY_BLOCKS] != 0
    all_sums = np.zeros((row_blocks(batch) if by_blocks else 1, 2, lanes))
    loss[LOSS_WEIGHTED] = data[3].shape[1] > 0
    sums = unowned(all_sums)
    mode = exchange_float_mode(FLUSH) if by_blocks else np.int64(0)
    # The whole data set in its own order is the same batch every time.
    same_batch = shuffles.shape[0] == 0 and batch >= rows
    first_stage, last_stage = address_of(plan), address_of(plan) + (plan.shape[0] - 1) * STAGE
    done = 0
    for number in range(totals.shape[0]):
        epoch = first_epoch + number
        sums[:] = 0.0
        if few[0] != 0:
            call_lane_stage(few[0], (few[2], epoch, 0, 0, 0, 0, 0, 0, 0))
        elif shuffles.shape[0] > 0:
            for k in range(lanes):
                fill_permutation(fold(shuffles[k], epoch), order[k])
        for step in range(first_step, last_step):
            start = step * batch
            size = min(batch, rows - start)
            masks = (start, epoch, address_of(keys), keys.shape[1])
            if few[1] != 0:
                call_lane_stage(few[1], (few[2], start, size, 0, 0, 0, 0, 0, 0))
            elif number == 0 or not same_batch:
                gather(data, order, start, size, lanes, x, loss, lane_loss != 0)
            for at in range(first_stage, last_stage + 1, STAGE):
                stage = words(at, FIELDS)
                source = x if stage[X] == 0 else stage[X]
                if stage[KIND] == DENSE:
                    call_lane_sums(stage[SUMS_FORWARD], (at, source, size, lanes, scratch[0], scratch[1]))
                    activate(at, size, lanes, scratch, np.bool_(False))
                else:
                    drop(at, source, stage[A], size, lanes, masks)
            lose(address_of(loss), lane_loss, size, lanes, np.float32(1.0 / size), judge, address_of(sums), scratch)
            if not loss[LOSS_FROM_LOGITS]:
                pull_back(last_stage, size, lanes, masks, scratch)
            for at in range(last_stage, first_stage - 1, -STAGE):
                stage = words(at, FIELDS)
                if stage[KIND] == DENSE:
                    source = x if stage[X] == 0 else stage[X]
                    call_lane_sums(stage[SUMS_BACKWARD], (at, source, size, lanes, scratch[0], scratch[1]))
                    if stage[DX] != 0:
                        pull_back(at - STAGE, size, lanes, masks, scratch)
            now = params + done * params_stride
            done += 1
            if update != 0:
                call_constants(step_constants, (now, constants, np.float64(t + done), rates[done - 1]))
                call_update(update, (parameters, gradient, state, count, count, constants))
        add_up(sums, totals[number])
    if by_blocks:
        exchange_float_mode(mode)
    # Alive until here.
    all_sums[:] = 0.0
