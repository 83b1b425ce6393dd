"""The compiled loop: batches through stages, forward, loss, backward and update.

Every thread runs the same code, phase by phase (see `team`), each on the blocks that it gets; the work on a block of
vectors is in `blocks`. Stages on maps are left to `maps`, which is called by address, so networks without maps need not
compile it.

Row numbers for dropout count from the start of the epoch, so masks depend on the row's place in the
epoch and not on the batch.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.blocks import (
    START,
    backward_block,
    combine_rows_backward,
    forward_block,
    goes_on,
    pull_back,
    stop,
    update_columns,
)
from neurosim.backends.cpu.cutting import edge, parts_of, row_blocks
from neurosim.backends.cpu.gathering import (
    gather_block,
    gather_blocks,
    gather_features,
    gather_line,
    gather_targets,
    places_of,
)
from neurosim.backends.cpu.jit import compiled, entry
from neurosim.backends.cpu.losses import loss_block
from neurosim.backends.cpu.memory import (
    address_of,
    call_clip,
    call_constants,
    call_finish,
    call_learned,
    call_maps,
    call_vector_stage,
    exchange_float_mode,
    floats,
    unowned,
)
from neurosim.backends.cpu.table import (
    ACTIVATION,
    ACTIVE,
    BACK_BY_COLUMNS,
    BACKWARD,
    BITMAPS,
    BY_ROWS,
    COLUMN_BLOCKS,
    COMBINE,
    CONCATENATE,
    CONV,
    DENSE,
    DX,
    ENDS_BRANCH,
    FIRST_ROW,
    GO_BACK,
    INPUT,
    INPUT_BLOCKS,
    KERNEL,
    KEYS,
    KIND,
    LAYER_NORM,
    LOSS_A,
    LOSS_D,
    LOSS_FROM_LOGITS,
    MAPS,
    MOMENTS,
    OUTPUTS,
    PARTS,
    ROWS,
    SCRATCH,
    UNITS,
    WAIT,
    WHOLE_ROWS,
)
from neurosim.backends.cpu.team import next_block, wait
from neurosim.backends.cpu.vectors import LANES as GROUP

FLUSH = -1


@compiled
def forward_blocks(plan, s, end, x, rows, q, blocks, by_rows, first_row, keys, product, scratch):
    """Block `q` of `blocks` of stages `s` to `end`, which need no other block of each other."""
    for k in range(s, end):
        units, zero = plan[k, UNITS], np.int64(START)
        r0, r1 = (edge(q, blocks, rows), edge(q + 1, blocks, rows)) if by_rows else (zero, rows)
        c0, c1 = (zero, units) if by_rows else (edge(q, blocks, units), edge(q + 1, blocks, units))
        forward_block(plan[k], x, r0, r1, c0, c1, first_row, keys, product, scratch)


@compiled
def forward_pass(plan, x, rows, first_row, keys, product, maps, context, team):
    """Run stages for a batch, all but the last ones if these work on blocks of rows; returns the first that is left."""
    scratch = context[SCRATCH]
    s = 0
    while s < plan.shape[0]:
        stage = plan[s]
        if stage[MAPS]:
            whole = context[PARTS] == 1
            end = s + 1
            while whole and end < plan.shape[0] and plan[end, MAPS] and plan[end - 1, KIND] != MOMENTS:
                end += 1
            blocks = (rows + GROUP - 1) // GROUP * context[PARTS]
            q = next_block(team, context, -1, blocks)
            while q >= 0:
                call_maps(maps[0], (address_of(plan), s, end, q, address_of(context)))
                q = next_block(team, context, q, blocks)
            s = end
            continue
        # Stages whose blocks need no other blocks of the stages before follow each other at once.
        end = s + 1
        while end < plan.shape[0] and not plan[end - 1, WAIT]:
            end += 1
        by_rows = stage[BY_ROWS] != 0
        if by_rows and end == plan.shape[0]:
            return s
        blocks = row_blocks(rows) if by_rows else stage[COLUMN_BLOCKS]
        q = next_block(team, context, -1, blocks)
        while q >= 0:
            forward_blocks(plan, s, end, x, rows, q, blocks, by_rows, first_row, keys, product, scratch)
            q = next_block(team, context, q, blocks)
        s = end
    return s


@compiled
def backward_pass(plan, x, s, ready, rows, first_row, keys, update, product, maps, context, team):
    """Gradients of all stages from `s` down to the first, and the updates of those on vectors.

    The gradient of the outputs of stage `s` must be in place or, if `ready`, that of its weighted sums.
    """
    scratch = context[SCRATCH]
    zero = np.int64(START)
    while s >= 0:
        stage = plan[s]
        if not stage[ACTIVE]:
            s, ready = s - 1, False
        elif stage[MAPS]:
            whole = context[PARTS] == 1
            end = s - 1
            while whole and end >= 0 and plan[end, MAPS] and plan[end, KIND] != MOMENTS:
                end -= 1
            blocks = (rows + GROUP - 1) // GROUP * context[PARTS]
            if not whole and stage[KIND] == CONV and stage[BACKWARD] != 0:
                q = next_block(team, context, -1, blocks)
                while q >= 0:
                    call_maps(maps[1], (address_of(plan), s, s, q, address_of(context)))
                    q = next_block(team, context, q, blocks)
            q = next_block(team, context, -1, blocks)
            while q >= 0:
                call_maps(maps[1], (address_of(plan), s, end, q, address_of(context)))
                q = next_block(team, context, q, blocks)
            s = end
        elif stage[KIND] == DENSE and (ready or (stage[ENDS_BRANCH] and stage[BACKWARD] == 0)):
            blocks = stage[INPUT_BLOCKS]
            q = next_block(team, context, -1, blocks)
            while q >= 0:
                backward_block(plan, s, x, rows, q, blocks, first_row, keys, update, product, scratch)
                q = next_block(team, context, q, blocks)
            if stage[DX] != 0 and goes_on(plan, s - 1):
                s, ready = stop(plan, s - 1, np.bool_(False))
            else:
                s, ready = s - 1, False
        elif stage[KIND] == LAYER_NORM:
            blocks = row_blocks(rows)
            q = next_block(team, context, -1, blocks)
            while q >= 0:
                r0, r1 = edge(q, blocks, rows), edge(q + 1, blocks, rows)
                if stage[DX] != 0:
                    place = (address_of(stage), x, r0, r1, zero, stage[UNITS])
                    call_vector_stage(stage[KERNEL], (*place, first_row, address_of(keys), scratch, GO_BACK))
                q = next_block(team, context, q, blocks)
            blocks = stage[COLUMN_BLOCKS]
            q = next_block(team, context, -1, blocks)
            while q >= 0:
                c0, c1 = edge(q, blocks, stage[UNITS]), edge(q + 1, blocks, stage[UNITS])
                place = (address_of(stage), x, zero, rows, c0, c1)
                call_vector_stage(stage[KERNEL], (*place, first_row, address_of(keys), scratch, BACK_BY_COLUMNS))
                update_columns(stage, np.bool_(True), c0, c1, update)
                q = next_block(team, context, q, blocks)
            s, ready = s - 1, False
        elif stage[KIND] == CONCATENATE:
            blocks = row_blocks(rows)
            q = next_block(team, context, -1, blocks)
            while q >= 0:
                place = (address_of(stage), x, edge(q, blocks, rows), edge(q + 1, blocks, rows), zero, stage[UNITS])
                call_vector_stage(stage[KERNEL], (*place, first_row, address_of(keys), scratch, GO_BACK))
                q = next_block(team, context, q, blocks)
            s, ready = s - 1, False
        elif stage[KIND] == COMBINE:
            if stage[DX] != 0:
                blocks = row_blocks(rows)
                q = next_block(team, context, -1, blocks)
                while q >= 0:
                    combine_rows_backward(stage, x, edge(q, blocks, rows), edge(q + 1, blocks, rows))
                    q = next_block(team, context, q, blocks)
            s, ready = s - 1, False
        else:
            by_rows = np.bool_(stage[WHOLE_ROWS] != 0)
            blocks = row_blocks(rows) if by_rows else stage[COLUMN_BLOCKS]
            q = next_block(team, context, -1, blocks)
            while q >= 0:
                if by_rows:
                    r0, r1 = edge(q, blocks, rows), edge(q + 1, blocks, rows)
                    pull_back(plan, s, x, r0, r1, zero, stage[UNITS], first_row, keys, update, by_rows)
                else:
                    c0, c1 = edge(q, blocks, stage[UNITS]), edge(q + 1, blocks, stage[UNITS])
                    pull_back(plan, s, x, zero, rows, c0, c1, first_row, keys, update, by_rows)
                q = next_block(team, context, q, blocks)
            s, ready = stop(plan, s, by_rows)


@compiled
def after_loss(plan, from_logits):
    """The stage whose gradient the loss computes: (its number, whether it is that of the weighted sums)."""
    last = plan.shape[0] - 1
    if from_logits and plan[last, KIND] == DENSE:
        return last, True
    if from_logits and plan[last, KIND] == ACTIVATION:
        return last - 1, False
    return last, False


@entry
def train(
    plan, loss, inputs, data, order, span, batch, keys, optimizer, rates, t, clip, arrays, judge, product, maps,
    learned, contexts, totals, thread, threads, words,
):  # fmt: skip
    """Train on a span of the rows in `order`, batch by batch; called by every thread of a team at once.

    Parameters
    ----------
    plan, loss : int64
        The stage table and the loss table.
    inputs : float32 (2, capacity, features)
        Two batches of inputs: one in use, one being gathered.
    data : (uint8 rows, float32 rows, target values, class indices, weights of the rows, scale, shift)
        The data set; of the first two one is empty, and so are the weights where all rows count the same.
    order : int64 (rows,)
        Row numbers, in the order of the epoch.
    span : (int, int)
        The first position in it to train on, and the one after the last.
    keys : uint64 (dropout layers,)
        Keys of the dropout masks.
    optimizer : (update, constants, params, params stride, state stride, float32 (threads, constants))
        Kernels and parameters of the optimizer: these are so many bytes further on in each step, where a schedule
        changes them. Update 0 leaves the network's parameters as they are.
    rates : float64 (steps,)
        Learning rate of each step.
    t : int
        Number of steps done before.
    clip : (function, kind, vectors, count, sums, bound)
        How gradients are clipped (see `clipping`); 0 where they are not.
    arrays : (function, table)
        Of an optimizer that looks at whole arrays: what updates all parameters after the backward pass, and its table
        (see `array_updates`); 0 for the others.
    judge : (int, float32)
        How right answers are recognized, and the threshold.
    product : int
        Address of the kernel for large products; 0 where there are none.
    maps : (forward, backward, pack, finish)
        Addresses of the kernels for maps; 0 where the network has none.
    learned : int
        Address of `neurosim.backends.cpu.learned.finish`; 0 where no activation learns.
    contexts : int64 (threads, words)
        For each thread, the arguments of a call of these; the address of its scratch memory is already there.
    totals : float64 (row blocks, 2)
        Sums of loss and of right answers, added to.
    """
    # References to arrays are not counted: threads that share a counter take turns at it.
    plan, loss, order, keys = unowned(plan), unowned(loss), unowned(order), unowned(keys)
    mode = exchange_float_mode(FLUSH)
    function, step_constants, params, params_stride, state_stride, constants = optimizer
    team = address_of(words)
    mine = address_of(constants) + 4 * thread * constants.shape[1]
    slab = 4 * inputs.shape[1] * inputs.shape[2]
    first_slab = address_of(inputs)
    on_maps, bitmaps = plan[0, MAPS] != 0, plan[0, BITMAPS]
    places, weighted = places_of(data), data[4].shape[0] > 0
    context, totals = unowned(contexts)[thread], unowned(totals)
    context[KEYS] = address_of(keys)
    scratch = context[SCRATCH]
    first, last = span
    # Clipping needs the whole gradient before anything is updated, and so do some optimizers.
    late = function != 0 and (clip[0] != 0 or arrays[0] != 0)
    update = (np.int64(START) if late else function, state_stride, mine)
    if first < last:
        more = min(batch, last - first)
        q = next_block(team, context, -1, gather_blocks(more))
        while q >= 0:
            gather_block(places, order, first, more, q, first_slab, on_maps, bitmaps)
            q = next_block(team, context, q, gather_blocks(more))
    for step in range((last - first + batch - 1) // batch):
        start = first + step * batch
        rows = min(batch, last - start)
        x = first_slab + (step & 1) * slab
        context[INPUT], context[ROWS], context[FIRST_ROW] = x, rows, start
        context[PARTS] = parts_of((rows + GROUP - 1) // GROUP, threads)
        if function != 0 and step_constants != 0:
            now = params + step * params_stride
            call_constants(step_constants, (now, mine, np.float64(t + step + 1), rates[step]))
        if maps[2] != 0:
            s = next_block(team, context, -1, plan.shape[0])
            while s >= 0:
                call_maps(maps[2], (address_of(plan), s, s + 1, 1, 0))
                s = next_block(team, context, s, plan.shape[0])
        left = forward_pass(plan, x, rows, start, keys, product, maps, context, team)
        blocks = row_blocks(rows)
        scale = np.float32(1.0 / rows)
        s, ready = after_loss(plan, loss[LOSS_FROM_LOGITS])
        # The next batch is gathered meanwhile.
        following = start + batch
        other, more = first_slab + ((step + 1) & 1) * slab, max(0, min(batch, last - following))
        pieces = blocks + gather_blocks(more)
        q = next_block(team, context, -1, pieces)
        while q >= 0:
            if q < blocks:
                r0, r1 = edge(q, blocks, rows), edge(q + 1, blocks, rows)
                forward_blocks(plan, left, plan.shape[0], x, rows, q, blocks, True, start, keys, product, scratch)
                for i in range(r0, r1):
                    gather_targets(places, order[start + i], i, loss)
                loss_block(loss, loss[LOSS_D], r0, r1, scale, judge, totals[q], weighted)
                if not ready:
                    pull_back(plan, s, x, r0, r1, np.int64(START), loss[OUTPUTS], start, keys, update, np.bool_(True))
            else:
                gather_block(places, order, following, more, q - blocks, other, on_maps, bitmaps)
            q = next_block(team, context, q, pieces)
        if not ready:
            s, ready = stop(plan, s, np.bool_(True))
        backward_pass(plan, x, s, ready, rows, start, keys, update, product, maps, context, team)
        if maps[1] != 0:
            groups = (rows + GROUP - 1) // GROUP
            call_learned(maps[3], (address_of(plan), plan.shape[0], groups, *update, thread, threads))
        if learned != 0:
            call_learned(learned, (address_of(plan), plan.shape[0], rows, *update, thread, threads))
        if late:
            wait(team, threads)
            if clip[0] != 0:
                # Optimizers that look at whole arrays update the parameters themselves.
                then = function if arrays[0] == 0 else np.int64(START)
                how = (clip[1], clip[2], clip[3], clip[4], then, state_stride, mine, thread, threads, team)
                call_clip(clip[0], (*how, clip[5]))
            if arrays[0] != 0:
                if clip[0] != 0:
                    wait(team, threads)
                place = (arrays[1], thread, threads, team, step)
                call_finish(arrays[0], (*place, np.float64(t + step + 1), rates[step]))
        # Of these updates every thread has its part.
        if late or maps[1] != 0 or learned != 0:
            wait(team, threads)
    exchange_float_mode(mode)


@entry
def evaluate(
    plan, loss, inputs, data, count, capacity, judge, product, keys, maps, context, totals, outputs, thread, threads
):  # fmt: skip
    """Forward pass and loss of all `count` rows in chunks of `capacity`, distributed over the threads.

    Every thread has a `plan`, a `loss`, `inputs` and a `context` of its own. Chunk q adds to
    ``totals[q]``. The outputs go to `outputs` (rows, outputs), unless it has no rows; losses are left out if ``data``
    has no targets. Buffers of maps hold one group, which passes through all of them.
    """
    plan, loss, keys, context = unowned(plan), unowned(loss), unowned(keys), unowned(context)
    totals = unowned(totals)
    x, features = address_of(inputs), data[0].shape[1]
    places = places_of(data)
    width = loss[OUTPUTS]
    has_targets = data[2].shape[0] > 0 or data[3].shape[0] > 0
    first_vectors = 0
    while first_vectors < plan.shape[0] and plan[first_vectors, MAPS]:
        first_vectors += 1
    if maps[2] != 0:
        call_maps(maps[2], (address_of(plan), 0, plan.shape[0], 0, 0))
    context[INPUT], context[FIRST_ROW], context[KEYS], context[PARTS] = x, 0, address_of(keys), 1
    for q in range(thread, (count + capacity - 1) // capacity, threads):
        start = q * capacity
        rows = min(capacity, count - start)
        for place in range(rows):
            gather_targets(places, start + place, place, loss)
            if first_vectors == 0:
                gather_features(places, start + place, x + 4 * place * features, plan[0, BITMAPS])
        if first_vectors > 0:
            context[ROWS] = rows
            for group in range((rows + GROUP - 1) // GROUP):
                for n in range(GROUP):
                    gather_line(places, start + min(group * GROUP + n, rows - 1), x, n)
                call_maps(maps[0], (address_of(plan), 0, first_vectors, group, address_of(context)))
        for s in range(first_vectors, plan.shape[0]):
            stage = plan[s]
            zero = np.int64(START)
            forward_block(stage, x, zero, rows, zero, stage[UNITS], start, keys, product, context[SCRATCH])
        if has_targets:
            weighted = data[4].shape[0] > 0
            loss_block(loss, np.int64(START), np.int64(START), rows, np.float32(0), judge, totals[q], weighted)
        if outputs.shape[0] > 0:
            a = floats(loss[LOSS_A], rows * width)
            for i in range(rows):
                for j in range(width):
                    outputs[start + i, j] = a[i * width + j]
