"""The units and weights of a small network, for a diagram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurosim.analysis.inputs import input_names
from neurosim.network.layers import Dense, of_kind

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator


@dataclass(frozen=True)
class Diagram:
    """A network of dense layers.

    Attributes
    ----------
    inputs, outputs : tuple of str
        Names of the inputs, and what each output stands for.
    activations : tuple of str
        Of each layer.
    weights : tuple of float32 (inputs, units)
        Of each layer.
    biases : tuple of float32 (units,)
        Of each layer; NaN if it has none.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    activations: tuple[str, ...]
    weights: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]


def diagram(simulator: Simulator) -> Diagram:
    """The diagram of a network with dense layers only."""
    parameters, data = simulator.parameters, simulator.data
    layers = of_kind(simulator.network.layers, Dense)
    outputs = simulator.network.outputs
    classes = data.class_labels
    names = (
        classes
        if len(classes) == outputs
        else ("output",)
        if outputs == 1
        else tuple(f"output {k + 1}" for k in range(outputs))
    )
    return Diagram(
        input_names(simulator),
        names,
        tuple(layer.activation.name for layer in layers),
        tuple(np.asarray(parameters[layer.weight.name], np.float32) for layer in layers),
        tuple(
            np.full(layer.units, np.nan, np.float32)
            if layer.bias is None
            else np.asarray(parameters[layer.bias.name], np.float32)
            for layer in layers
        ),
    )
