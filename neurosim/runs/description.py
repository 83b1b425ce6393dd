"""A network as plain data, for the metadata of its model file."""

from __future__ import annotations

from typing import Any

from neurosim.network.layers import (
    Activate,
    BatchNorm,
    ChosenActivation,
    Conv2d,
    Dense,
    Dropout,
    Layer,
    LayerNorm,
    Pool2d,
    Residual,
    Window,
)
from neurosim.network.network import Network


def describe(network: Network) -> dict[str, Any]:
    """The network as plain data, enough to build every layer again, with those inside it."""
    loss = network.loss
    return {
        "input_shape": list(network.input_shape),
        "layers": [_layer(layer) for layer in network.layers],
        "loss": {"name": loss.name, **loss.params},
    }


def _layer(layer: Layer) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": layer.name, "kind": layer.kind}
    if isinstance(layer, Dense):
        entry |= {
            "inputs": layer.inputs,
            "units": layer.units,
            "activation": _activation(layer.activation),
            "bias": layer.bias is not None,
        }
    elif isinstance(layer, Conv2d):
        entry |= {
            **_window(layer.window),
            "channels": layer.channels,
            "activation": _activation(layer.activation),
            "bias": layer.bias is not None,
        }
    elif isinstance(layer, Pool2d):
        entry |= _window(layer.window)
    elif isinstance(layer, BatchNorm):
        entry |= {"epsilon": layer.epsilon, "momentum": layer.momentum}
    elif isinstance(layer, LayerNorm):
        entry["epsilon"] = layer.epsilon
    elif isinstance(layer, Activate):
        entry["activation"] = _activation(layer.activation)
    elif isinstance(layer, Dropout):
        entry["rate"] = layer.rate
    elif isinstance(layer, Residual):
        entry["layers"] = [_layer(inner) for inner in layer.layers]
        entry["projection"] = None if layer.projection is None else _layer(layer.projection)
    return entry


def _activation(activation: ChosenActivation) -> dict[str, Any]:
    return {"name": activation.name, **activation.params}


def _window(window: Window) -> dict[str, Any]:
    """Kernel, stride, and the cells added at the top, bottom, left and right."""
    return {
        "input_shape": list(window.input_shape),
        "kernel": list(window.kernel),
        "stride": list(window.stride),
        "padding": list(window.padding),
    }
