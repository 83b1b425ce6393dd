"""The output layer of a network, and the functions that follow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.analysis.planes import TINY
from neurosim.backends.uncompiled import apply, uncompiled
from neurosim.network.layers import Activated, Dense, as_kind, of_kind
from neurosim.network.network import Network
from neurosim.plugin import Activation

# Points at which the functions are evaluated; between them they are taken for straight lines.
TABLE = 800
Array = NDArray[np.float64]
Parameters = Mapping[str, NDArray[Any]]


def output_place(network: Network) -> int | None:
    """Place of the output layer among the layers: the last dense one, if only functions follow it; otherwise None.

    Functions that learn change in training and do not count as such.
    """
    for place in range(len(network.layers) - 1, -1, -1):
        layer = network.layers[place]
        dense = as_kind(layer, Dense)
        if dense is not None:
            return None if dense.learned else place
        if not (layer.passes_through or isinstance(layer, Activated)) or layer.parameters:
            return None
    return None


def hidden_units(network: Network) -> int:
    """Units in the last hidden layer; 0 if there is none whose space can be drawn."""
    place = output_place(network)
    if place is None:
        return 0
    before = network.layers[:place]
    if not any(entry.parameters or isinstance(entry, Activated) for entry in before):
        return 0
    return output_layer(network).inputs


def output_layer(network: Network) -> Dense:
    """The output layer; there must be an `output_place`."""
    (output,) = of_kind(output_layers(network)[:1], Dense)
    return output


def output_layers(network: Network) -> tuple[Activated, ...]:
    """The output layer and the layers after it that have a function; there must be an `output_place`."""
    place = output_place(network)
    assert place is not None
    return of_kind(network.layers[place:], Activated)


def output_weights(layer: Dense, parameters: Parameters) -> tuple[Array, Array]:
    """Weights (inputs, units) and biases (units,)."""
    weights = np.asarray(parameters[layer.weight.name], np.float64)
    bias = np.zeros(layer.units) if layer.bias is None else np.asarray(parameters[layer.bias.name], np.float64)
    return weights, bias


def answers_to(functions: Sequence[Activated], sums: Array) -> Array:
    """What the output layer answers, given its weighted sums (outputs, ...)."""
    answers = sums
    for layer in functions:
        record, values = layer.activation.record, layer.activation.values
        if isinstance(record, Activation):
            # Many sums on a grid are alike; a table of the function serves all of them.
            table = np.linspace(float(answers.min()), float(answers.max()), TABLE)
            answers = np.interp(answers, table, apply(record.f, table, params=values))
        elif record.name != "softmax" or len(functions) > 1:  # softmax leaves the largest the largest
            rows = np.moveaxis(answers, 0, -1)
            found = np.empty_like(rows)
            function = uncompiled(record.f)
            with np.errstate(all="ignore"):
                for place in np.ndindex(rows.shape[:-1]):
                    function(rows[place], found[place], *values)
            answers = np.moveaxis(found, -1, 0)
    return answers


def levels(functions: Sequence[Activated], sums: Sequence[Array], threshold: float) -> tuple[float, ...]:
    """Weighted sums of a single output at which its answer changes."""

    def above(values: Array) -> NDArray[np.bool_]:
        answers = values
        for layer in functions:
            record = layer.activation.record
            if isinstance(record, Activation):
                answers = apply(record.f, answers, params=layer.activation.values)
        return np.asarray(answers > threshold)

    ends = [float(extreme(entry)) for entry in sums for extreme in (np.min, np.max)]
    places = np.linspace(min(ends), max(ends), TABLE)
    sides = above(places)
    found = []
    for k in np.flatnonzero(sides[1:] != sides[:-1]):
        low, high = places[k], places[k + 1]
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if above(np.array([middle]))[0] == sides[k] else (low, middle)
        # It is usually 0, which bisection only approaches.
        found.append(0.0 if abs(high) < TINY * (places[-1] - places[0]) else float(high))
    return tuple(found)
