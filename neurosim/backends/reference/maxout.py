"""Maxout: the largest of several weighted sums."""

from __future__ import annotations

from neurosim.backends.reference.combination import combine, combine_backward
from neurosim.backends.reference.trace import Array, Trace
from neurosim.network.layers import Maxout


def forward(layer: Maxout, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    return combine(layer, x, trace)


def backward(layer: Maxout, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    return combine_backward(layer, d, trace)
