"""GlobalAvgPool2d: the mean of each channel."""

from __future__ import annotations

import numpy as np

from neurosim.backends.reference.trace import Array, Trace
from neurosim.network.layers import GlobalAvgPool2d


def forward(layer: GlobalAvgPool2d, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    return x.mean(axis=(1, 2))


def backward(layer: GlobalAvgPool2d, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    height, width, _ = layer.shape
    return np.broadcast_to(d[:, None, None] / (height * width), (d.shape[0], *layer.shape))
