"""Batches: rows of the data set, scaled and copied to the inputs of the first stage."""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import address_of, call_sparse_gather, floats, integers, prefetch, words
from neurosim.backends.cpu.table import BITMAPS_FIELDS, BITMAPS_GATHER, CLASSES, ROW_WEIGHTS, VALUES
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.backends.cpu.vectors import LINE

# Number of rows in a block: those of a group of maps.
GATHER_ROWS = 16
# Shuffled rows are not in a cache, so they are asked for this many rows ahead, or this many of their cache lines.
AHEAD = 4
LINES_AHEAD = 32


@compiled
def gather_features(data, source, out, bitmaps):
    """Copy the inputs of one row of the data set, scaled, to `out`; or its bytes, if `bitmaps` is not 0 but a table."""
    bytes_, numbers, _, _, _, scale, shift = data
    if bitmaps != 0:
        width = bytes_.shape[1]
        function = words(bitmaps, BITMAPS_FIELDS)[BITMAPS_GATHER]
        call_sparse_gather(function, (bitmaps, address_of(bytes_) + source * width, width, out))
    elif bytes_.shape[0] > 0:
        width = bytes_.shape[1]
        x = floats(out, width)
        for j in range(width):
            x[j] = np.float32(bytes_[source, j]) * scale + shift
    else:
        width = numbers.shape[1]
        x = floats(out, width)
        for j in range(width):
            x[j] = numbers[source, j] * scale + shift


@compiled
def gather_line(data, source, out, place):
    """Like `gather_features`, into line number `place` of a group of maps."""
    bytes_, numbers, _, _, _, scale, shift = data
    if bytes_.shape[0] > 0:
        for j in range(bytes_.shape[1]):
            floats(out + j * LINE, GROUP)[place] = np.float32(bytes_[source, j]) * scale + shift
    else:
        for j in range(numbers.shape[1]):
            floats(out + j * LINE, GROUP)[place] = numbers[source, j] * scale + shift


@compiled
def gather_targets(data, source, place, loss):
    """Copy the targets of one row of the data set, and its weight, to position `place` of a batch."""
    _, _, targets, labels, weights, _, _ = data
    if targets.shape[0] > 0:
        outputs = targets.shape[1]
        target = floats(loss[VALUES] + 4 * place * outputs, outputs)
        for j in range(outputs):
            target[j] = targets[source, j]
    if labels.shape[0] > 0:
        integers(loss[CLASSES] + 4 * place, 1)[0] = labels[source]
    if weights.shape[0] > 0:
        floats(loss[ROW_WEIGHTS] + 4 * place, 1)[0] = weights[source]


@compiled
def ask_for(data, source):
    """Ask for the memory of one row of the data set and of its class."""
    bytes_, numbers, _, labels, _, _, _ = data
    if bytes_.shape[0] > 0:
        size = bytes_.shape[1]
        start = address_of(bytes_) + source * size
    else:
        size = 4 * numbers.shape[1]
        start = address_of(numbers) + source * size
    for at in range(0, min(size, LINES_AHEAD * LINE), LINE):
        prefetch(start + at)
    if labels.shape[0] > 0:
        prefetch(address_of(labels) + 4 * source)


@compiled
def gather_blocks(rows):
    """The number of blocks in which a batch is gathered."""
    return (rows + GATHER_ROWS - 1) // GATHER_ROWS


@compiled
def gather_block(data, order, start, rows, q, x, on_maps, bitmaps):
    """Copy the inputs of block `q` of a batch, which is rows `start` to `start + rows` of `order`."""
    width = data[0].shape[1]
    first = q * GATHER_ROWS
    last = min(first + GATHER_ROWS, rows)
    for place in range(first, min(first + AHEAD, last)):
        ask_for(data, order[start + place])
    if on_maps:
        # Lines without a sample of their own repeat the last one, so that no garbage is computed.
        for n in range(GROUP):
            if first + n + AHEAD < last:
                ask_for(data, order[start + first + n + AHEAD])
            gather_line(data, order[start + min(first + n, rows - 1)], x + 4 * first * width, n)
        return
    for place in range(first, last):
        if place + AHEAD < last:
            ask_for(data, order[start + place + AHEAD])
        gather_features(data, order[start + place], x + 4 * place * width, bitmaps)
