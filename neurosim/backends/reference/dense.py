"""Dense: every unit sees all inputs."""

from __future__ import annotations

from neurosim.backends.reference import activation
from neurosim.backends.reference.trace import Array, Trace
from neurosim.network.layers import Dense


def forward(layer: Dense, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    z = x @ trace.weights[layer.weight.name]
    if layer.bias is not None:
        z = z + trace.weights[layer.bias.name]
    a = activation.activate(layer, z, trace)
    trace.saved[layer.name] = (x, z, a)
    return a


def backward(layer: Dense, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    dz = activation.backward(layer, d, trace)
    x, _, _ = trace.saved[layer.name]
    trace.errors[layer.name] = dz
    trace.gradients[layer.weight.name][:] = x.T @ dz
    if layer.bias is not None:
        trace.gradients[layer.bias.name][:] = dz.sum(axis=0)
    return dz @ trace.weights[layer.weight.name].T
