"""A network as data and formulas that the page evaluates: see ``assets/network.js``."""

from __future__ import annotations

from typing import Any

from neurosim.formulas.javascript import Script
from neurosim.network.layers import (
    Activate,
    BatchNorm,
    ChosenActivation,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    Parameter,
    Residual,
)
from neurosim.network.network import Network
from neurosim.plugin import RowActivation

_KINDS = (Activate, BatchNorm, Dense, Dropout, Flatten, LayerNorm, Residual)


def can_evaluate(network: Network) -> bool:
    """Whether the page knows all kinds of layers that the network has."""
    return all(isinstance(layer, _KINDS) for layer in network.parts)


def network_data(network: Network, script: Script) -> list[dict[str, Any]]:
    """The layers, with the places of their numbers in one vector: parameters, behind them running statistics.

    Raises
    ------
    PluginError
        When a formula has no translation.
    """
    return [_layer(layer, network.size, script) for layer in network.layers]


def _layer(layer: Layer, statistics: int, script: Script) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": layer.name, "kind": layer.kind, "words": layer.kind.replace("_", " ")}
    if isinstance(layer, Dense):
        activation = layer.activation.name
        plural = "s" * (layer.units != 1)
        entry["words"] = f"{layer.units} {activation if activation != 'identity' else 'linear'} unit{plural}"
        entry |= {
            "units": layer.units,
            "weight": layer.weight.offset,
            "bias": _place(layer.bias),
            "activation": _activation(layer.activation, script),
        }
    elif isinstance(layer, Activate):
        entry["words"] = layer.activation.name
        entry["activation"] = _activation(layer.activation, script)
    elif isinstance(layer, BatchNorm | LayerNorm):
        entry |= {"gamma": layer.gamma.offset, "beta": layer.beta.offset, "epsilon": layer.epsilon}
        if isinstance(layer, BatchNorm):
            entry |= {"mean": statistics + layer.mean.offset, "variance": statistics + layer.variance.offset}
    elif isinstance(layer, Residual):
        entry["layers"] = [_layer(inner, statistics, script) for inner in layer.layers]
        entry["projection"] = None if layer.projection is None else _layer(layer.projection, statistics, script)
    return entry


def _place(parameter: Parameter | None) -> int | None:
    return None if parameter is None else parameter.offset


def _activation(chosen: ChosenActivation, script: Script) -> dict[str, Any]:
    record = chosen.record
    row = isinstance(record, RowActivation)
    return {"formula": script.add(record.f), "params": list(chosen.values), "row": row}
