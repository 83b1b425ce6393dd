"""Layers as nodes of ONNX's: for each kind the operators that compute it, with the weights as they are here.

Convolutions and pools want maps as (rows, channels, height, width) there, and everything else takes them in our order,
(rows, height, width, channels); a map is turned around where the next layer needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neurosim.builtins import activations, gates
from neurosim.exchange.onnx_graph import Array, Graph
from neurosim.exchange.refusals import refusal
from neurosim.formulas.operators import Number, OperatorPrinter, Tensor
from neurosim.formulas.reader import read
from neurosim.network.layers import (
    Activate,
    Activated,
    AvgPool2d,
    BatchNorm,
    Combination,
    Concatenation,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    Gated,
    GlobalAvgPool2d,
    Layer,
    LayerNorm,
    Maxout,
    MaxPool2d,
    Parameter,
    Residual,
    Window,
    learned_names,
)
from neurosim.network.layers.maxout import larger
from neurosim.plugin import RowActivation

# What ONNX calls built-in formulas of one number.
OPERATORS: Mapping[Callable[..., Any], str] = {
    activations.relu: "Relu",
    activations.selu: "Selu",
    activations.sigmoid: "Sigmoid",
    activations.tanh: "Tanh",
    gates.sigmoid: "Sigmoid",
}
_FIRST, _LAST = (0, 3, 1, 2), (0, 2, 3, 1)


@dataclass
class Writer:
    """The network so far.

    Attributes
    ----------
    arrays : mapping of str to array
        Its parameters and statistics by name.
    graph : Graph
        Its nodes.
    x : Tensor
        What the layers so far put out.
    shape : tuple of int
        Its shape for one row, in our order.
    turned : bool
        Whether it is a map with the channels first.
    """

    arrays: Mapping[str, Array]
    graph: Graph
    x: Tensor
    shape: tuple[int, ...]
    turned: bool = False

    def add(self, kind: str, *inputs: Number | str, **attributes: Any) -> None:
        """Put an operator on top, which reads what there is so far and other inputs."""
        self.x = self.graph.node(kind, self.x, *inputs, **attributes)

    def channels_first(self) -> None:
        """Have a map as convolutions want it."""
        if len(self.shape) == 3 and not self.turned:
            self.add("Transpose", perm=_FIRST)
            self.turned = True

    def channels_last(self) -> None:
        """Have a map in our order."""
        if self.turned:
            self.add("Transpose", perm=_LAST)
            self.turned = False

    def parameter(self, parameter: Parameter) -> str:
        """The name of a parameter, which the graph has from now on as operators want it."""
        array = self.arrays[parameter.name]
        return self.graph.array(parameter.name, array.transpose(3, 2, 0, 1) if array.ndim == 4 else array)

    def by_channel(self, parameter: Parameter) -> Tensor:
        """A parameter with a number for each channel, to be combined with all numbers of a map."""
        array = self.arrays[parameter.name]
        return Tensor(self.graph.array(parameter.name, array.reshape(-1, 1, 1) if self.turned else array))


def write_layers(writer: Writer, layers: Sequence[Layer]) -> None:
    """Add the nodes of some layers; raises UsageError for kinds that have no nodes, PluginError for formulas."""
    for layer in layers:
        if type(layer) not in _LAYERS:
            raise refusal("ONNX", [f"{layer.kind} layers"])
        writer.graph.scope = layer.name
        _LAYERS[type(layer)](writer, layer)
        writer.shape = layer.output_shape


def _activated(writer: Writer, layer: Activated) -> None:
    """The activation of what there is so far."""
    record, f = layer.activation.record, layer.activation.record.f
    values: dict[str, Number] = dict(layer.activation.params)
    for name, parameter in zip(learned_names(record), layer.learned, strict=True):
        values[name] = writer.by_channel(parameter)
    known = [value if isinstance(value, float) else None for value in values.values()]
    if f is activations.identity:
        return
    if f in OPERATORS:
        writer.add(OPERATORS[f])
    elif f is activations.hard_sigmoid:
        writer.add("HardSigmoid", alpha=1 / 6, beta=0.5)
    elif f is activations.softmax:
        writer.add("Softmax", axis=1)
    elif f is activations.leaky_relu:
        writer.add("LeakyRelu", alpha=known[0])
    elif f is activations.elu:
        writer.add("Elu", alpha=known[0])
    elif f is activations.prelu:
        writer.add("PRelu", values["alpha"])
    elif f is activations.swish:
        inner = writer.x if known == [1.0] else writer.graph.node("Mul", writer.x, values["beta"])
        writer.add("Mul", writer.graph.node("Sigmoid", inner))
    elif f is activations.softplus and known == [1.0, record.params["threshold"]]:
        writer.add("Softplus")
    elif isinstance(record, RowActivation):
        _whole_rows(writer, f, list(values.values()))
    else:
        z = writer.x
        found = OperatorPrinter(read(f), writer.graph, OPERATORS).result([z, *values.values()])
        writer.x = found if isinstance(found, Tensor) else writer.graph.constant_like(found, z)


def _whole_rows(writer: Writer, f: Callable[..., Any], values: Sequence[Number]) -> None:
    """An activation that looks at a row."""
    z = writer.graph.parted(writer.x, writer.shape[0])
    row: list[Number] = [0.0] * len(z)
    printer = OperatorPrinter(read(f), writer.graph, OPERATORS)
    printer.check_length(len(z))
    printer.result([list(z), row, *values])
    first = z[0]
    assert isinstance(first, Tensor)
    entries = [entry if isinstance(entry, Tensor) else writer.graph.constant_like(entry, first) for entry in row]
    writer.x = writer.graph.joined(entries)


def _activate(writer: Writer, layer: Activate) -> None:
    _activated(writer, layer)


def _dense(writer: Writer, layer: Dense) -> None:
    weights = [writer.parameter(parameter) for parameter in (layer.weight, layer.bias) if parameter is not None]
    writer.add("MatMul" if layer.bias is None else "Gemm", *weights)
    writer.shape = layer.output_shape
    _activated(writer, layer)


def _window(window: Window) -> dict[str, Any]:
    # With all that the last window reaches beyond, so that it needs no mode of its own.
    top, bottom, left, right = padding = window.border if window.ceil else window.padding
    pads = {"pads": (top, left, bottom, right)} if any(padding) else {}
    apart = {"dilations": window.dilation} if window.dilation != (1, 1) else {}
    return {"kernel_shape": window.kernel, "strides": window.stride, **pads, **apart}


def _conv2d(writer: Writer, layer: Conv2d) -> None:
    writer.channels_first()
    weights = [writer.parameter(parameter) for parameter in (layer.weight, layer.bias) if parameter is not None]
    groups = {"group": layer.groups} if layer.groups > 1 else {}
    writer.add("Conv", *weights, **_window(layer.window), **groups)
    writer.shape = layer.output_shape
    _activated(writer, layer)


def _max_pool2d(writer: Writer, layer: MaxPool2d) -> None:
    writer.channels_first()
    writer.add("MaxPool", **_window(layer.window))


def _avg_pool2d(writer: Writer, layer: AvgPool2d) -> None:
    writer.channels_first()
    window = layer.window
    if layer.counts_padding and any(
        size > padding for size, padding in zip(window.border, window.padding, strict=True)
    ):
        raise refusal("ONNX", ["an average pool that counts its padding and reaches beyond it"])
    counts = {"count_include_pad": 1} if layer.counts_padding else {}
    writer.add("AveragePool", **_window(window), **counts)


def _global_avg_pool2d(writer: Writer, layer: GlobalAvgPool2d) -> None:
    writer.channels_first()
    writer.add("GlobalAveragePool")
    writer.add("Flatten", axis=1)
    writer.turned = False


def _flatten(writer: Writer, layer: Flatten) -> None:
    if len(writer.shape) == 1:
        return
    # With one channel, or in one place, both orders are the same.
    if writer.shape[-1] > 1 and layer.positions > 1:
        writer.channels_last()
    writer.add("Flatten", axis=1)
    writer.turned = False


def _dropout(writer: Writer, layer: Dropout) -> None:
    writer.add("Dropout", float(layer.rate))


def _batch_norm(writer: Writer, layer: BatchNorm) -> None:
    writer.channels_first()
    weights = [writer.parameter(part) for part in (layer.gamma, layer.beta, layer.mean, layer.variance)]
    # What ONNX calls momentum is how much stays of the old mean.
    writer.add("BatchNormalization", *weights, epsilon=layer.epsilon, momentum=1 - layer.momentum)


def _layer_norm(writer: Writer, layer: LayerNorm) -> None:
    writer.channels_last()
    weights = [writer.parameter(part) for part in (layer.gamma, layer.beta)]
    writer.add("LayerNormalization", *weights, axis=-1, epsilon=layer.epsilon)


def _combination(writer: Writer, layer: Combination) -> None:
    left, *others = writer.graph.parted(writer.x, layer.pieces)
    for right in others:
        if layer.gate.record.f is larger:
            left = writer.graph.node("Max", left, right)
        else:
            printer = OperatorPrinter(read(layer.gate.record.f), writer.graph, OPERATORS)
            found = printer.result([left, right, *layer.gate.values])
            left = found if isinstance(found, Tensor) else writer.graph.constant_like(found, writer.x)
    assert isinstance(left, Tensor)
    writer.x = left


def _branches(writer: Writer, layer: Layer, branches: Sequence[Sequence[Layer]]) -> list[Tensor]:
    """What branches put out that are given what there is so far; of maps with the channels first."""
    writer.channels_first()
    x, shape, turned = writer.x, writer.shape, writer.turned
    ends = []
    for branch in branches:
        writer.x, writer.shape, writer.turned = x, shape, turned
        write_layers(writer, branch)
        writer.channels_first()
        ends.append(writer.x)
    writer.graph.scope = layer.name
    return ends


def _residual(writer: Writer, layer: Residual) -> None:
    writer.x = writer.graph.node("Add", *_branches(writer, layer, (layer.layers, layer.shortcut)))


def _concatenation(writer: Writer, layer: Concatenation) -> None:
    writer.x = writer.graph.joined(_branches(writer, layer, layer.chains))


_LAYERS: dict[type[Layer], Callable[..., None]] = {
    Activate: _activate,
    AvgPool2d: _avg_pool2d,
    BatchNorm: _batch_norm,
    Conv2d: _conv2d,
    Dense: _dense,
    Dropout: _dropout,
    Flatten: _flatten,
    Gated: _combination,
    GlobalAvgPool2d: _global_avg_pool2d,
    LayerNorm: _layer_norm,
    Maxout: _combination,
    MaxPool2d: _max_pool2d,
    Residual: _residual,
    Concatenation: _concatenation,
}
