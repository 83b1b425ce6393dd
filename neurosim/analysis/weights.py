"""Weights that can be seen as images: those of a first dense layer, and the kernels of convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurosim.analysis.spacing import evenly
from neurosim.network.layers import Conv2d, Dense, as_kind, of_kind
from neurosim.network.network import Network

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator

MOST_UNITS, MOST_INPUTS, MOST_LAYERS = 40, 8, 6


@dataclass(frozen=True)
class Kernels:
    """Some kernels of one layer.

    Attributes
    ----------
    layer : str
        Its name.
    units, inputs : tuple of int
        Which units or output channels, and which input channels, counted from 0.
    of_units, of_inputs : int
        How many there are.
    weights : float32 (units, inputs, height, width)
        The weights.
    """

    layer: str
    units: tuple[int, ...]
    of_units: int
    inputs: tuple[int, ...]
    of_inputs: int
    weights: NDArray[np.float32]


def weight_images(simulator: Simulator) -> Kernels | None:
    """The weights of a first dense layer, those of each unit as an image; None for other networks."""
    shape, layer = simulator.data.image_shape, first_dense(simulator.network)
    if len(shape) < 2 or layer is None:
        return None
    channels = shape[2] if len(shape) > 2 else 1
    units, inputs = tuple(evenly(layer.units, MOST_UNITS)), tuple(evenly(channels, MOST_INPUTS))
    weight = simulator.parameters[layer.weight.name].reshape(*shape[:2], channels, layer.units)
    return _kernels(layer.name, weight, units, inputs)


def first_dense(network: Network) -> Dense | None:
    """The dense layer that sees the inputs; None where the first layer that learns is another."""
    first = next((layer for layer in network.layers if layer.parameters), None)
    dense = None if first is None else as_kind(first, Dense)
    return dense if dense is not None and dense.inputs == network.inputs else None


def filters(simulator: Simulator) -> tuple[Kernels, ...]:
    """Some kernels of each of the first convolutions, except those of a single cell."""
    layers = [layer for layer in of_kind(simulator.network.parts, Conv2d) if max(layer.window.kernel) > 1]
    parameters = simulator.parameters
    return tuple(
        _kernels(
            layer.name,
            parameters[layer.weight.name],
            tuple(evenly(layer.channels, 2 * MOST_INPUTS)),
            tuple(evenly(layer.weight.shape[2], MOST_INPUTS)),
        )
        for layer in layers[:MOST_LAYERS]
    )


def _kernels(name: str, weight: NDArray[np.floating], units: tuple[int, ...], inputs: tuple[int, ...]) -> Kernels:
    """From weights (height, width, inputs, units)."""
    chosen = np.asarray(weight, np.float32)[:, :, list(inputs)][..., list(units)]
    return Kernels(name, units, weight.shape[3], inputs, weight.shape[2], chosen.transpose(3, 2, 0, 1))
