"""Dropout: some of the numbers are left out at random."""

from __future__ import annotations

import numpy as np

from neurosim.backends.reference.trace import Array, Trace
from neurosim.network.layers import Dropout
from neurosim.randomness import drop_below, uniform_bits


def forward(layer: Dropout, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    return x * _mask(layer, x.shape, trace)


def backward(layer: Dropout, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs: under the same mask."""
    return d * _mask(layer, d.shape, trace)


def _mask(layer: Dropout, shape: tuple[int, ...], trace: Trace) -> Array | float:
    """0 where a number is dropped, else 1 / (1 - rate)."""
    if trace.keys is None:
        return 1.0
    bits = uniform_bits(trace.keys[layer.index], trace.row_numbers, layer.units)
    return np.where(bits >= drop_below(layer.rate), 1.0 / (1.0 - layer.rate), 0.0).reshape(shape)
