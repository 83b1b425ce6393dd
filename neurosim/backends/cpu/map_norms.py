"""Batch and layer normalization of maps in groups of samples, see `neurosim.backends.cpu.maps`."""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.map_lines import add_slopes, add_square, normalize, normalize_slope
from neurosim.backends.cpu.map_tiles import sum_of_line
from neurosim.backends.cpu.memory import floats
from neurosim.backends.cpu.pools import clear
from neurosim.backends.cpu.table import (
    A_GROUP,
    BATCH,
    BIAS,
    CHANNELS,
    DX,
    INNER,
    INVERSE,
    MEAN,
    MOVE,
    OTHER,
    PARTIAL,
    PARTIALS,
    RUNNING_MEAN,
    RUNNING_VARIANCE,
    SETTINGS,
    UNITS,
    WEIGHT,
    Z,
)
from neurosim.backends.cpu.vector_norms import ONE, ZERO, move_running
from neurosim.backends.cpu.vectors import LANES, LINE


@compiled
def sum_lines(lines, out, chosen, rows):
    """out[c] = sum of the first `rows` numbers of line c, for a range of lines."""
    sums = floats(out, chosen[1])
    for c in range(*chosen):
        line = floats(lines + c * LINE, LANES)
        for n in range(rows, LANES):
            line[n] = ZERO
        sums[c] = sum_of_line(lines + c * LINE)


@compiled
def batch_moments(stage, group, x, rows, scratch, chosen):
    """Means of some of a group's channels, and sums of squares about them."""
    channels = stage[CHANNELS]
    positions = stage[UNITS] // channels
    mean = floats(stage[PARTIALS] + 4 * group * stage[PARTIAL], channels)
    squares = stage[PARTIALS] + 4 * (group * stage[PARTIAL] + channels)
    skip, count = chosen[0] * LINE, (chosen[1] - chosen[0]) * LANES
    lines = floats(scratch + skip, count)
    clear(scratch + skip, count)
    for p in range(positions):
        row = floats(x + p * channels * LINE + skip, count)
        for n in range(count):
            lines[n] += row[n]
    sum_lines(scratch, stage[PARTIALS] + 4 * group * stage[PARTIAL], chosen, rows)
    share = ONE / np.float32(positions * rows)
    for c in range(*chosen):
        mean[c] *= share
    clear(scratch + skip, count)
    for p in range(positions):
        for c in range(*chosen):
            add_square(x + (p * channels + c) * LINE, mean[c], scratch + c * LINE)
    sum_lines(scratch, squares, chosen, rows)


@compiled
def combine_moments(stage, is_first, rows, mean, inverse):
    """Mean and 1 / deviation of all groups' channels, in their order (Chan, Golub and LeVeque 1979).

    Whoever is the first stores them for the way back, and moves the running ones.
    """
    channels = stage[CHANNELS]
    positions = stage[UNITS] // channels
    epsilon = floats(stage[SETTINGS], 2)[0]
    for c in range(channels):
        total, squares, count = ZERO, ZERO, ZERO
        for g in range((rows + LANES - 1) // LANES):
            moments = floats(stage[OTHER] + 4 * g * stage[INNER], 2 * channels)
            more = np.float32(positions * min(LANES, rows - g * LANES))
            step = moments[c] - total
            share = more / (count + more)
            total += step * share
            squares += moments[channels + c] + step * step * count * share
            count += more
        variance = squares / count
        mean[c], inverse[c] = total, ONE / np.sqrt(variance + epsilon)
        if is_first:
            floats(stage[MEAN], channels)[c] = mean[c]
            floats(stage[INVERSE], channels)[c] = inverse[c]
            if stage[MOVE]:
                move_running(stage, c, total, variance, rows * positions)


@compiled
def batch_norm(stage, is_first, x, a, rows, scratch, places):
    """Normalize some places of a group with the moments of all `rows` samples, or with the running ones."""
    channels = stage[CHANNELS]
    mean, inverse = floats(scratch, channels), floats(scratch + 4 * channels, channels)
    if stage[BATCH]:
        combine_moments(stage, is_first, rows, mean, inverse)
    else:
        running_mean, running_variance = (
            floats(stage[RUNNING_MEAN], channels),
            floats(stage[RUNNING_VARIANCE], channels),
        )
        for c in range(channels):
            mean[c] = running_mean[c]
            inverse[c] = ONE / np.sqrt(running_variance[c] + floats(stage[SETTINGS], 2)[0])
    gamma, beta = floats(stage[WEIGHT], channels), floats(stage[BIAS], channels)
    for p in range(*places):
        for c in range(channels):
            at = (p * channels + c) * LINE
            normalize(x + at, mean[c], inverse[c] * gamma[c], beta[c], a + at)


@compiled
def frozen_backward(stage, d, places):
    """The gradient of the inputs of a batch normalization by running statistics, in place, in some places."""
    channels = stage[CHANNELS]
    gamma, variance = floats(stage[WEIGHT], channels), floats(stage[RUNNING_VARIANCE], channels)
    for c in range(channels):
        factor = ONE / np.sqrt(variance[c] + floats(stage[SETTINGS], 2)[0]) * gamma[c]
        for p in range(*places):
            slope = floats(d + (p * channels + c) * LINE, LANES)
            for n in range(LANES):
                slope[n] *= factor


@compiled
def batch_norm_sums(stage, group, x, d, scratch, chosen):
    """A group's share of the gradients of gamma and beta of some channels."""
    channels = stage[CHANNELS]
    mean, inverse = floats(stage[MEAN], channels), floats(stage[INVERSE], channels)
    count = (chosen[1] - chosen[0]) * LANES
    clear(scratch + chosen[0] * LINE, count)
    clear(scratch + (channels + chosen[0]) * LINE, count)
    for p in range(stage[UNITS] // channels):
        for c in range(*chosen):
            at = (p * channels + c) * LINE
            products, sums = scratch + c * LINE, scratch + (channels + c) * LINE
            add_slopes(x + at, d + at, (mean[c], inverse[c]), products, sums)
    partial = stage[PARTIALS] + 4 * group * stage[PARTIAL]
    sum_lines(scratch, partial, chosen, LANES)
    sum_lines(scratch + channels * LINE, partial + 4 * channels, chosen, LANES)


@compiled
def batch_norm_backward(stage, x, d, rows, group_rows, scratch, places):
    """From the gradient of outputs to that of inputs, in place, in some places of a group.

    `stage` is the stage of the moments.
    """
    channels = stage[CHANNELS]
    positions = stage[UNITS] // channels
    mean, inverse, gamma = (
        floats(stage[MEAN], channels),
        floats(stage[INVERSE], channels),
        floats(stage[WEIGHT], channels),
    )
    sums = floats(scratch, 2 * channels)
    clear(scratch, 2 * channels)
    for g in range((rows + LANES - 1) // LANES):
        partial = floats(stage[OTHER] + 4 * g * stage[INNER], 2 * channels)
        for c in range(2 * channels):
            sums[c] += partial[c]
    share = ONE / np.float32(rows * positions)
    for c in range(2 * channels):
        sums[c] *= share
    for p in range(*places):
        for c in range(channels):
            at = (p * channels + c) * LINE
            moments, means = (mean[c], inverse[c]), (sums[c], sums[channels + c])
            normalize_slope(x + at, d + at, moments, means, inverse[c] * gamma[c])
    if group_rows < LANES:
        for p in range(places[0] * channels, places[1] * channels):
            slope = floats(d + p * LINE, LANES)
            for n in range(group_rows, LANES):
                slope[n] = ZERO


@compiled
def layer_norm(stage, group, x, a, scratch, places):
    """Normalize the channels of each of some places; stores the normalized inputs in Z."""
    channels = stage[CHANNELS]
    positions = stage[UNITS] // channels
    # Where maps of all groups are kept, so are their deviations.
    kept = group if stage[A_GROUP] != 0 else 0
    z = stage[Z] + group * stage[A_GROUP]
    gamma, beta = floats(stage[WEIGHT], channels), floats(stage[BIAS], channels)
    epsilon = floats(stage[SETTINGS], 2)[0]
    share = ONE / np.float32(channels)
    mean = floats(scratch, LANES)
    for p in range(*places):
        inverse = floats(stage[INVERSE] + (kept * positions + p) * LINE, LANES)
        clear(scratch, LANES)
        for c in range(channels):
            row = floats(x + (p * channels + c) * LINE, LANES)
            for n in range(LANES):
                mean[n] += row[n]
        for n in range(LANES):
            mean[n] *= share
            inverse[n] = ZERO
        for c in range(channels):
            row = floats(x + (p * channels + c) * LINE, LANES)
            for n in range(LANES):
                inverse[n] += (row[n] - mean[n]) * (row[n] - mean[n])
        for n in range(LANES):
            inverse[n] = ONE / np.sqrt(inverse[n] * share + epsilon)
        for c in range(channels):
            at = (p * channels + c) * LINE
            row, normal, out = floats(x + at, LANES), floats(z + at, LANES), floats(a + at, LANES)
            for n in range(LANES):
                normal[n] = (row[n] - mean[n]) * inverse[n]
                out[n] = normal[n] * gamma[c] + beta[c]


@compiled
def layer_norm_backward(stage, group, d, dx, scratch):
    """Gradient of a group's inputs, into DX, and its share of those of gamma and beta."""
    channels = stage[CHANNELS]
    positions = stage[UNITS] // channels
    z = stage[Z] + group * stage[A_GROUP]
    gamma = floats(stage[WEIGHT], channels)
    share = ONE / np.float32(channels)
    level = floats(scratch + 2 * channels * LINE, LANES)
    product = floats(scratch + (2 * channels + 1) * LINE, LANES)
    clear(scratch, 2 * channels * LANES)
    for p in range(positions):
        clear(scratch + 2 * channels * LINE, 2 * LANES)
        inverse = floats(stage[INVERSE] + (group * positions + p) * LINE, LANES)
        for c in range(channels):
            at = (p * channels + c) * LINE
            slope, normal = floats(d + at, LANES), floats(z + at, LANES)
            products, sums = floats(scratch + c * LINE, LANES), floats(scratch + (channels + c) * LINE, LANES)
            for n in range(LANES):
                both = slope[n] * normal[n]
                products[n] += both
                sums[n] += slope[n]
                product[n] += both * gamma[c]
                level[n] += slope[n] * gamma[c]
        if stage[DX] != 0:
            for c in range(channels):
                at = (p * channels + c) * LINE
                slope, normal, out = floats(d + at, LANES), floats(z + at, LANES), floats(dx + at, LANES)
                for n in range(LANES):
                    out[n] = inverse[n] * (slope[n] * gamma[c] - level[n] * share - normal[n] * (product[n] * share))
    if stage[PARTIALS] != 0:
        sum_lines(scratch, stage[PARTIALS] + 4 * group * stage[PARTIAL], (np.int64(0), 2 * channels), LANES)
