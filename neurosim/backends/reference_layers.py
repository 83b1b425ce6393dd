"""Forward and backward of every kind of layer in NumPy float64, as the textbook has it.

Maps are arrays (rows, height, width, channels), vectors (rows, units). A forward function returns its
outputs and leaves in ``trace.saved`` what its backward function needs; that one takes the gradient
with respect to the outputs, enters the gradients of the parameters and returns that of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from neurosim.backends.uncompiled import apply, uncompiled
from neurosim.network.layers import (
    Activate,
    AvgPool2d,
    BatchNorm,
    ChosenActivation,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LayerNorm,
    MaxPool2d,
    Residual,
    Window,
)
from neurosim.plugin import RowActivation
from neurosim.randomness import drop_below, uniform_bits

Array = NDArray[np.float64]


@dataclass
class Trace:
    """One pass of a batch through the network: what it is given, and what it leaves behind.

    Attributes
    ----------
    weights, statistics : dict of str to array
        Parameters and running statistics by name.
    training : bool
        Whether batch normalization uses the statistics of the batch.
    keys : list of int or None
        Keys of the dropout masks; None switches dropout off.
    row_numbers : int array (rows,)
        Place of each row in the epoch, for the masks.
    move_statistics : bool
        Whether the running statistics follow those of the batch.
    gradients : dict of str to array
        Gradients of the parameters, entered by the backward pass.
    saved : dict
        By layer name, what the backward pass needs.
    outputs, errors : dict of str to array
        By layer name, what it passed on and, for layers with weights, the gradient of its weighted sums.
    received, sent : dict of str to array
        By layer name, the gradient with respect to its outputs, and with respect to its inputs. What the
        last layer has received is with respect to its weighted sums where loss and activation are one formula.
    """

    weights: dict[str, Array]
    statistics: dict[str, Array]
    training: bool = False
    keys: list[int] | None = None
    row_numbers: Any = None
    move_statistics: bool = False
    gradients: dict[str, Array] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Array] = field(default_factory=dict)
    errors: dict[str, Array] = field(default_factory=dict)
    received: dict[str, Array] = field(default_factory=dict)
    sent: dict[str, Array] = field(default_factory=dict)


def forward(layer: Layer, x: Array, trace: Trace) -> Array:
    """Outputs of a layer for inputs (rows, *input shape)."""
    trace.outputs[layer.name] = _FORWARD[layer.kind](layer, x, trace)
    return trace.outputs[layer.name]


def backward(layer: Layer, d: Array, trace: Trace) -> Array:
    """Gradient with respect to the inputs, from that with respect to the outputs."""
    trace.received[layer.name] = d
    trace.sent[layer.name] = _BACKWARD[layer.kind](layer, d, trace)
    return trace.sent[layer.name]


def skip_activation(layer: Layer, trace: Trace) -> None:
    """Have the backward pass of `layer` take a gradient with respect to the weighted sums."""
    trace.saved[f"{layer.name} from logits"] = True


# Activations.


def _activate(chosen: ChosenActivation, z: Array) -> Array:
    record, values = chosen.record, chosen.values
    if not isinstance(record, RowActivation):
        return apply(record.f, z, params=values)
    a = np.empty_like(z)
    with np.errstate(all="ignore"):
        for i in range(z.shape[0]):
            uncompiled(record.f)(z[i], a[i], *values)
    return a


def _activation_backward(layer: Dense | Conv2d | Activate, d: Array, trace: Trace) -> Array:
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


def _activation(layer: Activate, x: Array, trace: Trace) -> Array:
    a = _activate(layer.activation, x)
    trace.saved[layer.name] = (x, x, a)
    return a


# Layers with weights.


def _dense(layer: Dense, x: Array, trace: Trace) -> Array:
    z = x @ trace.weights[layer.weight.name]
    if layer.bias is not None:
        z = z + trace.weights[layer.bias.name]
    a = _activate(layer.activation, z)
    trace.saved[layer.name] = (x, z, a)
    return a


def _dense_backward(layer: Dense, d: Array, trace: Trace) -> Array:
    dz = _activation_backward(layer, d, trace)
    x, _, _ = trace.saved[layer.name]
    trace.errors[layer.name] = dz
    trace.gradients[layer.weight.name][:] = x.T @ dz
    if layer.bias is not None:
        trace.gradients[layer.bias.name][:] = dz.sum(axis=0)
    return dz @ trace.weights[layer.weight.name].T


def _padded(x: Array, window: Window, value: float) -> Array:
    top, bottom, left, right = window.padding
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def _windows(x: Array, window: Window, value: float = 0.0) -> Array:
    """The cells under the kernel at each place: (rows, height out, width out, channels, kernel height, width)."""
    down, across = window.stride
    return sliding_window_view(_padded(x, window, value), window.kernel, axis=(1, 2))[:, ::down, ::across]


def _spread(parts: Array, window: Window) -> Array:
    """Sum of the parts (shaped as `_windows` gives them) that belong to each cell of the map."""
    rows, (height, width, channels) = parts.shape[0], window.input_shape
    top, bottom, left, right = window.padding
    dx = np.zeros((rows, height + top + bottom, width + left + right, channels))
    (high, wide), (down, across) = window.output_size, window.stride
    for i in range(window.kernel[0]):
        for j in range(window.kernel[1]):
            dx[:, i : i + down * high : down, j : j + across * wide : across] += parts[..., i, j]
    return dx[:, top : top + height, left : left + width]


def _conv2d(layer: Conv2d, x: Array, trace: Trace) -> Array:
    z = np.einsum("nyxcij,ijco->nyxo", _windows(x, layer.window), trace.weights[layer.weight.name], optimize=True)
    if layer.bias is not None:
        z = z + trace.weights[layer.bias.name]
    a = _activate(layer.activation, z)
    trace.saved[layer.name] = (x, z, a)
    return a


def _conv2d_backward(layer: Conv2d, d: Array, trace: Trace) -> Array:
    dz = _activation_backward(layer, d, trace)
    x, _, _ = trace.saved[layer.name]
    trace.errors[layer.name] = dz
    windows = _windows(x, layer.window)
    trace.gradients[layer.weight.name][:] = np.einsum("nyxcij,nyxo->ijco", windows, dz, optimize=True)
    if layer.bias is not None:
        trace.gradients[layer.bias.name][:] = dz.sum(axis=(0, 1, 2))
    parts = np.einsum("nyxo,ijco->nyxcij", dz, trace.weights[layer.weight.name], optimize=True)
    return _spread(parts, layer.window)


# Pools.


def _max_pool2d(layer: MaxPool2d, x: Array, trace: Trace) -> Array:
    windows = _windows(x, layer.window, -np.inf)
    flat = windows.reshape(*windows.shape[:4], -1)
    trace.saved[layer.name] = flat.argmax(axis=-1)
    return flat.max(axis=-1)


def _max_pool2d_backward(layer: MaxPool2d, d: Array, trace: Trace) -> Array:
    cells = layer.window.kernel[0] * layer.window.kernel[1]
    chosen = trace.saved[layer.name][..., None] == np.arange(cells)
    return _spread((chosen * d[..., None]).reshape(*d.shape, *layer.window.kernel), layer.window)


def _cells(layer: AvgPool2d) -> Array:
    """How many cells of the map lie under the window at each place."""
    return _windows(np.ones((1, *layer.window.input_shape)), layer.window).sum(axis=(-2, -1))


def _avg_pool2d(layer: AvgPool2d, x: Array, trace: Trace) -> Array:
    return _windows(x, layer.window).sum(axis=(-2, -1)) / _cells(layer)


def _avg_pool2d_backward(layer: AvgPool2d, d: Array, trace: Trace) -> Array:
    parts = np.broadcast_to((d / _cells(layer))[..., None, None], (*d.shape, *layer.window.kernel))
    return _spread(parts, layer.window)


def _global_avg_pool2d(layer: GlobalAvgPool2d, x: Array, trace: Trace) -> Array:
    return x.mean(axis=(1, 2))


def _global_avg_pool2d_backward(layer: GlobalAvgPool2d, d: Array, trace: Trace) -> Array:
    height, width, _ = layer.shape
    return np.broadcast_to(d[:, None, None] / (height * width), (d.shape[0], *layer.shape))


# Normalization.


def _normalise(x: Array, mean: Array, variance: Array, layer: BatchNorm | LayerNorm, trace: Trace) -> Array:
    spread = np.sqrt(variance + layer.epsilon)
    normal = (x - mean) / spread
    trace.saved[layer.name] = (normal, spread)
    return trace.weights[layer.gamma.name] * normal + trace.weights[layer.beta.name]


def _normalise_backward(layer: BatchNorm | LayerNorm, d: Array, over: tuple[int, ...], trace: Trace) -> Array:
    """Back through mean and variance, which were taken over the axes `over`."""
    normal, spread = trace.saved[layer.name]
    but_last = tuple(range(d.ndim - 1))
    trace.gradients[layer.gamma.name][:] = (d * normal).sum(axis=but_last)
    trace.gradients[layer.beta.name][:] = d.sum(axis=but_last)
    d = d * trace.weights[layer.gamma.name]
    slope: Array = d - d.mean(axis=over, keepdims=True) - normal * (d * normal).mean(axis=over, keepdims=True)
    return slope / spread


def _batch_norm(layer: BatchNorm, x: Array, trace: Trace) -> Array:
    running_mean, running_variance = (trace.statistics[entry.name] for entry in layer.statistics)
    if not trace.training:
        return _normalise(x, running_mean, running_variance, layer, trace)
    over = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axis=over), x.var(axis=over)
    if trace.move_statistics:
        count = x.size // x.shape[-1]
        running_mean += layer.momentum * (mean - running_mean)
        running_variance += layer.momentum * (variance * count / max(count - 1, 1) - running_variance)
    return _normalise(x, mean, variance, layer, trace)


def _batch_norm_backward(layer: BatchNorm, d: Array, trace: Trace) -> Array:
    return _normalise_backward(layer, d, tuple(range(d.ndim - 1)), trace)


def _layer_norm(layer: LayerNorm, x: Array, trace: Trace) -> Array:
    return _normalise(x, x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True), layer, trace)


def _layer_norm_backward(layer: LayerNorm, d: Array, trace: Trace) -> Array:
    return _normalise_backward(layer, d, (-1,), trace)


# Layers without numbers of their own.


def _mask(layer: Dropout, shape: tuple[int, ...], trace: Trace) -> Array | float:
    """0 where a number is dropped, else 1 / (1 - rate)."""
    if trace.keys is None:
        return 1.0
    bits = uniform_bits(trace.keys[layer.index], trace.row_numbers, layer.units)
    return np.where(bits >= drop_below(layer.rate), 1.0 / (1.0 - layer.rate), 0.0).reshape(shape)


def _dropout(layer: Dropout, x: Array, trace: Trace) -> Array:
    return x * _mask(layer, x.shape, trace)


def _flatten(layer: Flatten, x: Array, trace: Trace) -> Array:
    return x.reshape(x.shape[0], -1)


def _flatten_backward(layer: Flatten, d: Array, trace: Trace) -> Array:
    return d.reshape(d.shape[0], *layer.shape)


def _residual(layer: Residual, x: Array, trace: Trace) -> Array:
    a = x
    for inner in layer.layers:
        a = forward(inner, a, trace)
    return a + (x if layer.projection is None else forward(layer.projection, x, trace))


def _residual_backward(layer: Residual, d: Array, trace: Trace) -> Array:
    skip = d if layer.projection is None else backward(layer.projection, d, trace)
    for inner in reversed(layer.layers):
        d = backward(inner, d, trace)
    return d + skip


_FORWARD: dict[str, Callable[..., Array]] = {
    "dense": _dense,
    "conv2d": _conv2d,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "global_avg_pool2d": _global_avg_pool2d,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "activation": _activation,
    "dropout": _dropout,
    "flatten": _flatten,
    "residual": _residual,
}
_BACKWARD: dict[str, Callable[..., Array]] = {
    "dense": _dense_backward,
    "conv2d": _conv2d_backward,
    "max_pool2d": _max_pool2d_backward,
    "avg_pool2d": _avg_pool2d_backward,
    "global_avg_pool2d": _global_avg_pool2d_backward,
    "batch_norm": _batch_norm_backward,
    "layer_norm": _layer_norm_backward,
    "activation": _activation_backward,
    "dropout": _dropout,
    "flatten": _flatten_backward,
    "residual": _residual_backward,
}
