"""Batches: rows of the data set, scaled and copied to the inputs of the first stage."""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import (
    address_of,
    call_sparse_gather,
    floats,
    integers,
    prefetch,
    unsigned_bytes,
    words,
)
from neurosim.backends.cpu.table import BITMAPS_FIELDS, BITMAPS_GATHER, CLASSES, ROW_WEIGHTS, VALUES
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.backends.cpu.vectors import LINE

# Number of rows in a block: those of a group of maps.
GATHER_ROWS = 16
# Shuffled rows are not in a cache, so they are asked for this many rows ahead, or this many of their cache lines.
AHEAD = 4
LINES_AHEAD = 32


@compiled
def places_of(data):
    """Where a data set is: addresses, 0 for what it has not, and the lengths of rows.

    Each use of an array counts its users, which takes longer than to copy a row.
    """
    bytes_, numbers, targets, labels, weights, scale, shift = data
    return (
        address_of(bytes_) if bytes_.shape[0] > 0 else 0,
        address_of(numbers) if numbers.shape[0] > 0 else 0,
        bytes_.shape[1],
        address_of(targets) if targets.shape[0] > 0 else 0,
        targets.shape[1],
        address_of(labels) if labels.shape[0] > 0 else 0,
        address_of(weights) if weights.shape[0] > 0 else 0,
        scale,
        shift,
    )


@compiled
def gather_features(places, source, out, bitmaps):
    """Copy the inputs of one row of the data set, scaled, to `out`; or its bytes, if `bitmaps` is not 0 but a table."""
    bytes_, numbers, width, _, _, _, _, scale, shift = places
    if bitmaps != 0:
        function = words(bitmaps, BITMAPS_FIELDS)[BITMAPS_GATHER]
        call_sparse_gather(function, (bitmaps, bytes_ + source * width, width, out))
        return
    x = floats(out, width)
    if bytes_ != 0:
        row = unsigned_bytes(bytes_ + source * width, width)
        for j in range(width):
            x[j] = np.float32(row[j]) * scale + shift
    else:
        line = floats(numbers + 4 * source * width, width)
        for j in range(width):
            x[j] = line[j] * scale + shift


@compiled
def gather_line(places, source, out, place):
    """Like `gather_features`, into line number `place` of a group of maps."""
    bytes_, numbers, width, _, _, _, _, scale, shift = places
    if bytes_ != 0:
        row = unsigned_bytes(bytes_ + source * width, width)
        for j in range(width):
            floats(out + j * LINE, GROUP)[place] = np.float32(row[j]) * scale + shift
    else:
        line = floats(numbers + 4 * source * width, width)
        for j in range(width):
            floats(out + j * LINE, GROUP)[place] = line[j] * scale + shift


@compiled
def gather_targets(places, source, place, loss):
    """Copy the targets of one row of the data set, and its weight, to position `place` of a batch."""
    _, _, _, targets, outputs, labels, weights, _, _ = places
    if targets != 0:
        values, target = (
            floats(targets + 4 * source * outputs, outputs),
            floats(loss[VALUES] + 4 * place * outputs, outputs),
        )
        for j in range(outputs):
            target[j] = values[j]
    if labels != 0:
        integers(loss[CLASSES] + 4 * place, 1)[0] = integers(labels + 4 * source, 1)[0]
    if weights != 0:
        floats(loss[ROW_WEIGHTS] + 4 * place, 1)[0] = floats(weights + 4 * source, 1)[0]


@compiled
def ask_for(places, source):
    """Ask for the memory of one row of the data set and of its class."""
    bytes_, numbers, width, _, _, labels, _, _, _ = places
    size = width if bytes_ != 0 else 4 * width
    start = bytes_ + source * size if bytes_ != 0 else numbers + source * size
    for at in range(0, min(size, LINES_AHEAD * LINE), LINE):
        prefetch(start + at)
    if labels != 0:
        prefetch(labels + 4 * source)


@compiled
def gather_blocks(rows):
    """The number of blocks in which a batch is gathered."""
    return (rows + GATHER_ROWS - 1) // GATHER_ROWS


@compiled
def gather_block(places, order, start, rows, q, x, on_maps, bitmaps):
    """Copy the inputs of block `q` of a batch, which is rows `start` to `start + rows` of `order`."""
    width = places[2]
    first = q * GATHER_ROWS
    last = min(first + GATHER_ROWS, rows)
    for place in range(first, min(first + AHEAD, last)):
        ask_for(places, order[start + place])
    if on_maps:
        # Lines without a sample of their own repeat the last one, so that no garbage is computed.
        for n in range(GROUP):
            if first + n + AHEAD < last:
                ask_for(places, order[start + first + n + AHEAD])
            gather_line(places, order[start + min(first + n, rows - 1)], x + 4 * first * width, n)
        return
    for place in range(first, last):
        if place + AHEAD < last:
            ask_for(places, order[start + place + AHEAD])
        gather_features(places, order[start + place], x + 4 * place * width, bitmaps)
