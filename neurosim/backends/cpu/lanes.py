"""Many small networks at once: the same arithmetic for each, vectorized across them.

A network of 17 parameters is too small for anything but overhead. Here `lanes` networks that differ only in their seed
are stored side by side: each number of the usual layout becomes `lanes` numbers, so every innermost loop runs over
networks. Each network's sums are taken in the same order for any number of lanes, so a member of an ensemble has the
bits of the single run with its seed, and a single run of a small network is an ensemble of one (whose innermost loops
then run over units).
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled, entry
from neurosim.backends.cpu.losses import BY_THRESHOLD, NO_ACCURACY
from neurosim.backends.cpu.masks import drop_lane, fill_permutation, fold
from neurosim.backends.cpu.memory import (
    address_of,
    call_activation,
    call_constants,
    call_lane_loss,
    call_loss,
    call_update,
    floats,
    fma,
    integers,
)
from neurosim.backends.cpu.table import (
    BACKWARD,
    BIAS,
    BIAS_GRADIENT,
    CLASSES,
    DENSE,
    DROP_BELOW,
    DROP_SCALE,
    DROPOUT,
    DROPOUT_INDEX,
    DX,
    FORWARD,
    HAS_BIAS,
    INPUTS,
    KIND,
    LATE_BIAS,
    LOSS,
    LOSS_A,
    LOSS_D,
    LOSS_FROM_LOGITS,
    LOSS_PARAMS,
    LOSS_Z,
    OUTPUTS,
    PARAMS,
    UNITS,
    VALUES,
    WEIGHT,
    WEIGHT_GRADIENT,
    WHOLE_ROWS,
    A,
    D,
    X,
    Z,
)


@compiled
def add_scaled(out, factors, source, blocks, lanes):
    """out[j, l] += factors[l] * source[j, l] for `blocks` j: one input's share of a row of sums."""
    if lanes == 1:
        factor = floats(factors, 1)[0]
        total = floats(out, blocks)
        row = floats(source, blocks)
        for j in range(blocks):
            total[j] = fma(factor, row[j], total[j])
        return
    factor = floats(factors, lanes)
    for j in range(blocks):
        total = floats(out + 4 * j * lanes, lanes)
        row = floats(source + 4 * j * lanes, lanes)
        for k in range(lanes):
            total[k] = fma(factor[k], row[k], total[k])


@compiled
def add_two_scaled(out, factors, source, other_factors, other_source, blocks, lanes):
    """`add_scaled` twice in succession, with one pass over the sums."""
    if lanes == 1:
        factor = floats(factors, 1)[0]
        other = floats(other_factors, 1)[0]
        total = floats(out, blocks)
        row = floats(source, blocks)
        other_row = floats(other_source, blocks)
        for j in range(blocks):
            total[j] = fma(other, other_row[j], fma(factor, row[j], total[j]))
        return
    first = floats(factors, lanes)
    second = floats(other_factors, lanes)
    for j in range(blocks):
        total = floats(out + 4 * j * lanes, lanes)
        row = floats(source + 4 * j * lanes, lanes)
        other_row = floats(other_source + 4 * j * lanes, lanes)
        for k in range(lanes):
            total[k] = fma(second[k], other_row[k], fma(first[k], row[k], total[k]))


@compiled
def weighted_sums(stage, x, rows, lanes):
    """z[i, j] = bias[j] + sum over k of x[i, k] weight[k, j]; the bias is left to `activate` where it comes late."""
    inputs, units = stage[INPUTS], stage[UNITS]
    width = units * lanes
    bias = floats(stage[BIAS], width)
    for i in range(rows):
        out = stage[Z] + 4 * i * width
        z = floats(out, width)
        if stage[LATE_BIAS]:
            for j in range(width):
                z[j] = np.float32(0)
        else:
            for j in range(width):
                z[j] = bias[j]
        for k in range(0, inputs - 1, 2):
            at = x + 4 * (i * inputs + k) * lanes
            weight = stage[WEIGHT] + 4 * k * width
            add_two_scaled(out, at, weight, at + 4 * lanes, weight + 4 * width, units, lanes)
        if inputs & 1:
            k = inputs - 1
            add_scaled(out, x + 4 * (i * inputs + k) * lanes, stage[WEIGHT] + 4 * k * width, units, lanes)


@compiled
def weight_gradients(stage, x, rows, lanes):
    """Gradients of weight[k, j]: sum over i of x[i, k] d[i, j]; of bias[j]: sum over i of d[i, j]."""
    inputs, units = stage[INPUTS], stage[UNITS]
    width = units * lanes
    gradient = floats(stage[WEIGHT_GRADIENT], inputs * width)
    for j in range(inputs * width):
        gradient[j] = np.float32(0)
    for i in range(0, rows - 1, 2):
        d = stage[D] + 4 * i * width
        for k in range(inputs):
            out = stage[WEIGHT_GRADIENT] + 4 * k * width
            at = x + 4 * (i * inputs + k) * lanes
            add_two_scaled(out, at, d, at + 4 * inputs * lanes, d + 4 * width, units, lanes)
    if rows & 1:
        i = rows - 1
        for k in range(inputs):
            out = stage[WEIGHT_GRADIENT] + 4 * k * width
            add_scaled(out, x + 4 * (i * inputs + k) * lanes, stage[D] + 4 * i * width, units, lanes)
    if stage[HAS_BIAS]:
        sums = floats(stage[BIAS_GRADIENT], width)
        for j in range(width):
            sums[j] = np.float32(0)
        for i in range(rows):
            d = floats(stage[D] + 4 * i * width, width)
            for j in range(width):
                sums[j] += d[j]


@compiled
def input_gradients(stage, rows, lanes):
    """dx[i, k] = sum over j of d[i, j] weight[k, j]."""
    inputs, units = stage[INPUTS], stage[UNITS]
    for i in range(rows):
        dx = floats(stage[DX] + 4 * i * inputs * lanes, inputs * lanes)
        d = floats(stage[D] + 4 * i * units * lanes, units * lanes)
        weight = floats(stage[WEIGHT], inputs * units * lanes)
        for k in range(inputs * lanes):
            dx[k] = np.float32(0)
        if lanes == 1:
            for j in range(units):
                for k in range(inputs):
                    dx[k] = fma(d[j], weight[k * units + j], dx[k])
        else:
            for j in range(units):
                factor = floats(stage[D] + 4 * (i * units + j) * lanes, lanes)
                for k in range(inputs):
                    total = floats(stage[DX] + 4 * (i * inputs + k) * lanes, lanes)
                    row = floats(stage[WEIGHT] + 4 * (k * units + j) * lanes, lanes)
                    for l in range(lanes):  # noqa: E741
                        total[l] = fma(factor[l], row[l], total[l])


@compiled
def to_rows(source, out, rows, units, lanes):
    """From [row, unit, lane] to [lane, row, unit], for functions that need whole rows together."""
    values = floats(source, rows * units * lanes)
    results = floats(out, rows * units * lanes)
    for i in range(rows * units):
        for k in range(lanes):
            results[k * rows * units + i] = values[i * lanes + k]


@compiled
def from_rows(source, out, rows, units, lanes):
    """The inverse of `to_rows`."""
    values = floats(source, rows * units * lanes)
    results = floats(out, rows * units * lanes)
    for i in range(rows * units):
        for k in range(lanes):
            results[i * lanes + k] = values[k * rows * units + i]


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
    if late:
        bias = floats(stage[BIAS], units * lanes)
        for i in range(rows):
            z = floats(stage[Z] + 4 * i * units * lanes, units * lanes)
            for j in range(units * lanes):
                z[j] += bias[j]
    to_rows(stage[Z], first, rows, units, lanes)
    if backward:
        to_rows(stage[A], second, rows, units, lanes)
        to_rows(stage[D], third, rows, units, lanes)
        arguments = (first, second, third, units, 0, rows * lanes, 0, units, stage[PARAMS])
        call_activation(stage[BACKWARD], arguments)
        from_rows(third, stage[D], rows, units, lanes)
    else:
        call_activation(stage[FORWARD], (first, zeros, second, units, 0, rows * lanes, 0, units, stage[PARAMS]))
        from_rows(second, stage[A], rows, units, lanes)


@compiled
def drop(stage, source, out, rows, lanes, first_row, epoch, keys):
    """Apply the dropout of a stage; each network has its own masks."""
    units = stage[UNITS]
    scale = floats(stage[DROP_SCALE], 1)[0]
    below = np.uint32(stage[DROP_BELOW])
    for k in range(lanes):
        key = fold(keys[k, stage[DROPOUT_INDEX]], epoch)
        for i in range(rows):
            at = 4 * i * units * lanes
            drop_lane(source + at, out + at, k, lanes, units, key, first_row + i, below, scale)


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
    features, values, classes = data
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


@compiled
def lose(loss, lane_loss, rows, lanes, scale, judge, sums, scratch):
    """Loss, its gradient if there is a place for it, and right answers of a batch; adds to `sums` (2, lanes)."""
    accuracy, threshold = judge
    outputs = loss[OUTPUTS]
    _zeros, first, second, third = scratch
    if lane_loss != 0:
        place = address_of(sums)
        arguments = (loss[LOSS_Z], loss[LOSS_A], loss[VALUES], loss[CLASSES], loss[LOSS_D], lanes, rows)
        call_lane_loss(lane_loss, (*arguments, loss[LOSS_PARAMS], place, scale))
        if accuracy == BY_THRESHOLD:
            right = sums[1]
            for i in range(rows):
                a = floats(loss[LOSS_A] + 4 * i * lanes, lanes)
                labels = integers(loss[CLASSES] + 4 * i * lanes, lanes)
                for k in range(lanes):
                    right[k] += 1.0 if (a[k] > threshold) == (labels[k] == 1) else 0.0
        return
    to_rows(loss[LOSS_Z], first, rows, outputs, lanes)
    to_rows(loss[LOSS_A], second, rows, outputs, lanes)
    labels = integers(loss[CLASSES], rows * lanes)
    gradient = third if loss[LOSS_D] != 0 else np.int64(0)
    for k in range(lanes):
        batch = (first, second, loss[VALUES], loss[CLASSES], gradient, outputs, k * rows, (k + 1) * rows)
        sums[0, k] += call_loss(loss[LOSS], (*batch, loss[LOSS_PARAMS], scale))
        if accuracy != NO_ACCURACY:
            for i in range(k * rows, (k + 1) * rows):
                a = floats(second + 4 * i * outputs, outputs)
                best = 0
                for j in range(1, outputs):
                    if a[j] > a[best]:
                        best = j
                sums[1, k] += best == labels[i]
    if gradient != 0:
        from_rows(third, loss[LOSS_D], rows, outputs, lanes)


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
    sums = np.zeros((2, lanes))
    for start in range(0, rows, batch):
        size = min(batch, rows - start)
        gather(data, order, start, size, lanes, x, loss, lane_loss != 0)
        for s in range(plan.shape[0]):
            stage = plan[s]
            weighted_sums(stage, x if stage[X] == 0 else stage[X], size, lanes)
            activate(stage, size, lanes, scratch, np.bool_(False))
        if has_targets:
            sums[:] = 0.0
            lose(loss, lane_loss, size, lanes, np.float32(0), judge, sums, scratch)
            for k in range(lanes):
                totals[k, 0] += sums[0, k]
                totals[k, 1] += sums[1, k]
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
    data : (float32 (members, rows, features), float32 (members, rows, outputs), int32 (members, rows))
        The data sets; a single member is shared by all networks.
    order : int64 (lanes, rows)
        Row numbers in their order; modified.
    shuffles : uint64 (lanes,) or (0,)
        Keys of the shuffles, to be folded with the epoch; if empty, rows keep their order.
    keys : uint64 (lanes, dropout layers)
        Keys of the dropout masks, to be folded with the epoch.
    optimizer : (update, step_constants, params, params_stride, constants, parameters, gradient, state, count)
        Kernels and addresses; `count` numbers are updated. The optimizer's `params` are `params_stride` bytes further
        on in each step, where a schedule changes them.
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
    sums = np.zeros((2, lanes))
    # The whole data set in its own order is the same batch every time.
    same_batch = shuffles.shape[0] == 0 and batch >= rows
    last = plan.shape[0] - 1
    done = 0
    for number in range(totals.shape[0]):
        epoch = first_epoch + number
        for k in range(lanes):
            sums[0, k] = sums[1, k] = 0.0
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
            lose(loss, lane_loss, size, lanes, np.float32(1.0 / size), judge, sums, scratch)
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
            call_constants(step_constants, (now, constants, np.float64(t + done), rates[done - 1]))
            call_update(update, (parameters, gradient, state, count, count, constants))
        for k in range(lanes):
            totals[number, k, 0] += sums[0, k]
            totals[number, k, 1] += sums[1, k]
