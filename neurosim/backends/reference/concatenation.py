"""Concatenation: branches side by side."""

from __future__ import annotations

import numpy as np

from neurosim.backends.reference.trace import Array, Trace
from neurosim.network.layers import Concatenation


def forward(layer: Concatenation, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    return np.concatenate([trace.forward_all(chain, x) for chain in layer.chains], axis=-1)


def backward(layer: Concatenation, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs: the sum of those through the branches."""
    parts = np.split(d, layer.starts[1:], axis=-1)
    through = [trace.backward_all(chain, part) for chain, part in zip(layer.chains, parts, strict=True)]
    total = through[-1]
    for part in through[-2::-1]:
        total = total + part
    return total
