"""Activations: in a layer of their own, and at the end of those with weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurosim.backends.reference.trace import Array, Trace
from neurosim.backends.uncompiled import apply, uncompiled
from neurosim.network.layers import Activate, Activated
from neurosim.plugin import Activation, RowActivation


def activate(layer: Activated, z: Array, trace: Trace) -> Array:
    """What the activation of a layer makes of `z`."""
    record, values = layer.activation.record, layer.activation_values(trace.weights)
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
    record, values = layer.activation.record, layer.activation_values(trace.weights)
    if not isinstance(record, RowActivation):
        for parameter, slope in zip(layer.learned, learned_slopes(layer), strict=True):
            products = d * apply(slope, z, a, params=values)
            own = tuple(range(d.ndim - 1)) if parameter.size > 1 else None
            trace.gradients[parameter.name][:] = products.sum(axis=own)
        return d * apply(record.derivative, z, a, params=values)
    dz = np.empty_like(z)
    with np.errstate(all="ignore"):
        for i in range(z.shape[0]):
            uncompiled(record.derivative)(z[i], a[i], d[i], dz[i], *values)
    return dz


def learned_slopes(layer: Activated) -> tuple[Callable[..., float], ...]:
    """The derivatives with respect to what the layer's activation learns."""
    record = layer.activation.record
    return tuple(record.learned_slopes.values()) if isinstance(record, Activation) and layer.learned else ()


def forward(layer: Activate, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    a = activate(layer, x, trace)
    trace.saved[layer.name] = (x, x, a)
    return a
