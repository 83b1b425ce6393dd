"""Activations: in a layer of their own, and at the end of those with weights."""

from __future__ import annotations

import numpy as np

from neurosim.backends.reference.trace import Array, Trace
from neurosim.backends.uncompiled import apply, uncompiled
from neurosim.network.layers import Activate, Activated, ChosenActivation
from neurosim.plugin import RowActivation


def activate(chosen: ChosenActivation, z: Array) -> Array:
    """What an activation makes of `z`."""
    record, values = chosen.record, chosen.values
    if not isinstance(record, RowActivation):
        return apply(record.f, z, params=values)
    a = np.empty_like(z)
    with np.errstate(all="ignore"):
        for i in range(z.shape[0]):
            uncompiled(record.f)(z[i], a[i], *values)
    return a


def backward(layer: Activated, d: Array, trace: Trace) -> Array:
    """Gradient with respect to what the activation was given."""
    if f"{layer.name} from logits" in trace.saved:
        return d
    _, z, a = trace.saved[layer.name]
    record, values = layer.activation.record, layer.activation.values
    if not isinstance(record, RowActivation):
        return d * apply(record.derivative, z, a, params=values)
    dz = np.empty_like(z)
    with np.errstate(all="ignore"):
        for i in range(z.shape[0]):
            uncompiled(record.backward)(z[i], a[i], d[i], dz[i], *values)
    return dz


def forward(layer: Activate, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    a = activate(layer.activation, x)
    trace.saved[layer.name] = (x, x, a)
    return a
