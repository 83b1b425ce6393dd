"""The loss of a block of rows, and the number of right answers."""

from __future__ import annotations

import numpy as np

from neurosim.backends.base import JUDGES
from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import call_loss, floats, integers
from neurosim.backends.cpu.table import CLASSES, LOSS, LOSS_A, LOSS_PARAMS, LOSS_Z, OUTPUTS, ROW_WEIGHTS, VALUES

NO_ACCURACY, BY_THRESHOLD = JUDGES["none"], JUDGES["threshold"]


@compiled
def count_right(loss, r0, r1, accuracy, threshold):
    """The number of rows in the block with the right class."""
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
def weighted_loss(loss, batch, outputs, r0, r1, weights, scale):
    """The loss of a block of rows, each times its weight, and the gradient; `batch` are z, a, y, classes and d.

    A row without weight is left out, whatever its loss is.
    """
    total = 0.0
    d = batch[4]
    for i in range(r0, r1):
        weight = floats(weights + 4 * i, 1)[0]
        there = weight != np.float32(0)
        if there:
            total += np.float64(weight) * call_loss(loss[LOSS], (*batch, outputs, i, i + 1, loss[LOSS_PARAMS], scale))
        if d != 0:
            row = floats(d + 4 * i * outputs, outputs)
            for j in range(outputs):
                row[j] = row[j] * weight if there else np.float32(0)
    return total


@compiled
def loss_block(loss, d, r0, r1, scale, judge, totals, weighted):
    """Add loss and right answers of a block of rows to `totals`; write the gradient unless `d` is 0."""
    accuracy, threshold = judge
    batch = (loss[LOSS_Z], loss[LOSS_A], loss[VALUES], loss[CLASSES], d)
    if weighted:
        totals[0] += weighted_loss(loss, batch, loss[OUTPUTS], r0, r1, loss[ROW_WEIGHTS], scale)
    else:
        totals[0] += call_loss(loss[LOSS], (*batch, loss[OUTPUTS], r0, r1, loss[LOSS_PARAMS], scale))
    if accuracy != NO_ACCURACY:
        totals[1] += count_right(loss, r0, r1, accuracy, threshold)
