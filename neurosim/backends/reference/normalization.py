"""The common part of batch and layer normalization."""

from __future__ import annotations

import numpy as np

from neurosim.backends.reference.trace import Array, Trace
from neurosim.network.layers import Normalization


def normalize(x: Array, mean: Array, variance: Array, layer: Normalization, trace: Trace) -> Array:
    """Scale to mean 0 and variance 1, then to what the layer learns."""
    spread = np.sqrt(variance + layer.epsilon)
    normal = (x - mean) / spread
    trace.saved[layer.name] = (normal, spread)
    return trace.weights[layer.gamma.name] * normal + trace.weights[layer.beta.name]


def normalize_backward(layer: Normalization, d: Array, over: tuple[int, ...], trace: Trace) -> Array:
    """Back through mean and variance, which were taken over the axes `over`."""
    normal, spread = trace.saved[layer.name]
    but_last = tuple(range(d.ndim - 1))
    trace.gradients[layer.gamma.name][:] = (d * normal).sum(axis=but_last)
    trace.gradients[layer.beta.name][:] = d.sum(axis=but_last)
    d = d * trace.weights[layer.gamma.name]
    slope: Array = d - d.mean(axis=over, keepdims=True) - normal * (d * normal).mean(axis=over, keepdims=True)
    return slope / spread
