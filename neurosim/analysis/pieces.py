"""Rows in pieces, so that looking into a network, which keeps everything it computes, takes little memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurosim.network.network import Network

# Rows at a time; fewer for large networks, so that all layers together produce no more than this many numbers.
ROWS = 4096
NUMBERS = 1 << 24


def in_pieces(network: Network, rows: int) -> Iterator[slice]:
    """Slices that together make up this many rows."""
    each = sum(int(np.prod(layer.output_shape)) for layer in network.layers)
    size = max(1, min(ROWS, NUMBERS // max(each, 1)))
    for first in range(0, rows, size):
        yield slice(first, min(first + size, rows))
