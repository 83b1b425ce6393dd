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
    """How many cells of the map lie under the window at each place."""
    return windows(np.ones((1, *layer.window.input_shape)), layer.window).sum(axis=(-2, -1))
