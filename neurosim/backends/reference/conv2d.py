"""Conv2d: the same weights at every place of a map."""

from __future__ import annotations

import numpy as np

from neurosim.backends.reference import activation
from neurosim.backends.reference.trace import Array, Trace
from neurosim.backends.reference.window import spread, windows
from neurosim.network.layers import Conv2d


def forward(layer: Conv2d, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    z = np.einsum("nyxcij,ijco->nyxo", windows(x, layer.window), trace.weights[layer.weight.name], optimize=True)
    if layer.bias is not None:
        z = z + trace.weights[layer.bias.name]
    a = activation.activate(layer, z, trace)
    trace.saved[layer.name] = (x, z, a)
    return a


def backward(layer: Conv2d, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    dz = activation.backward(layer, d, trace)
    x, _, _ = trace.saved[layer.name]
    trace.errors[layer.name] = dz
    seen = windows(x, layer.window)
    trace.gradients[layer.weight.name][:] = np.einsum("nyxcij,nyxo->ijco", seen, dz, optimize=True)
    if layer.bias is not None:
        trace.gradients[layer.bias.name][:] = dz.sum(axis=(0, 1, 2))
    parts = np.einsum("nyxo,ijco->nyxcij", dz, trace.weights[layer.weight.name], optimize=True)
    return spread(parts, layer.window)
