"""Residual: layers with a skip around them."""

from __future__ import annotations

from neurosim.backends.reference.trace import Array, Trace
from neurosim.network.layers import Residual


def forward(layer: Residual, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    a = x
    for inner in layer.layers:
        a = trace.forward(inner, a)
    return a + (x if layer.projection is None else trace.forward(layer.projection, x))


def backward(layer: Residual, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    skip = d if layer.projection is None else trace.backward(layer.projection, d)
    for inner in reversed(layer.layers):
        d = trace.backward(inner, d)
    return d + skip
