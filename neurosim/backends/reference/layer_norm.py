"""LayerNorm: normalization within each row."""

from __future__ import annotations

from neurosim.backends.reference.normalization import normalize, normalize_backward
from neurosim.backends.reference.trace import Array, Trace
from neurosim.network.layers import LayerNorm


def forward(layer: LayerNorm, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    return normalize(x, x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True), layer, trace)


def backward(layer: LayerNorm, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    return normalize_backward(layer, d, (-1,), trace)
