"""Layers in PyTorch: for each kind that can be exported, its modules, its lines and its weights in PyTorch's layout.

Maps are (rows, channels, height, width) there, and (rows, height, width, channels) here; so weights are turned around,
and so are those of a dense layer that reads a map as one vector. Modules are numbered by the layers with weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    Residual,
    Weighted,
    Window,
)
from neurosim.network.network import Network

Array = NDArray[Any]

# What PyTorch calls the built-in activations; swish only with its usual setting.
SHORTER: Mapping[Callable[..., Any], str] = {
    activations.identity: "{z}",
    activations.sigmoid: "torch.sigmoid({z})",
    activations.tanh: "torch.tanh({z})",
    activations.relu: "torch.relu({z})",
    activations.selu: "F.selu({z})",
    activations.gelu: "F.gelu({z})",
    activations.gelu_tanh: 'F.gelu({z}, approximate="tanh")',
    activations.hard_sigmoid: "F.hardsigmoid({z})",
}


@dataclass
class Model:
    """The network as a module.

    Attributes
    ----------
    functions : Functions
        What its forward pass calls.
    modules : dict of str to str
        The modules with weights by name.
    forward : list of str
        The lines of the forward pass, from ``x`` to ``x``.
    masks : list of Dropout
        The layers whose masks the forward pass is given.
    penalties : list of str
        What the penalties on weights add to the loss.
    arrays : dict of str to (Layer's parameter name, function)
        By PyTorch's name: which array of ours, and how it is laid out there.
    frozen, steady : list of str
        The modules whose parameters stay as they are, and those that keep their running statistics.
    """

    network: Network
    functions: Functions
    modules: dict[str, str] = field(default_factory=dict)
    forward: list[str] = field(default_factory=list)
    masks: list[Dropout] = field(default_factory=list)
    penalties: list[str] = field(default_factory=list)
    arrays: dict[str, tuple[str, Callable[[Array], Array]]] = field(default_factory=dict)
    frozen: list[str] = field(default_factory=list)
    steady: list[str] = field(default_factory=list)
    numbers: int = 0
    # How many layers with branches are around the present one.
    depth: int = 0
    # The shape of a map that is read as a vector in PyTorch's order of its numbers and not in ours, and the line that
    # does so; until a dense layer comes, whose weights can be laid out for either.
    turned: tuple[int, ...] = ()
    _flattened: int = 0

    def module(self, kind: str, call: str) -> str:
        """Add a module; returns its name."""
        wish = name = f"{kind}{max(self.numbers, 1)}"
        number = 1
        while name in self.modules:
            number += 1
            name = f"{wish}_{number}"
        self.modules[name] = call
        return name

    def keep(self, name: str, array: str, laid_out: Callable[[Array], Array] = lambda array: array) -> None:
        """Note which of our arrays a weight of PyTorch's is."""
        self.arrays[name] = (array, laid_out)

    def flatten(self, shape: tuple[int, ...]) -> None:
        """Read a map as a vector."""
        self.turned, self._flattened = shape, len(self.forward)
        self.forward.append("x = x.flatten(1)")

    def read_in_our_order(self) -> None:
        """Have the vector's numbers in our order, for what has something of its own for each of them."""
        if self.turned and self.turned[2] > 1 and self.turned[0] * self.turned[1] > 1:
            self.forward[self._flattened] = "x = x.permute(0, 2, 3, 1).flatten(1)"
        self.turned = ()

    def state(self, arrays: Mapping[str, Array], steps: int) -> dict[str, Array]:
        """What `load_state_dict` wants of a network after so many steps, in PyTorch's layout and under its names."""
        found = {name: np.ascontiguousarray(turn(arrays[own])) for name, (own, turn) in self.arrays.items()}
        means = [name for name in found if name.endswith(".running_mean")]
        return found | {name.replace("running_mean", "num_batches_tracked"): np.array(steps) for name in means}


def torch_model(network: Network, functions: Functions) -> Model:
    """The module of a network; raises UsageError naming what PyTorch does not have."""
    missing = without_counterpart(network, network.parts, _LAYERS, derives=True)
    if missing:
        raise refusal("PyTorch", missing)
    model = Model(network, functions)
    _all(model, network.layers)
    model.read_in_our_order()
    return model


def _all(model: Model, layers: tuple[Layer, ...]) -> None:
    for layer in layers:
        known = {*model.modules}
        _LAYERS[type(layer)](model, layer)
        if layer.is_frozen and not layer.parts:
            model.frozen += [name for name in model.modules if name not in known]


def _activated(model: Model, layer: Activated, z: str) -> str:
    """The expression for what the activation of `z` is; of the last layer, `z` itself where the loss wants that."""
    if layer is model.network.layers[-1] and model.network.pair is not None:
        return z
    return _activation(model.functions, layer.activation, z)


def _activation(functions: Functions, chosen: ChosenActivation, z: str) -> str:
    record, values = chosen.record, [number(value) for value in chosen.values]
    if record.f is activations.softmax:
        return f"torch.softmax({z}, dim=1)"
    if record.f is activations.leaky_relu:
        return f"F.leaky_relu({z}, {values[0]})"
    if record.f is activations.elu:
        return f"F.elu({z}{'' if values == ['1'] else f', {values[0]}'})"
    if record.f is activations.softplus:
        usual = chosen.params == dict(record.params)
        return f"F.softplus({z}{'' if usual else ', beta={}, threshold={}'.format(*values)})"
    if record.f is activations.swish and values == ["1"]:
        return f"F.silu({z})"
    return functions.activation(chosen, z)


def _activate(model: Model, layer: Activate) -> None:
    text = _activated(model, layer, "x")
    if text != "x":
        model.forward.append(f"x = {text}")


def _weights(model: Model, layer: Weighted, name: str) -> None:
    """Its penalty, and its bias."""
    if layer.bias is not None:
        model.keep(f"{name}.bias", layer.bias.name)
    weight = f"network.{name}.weight"
    if layer.weight.frozen:
        return
    if layer.penalty.l1:
        model.penalties.append(f"{number(layer.penalty.l1)} * {weight}.abs().sum()")
    if layer.penalty.l2:
        model.penalties.append(f"{number(layer.penalty.l2)} / 2 * {weight}.square().sum()")


def _without_bias(layer: Weighted) -> str:
    return "" if layer.bias is not None else ", bias=False"


def _dense(model: Model, layer: Dense) -> None:
    model.numbers += 1
    name = model.module("dense", f"nn.Linear({layer.inputs}, {layer.units}{_without_bias(layer)})")
    _dense_weights(model, layer, name)
    text = _activated(model, layer, f"self.{name}(x)")
    model.forward.append(f"x = {text}")


def _dense_weights(model: Model, layer: Dense, name: str) -> None:
    shape, units = model.turned, layer.units
    model.turned = ()

    def laid_out(weight: Array) -> Array:
        if shape:
            weight = weight.reshape(*shape, units).transpose(2, 0, 1, 3).reshape(-1, units)
        return weight.T

    model.keep(f"{name}.weight", layer.weight.name, laid_out)
    _weights(model, layer, name)


def _padding(model: Model, window: Window, value: str = "") -> str:
    """The argument for the padding; where it differs from side to side, a line before."""
    top, bottom, left, right = window.padding
    if (top, left) == (bottom, right):
        return f", padding={extent((top, left))}" if top or left else ""
    # With all that the last window reaches beyond, so that it needs no mode of its own.
    _, below, _, beside = window.border if window.ceil else window.padding
    model.forward.append(f"x = F.pad(x, ({left}, {beside}, {top}, {below}){value})")
    return ""


def _dilation(window: Window) -> str:
    return "" if window.dilation == (1, 1) else f", dilation={extent(window.dilation)}"


def _conv2d(model: Model, layer: Conv2d) -> None:
    model.numbers += 1
    name = _convolution(model, layer, "conv")
    model.forward.append(f"x = {_activated(model, layer, f'self.{name}(x)')}")


def _convolution(model: Model, layer: Conv2d, kind: str) -> str:
    window = layer.window
    stride = "" if window.stride == (1, 1) else f", stride={extent(window.stride)}"
    groups = "" if layer.groups == 1 else f", groups={layer.groups}"
    more = f"{stride}{_padding(model, window)}{_dilation(window)}{groups}{_without_bias(layer)}"
    name = model.module(kind, f"nn.Conv2d({window.channels}, {layer.channels}, {extent(window.kernel)}{more})")
    model.keep(f"{name}.weight", layer.weight.name, lambda weight: weight.transpose(3, 2, 0, 1))
    _weights(model, layer, name)
    return name


def _pool(model: Model, window: Window, function: str, value: str, more: str) -> None:
    top, bottom, left, right = window.padding
    stride = "" if window.stride == window.kernel else f", stride={extent(window.stride)}"
    ceil = ", ceil_mode=True" if window.ceil and (top, left) == (bottom, right) else ""
    arguments = f"{stride}{_padding(model, window, value)}{_dilation(window)}{ceil}{more}"
    model.forward.append(f"x = F.{function}(x, {extent(window.kernel)}{arguments})")


def _max_pool2d(model: Model, layer: MaxPool2d) -> None:
    _pool(model, layer.window, "max_pool2d", ', value=float("-inf")', "")


def _avg_pool2d(model: Model, layer: AvgPool2d) -> None:
    window = layer.window
    top, bottom, left, right = window.padding
    if (top, left) != (bottom, right) and (window.ceil or not layer.counts_padding):
        raise refusal("PyTorch", ["an average pool whose padding differs from side to side"])
    more = ", count_include_pad=False" if any(window.padding) and not layer.counts_padding else ""
    _pool(model, window, "avg_pool2d", "", more)


def _global_avg_pool2d(model: Model, layer: GlobalAvgPool2d) -> None:
    model.forward.append("x = x.mean(dim=(2, 3))")


def _flatten(model: Model, layer: Flatten) -> None:
    if len(layer.shape) == 3:
        model.flatten(layer.shape)


def _dropout(model: Model, layer: Dropout) -> None:
    if layer.rate == 0:
        return
    model.read_in_our_order()
    model.forward.append(f"x = x * masks[{len(model.masks)}]")
    model.masks.append(layer)


def _batch_norm(model: Model, layer: BatchNorm) -> None:
    model.read_in_our_order()
    of = "2d" if len(layer.shape) == 3 else "1d"
    eps = "" if layer.epsilon == 1e-5 else f", eps={number(layer.epsilon)}"
    momentum = "" if layer.momentum == 0.1 else f", momentum={number(layer.momentum)}"
    name = model.module("norm", f"nn.BatchNorm{of}({layer.shape[-1]}{eps}{momentum})")
    model.keep(f"{name}.weight", layer.gamma.name)
    model.keep(f"{name}.bias", layer.beta.name)
    model.keep(f"{name}.running_mean", layer.mean.name)
    model.keep(f"{name}.running_var", layer.variance.name)
    model.steady += [name] if layer.is_frozen else []
    model.forward.append(f"x = self.{name}(x)")


def _layer_norm(model: Model, layer: LayerNorm) -> None:
    if len(layer.shape) > 1:
        raise refusal("PyTorch", [f"{layer.kind} layers on maps"])
    model.read_in_our_order()
    eps = "" if layer.epsilon == 1e-5 else f", eps={number(layer.epsilon)}"
    name = model.module("norm", f"nn.LayerNorm({layer.shape[-1]}{eps})")
    model.keep(f"{name}.weight", layer.gamma.name)
    model.keep(f"{name}.bias", layer.beta.name)
    model.forward.append(f"x = self.{name}(x)")


def _residual(model: Model, layer: Residual) -> None:
    model.read_in_our_order()
    skip = f"skip{model.depth + 1}" if model.depth else "skip"
    model.forward.append(f"{skip} = x")
    model.depth += 1
    _all(model, layer.layers)
    model.read_in_our_order()
    model.depth -= 1
    if not layer.shortcut:
        model.forward.append(f"x = x + {skip}")
    elif layer.is_projected:
        (projection,) = layer.shortcut
        _PROJECTIONS[type(projection)](model, projection, skip)
    else:
        inside = skip.replace("skip", "inside")
        model.forward += [f"{inside} = x", f"x = {skip}"]
        model.depth += 1
        _all(model, layer.shortcut)
        model.read_in_our_order()
        model.depth -= 1
        model.forward.append(f"x = {inside} + x")


def _concatenation(model: Model, layer: Concatenation) -> None:
    model.read_in_our_order()
    depth = str(model.depth + 1) if model.depth else ""
    start, branches, fresh = f"start{depth}", [], True
    model.forward.append(f"{start} = x")
    model.depth += 1
    for place, chain in enumerate(layer.chains, 1):
        branches.append(f"branch{depth}_{place}" if chain else start)
        if not chain:
            continue
        if not fresh:
            model.forward.append(f"x = {start}")
        _all(model, chain)
        model.read_in_our_order()
        model.forward.append(f"{branches[-1]} = x")
        fresh = False
    model.depth -= 1
    model.forward.append(f"x = torch.cat([{', '.join(branches)}], dim=1)")


def _dense_projection(model: Model, layer: Dense, skip: str) -> None:
    name = model.module("shortcut", f"nn.Linear({layer.inputs}, {layer.units}{_without_bias(layer)})")
    _dense_weights(model, layer, name)
    model.forward.append(f"x = x + self.{name}({skip})")


def _conv_projection(model: Model, layer: Conv2d, skip: str) -> None:
    name = _convolution(model, layer, "shortcut")
    model.forward.append(f"x = x + self.{name}({skip})")


_PROJECTIONS: dict[type[Layer], Callable[..., None]] = {Conv2d: _conv_projection, Dense: _dense_projection}
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
