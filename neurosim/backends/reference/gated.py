"""Gated: units of two numbers, one of which gates the other."""

from __future__ import annotations

from neurosim.backends.reference.combination import combine, combine_backward
from neurosim.backends.reference.trace import Array, Trace
from neurosim.network.layers import Gated


def forward(layer: Gated, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    return combine(layer, x, trace)


def backward(layer: Gated, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    return combine_backward(layer, d, trace)
