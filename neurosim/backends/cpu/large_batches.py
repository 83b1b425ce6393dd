"""Batches of hundreds of rows and more through a small network: samples side by side, blocks of them over threads.

What `lanes` does with networks is done here with the samples of one: a line is a number of 16 samples, so the loops of
`conv2d` compute its products, as of maps in which every cell is a line of samples. A block of rows goes forward and all
the way back while its numbers are in cache, and leaves its share of the gradient. Blocks depend on the rows alone and
their shares are added up in order, so the bits do not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.conv2d import (
    add_bias_gradient,
    add_weight_gradient,
    conv_forward,
    conv_input_gradient,
    pack_transposed,
    pack_weights,
)
from neurosim.backends.cpu.jit import compiled, entry, kernel_on_demand
from neurosim.backends.cpu.lanes import activate
from neurosim.backends.cpu.losses import loss_block
from neurosim.backends.cpu.map_stages import from_rows, to_rows
from neurosim.backends.cpu.masks import drop_lane, fill_permutation, fold
from neurosim.backends.cpu.memory import (
    LANE_STAGE,
    address_of,
    call_activation,
    call_constants,
    call_lane_stage,
    call_update,
    exchange_float_mode,
    floats,
    integers,
    words,
)
from neurosim.backends.cpu.table import (
    BACKWARD,
    BIAS,
    BIAS_GRADIENT,
    CLASSES,
    DENSE,
    DROP_BELOW,
    DROP_SCALE,
    DROPOUT_INDEX,
    DX,
    FIELDS,
    FORWARD,
    HAS_BIAS,
    INPUTS,
    KERNEL,
    KIND,
    LOSS_A,
    LOSS_D,
    LOSS_FROM_LOGITS,
    LOSS_Z,
    PACKED,
    PACKED_TRANSPOSED,
    PARAMS,
    ROW_WEIGHTS,
    UNITS,
    VALUES,
    WEIGHT,
    WEIGHT_GRADIENT,
    A,
    D,
    X,
    Z,
)
from neurosim.backends.cpu.team import next_block
from neurosim.backends.cpu.vectors import LANES, LINE

# Rows of a block: their numbers fit in the level-2 cache, and each block is worth handing out.
BLOCK_ROWS = 256
# Parameters that one thread updates at a time.
CHUNK = 256
FLUSH = -1
NOWHERE = 0


@compiled
def geometry_of(stage, lines):
    """A dense stage on so many lines of samples as a convolution of one cell."""
    one, none = np.int64(1), np.int64(0)
    return one, lines, stage[INPUTS], one, lines, stage[UNITS], one, one, one, one, none, none


@kernel_on_demand(LANE_STAGE)
def dropout(address, source, out, lines, lanes, first_row, epoch, keys, unused):
    """Dropout, of outputs or of their gradients, with the masks of the samples' places in the epoch."""
    stage = words(address, FIELDS)
    units = stage[UNITS]
    index = stage[DROPOUT_INDEX]
    key = fold(np.uint64(words(keys, index + 1)[index]), epoch)
    below, scale = np.uint32(stage[DROP_BELOW]), floats(stage[DROP_SCALE], 1)[0]
    for p in range(lines):
        at = p * units * LINE
        for n in range(lanes):
            drop_lane(source + at, out + at, n, lanes, units, key, first_row + p * lanes + n, below, scale)


@compiled
def drop(stage, source, out, lines, first_row, epoch, keys):
    """Apply the dropout of a stage to a block."""
    place = (lines, np.int64(LANES), first_row, epoch, keys, np.int64(NOWHERE))
    call_lane_stage(stage[KERNEL], (address_of(stage), source, out, *place))


@compiled
def pack(plan):
    """Put the weights into the orders in which products read them."""
    for s in range(plan.shape[0]):
        stage = plan[s]
        if stage[KIND] == DENSE:
            geometry = geometry_of(stage, np.int64(1))
            pack_weights(geometry, stage[WEIGHT], stage[PACKED])
            if stage[DX] != 0:
                pack_transposed(geometry, stage[WEIGHT], stage[PACKED_TRANSPOSED])


@compiled
def gather(data, order, start, rows, x, loss):
    """Copy rows from `start` on into a block: inputs in lines, targets row by row."""
    features, values, classes, weights = data
    width, outputs = features.shape[1], values.shape[1]
    inputs = address_of(features)
    for i in range((rows + LANES - 1) // LANES * LANES):
        # Lines without a sample of their own repeat the last one, so that no garbage is computed.
        source = floats(inputs + 4 * width * order[start + min(i, rows - 1)], width)
        line = x + i // LANES * width * LINE + 4 * (i % LANES)
        for j in range(width):
            floats(line + j * LINE, 1)[0] = source[j]
    target, labels, shares = loss[VALUES], integers(loss[CLASSES], rows), floats(loss[ROW_WEIGHTS], rows)
    if outputs > 0:
        answers = address_of(values)
        for i in range(rows):
            right, place = floats(answers + 4 * outputs * order[start + i], outputs), floats(target, outputs)
            for j in range(outputs):
                place[j] = right[j]
            target += 4 * outputs
    if classes.shape[0] > 0:
        for i in range(rows):
            labels[i] = classes[order[start + i]]
    if weights.shape[0] > 0:
        for i in range(rows):
            shares[i] = weights[order[start + i]]


@compiled
def forward(plan, x, lines, first_row, epoch, keys, scratch):
    """All stages of a block, without the activation of the last."""
    for s in range(plan.shape[0]):
        stage = plan[s]
        source = x if stage[X] == 0 else stage[X]
        if stage[KIND] == DENSE:
            geometry = geometry_of(stage, lines)
            conv_forward(geometry, source, stage[PACKED], stage[BIAS], stage[Z], np.int64(0), np.int64(1))
            if s < plan.shape[0] - 1:
                activate(address_of(stage), lines, np.int64(LANES), scratch, np.bool_(False))
        else:
            drop(stage, source, stage[A], lines, first_row, epoch, keys)


@compiled
def lose(stage, loss, rows, scale, judge, sums, weighted, zeros):
    """Activation of the last stage, loss and right answers of a block, row by row; then the gradient, in lines."""
    outputs = stage[UNITS]
    z, a, d = loss[LOSS_Z], loss[LOSS_A], loss[LOSS_D]
    for first in range(0, rows, LANES):
        lines, place = first // LANES * outputs * LINE, 4 * first * outputs
        to_rows(stage[Z] + lines, z + place, outputs, min(LANES, rows - first), (np.int64(0), outputs))
    if stage[FORWARD] != 0:
        call_activation(stage[FORWARD], (z, zeros, a, outputs, 0, rows, 0, outputs, stage[PARAMS]))
    loss_block(loss, d, np.int64(0), rows, scale, judge, sums, weighted)
    if stage[BACKWARD] != 0 and not loss[LOSS_FROM_LOGITS]:
        call_activation(stage[BACKWARD], (z, a, d, outputs, 0, rows, 0, outputs, stage[PARAMS]))
    for first in range(0, rows, LANES):
        lines, place = first // LANES * outputs * LINE, 4 * first * outputs
        from_rows(d + place, stage[D] + lines, outputs, min(LANES, rows - first), (np.int64(0), outputs))


@compiled
def backward(plan, x, lines, first_row, epoch, keys, scratch, shares):
    """Gradients of all stages of a block; those of parameters go `shares` bytes behind the ones of the first block."""
    s = plan.shape[0] - 1
    whole = (np.int64(0), np.int64(1))
    while s >= 0:
        stage = plan[s]
        if stage[KIND] == DENSE:
            geometry = geometry_of(stage, lines)
            if s < plan.shape[0] - 1:
                activate(address_of(stage), lines, np.int64(LANES), scratch, np.bool_(True))
            if stage[HAS_BIAS]:
                add_bias_gradient(geometry, stage[D], stage[BIAS_GRADIENT] + shares, whole, np.int64(1))
            source = x if stage[X] == 0 else stage[X]
            gradient = stage[WEIGHT_GRADIENT] + shares
            add_weight_gradient(geometry, source, stage[D], gradient, whole, np.int64(1), np.int64(NOWHERE), whole)
            if stage[DX] == 0:
                return
            conv_input_gradient(geometry, stage[D], stage[PACKED_TRANSPOSED], stage[DX], np.int64(0), np.int64(1))
        else:
            drop(stage, stage[D], stage[D], lines, first_row, epoch, keys)
        s -= 1


@compiled
def update(first, count, blocks, shares, optimizer, constants):
    """Add up the blocks' shares of the gradient of some parameters, in order, and update these."""
    function, _, _, _, parameters, state, size = optimizer
    at = 4 * first
    gradient = floats(address_of(shares) + at, count)
    for q in range(1, blocks):
        share = floats(address_of(shares) + 4 * q * shares.shape[1] + at, count)
        for j in range(count):
            gradient[j] += share[j]
    call_update(function, (parameters + at, address_of(shares) + at, state + at, size, count, constants))


@entry
def train(
    plan, loss, inputs, targets, data, order, shuffle, batch, keys, optimizer, constants, rates, first_epoch,
    first_step, last_step, t, judge, scratch, shares, sums, totals, context, thread, words_of_team,
):  # fmt: skip
    """Train for some epochs; called by every thread of a team at once.

    Parameters
    ----------
    plan, loss : int64
        The stage table and the loss table of the thread, for a block of rows in lines.
    inputs : float32 (blocks, numbers)
        The inputs of a batch, in lines.
    targets : (float32 (rows, outputs), int32 (rows,), float32 (rows,))
        Memory for the targets of a batch, and for the weights of its rows.
    data : (float32 (rows, features), float32 (rows, outputs), int32 (rows,), float32 (rows,))
        The data set, a member of those that `lanes` takes.
    order : int64 (rows,)
        Row numbers in their order; modified.
    shuffle : uint64 (1,) or (0,)
        Key of the shuffles, to be folded with the epoch; if empty, rows keep their order.
    keys : uint64 (dropout layers,)
        Keys of the dropout masks, to be folded with the epoch.
    optimizer : (update, step_constants, params, params_stride, parameters, state, count)
        As in `lanes`.
    constants : float32 (threads, constants)
        Memory for each thread.
    shares : float32 (blocks, numbers)
        Memory for the blocks' shares of the gradient.
    sums : float64 (blocks, 2)
        Memory for the blocks' sums of loss and of right answers.
    totals : float64 (epochs, 2)
        These sums of each epoch, added to.
    rates, first_epoch, first_step, last_step, t, judge, scratch
        As in `lanes`; `scratch` is the thread's own.
    """
    mode = exchange_float_mode(FLUSH)
    team = address_of(words_of_team)
    rows = order.shape[0]
    step_constants, params, params_stride, count = optimizer[1], optimizer[2], optimizer[3], optimizer[6]
    mine = address_of(constants) + 4 * thread * constants.shape[1]
    weighted = data[3].shape[0] > 0
    outputs = plan[plan.shape[0] - 1, UNITS]
    same_batch = shuffle.shape[0] == 0 and batch >= rows
    done = 0
    for number in range(totals.shape[0]):
        epoch = first_epoch + number
        q = next_block(team, context, -1, 1)
        while q >= 0:
            sums[:] = 0.0
            if shuffle.shape[0] > 0:
                fill_permutation(fold(shuffle[0], epoch), order)
            q = next_block(team, context, q, 1)
        for step in range(first_step, last_step):
            start = step * batch
            size = min(batch, rows - start)
            scale = np.float32(1.0 / size)
            blocks = (size + BLOCK_ROWS - 1) // BLOCK_ROWS
            pack(plan)
            q = next_block(team, context, -1, blocks)
            while q >= 0:
                first = q * BLOCK_ROWS
                here = min(BLOCK_ROWS, size - first)
                lines = (here + LANES - 1) // LANES
                x = address_of(inputs) + 4 * q * inputs.shape[1]
                loss[VALUES] = address_of(targets[0]) + 4 * first * outputs
                loss[CLASSES], loss[ROW_WEIGHTS] = (
                    address_of(targets[1]) + 4 * first,
                    address_of(targets[2]) + 4 * first,
                )
                if number == 0 or not same_batch:
                    gather(data, order, start + first, here, x, loss)
                forward(plan, x, lines, start + first, epoch, address_of(keys), scratch)
                lose(plan[plan.shape[0] - 1], loss, here, scale, judge, sums[q], weighted, scratch[0])
                share = 4 * q * shares.shape[1]
                backward(plan, x, lines, start + first, epoch, address_of(keys), scratch, share)
                q = next_block(team, context, q, blocks)
            now = params + done * params_stride
            done += 1
            call_constants(step_constants, (now, mine, np.float64(t + done), rates[done - 1]))
            chunks = (count + CHUNK - 1) // CHUNK
            q = next_block(team, context, -1, chunks)
            while q >= 0:
                first = q * CHUNK
                update(first, min(CHUNK, count - first), blocks, shares, optimizer, mine)
                q = next_block(team, context, q, chunks)
        q = next_block(team, context, -1, 1)
        while q >= 0:
            for block in range(sums.shape[0]):
                totals[number, 0] += sums[block, 0]
                totals[number, 1] += sums[block, 1]
            q = next_block(team, context, q, 1)
    exchange_float_mode(mode)
