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
from neurosim.backends.cpu.masks import drop_row
from neurosim.backends.cpu.memory import (
    address_of,
    call_activation,
    call_sparse_backward,
    call_sparse_forward,
    call_update,
    floats,
    words,
)
from neurosim.backends.cpu.products import column_sums, multiply, multiply_transposed_left, multiply_transposed_right
from neurosim.backends.cpu.table import (
    ACTIVATION,
    ACTIVE,
    ADD,
    BACKWARD,
    BATCH_NORM,
    BIAS,
    BIAS_GRADIENT,
    BIAS_STATE,
    COMBINE,
    DENSE,
    DROP_BELOW,
    DROP_SCALE,
    DROPOUT,
    DROPOUT_INDEX,
    DX,
    FORK,
    FORWARD,
    HAS_BIAS,
    INNER,
    INPUTS,
    KIND,
    LAYER_NORM,
    LISTS,
    LISTS_BACKWARD,
    LISTS_FIELDS,
    LISTS_FORWARD,
    MAPS,
    OTHER,
    PARAMS,
    PENALTY,
    PROJECTION,
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
from neurosim.backends.cpu.vector_norms import batch_norm_columns, batch_norm_columns_backward, layer_norm_rows

# Passed as np.int64(START): a literal 0 would make Numba compile the callee a second time.
START = 0


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
def add_block(first, second, out, units, r0, r1, c0, c1):
    """out = first + second on a block."""
    for i in range(r0, r1):
        place = 4 * (i * units + c0)
        a, b = floats(first + place, c1 - c0), floats(second + place, c1 - c0)
        c = floats(out + place, c1 - c0)
        for j in range(c1 - c0):
            c[j] = a[j] + b[j]


@compiled
def copy_block(source, out, units, r0, r1, c0, c1):
    """out = source on a block."""
    for i in range(r0, r1):
        place = 4 * (i * units + c0)
        a, b = floats(source + place, c1 - c0), floats(out + place, c1 - c0)
        for j in range(c1 - c0):
            b[j] = a[j]


@compiled
def forward_block(stage, batch, r0, r1, c0, c1, first_row, keys, product, scratch):
    """One block of one stage; `batch` is the address of the network's inputs."""
    x = batch if stage[X] == 0 else stage[X]
    kind, inputs, units = stage[KIND], stage[INPUTS], stage[UNITS]
    if kind == DENSE:
        if stage[LISTS] != 0:
            function = words(stage[LISTS], LISTS_FIELDS)[LISTS_FORWARD]
            call_sparse_forward(function, (stage[LISTS], address_of(stage), x, r0, r1, c0, c1, scratch))
        else:
            left = x + 4 * r0 * inputs
            out = stage[Z] + 4 * (r0 * units + c0)
            multiply(product, r1 - r0, c1 - c0, inputs, left, inputs, stage[WEIGHT] + 4 * c0, units, out, units)
        if stage[FORWARD] != 0:
            arguments = (stage[Z], stage[BIAS], stage[A], units, r0, r1, c0, c1, stage[PARAMS])
            call_activation(stage[FORWARD], arguments)
    elif kind == DROPOUT:
        drop_block(stage, x, stage[A], r0, r1, c0, c1, first_row, keys)
    elif kind == ACTIVATION:
        call_activation(stage[FORWARD], (x, stage[BIAS], stage[A], units, r0, r1, c0, c1, stage[PARAMS]))
    elif kind == BATCH_NORM:
        batch_norm_columns(stage, x, r1, c0, c1)
    elif kind == LAYER_NORM:
        layer_norm_rows(stage, x, r0, r1, scratch)
    elif kind == COMBINE:
        call_activation(stage[FORWARD], (x, stage[A], np.int64(START), units, r0, r1, c0, c1, stage[PARAMS]))
    elif kind == ADD:
        add_block(x, batch if stage[OTHER] == 0 else stage[OTHER], stage[A], units, r0, r1, c0, c1)


@compiled
def update_columns(stage, with_weight, c0, c1, update):
    """Update the bias, or gamma and beta, of columns `c0` to `c1`."""
    function, state_stride, constants = update
    if function != 0:
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
    if stage[MAPS] or kind in (LAYER_NORM, COMBINE) or (kind == DENSE and stage[PROJECTION]):
        return False
    if kind == BATCH_NORM:
        return not whole_rows
    return whole_rows or not stage[WHOLE_ROWS]


@compiled
def stop(plan, s, whole_rows):
    """Where `pull_back` from stage `s` ends: (the stage to continue with, whether its activation is done)."""
    while s >= 0 and is_passable(plan[s], whole_rows):
        if plan[s, KIND] == DENSE:
            return s, True
        s -= 1
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
        elif kind == DROPOUT:
            drop_block(stage, stage[D], stage[D], r0, r1, c0, c1, first_row, keys)
        elif kind == BATCH_NORM:
            batch_norm_columns_backward(stage, source, r1, c0, c1)
            update_columns(stage, np.bool_(True), c0, c1, update)
        elif kind == ADD and stage[INNER] != 0:
            copy_block(stage[D], stage[INNER], units, r0, r1, c0, c1)
        elif kind == FORK and stage[DX] != 0:
            add_block(stage[D], stage[OTHER], stage[DX], units, r0, r1, c0, c1)
        s -= 1


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
        pull_back(plan, s - 1, x, np.int64(START), rows, k0, k1, first_row, keys, update, np.bool_(False))
    function, state_stride, constants = update
    if stage[LISTS] != 0:
        place = (stage[LISTS], address_of(stage), x, rows, k0, k1)
        backward = words(stage[LISTS], LISTS_FIELDS)[LISTS_BACKWARD]
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
