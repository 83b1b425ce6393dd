"""Flatten: a map read as a vector."""

from __future__ import annotations

from neurosim.backends.reference.trace import Array, Trace
from neurosim.network.layers import Flatten


def forward(layer: Flatten, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    return x.reshape(x.shape[0], -1)


def backward(layer: Flatten, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    return d.reshape(d.shape[0], *layer.shape)
