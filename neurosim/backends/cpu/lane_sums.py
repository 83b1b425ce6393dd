"""The sums of networks side by side: weighted sums, and the gradients of weights, biases and inputs.

`lanes` calls the two kernels by address. Each sum is taken from first to last, with one fused multiply-add a term, for
any number of lanes.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled, kernel_on_demand
from neurosim.backends.cpu.memory import LANE_SUMS, call_product, floats, fma, words
from neurosim.backends.cpu.table import (
    BIAS,
    BIAS_GRADIENT,
    DX,
    FIELDS,
    HAS_BIAS,
    INPUTS,
    LANE_PRODUCT,
    LATE_BIAS,
    UNITS,
    WEIGHT,
    WEIGHT_GRADIENT,
    D,
    Z,
)


@compiled
def add_scaled(out, factors, source, blocks, lanes):
    """out[j, l] += factors[l] * source[j, l] for `blocks` j: one input's share of a row of sums."""
    factor = floats(factors, lanes)
    for j in range(blocks):
        total = floats(out + 4 * j * lanes, lanes)
        row = floats(source + 4 * j * lanes, lanes)
        for k in range(lanes):
            total[k] = fma(factor[k], row[k], total[k])


@compiled
def add_two_scaled(out, factors, source, other_factors, other_source, blocks, lanes):
    """`add_scaled` twice in succession, with one pass over the sums."""
    first = floats(factors, lanes)
    second = floats(other_factors, lanes)
    for j in range(blocks):
        total = floats(out + 4 * j * lanes, lanes)
        row = floats(source + 4 * j * lanes, lanes)
        other_row = floats(other_source + 4 * j * lanes, lanes)
        for k in range(lanes):
            total[k] = fma(second[k], other_row[k], fma(first[k], row[k], total[k]))


@kernel_on_demand(LANE_SUMS)
def forward(address, x, rows, lanes, zeros, spare):
    """z[i, j] = bias[j] + sum over k of x[i, k] weight[k, j]; the bias is left to `activate` where it comes late."""
    stage = words(address, FIELDS)
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
        if stage[LANE_PRODUCT]:
            continue
        for k in range(0, inputs - 1, 2):
            at = x + 4 * (i * inputs + k) * lanes
            weight = stage[WEIGHT] + 4 * k * width
            add_two_scaled(out, at, weight, at + 4 * lanes, weight + 4 * width, units, lanes)
        if inputs & 1:
            k = inputs - 1
            add_scaled(out, x + 4 * (i * inputs + k) * lanes, stage[WEIGHT] + 4 * k * width, units, lanes)
    if stage[LANE_PRODUCT]:
        left, right = (x, inputs, 1), (stage[WEIGHT], units, 1)
        call_product(stage[LANE_PRODUCT], (rows, units, inputs, lanes, *left, *right, stage[Z]))


@compiled
def weight_gradients(stage, x, rows, lanes):
    """Gradients of weight[k, j]: sum over i of x[i, k] d[i, j]; of bias[j]: sum over i of d[i, j]."""
    inputs, units = stage[INPUTS], stage[UNITS]
    width = units * lanes
    gradient = floats(stage[WEIGHT_GRADIENT], inputs * width)
    for j in range(inputs * width):
        gradient[j] = np.float32(0)
    products = stage[LANE_PRODUCT]
    if products:
        left, right = (x, 1, inputs), (stage[D], units, 1)
        call_product(products, (inputs, units, rows, lanes, *left, *right, stage[WEIGHT_GRADIENT]))
    for i in range(0, 0 if products else rows - 1, 2):
        d = stage[D] + 4 * i * width
        for k in range(inputs):
            out = stage[WEIGHT_GRADIENT] + 4 * k * width
            at = x + 4 * (i * inputs + k) * lanes
            add_two_scaled(out, at, d, at + 4 * inputs * lanes, d + 4 * width, units, lanes)
    if rows & 1 and not products:
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
    if stage[LANE_PRODUCT]:
        dx = floats(stage[DX], rows * inputs * lanes)
        for k in range(rows * inputs * lanes):
            dx[k] = np.float32(0)
        left, right = (stage[D], units, 1), (stage[WEIGHT], 1, units)
        call_product(stage[LANE_PRODUCT], (rows, inputs, units, lanes, *left, *right, stage[DX]))
        return
    for i in range(rows):
        dx = floats(stage[DX] + 4 * i * inputs * lanes, inputs * lanes)
        for k in range(inputs * lanes):
            dx[k] = np.float32(0)
        for j in range(units):
            factor = floats(stage[D] + 4 * (i * units + j) * lanes, lanes)
            for k in range(inputs):
                total = floats(stage[DX] + 4 * (i * inputs + k) * lanes, lanes)
                row = floats(stage[WEIGHT] + 4 * (k * units + j) * lanes, lanes)
                for l in range(lanes):  # noqa: E741
                    total[l] = fma(factor[l], row[l], total[l])


@kernel_on_demand(LANE_SUMS)
def backward(address, x, rows, lanes, zeros, spare):
    """The gradients of weights and biases and, where it is wanted, of the inputs."""
    stage = words(address, FIELDS)
    weight_gradients(stage, x, rows, lanes)
    if stage[DX] != 0:
        input_gradients(stage, rows, lanes)
