"""Conv2d: the same weights at every place of a map."""

from __future__ import annotations

import numpy as np

from neurosim.backends.reference import activation
from neurosim.backends.reference.trace import Array, Trace
from neurosim.backends.reference.window import spread, windows
from neurosim.network.layers import Conv2d


def forward(layer: Conv2d, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    groups = zip(_seen(x, layer), _by_group(trace.weights[layer.weight.name], layer), strict=True)
    z = _joined([np.einsum("nyxcij,ijco->nyxo", seen, weight, optimize=True) for seen, weight in groups], -1)
    if layer.bias is not None:
        z = z + trace.weights[layer.bias.name]
    a = activation.activate(layer, z, trace)
    trace.saved[layer.name] = (x, z, a)
    return a


def backward(layer: Conv2d, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    dz = activation.backward(layer, d, trace)
    x, _, _ = trace.saved[layer.name]
    trace.errors[layer.name] = dz
    slopes = zip(_seen(x, layer), _by_group(dz, layer), strict=True)
    gradients = [np.einsum("nyxcij,nyxo->ijco", seen, of_group, optimize=True) for seen, of_group in slopes]
    trace.gradients[layer.weight.name][:] = _joined(gradients, -1)
    if layer.bias is not None:
        trace.gradients[layer.bias.name][:] = dz.sum(axis=(0, 1, 2))
    groups = zip(_by_group(dz, layer), _by_group(trace.weights[layer.weight.name], layer), strict=True)
    parts = [np.einsum("nyxo,ijco->nyxcij", of_group, weight, optimize=True) for of_group, weight in groups]
    return spread(_joined(parts, 3), layer.window)


def _by_group(array: Array, layer: Conv2d) -> list[Array]:
    """The channels that go out, which are the last axis, of each group."""
    return np.split(array, layer.groups, axis=-1)


def _seen(x: Array, layer: Conv2d) -> list[Array]:
    """What the places see of the channels of each group, as `windows` gives it."""
    return np.split(windows(x, layer.window), layer.groups, axis=3)


def _joined(parts: list[Array], axis: int) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis)
