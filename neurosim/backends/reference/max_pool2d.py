"""MaxPool2d: the largest cell under a window."""

from __future__ import annotations

import numpy as np

from neurosim.backends.reference.trace import Array, Trace
from neurosim.backends.reference.window import spread, windows
from neurosim.network.layers import MaxPool2d


def forward(layer: MaxPool2d, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    seen = windows(x, layer.window, -np.inf)
    flat = seen.reshape(*seen.shape[:4], -1)
    trace.saved[layer.name] = flat.argmax(axis=-1)
    return flat.max(axis=-1)


def backward(layer: MaxPool2d, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    cells = layer.window.kernel[0] * layer.window.kernel[1]
    chosen = trace.saved[layer.name][..., None] == np.arange(cells)
    return spread((chosen * d[..., None]).reshape(*d.shape, *layer.window.kernel), layer.window)
