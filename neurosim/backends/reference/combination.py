"""The common part of layers whose units each make one number of several."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from neurosim.backends.reference.trace import Array, Trace
from neurosim.backends.uncompiled import apply
from neurosim.network.layers import Combination


def combine(layer: Combination, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, pieces * units)."""
    pieces = np.split(x, layer.pieces, axis=1)
    values = [pieces[0]]
    for piece in pieces[1:]:
        values.append(apply(layer.gate.record.f, values[-1], piece, params=layer.gate.values))
    trace.saved[layer.name] = (pieces, values)
    return values[-1]


def combine_backward(layer: Combination, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    pieces, values = trace.saved[layer.name]
    du, dv = layer.gate.record.derivative
    slopes = []
    for (before, _), piece in reversed(list(zip(pairwise(values), pieces[1:], strict=True))):
        slopes.append(d * apply(dv, before, piece, params=layer.gate.values))
        d = d * apply(du, before, piece, params=layer.gate.values)
    return np.concatenate([d, *reversed(slopes)], axis=1)
