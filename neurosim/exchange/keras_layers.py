"""Layers in Keras: for each kind that can be exported, its line and its weights.

Keras has maps as they are here, (rows, height, width, channels), and so are its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neurosim.builtins import activations
from neurosim.exchange.functions import Functions
from neurosim.exchange.refusals import refusal, without_counterpart
from neurosim.exchange.wording import extent, number
from neurosim.network.layers import (
    Activate,
    Activated,
    AvgPool2d,
    BatchNorm,
    ChosenActivation,
    Concatenation,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LayerNorm,
    MaxPool2d,
    Parameter,
    Residual,
    Weighted,
    Window,
)
from neurosim.network.network import Network

# What Keras calls the built-in activations, as the argument of a layer.
_NAMES: Mapping[Callable[..., Any], str] = {
    activations.gelu: "gelu",
    activations.hard_sigmoid: "hard_sigmoid",
    activations.relu: "relu",
    activations.selu: "selu",
    activations.sigmoid: "sigmoid",
    activations.softmax: "softmax",
    activations.tanh: "tanh",
}


@dataclass
class Model:
    """The network as calls of Keras's layers.

    Attributes
    ----------
    functions : Functions
        What its layers call.
    lines : list of str
        The lines from ``x`` to ``x``.
    weights : dict of str to tuple of Parameter
        The weights of each layer that has some, by the layer's name, in Keras's order.
    frozen : list of str
        The names of those whose weights stay as they are.
    """

    network: Network
    functions: Functions
    lines: list[str] = field(default_factory=list)
    weights: dict[str, tuple[Parameter, ...]] = field(default_factory=dict)
    frozen: list[str] = field(default_factory=list)
    depth: int = 0

    def add(self, call: str) -> None:
        """Put a layer on top."""
        self.lines.append(f"x = layers.{call}(x)")

    def named(self, kind: str, *weights: Parameter | None) -> str:
        """The argument that names a layer with these weights."""
        name = f"{kind}{1 + sum(other.rstrip('0123456789') == kind for other in self.weights)}"
        self.weights[name] = tuple(parameter for parameter in weights if parameter is not None)
        return f'name="{name}"'


def keras_model(network: Network, functions: Functions) -> Model:
    """The calls that make a network; raises UsageError naming what Keras does not have."""
    missing = without_counterpart(network, network.parts, _LAYERS, derives=True)
    if missing:
        raise refusal("Keras", missing)
    model = Model(network, functions)
    _all(model, network.layers)
    return model


def _all(model: Model, layers: Sequence[Layer]) -> None:
    for layer in layers:
        before = len(model.weights)
        _LAYERS[type(layer)](model, layer)
        if layer.is_frozen and not layer.parts:
            model.frozen += [*model.weights][before:]


def _activation(model: Model, layer: Activated) -> str:
    """What Keras is given as the activation of a layer; empty for none."""
    chosen: ChosenActivation = layer.activation
    record = chosen.record
    logits = layer is model.network.layers[-1] and model.network.pair is not None
    if logits or record.f is activations.identity:
        return ""
    if record.f in _NAMES:
        return f'"{_NAMES[record.f]}"'
    if record.f is activations.swish and chosen.values == (1.0,):
        return '"silu"'
    if record.f is activations.elu and chosen.values == (1.0,):
        return '"elu"'
    return model.functions.activation(chosen, "z").removesuffix("(z)")


def _activated(model: Model, layer: Activated) -> str:
    text = _activation(model, layer)
    return f", activation={text}" if text else ""


def _activate(model: Model, layer: Activate) -> None:
    text = _activation(model, layer)
    if text:
        model.add(f"Activation({text})")


def _more(layer: Weighted) -> str:
    """Its bias and its penalty; Keras's l2 costs twice as much."""
    bias = "" if layer.bias is not None else ", use_bias=False"
    if not layer.penalty:
        return bias
    costs = {"l1": layer.penalty.l1, "l2": layer.penalty.l2 / 2}
    given = ", ".join(f"{name}={number(cost)}" for name, cost in costs.items() if cost)
    return f"{bias}, kernel_regularizer=keras.regularizers.L1L2({given})"


def _dense(model: Model, layer: Dense) -> None:
    name = model.named("dense", layer.weight, layer.bias)
    model.add(f"Dense({layer.units}{_activated(model, layer)}{_more(layer)}, {name})")


def _padding(window: Window) -> str:
    """What Keras calls the padding; "cells" where that has no name."""
    for name in ("valid", "same"):
        named = Window.padded(window.input_shape, window.kernel, window.stride, name, window.dilation)
        if named.padding == window.padding:
            return name
    return "cells"


def _padded(model: Model, window: Window) -> str:
    """The argument for the padding, behind a layer of zeros where it is in cells."""
    name = _padding(window)
    if name == "cells":
        top, bottom, left, right = window.padding
        model.add(f"ZeroPadding2D((({top}, {bottom}), ({left}, {right})))")
    return ', padding="same"' if name == "same" else ""


def _conv2d(model: Model, layer: Conv2d) -> None:
    window = layer.window
    padding = _padded(model, window)
    stride = "" if window.stride == (1, 1) else f", strides={extent(window.stride)}"
    apart = "" if window.dilation == (1, 1) else f", dilation_rate={extent(window.dilation)}"
    groups = "" if layer.groups == 1 else f", groups={layer.groups}"
    name = model.named("conv", layer.weight, layer.bias)
    how = f"{stride}{padding}{apart}{groups}{_activated(model, layer)}{_more(layer)}"
    model.add(f"Conv2D({layer.channels}, {extent(window.kernel)}{how}, {name})")


def _pool(model: Model, window: Window, kind: str) -> None:
    stride = "" if window.stride == window.kernel else f", strides={extent(window.stride)}"
    missing = [
        f"pools with {what}"
        for what, there in (
            ("padding in cells", _padding(window) == "cells"),
            ("dilation", window.dilation != (1, 1)),
            ("ceil", window.ceil),
        )
        if there
    ]
    if missing:
        raise refusal("Keras", missing)
    model.add(f"{kind}({extent(window.kernel)}{stride}{_padded(model, window)})")


def _max_pool2d(model: Model, layer: MaxPool2d) -> None:
    _pool(model, layer.window, "MaxPooling2D")


def _avg_pool2d(model: Model, layer: AvgPool2d) -> None:
    if layer.counts_padding:
        raise refusal("Keras", ["average pools that count their padding"])
    _pool(model, layer.window, "AveragePooling2D")


def _global_avg_pool2d(model: Model, layer: GlobalAvgPool2d) -> None:
    model.add("GlobalAveragePooling2D()")


def _flatten(model: Model, layer: Flatten) -> None:
    if len(layer.shape) > 1:
        model.add("Flatten()")


def _dropout(model: Model, layer: Dropout) -> None:
    if layer.rate:
        model.add(f"Dropout({number(layer.rate)})")


def _batch_norm(model: Model, layer: BatchNorm) -> None:
    name = model.named("norm", layer.gamma, layer.beta, layer.mean, layer.variance)
    model.add(
        f"BatchNormalization(momentum={number(round(1 - layer.momentum, 12))}, epsilon={number(layer.epsilon)}, {name})"
    )


def _layer_norm(model: Model, layer: LayerNorm) -> None:
    model.add(f"LayerNormalization(epsilon={number(layer.epsilon)}, {model.named('norm', layer.gamma, layer.beta)})")


def _branches(model: Model, branches: Sequence[Sequence[Layer]], joined: str) -> None:
    """Layers that are all given the same, and what puts them together."""
    model.depth += 1
    start = "skip" if model.depth == 1 else f"skip{model.depth}"
    model.lines.append(f"{start} = x")
    ends = []
    for place, branch in enumerate(branches):
        if not branch:
            ends.append(start)
            continue
        if model.lines[-1] != f"{start} = x":
            model.lines.append(f"x = {start}")
        _all(model, branch)
        if place < len(branches) - 1:
            ends.append(f"branch{model.depth}_{place + 1}")
            model.lines.append(f"{ends[-1]} = x")
        else:
            ends.append("x")
    model.lines.append(f"x = layers.{joined}()([{', '.join(ends)}])")
    model.depth -= 1


def _residual(model: Model, layer: Residual) -> None:
    _branches(model, [layer.shortcut, layer.layers], "Add")


def _concatenation(model: Model, layer: Concatenation) -> None:
    _branches(model, layer.chains, "Concatenate")


_LAYERS: dict[type[Layer], Callable[..., None]] = {
    Activate: _activate,
    AvgPool2d: _avg_pool2d,
    BatchNorm: _batch_norm,
    Concatenation: _concatenation,
    Conv2d: _conv2d,
    Dense: _dense,
    Dropout: _dropout,
    Flatten: _flatten,
    GlobalAvgPool2d: _global_avg_pool2d,
    LayerNorm: _layer_norm,
    MaxPool2d: _max_pool2d,
    Residual: _residual,
}
