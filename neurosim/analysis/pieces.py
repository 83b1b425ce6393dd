"""Rows in pieces that a network is looked into one after the other: it computes much, and keeps all of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurosim.network import Network

# So many rows at a time, and of large networks fewer: as many as give so many numbers in all layers together.
ROWS = 4096
NUMBERS = 1 << 24


def in_pieces(network: Network, rows: int) -> Iterator[slice]:
    """Slices of so many rows, one after the other."""
    each = sum(int(np.prod(layer.output_shape)) for layer in network.layers)
    size = max(1, min(ROWS, NUMBERS // max(each, 1)))
    for first in range(0, rows, size):
        yield slice(first, min(first + size, rows))
