"""AvgPool2d: the mean of the cells under a window."""

from __future__ import annotations

import numpy as np

from neurosim.backends.reference.trace import Array, Trace
from neurosim.backends.reference.window import spread, windows
from neurosim.network.layers import AvgPool2d


def forward(layer: AvgPool2d, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    return windows(x, layer.window).sum(axis=(-2, -1)) / _cells(layer)


def backward(layer: AvgPool2d, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    parts = np.broadcast_to((d / _cells(layer))[..., None, None], (*d.shape, *layer.window.kernel))
    return spread(parts, layer.window)


def _cells(layer: AvgPool2d) -> Array:
    """How many cells count at each place."""
    down, across = (np.array(layer.counts(axis)) for axis in range(2))
    return (down[:, None] * across)[None, :, :, None]
