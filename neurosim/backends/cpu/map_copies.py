"""Copies of parts of maps, in which those of a few groups of channels lie one behind the other."""

from __future__ import annotations

from neurosim.backends.cpu.depthwise_tiles import clear_cell, copy_cell
from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.vectors import LINE


@compiled
def copy_part(shape, source, own, part, groups, target):
    """Copy a part of the maps of some groups, with zeros where it reaches beyond the map.

    Parameters
    ----------
    shape : (height, width, channels)
        Of the map at `source`.
    own : int
        Channels of a group.
    part : (first row, rows, first column, columns)
    groups : (int, int)
        The first of them, and the end.
    """
    height, width, channels = shape
    row, rows, column, columns = part
    count, plane = groups[1] - groups[0], rows * columns * own * LINE
    first, end = min(columns, max(0, -column)), max(0, min(columns, width - column))
    for i in range(rows):
        into = target + i * columns * own * LINE
        y = row + i
        inside = 0 <= y < height
        for j in range(first if inside else columns):
            clear_cell(into + j * own * LINE, plane, count, own)
        if inside:
            at = source + ((y * width + column) * channels + groups[0] * own) * LINE
            for j in range(first, end):
                copy_cell(at + j * channels * LINE, into + j * own * LINE, plane, count, own)
            for j in range(max(first, end), columns):
                clear_cell(into + j * own * LINE, plane, count, own)
