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
from neurosim.backends.cpu.lane_sums import input_gradients, weight_gradients, weighted_sums
from neurosim.backends.cpu.losses import BY_THRESHOLD
from neurosim.backends.cpu.masks import fill_permutation, fold
from neurosim.backends.cpu.memory import (
    address_of,
    call_activation,
    call_constants,
    call_lane_loss,
    call_lane_stage,
    call_update,
    exchange_float_mode,
    floats,
    integers,
)
from neurosim.backends.cpu.table import (
    BACKWARD,
    BIAS,
    CLASSES,
    DENSE,
    DROPOUT,
    DX,
    FORWARD,
    KERNEL,
    KIND,
    LATE_BIAS,
    LOSS_A,
    LOSS_BY_BLOCKS,
    LOSS_D,
    LOSS_FROM_LOGITS,
    LOSS_OF_ROWS,
    LOSS_PARAMS,
    LOSS_WEIGHTED,
    LOSS_Z,
    OUTPUTS,
    PARAMS,
    ROW_WEIGHTS,
    UNITS,
    VALUES,
    WHOLE_ROWS,
    A,
    D,
    X,
    Z,
)

# As the engine flushes what is too small for a normal float32.
FLUSH = -1


@compiled
def activate(stage, rows, lanes, scratch, backward):
    """Apply the activation of a stage: from z to a or, `backward`, to the gradient in d."""
    units = stage[UNITS]
    count = rows * units * lanes
    zeros, first, second, third = scratch
    if stage[FORWARD] == 0:
        return
    late = stage[LATE_BIAS] != 0 and not backward
    if not stage[WHOLE_ROWS]:
        # All numbers as one long row, unless each row is still to get the bias.
        if backward:
            call_activation(stage[BACKWARD], (stage[Z], stage[A], stage[D], count, 0, 1, 0, count, stage[PARAMS]))
        elif late:
            width = units * lanes
            arguments = (stage[Z], stage[BIAS], stage[A], width, 0, rows, 0, width, stage[PARAMS])
            call_activation(stage[FORWARD], arguments)
        else:
            call_activation(stage[FORWARD], (stage[Z], zeros, stage[A], count, 0, 1, 0, count, stage[PARAMS]))
        return
    going_back = np.int64(1) if backward else np.int64(0)
    call_lane_stage(stage[KERNEL], (address_of(stage), rows, lanes, zeros, first, second, third, going_back, 0))


@compiled
def drop(stage, source, out, rows, lanes, first_row, epoch, keys):
    """Apply the dropout of a stage; each network has its own masks."""
    place = (rows, lanes, first_row, epoch, address_of(keys), keys.shape[1])
    call_lane_stage(stage[KERNEL], (address_of(stage), source, out, *place))


@compiled
def pull_back(plan, s, rows, lanes, first_row, epoch, keys, scratch):
    """Turn the gradient of stage `s`'s outputs, in place, into that of the weighted sums before it."""
    while plan[s, KIND] == DROPOUT:
        drop(plan[s], plan[s, D], plan[s, D], rows, lanes, first_row, epoch, keys)
        s -= 1
    activate(plan[s], rows, lanes, scratch, np.bool_(True))


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
def weighted_lane_loss(loss, lane_loss, r0, r1, lanes, scale, losses, row_sums):
    """Losses of a block of rows of one output, and their gradient, times the weights of the rows.

    They are added to `losses` (lanes,); `row_sums` (lanes,) is for those of one row.
    """
    for i in range(r0, r1):
        at = 4 * i * lanes
        weights = floats(loss[ROW_WEIGHTS] + at, lanes)
        d = floats(loss[LOSS_D] + at, lanes)
        for k in range(lanes):
            row_sums[k] = 0.0
        batch = (loss[LOSS_Z] + at, loss[LOSS_A] + at, loss[VALUES] + at, loss[CLASSES] + at, loss[LOSS_D] + at)
        call_lane_loss(lane_loss, (*batch, lanes, 1, loss[LOSS_PARAMS], address_of(row_sums), scale))
        for k in range(lanes):
            # A row without weight is left out, whatever its loss is.
            there = weights[k] != np.float32(0)
            losses[k] += np.float64(weights[k]) * row_sums[k] if there else 0.0
            d[k] = d[k] * weights[k] if there else np.float32(0)


@compiled
def lose(loss, lane_loss, rows, lanes, scale, judge, sums, scratch, row_sums):
    """Loss, its gradient if there is a place for it, and right answers of a batch; adds to `sums`.

    These are float64 (blocks of rows, 2, lanes): of the loss, and of right answers. `row_sums` (lanes,) is there where
    the rows have weights, else it is empty.
    """
    accuracy, threshold = judge
    _zeros, first, second, third = scratch
    blocks = row_blocks(rows) if loss[LOSS_BY_BLOCKS] else 1
    if lane_loss == 0:
        place = (address_of(sums), first, second, third, accuracy, blocks)
        call_lane_loss(loss[LOSS_OF_ROWS], (address_of(loss), rows, lanes, *place, scale))
        return
    for q in range(blocks):
        r0, r1 = edge(q, blocks, rows), edge(q + 1, blocks, rows)
        losses, right = sums[q]
        at = 4 * r0 * lanes
        numbers = (loss[LOSS_Z] + at, loss[LOSS_A] + at, loss[VALUES] + at, loss[CLASSES] + at, loss[LOSS_D] + at)
        if row_sums.shape[0] > 0:
            weighted_lane_loss(loss, lane_loss, r0, r1, lanes, scale, losses, row_sums)
        else:
            call_lane_loss(lane_loss, (*numbers, lanes, r1 - r0, loss[LOSS_PARAMS], address_of(losses), scale))
        if accuracy == BY_THRESHOLD:
            for i in range(r0, r1):
                a = floats(loss[LOSS_A] + 4 * i * lanes, lanes)
                label = integers(loss[CLASSES] + 4 * i * lanes, lanes)
                for k in range(lanes):
                    right[k] += 1.0 if (a[k] > threshold) == (label[k] == 1) else 0.0


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
    row_sums = np.zeros(lanes if loss[LOSS_WEIGHTED] else 0)
    for start in range(0, rows, batch):
        size = min(batch, rows - start)
        gather(data, order, start, size, lanes, x, loss, lane_loss != 0)
        for s in range(plan.shape[0]):
            stage = plan[s]
            weighted_sums(stage, x if stage[X] == 0 else stage[X], size, lanes)
            activate(stage, size, lanes, scratch, np.bool_(False))
        if has_targets:
            sums[:] = 0.0
            lose(loss, lane_loss, size, lanes, np.float32(0), judge, sums, scratch, row_sums)
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
    lanes, rows = order.shape
    update, step_constants, params, params_stride, constants, parameters, gradient, state, count = optimizer
    by_blocks = loss[LOSS_BY_BLOCKS] != 0
    sums = np.zeros((row_blocks(batch) if by_blocks else 1, 2, lanes))
    loss[LOSS_WEIGHTED] = data[3].shape[1] > 0
    row_sums = np.zeros(lanes if loss[LOSS_WEIGHTED] else 0)
    mode = exchange_float_mode(FLUSH) if by_blocks else np.int64(0)
    # The whole data set in its own order is the same batch every time.
    same_batch = shuffles.shape[0] == 0 and batch >= rows
    last = plan.shape[0] - 1
    done = 0
    for number in range(totals.shape[0]):
        epoch = first_epoch + number
        sums[:] = 0.0
        if shuffles.shape[0] > 0:
            for k in range(lanes):
                fill_permutation(fold(shuffles[k], epoch), order[k])
        for step in range(first_step, last_step):
            start = step * batch
            size = min(batch, rows - start)
            if number == 0 or not same_batch:
                gather(data, order, start, size, lanes, x, loss, lane_loss != 0)
            for s in range(last + 1):
                stage = plan[s]
                source = x if stage[X] == 0 else stage[X]
                if stage[KIND] == DENSE:
                    weighted_sums(stage, source, size, lanes)
                    activate(stage, size, lanes, scratch, np.bool_(False))
                else:
                    drop(stage, source, stage[A], size, lanes, start, epoch, keys)
            lose(loss, lane_loss, size, lanes, np.float32(1.0 / size), judge, sums, scratch, row_sums)
            if not loss[LOSS_FROM_LOGITS]:
                pull_back(plan, last, size, lanes, start, epoch, keys, scratch)
            for s in range(last, -1, -1):
                stage = plan[s]
                if stage[KIND] == DENSE:
                    weight_gradients(stage, x if stage[X] == 0 else stage[X], size, lanes)
                    if stage[DX] != 0:
                        input_gradients(stage, size, lanes)
                        pull_back(plan, s - 1, size, lanes, start, epoch, keys, scratch)
            now = params + done * params_stride
            done += 1
            if update != 0:
                call_constants(step_constants, (now, constants, np.float64(t + done), rates[done - 1]))
                call_update(update, (parameters, gradient, state, count, count, constants))
        add_up(sums, totals[number])
    if by_blocks:
        exchange_float_mode(mode)
