"""What is done to a block of vectors by the kinds of stages that not every network has: for each kind a kernel.

The engine calls them by address, so that a network compiles those of its own stages and no others.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled, kernel_on_demand
from neurosim.backends.cpu.masks import drop_row
from neurosim.backends.cpu.memory import VECTOR_STAGE, floats, words
from neurosim.backends.cpu.table import (
    ADD,
    BATCH,
    BATCH_NORM,
    BESIDE,
    BRANCH_FIELDS,
    BRANCHES,
    CONCATENATE,
    DROP_BELOW,
    DROP_SCALE,
    DROPOUT,
    DROPOUT_INDEX,
    DX,
    FIELDS,
    FORK,
    GO_BACK,
    GO_FORWARD,
    INNER,
    LAYER_NORM,
    OTHER,
    UNITS,
    WEIGHT_GRADIENT,
    A,
    D,
    X,
)
from neurosim.backends.cpu.vector_norms import (
    batch_norm_columns,
    batch_norm_columns_backward,
    frozen_columns_backward,
    layer_norm_columns_backward,
    layer_norm_rows,
    layer_norm_rows_backward,
)


@compiled
def drop_block(stage, source, out, r0, r1, c0, c1, first_row, keys):
    """Apply a dropout stage's mask to a block, from `source` to `out`."""
    units = stage[UNITS]
    key = np.uint64(words(keys, stage[DROPOUT_INDEX] + 1)[stage[DROPOUT_INDEX]])
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


@kernel_on_demand(VECTOR_STAGE)
def dropout(address, batch, r0, r1, c0, c1, first_row, keys, scratch, what):
    """Dropout, of outputs or of their gradients."""
    stage = words(address, FIELDS)
    if what == GO_FORWARD:
        x = batch if stage[X] == 0 else stage[X]
        drop_block(stage, x, stage[A], r0, r1, c0, c1, first_row, keys)
    else:
        drop_block(stage, stage[D], stage[D], r0, r1, c0, c1, first_row, keys)


@kernel_on_demand(VECTOR_STAGE)
def batch_norm(address, batch, r0, r1, c0, c1, first_row, keys, scratch, what):
    """Batch normalization of some columns."""
    stage = words(address, FIELDS)
    x = batch if stage[X] == 0 else stage[X]
    if what == GO_FORWARD:
        batch_norm_columns(stage, x, r1, c0, c1)
    elif stage[BATCH]:
        batch_norm_columns_backward(stage, x, r1, c0, c1)
    else:
        frozen_columns_backward(stage, r1, c0, c1)


@kernel_on_demand(VECTOR_STAGE)
def layer_norm(address, batch, r0, r1, c0, c1, first_row, keys, scratch, what):
    """Layer normalization: back by rows for the gradient of the inputs, by columns for that of the parameters."""
    stage = words(address, FIELDS)
    if what == GO_FORWARD:
        layer_norm_rows(stage, batch if stage[X] == 0 else stage[X], r0, r1, scratch)
    elif what == GO_BACK:
        layer_norm_rows_backward(stage, r0, r1, scratch)
    elif stage[WEIGHT_GRADIENT] != 0:
        layer_norm_columns_backward(stage, r1, c0, c1)


@kernel_on_demand(VECTOR_STAGE)
def join(address, batch, r0, r1, c0, c1, first_row, keys, scratch, what):
    """The end of a residual layer, where its branches are added."""
    stage = words(address, FIELDS)
    if what == GO_FORWARD:
        x, other = batch if stage[X] == 0 else stage[X], batch if stage[OTHER] == 0 else stage[OTHER]
        add_block(x, other, stage[A], stage[UNITS], r0, r1, c0, c1)
    else:
        if stage[INNER] != 0:
            copy_block(stage[D], stage[INNER], stage[UNITS], r0, r1, c0, c1)
        if stage[BESIDE] != 0:
            copy_block(stage[D], stage[BESIDE], stage[UNITS], r0, r1, c0, c1)


@kernel_on_demand(VECTOR_STAGE)
def fork(address, batch, r0, r1, c0, c1, first_row, keys, scratch, what):
    """The beginning of a residual layer, where the gradients of its branches are added."""
    stage = words(address, FIELDS)
    if what == GO_BACK and stage[DX] != 0:
        add_block(stage[D], stage[OTHER], stage[DX], stage[UNITS], r0, r1, c0, c1)


@kernel_on_demand(VECTOR_STAGE)
def concatenation(address, batch, r0, r1, c0, c1, first_row, keys, scratch, what):
    """The end of branches whose outputs follow each other."""
    stage = words(address, FIELDS)
    units, count = stage[UNITS], words(stage[BRANCHES], 1)[0]
    start = np.int64(0)
    for k in range(count):
        # By `BranchField`.
        outputs, gradient, width, _ = words(stage[BRANCHES] + 8 * (1 + k * BRANCH_FIELDS), BRANCH_FIELDS)
        first, last = max(c0, start), min(c1, start + width)
        if first < last and (what == GO_FORWARD or gradient != 0):
            for i in range(r0, r1):
                whole, part = 4 * (i * units + first), 4 * (i * width + first - start)
                if what == GO_FORWARD:
                    source, target = (batch if outputs == 0 else outputs) + part, stage[A] + whole
                else:
                    source, target = stage[D] + whole, gradient + part
                a, b = floats(source, last - first), floats(target, last - first)
                for j in range(last - first):
                    b[j] = a[j]
        start += width


VECTOR_KERNELS = {
    DROPOUT: dropout,
    BATCH_NORM: batch_norm,
    LAYER_NORM: layer_norm,
    ADD: join,
    FORK: fork,
    CONCATENATE: concatenation,
}
