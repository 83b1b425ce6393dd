"""Residual: layers with a skip around them."""

from __future__ import annotations

from neurosim.backends.reference.trace import Array, Trace
from neurosim.network.layers import Residual


def forward(layer: Residual, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    return trace.forward_all(layer.layers, x) + trace.forward_all(layer.shortcut, x)


def backward(layer: Residual, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    skip = trace.backward_all(layer.shortcut, d)
    return trace.backward_all(layer.layers, d) + skip
