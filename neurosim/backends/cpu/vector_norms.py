"""Batch and layer normalization of vectors, stored row by row.

Variances are sums of squares about the mean, computed in a second pass over numbers that are in cache by then: the
difference of two large sums would lose its significant digits.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import floats
from neurosim.backends.cpu.table import (
    BATCH,
    BIAS,
    BIAS_GRADIENT,
    DX,
    INVERSE,
    MEAN,
    MOVE,
    RUNNING_MEAN,
    RUNNING_VARIANCE,
    SETTINGS,
    UNITS,
    WEIGHT,
    WEIGHT_GRADIENT,
    A,
    D,
    Z,
)

ONE, ZERO = np.float32(1), np.float32(0)
# Number of partial sums of a row that are computed side by side.
PARTS = 8


@compiled
def move_running(stage, channel, mean, variance, count):
    """Move the running statistics of a channel toward those of a batch of `count` numbers."""
    momentum = floats(stage[SETTINGS], 2)[1]
    running = floats(stage[RUNNING_MEAN] + 4 * channel, 1)
    running[0] += momentum * (mean - running[0])
    running = floats(stage[RUNNING_VARIANCE] + 4 * channel, 1)
    unbiased = variance * (np.float32(count) / np.float32(max(count - 1, 1)))
    running[0] += momentum * (unbiased - running[0])


@compiled
def batch_norm_columns(stage, x, rows, c0, c1):
    """Columns `c0` to `c1` of a batch normalization of vectors."""
    units, columns = stage[UNITS], c1 - c0
    mean = floats(stage[MEAN] + 4 * c0, columns)
    inverse = floats(stage[INVERSE] + 4 * c0, columns)
    epsilon = floats(stage[SETTINGS], 2)[0]
    if stage[BATCH]:
        share = ONE / np.float32(rows)
        for j in range(columns):
            mean[j] = ZERO
            inverse[j] = ZERO
        for i in range(rows):
            row = floats(x + 4 * (i * units + c0), columns)
            for j in range(columns):
                mean[j] += row[j]
        for j in range(columns):
            mean[j] *= share
        for i in range(rows):
            row = floats(x + 4 * (i * units + c0), columns)
            for j in range(columns):
                inverse[j] += (row[j] - mean[j]) * (row[j] - mean[j])
        for j in range(columns):
            variance = inverse[j] * share
            if stage[MOVE]:
                move_running(stage, c0 + j, mean[j], variance, rows)
            inverse[j] = ONE / np.sqrt(variance + epsilon)
    else:
        running_mean = floats(stage[RUNNING_MEAN] + 4 * c0, columns)
        running_variance = floats(stage[RUNNING_VARIANCE] + 4 * c0, columns)
        for j in range(columns):
            mean[j] = running_mean[j]
            inverse[j] = ONE / np.sqrt(running_variance[j] + epsilon)
    gamma = floats(stage[WEIGHT] + 4 * c0, columns)
    beta = floats(stage[BIAS] + 4 * c0, columns)
    for i in range(rows):
        row = floats(x + 4 * (i * units + c0), columns)
        a = floats(stage[A] + 4 * (i * units + c0), columns)
        for j in range(columns):
            a[j] = (row[j] - mean[j]) * inverse[j] * gamma[j] + beta[j]


@compiled
def batch_norm_columns_backward(stage, x, rows, c0, c1):
    """From the gradient of the outputs to that of the inputs, in place; gradients of gamma and beta."""
    units, columns = stage[UNITS], c1 - c0
    mean = floats(stage[MEAN] + 4 * c0, columns)
    inverse = floats(stage[INVERSE] + 4 * c0, columns)
    gamma = floats(stage[WEIGHT] + 4 * c0, columns)
    dgamma = floats(stage[WEIGHT_GRADIENT] + 4 * c0, columns)
    dbeta = floats(stage[BIAS_GRADIENT] + 4 * c0, columns)
    share = ONE / np.float32(rows)
    for j in range(columns):
        dgamma[j] = ZERO
        dbeta[j] = ZERO
    for i in range(rows):
        row = floats(x + 4 * (i * units + c0), columns)
        d = floats(stage[D] + 4 * (i * units + c0), columns)
        for j in range(columns):
            dbeta[j] += d[j]
            dgamma[j] += d[j] * ((row[j] - mean[j]) * inverse[j])
    for i in range(rows):
        row = floats(x + 4 * (i * units + c0), columns)
        d = floats(stage[D] + 4 * (i * units + c0), columns)
        for j in range(columns):
            normal = (row[j] - mean[j]) * inverse[j]
            d[j] = gamma[j] * inverse[j] * (d[j] - dbeta[j] * share - normal * (dgamma[j] * share))


@compiled
def frozen_columns_backward(stage, rows, c0, c1):
    """The gradient of the inputs of a batch normalization by running statistics, in place."""
    units, columns = stage[UNITS], c1 - c0
    inverse, gamma = floats(stage[INVERSE] + 4 * c0, columns), floats(stage[WEIGHT] + 4 * c0, columns)
    for i in range(rows):
        d = floats(stage[D] + 4 * (i * units + c0), columns)
        for j in range(columns):
            d[j] *= gamma[j] * inverse[j]


@compiled
def total(values):
    """Sum of a row, in `PARTS` parts side by side and then from first to last."""
    count = values.size
    whole = count // PARTS * PARTS
    s0, s1, s2, s3 = ZERO, ZERO, ZERO, ZERO
    s4, s5, s6, s7 = ZERO, ZERO, ZERO, ZERO
    for j in range(0, whole, PARTS):
        s0 += values[j]
        s1 += values[j + 1]
        s2 += values[j + 2]
        s3 += values[j + 3]
        s4 += values[j + 4]
        s5 += values[j + 5]
        s6 += values[j + 6]
        s7 += values[j + 7]
    result = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
    for j in range(whole, count):
        result += values[j]
    return result


@compiled
def layer_norm_rows(stage, x, r0, r1, scratch):
    """Rows `r0` to `r1` of a layer normalization of vectors; stores the normalized inputs in Z."""
    units = stage[UNITS]
    epsilon = floats(stage[SETTINGS], 2)[0]
    gamma, beta = floats(stage[WEIGHT], units), floats(stage[BIAS], units)
    squares = floats(scratch, units)
    share = ONE / np.float32(units)
    for i in range(r0, r1):
        row = floats(x + 4 * i * units, units)
        normal = floats(stage[Z] + 4 * i * units, units)
        a = floats(stage[A] + 4 * i * units, units)
        mean = total(row) * share
        for j in range(units):
            normal[j] = row[j] - mean
            squares[j] = normal[j] * normal[j]
        inverse = ONE / np.sqrt(total(squares) * share + epsilon)
        floats(stage[INVERSE] + 4 * i, 1)[0] = inverse
        for j in range(units):
            normal[j] *= inverse
            a[j] = normal[j] * gamma[j] + beta[j]


@compiled
def layer_norm_rows_backward(stage, r0, r1, scratch):
    """Gradient of the inputs of rows `r0` to `r1`, into DX."""
    units = stage[UNITS]
    gamma = floats(stage[WEIGHT], units)
    scaled, products = floats(scratch, units), floats(scratch + 4 * units, units)
    share = ONE / np.float32(units)
    for i in range(r0, r1):
        d = floats(stage[D] + 4 * i * units, units)
        normal = floats(stage[Z] + 4 * i * units, units)
        dx = floats(stage[DX] + 4 * i * units, units)
        inverse = floats(stage[INVERSE] + 4 * i, 1)[0]
        for j in range(units):
            scaled[j] = d[j] * gamma[j]
            products[j] = scaled[j] * normal[j]
        mean, slope = total(scaled) * share, total(products) * share
        for j in range(units):
            dx[j] = inverse * (scaled[j] - mean - normal[j] * slope)


@compiled
def layer_norm_columns_backward(stage, rows, c0, c1):
    """Gradients of gamma and beta of columns `c0` to `c1`."""
    units, columns = stage[UNITS], c1 - c0
    dgamma = floats(stage[WEIGHT_GRADIENT] + 4 * c0, columns)
    dbeta = floats(stage[BIAS_GRADIENT] + 4 * c0, columns)
    for j in range(columns):
        dgamma[j] = ZERO
        dbeta[j] = ZERO
    for i in range(rows):
        d = floats(stage[D] + 4 * (i * units + c0), columns)
        normal = floats(stage[Z] + 4 * (i * units + c0), columns)
        for j in range(columns):
            dgamma[j] += d[j] * normal[j]
            dbeta[j] += d[j]
