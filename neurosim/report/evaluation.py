"""A network as data and formulas that the page evaluates; see ``assets/network.js``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neurosim.formulas.javascript import Script
from neurosim.network.layers import (
    Activate,
    Activated,
    BatchNorm,
    Combination,
    Concatenation,
    Dense,
    Dropout,
    Flatten,
    Gated,
    Layer,
    LayerNorm,
    Maxout,
    Normalization,
    Parameter,
    Residual,
    learned_names,
)
from neurosim.network.network import Network
from neurosim.plugin import RowActivation


def can_evaluate(network: Network) -> bool:
    """Whether the page knows all kinds of layers in the network."""
    return all(type(layer) in _ENTRIES for layer in network.parts)


def network_data(network: Network, script: Script) -> list[dict[str, Any]]:
    """The layers, with the places of their numbers in one vector: parameters first, then running statistics.

    Raises
    ------
    PluginError
        When a formula has no translation.
    """
    return [_layer(layer, network.size, script) for layer in network.layers]


def _layer(layer: Layer, statistics: int, script: Script) -> dict[str, Any]:
    entry = {"name": layer.name, "kind": layer.kind, "words": layer.words}
    return entry | _ENTRIES[type(layer)](layer, statistics, script)


def _dense(layer: Dense, statistics: int, script: Script) -> dict[str, Any]:
    activation = "linear" if layer.activation.name == "identity" else layer.activation.name
    return {
        "words": f"{layer.units} {activation} unit{'s' * (layer.units != 1)}",
        "units": layer.units,
        "weight": layer.weight.offset,
        "bias": _place(layer.bias),
        "activation": _activation(layer, script),
    }


def _activate(layer: Activate, statistics: int, script: Script) -> dict[str, Any]:
    return {"words": layer.activation.name, "activation": _activation(layer, script)}


def _combination(layer: Combination, statistics: int, script: Script) -> dict[str, Any]:
    return {
        "words": " ".join([layer.words, *layer.settings]),
        "pieces": layer.pieces,
        "formula": script.add(layer.gate.record.f),
        "params": list(layer.gate.values),
    }


def _layer_norm(layer: Normalization, statistics: int, script: Script) -> dict[str, Any]:
    return {"gamma": layer.gamma.offset, "beta": layer.beta.offset, "epsilon": layer.epsilon}


def _batch_norm(layer: BatchNorm, statistics: int, script: Script) -> dict[str, Any]:
    running = {"mean": statistics + layer.mean.offset, "variance": statistics + layer.variance.offset}
    return _layer_norm(layer, statistics, script) | running


def _nothing_more(layer: Layer, statistics: int, script: Script) -> dict[str, Any]:
    return {}


def _residual(layer: Residual, statistics: int, script: Script) -> dict[str, Any]:
    return {
        "layers": [_layer(inner, statistics, script) for inner in layer.layers],
        "shortcut": [_layer(inner, statistics, script) for inner in layer.shortcut],
    }


def _concatenation(layer: Concatenation, statistics: int, script: Script) -> dict[str, Any]:
    return {"branches": [[_layer(inner, statistics, script) for inner in chain] for chain in layer.chains]}


# What the page needs to know of each kind of layer.
_ENTRIES: dict[type[Layer], Callable[[Any, int, Script], dict[str, Any]]] = {
    Dense: _dense,
    Activate: _activate,
    Gated: _combination,
    Maxout: _combination,
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
    Dropout: _nothing_more,
    Flatten: _nothing_more,
    Residual: _residual,
    Concatenation: _concatenation,
}


def _place(parameter: Parameter | None) -> int | None:
    return None if parameter is None else parameter.offset


def _activation(layer: Activated, script: Script) -> dict[str, Any]:
    record, chosen = layer.activation.record, layer.activation
    row = isinstance(record, RowActivation)
    entry = {"formula": script.add(record.f), "params": list(chosen.values), "row": row}
    if not layer.learned:
        return entry
    # Which of the parameters they are, where their numbers begin, and how many that are.
    places = map(list(record.params).index, learned_names(record))
    return entry | {"learned": [[k, own.offset, own.size] for k, own in zip(places, layer.learned, strict=True)]}
