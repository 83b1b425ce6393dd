"""BatchNorm: normalization over the rows of a batch."""

from __future__ import annotations

from neurosim.backends.reference.normalization import normalize, normalize_backward
from neurosim.backends.reference.trace import Array, Trace
from neurosim.network.layers import BatchNorm


def forward(layer: BatchNorm, x: Array, trace: Trace) -> Array:
    """Outputs for inputs (rows, *input shape)."""
    running_mean, running_variance = (trace.statistics[entry.name] for entry in layer.statistics)
    if not trace.training or layer.keeps_statistics:
        return normalize(x, running_mean, running_variance, layer, trace)
    over = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axis=over), x.var(axis=over)
    if trace.move_statistics:
        count = x.size // x.shape[-1]
        running_mean += layer.momentum * (mean - running_mean)
        running_variance += layer.momentum * (variance * count / max(count - 1, 1) - running_variance)
    return normalize(x, mean, variance, layer, trace)


def backward(layer: BatchNorm, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs."""
    if layer.keeps_statistics:
        _, spread = trace.saved[layer.name]
        return d * trace.weights[layer.gamma.name] / spread
    return normalize_backward(layer, d, tuple(range(d.ndim - 1)), trace)
