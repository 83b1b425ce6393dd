"""What not every small network has: dropout, activations and losses of whole rows; for each a kernel.

`lanes` calls them by address, so that a network compiles those that it needs and no others.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.cutting import edge
from neurosim.backends.cpu.jit import compiled, kernel_on_demand
from neurosim.backends.cpu.losses import NO_ACCURACY, weighted_loss
from neurosim.backends.cpu.masks import drop_lane, fold
from neurosim.backends.cpu.memory import (
    LANE_STAGE,
    call_activation,
    call_loss,
    doubles,
    floats,
    integers,
    words,
)
from neurosim.backends.cpu.memory import (
    LOSS_OF_ROWS as OF_ROWS,
)
from neurosim.backends.cpu.table import (
    BACKWARD,
    BIAS,
    CLASSES,
    DROP_BELOW,
    DROP_SCALE,
    DROPOUT_INDEX,
    FIELDS,
    FORWARD,
    LATE_BIAS,
    LOSS,
    LOSS_A,
    LOSS_D,
    LOSS_FIELDS,
    LOSS_PARAMS,
    LOSS_WEIGHTED,
    LOSS_Z,
    OUTPUTS,
    PARAMS,
    ROW_WEIGHTS,
    UNITS,
    VALUES,
    A,
    D,
    Z,
)


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


@kernel_on_demand(LANE_STAGE)
def activation_of_rows(address, rows, lanes, zeros, first, second, third, backward, unused):
    """An activation of whole rows: from z to a or, `backward`, to the gradient in d."""
    stage = words(address, FIELDS)
    units = stage[UNITS]
    if stage[LATE_BIAS] and not backward:
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


@kernel_on_demand(LANE_STAGE)
def dropout(address, source, out, rows, lanes, first_row, epoch, keys, layers):
    """Dropout, of outputs or of their gradients; each network has its own masks."""
    stage = words(address, FIELDS)
    units = stage[UNITS]
    scale = floats(stage[DROP_SCALE], 1)[0]
    below = np.uint32(stage[DROP_BELOW])
    for k in range(lanes):
        key = fold(np.uint64(words(keys, lanes * layers)[k * layers + stage[DROPOUT_INDEX]]), epoch)
        for i in range(rows):
            at = 4 * i * units * lanes
            drop_lane(source + at, out + at, k, lanes, units, key, first_row + i, below, scale)


@kernel_on_demand(OF_ROWS)
def loss_of_rows(address, rows, lanes, sums, first, second, third, accuracy, blocks, scale):
    """A loss that needs whole rows, as `lanes.lose` has it; right is the class with the largest output."""
    loss = words(address, LOSS_FIELDS)
    outputs = loss[OUTPUTS]
    gradient = third if loss[LOSS_D] != 0 else np.int64(0)
    to_rows(loss[LOSS_Z], first, rows, outputs, lanes)
    to_rows(loss[LOSS_A], second, rows, outputs, lanes)
    labels = integers(loss[CLASSES], rows * lanes)
    for q in range(blocks):
        r0, r1 = edge(q, blocks, rows), edge(q + 1, blocks, rows)
        losses, right = doubles(sums + 16 * q * lanes, lanes), doubles(sums + 8 * (2 * q + 1) * lanes, lanes)
        for k in range(lanes):
            batch = (first, second, loss[VALUES], loss[CLASSES], gradient)
            begin, end = k * rows + r0, k * rows + r1
            if loss[LOSS_WEIGHTED]:
                losses[k] += weighted_loss(loss, batch, outputs, begin, end, loss[ROW_WEIGHTS], scale)
            else:
                losses[k] += call_loss(loss[LOSS], (*batch, outputs, begin, end, loss[LOSS_PARAMS], scale))
            if accuracy != NO_ACCURACY:
                for i in range(begin, end):
                    a = floats(second + 4 * i * outputs, outputs)
                    best = 0
                    for j in range(1, outputs):
                        if a[j] > a[best]:
                            best = j
                    right[k] += 1.0 if best == labels[i] else 0.0
    if gradient != 0:
        from_rows(third, loss[LOSS_D], rows, outputs, lanes)
