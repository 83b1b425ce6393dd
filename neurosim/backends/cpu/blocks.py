"""Blocks of stages on vectors: forward, back through stages that need no other block, and a dense stage's gradients.

A block of the backward pass of a dense stage is a range of its inputs: the thread that owns it computes that part of
the input gradient, propagates it back through the preceding stages that work on each column separately (an activation,
dropout, batch normalization, a join), computes that part of the weight gradient, and immediately updates those
weights, while they are in cache. Since no other thread reads these weights, one barrier per stage is enough, and no
gradient is ever summed across threads.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.cutting import edge
from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import (
    address_of,
    call_activation,
    call_sparse_backward,
    call_sparse_forward,
    call_update,
    call_vector_stage,
    words,
)
from neurosim.backends.cpu.products import column_sums, multiply, multiply_transposed_left, multiply_transposed_right
from neurosim.backends.cpu.table import (
    ACTIVATION,
    ACTIVE,
    BACKWARD,
    BATCH_NORM,
    BIAS,
    BIAS_GRADIENT,
    BIAS_STATE,
    BITMAPS,
    BITMAPS_BACKWARD,
    BITMAPS_FIELDS,
    BITMAPS_FORWARD,
    COMBINE,
    CONCATENATE,
    DENSE,
    DX,
    ENDS_BRANCH,
    FORK,
    FORWARD,
    GO_BACK,
    GO_FORWARD,
    HAS_BIAS,
    INPUTS,
    KERNEL,
    KIND,
    LAYER_NORM,
    MAPS,
    PARAMS,
    PENALTY,
    UNITS,
    WEIGHT,
    WEIGHT_GRADIENT,
    WEIGHT_STATE,
    WHOLE_ROWS,
    A,
    D,
    X,
    Z,
)
from neurosim.backends.cpu.updates import penalize

# Passed as np.int64(START): a literal 0 would make Numba compile the callee a second time.
START = 0


@compiled
def forward_block(stage, batch, r0, r1, c0, c1, first_row, keys, product, scratch):
    """One block of one stage; `batch` is the address of the network's inputs."""
    x = batch if stage[X] == 0 else stage[X]
    kind, inputs, units = stage[KIND], stage[INPUTS], stage[UNITS]
    if kind == DENSE:
        if stage[BITMAPS] != 0:
            function = words(stage[BITMAPS], BITMAPS_FIELDS)[BITMAPS_FORWARD]
            call_sparse_forward(function, (stage[BITMAPS], address_of(stage), x, r0, r1, c0, c1, scratch))
        else:
            left = x + 4 * r0 * inputs
            out = stage[Z] + 4 * (r0 * units + c0)
            multiply(product, r1 - r0, c1 - c0, inputs, left, inputs, stage[WEIGHT] + 4 * c0, units, out, units)
        if stage[FORWARD] != 0:
            arguments = (stage[Z], stage[BIAS], stage[A], units, r0, r1, c0, c1, stage[PARAMS])
            call_activation(stage[FORWARD], arguments)
    elif kind == ACTIVATION:
        call_activation(stage[FORWARD], (x, stage[BIAS], stage[A], units, r0, r1, c0, c1, stage[PARAMS]))
    elif kind == COMBINE:
        call_activation(stage[FORWARD], (x, stage[A], np.int64(START), units, r0, r1, c0, c1, stage[PARAMS]))
    elif kind != FORK:
        place = (address_of(stage), batch, r0, r1, c0, c1)
        call_vector_stage(stage[KERNEL], (*place, first_row, address_of(keys), scratch, GO_FORWARD))


@compiled
def update_columns(stage, with_weight, c0, c1, update):
    """Update the bias, or gamma and beta, of columns `c0` to `c1`, unless they are frozen."""
    function, state_stride, constants = update
    if function != 0 and stage[BIAS_GRADIENT] != 0:
        at = 4 * c0
        if with_weight:
            arguments = (stage[WEIGHT] + at, stage[WEIGHT_GRADIENT] + at, stage[WEIGHT_STATE] + at)
            call_update(function, (*arguments, state_stride, c1 - c0, constants))
        arguments = (stage[BIAS] + at, stage[BIAS_GRADIENT] + at, stage[BIAS_STATE] + at)
        call_update(function, (*arguments, state_stride, c1 - c0, constants))


@compiled
def is_passable(stage, whole_rows):
    """Whether a gradient can be propagated back through a stage on a block alone, of whole rows or whole columns."""
    kind = stage[KIND]
    if stage[MAPS] or kind in (LAYER_NORM, COMBINE, CONCATENATE):
        return False
    if kind == BATCH_NORM:
        return not whole_rows
    return whole_rows or not stage[WHOLE_ROWS]


@compiled
def goes_on(plan, s):
    """Whether stage `s` is given its gradient by the stage after it in the table, not by the join of its branch."""
    return s >= 0 and plan[s, ENDS_BRANCH] == 0


@compiled
def stop(plan, s, whole_rows):
    """Where `pull_back` from stage `s` ends: (the stage to continue with, whether its activation is done)."""
    while s >= 0 and is_passable(plan[s], whole_rows):
        if plan[s, KIND] == DENSE:
            return s, True
        s -= 1
        if not goes_on(plan, s):
            break
    return s, False


@compiled
def pull_back(plan, s, x, r0, r1, c0, c1, first_row, keys, update, whole_rows):
    """Propagate the gradient of stage `s`'s outputs back through the stages that need no other block.

    It ends at the weighted sums of a dense stage, whose gradient is then in place. The block consists of whole rows,
    or of all rows of some columns; the parameters of batch normalization are updated along the way.
    """
    while s >= 0 and is_passable(plan[s], whole_rows):
        stage = plan[s]
        kind, units = stage[KIND], stage[UNITS]
        source = x if stage[X] == 0 else stage[X]
        if not stage[ACTIVE]:
            return
        if kind in (DENSE, ACTIVATION):
            if stage[BACKWARD] != 0:
                z = stage[Z] if kind == DENSE else source
                arguments = (z, stage[A], stage[D], units, r0, r1, c0, c1, stage[PARAMS])
                call_activation(stage[BACKWARD], arguments)
            if kind == DENSE:
                return
        else:
            place = (address_of(stage), x, r0, r1, c0, c1)
            call_vector_stage(stage[KERNEL], (*place, first_row, address_of(keys), 0, GO_BACK))
            if kind == BATCH_NORM:
                update_columns(stage, np.bool_(True), c0, c1, update)
        s -= 1
        if not goes_on(plan, s):
            return


@compiled
def combine_rows_backward(stage, x, r0, r1):
    """Gradient of the inputs of rows `r0` to `r1` of a stage that combines them, into DX."""
    source = x if stage[X] == 0 else stage[X]
    arguments = (source, stage[D], stage[DX], stage[UNITS], r0, r1, np.int64(START), stage[UNITS], stage[PARAMS])
    call_activation(stage[BACKWARD], arguments)


@compiled
def backward_block(plan, s, x, rows, q, blocks, first_row, keys, update, product, scratch):
    """Block `q` of `blocks` of a dense stage's backward pass: a range of its inputs, and their update."""
    stage = plan[s]
    inputs = stage[INPUTS]
    units = stage[UNITS]
    k0 = edge(q, blocks, inputs)
    k1 = edge(q + 1, blocks, inputs)
    weight = stage[WEIGHT] + 4 * k0 * units
    gradient = stage[WEIGHT_GRADIENT] + 4 * k0 * units
    source = x if stage[X] == 0 else stage[X]
    if stage[DX] != 0:
        dx = stage[DX] + 4 * k0
        multiply_transposed_right(product, rows, k1 - k0, units, stage[D], units, weight, units, dx, inputs)
        if goes_on(plan, s - 1):
            pull_back(plan, s - 1, x, np.int64(START), rows, k0, k1, first_row, keys, update, np.bool_(False))
    function, state_stride, constants = update
    if stage[WEIGHT_GRADIENT] == 0:
        return
    if stage[BITMAPS] != 0:
        place = (stage[BITMAPS], address_of(stage), x, rows, k0, k1)
        backward = words(stage[BITMAPS], BITMAPS_FIELDS)[BITMAPS_BACKWARD]
        call_sparse_backward(backward, (*place, function, state_stride, constants, scratch))
    else:
        count = (k1 - k0) * units
        left = source + 4 * k0
        multiply_transposed_left(product, k1 - k0, units, rows, left, inputs, stage[D], units, gradient, units)
        if stage[PENALTY] != 0:
            penalize(stage, weight, gradient, count)
        if function != 0:
            state = stage[WEIGHT_STATE] + 4 * k0 * units
            call_update(function, (weight, gradient, state, state_stride, count, constants))
    if stage[HAS_BIAS]:
        j0 = edge(q, blocks, units)
        j1 = edge(q + 1, blocks, units)
        column_sums(stage[D], rows, units, j0, j1 - j0, stage[BIAS_GRADIENT] + 4 * j0)
        update_columns(stage, np.bool_(False), j0, j1, update)
