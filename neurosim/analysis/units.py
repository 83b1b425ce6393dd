"""What each unit of a network answers over its input space, if that has one or two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.analysis.inputs import Points, input_axis, input_names, input_points
from neurosim.analysis.pieces import in_pieces
from neurosim.analysis.spacing import evenly
from neurosim.network.layers import Activated, of_kind

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator

GRID, CURVE = 60, 200
MOST_UNITS, MOST_LAYERS = 16, 6


@dataclass(frozen=True)
class LayerMaps:
    """Some units of one layer.

    Attributes
    ----------
    name, activation : str
        Of the layer.
    units : tuple of int
        Which units, counted from 0.
    of : int
        How many it has.
    answers : float32 (units,) + shape of the grid
        Their outputs.
    sums : float32, as `answers`
        The inputs of their activation: a unit's own line is where this is 0.
    """

    name: str
    activation: str
    units: tuple[int, ...]
    of: int
    answers: NDArray[np.float32]
    sums: NDArray[np.float32]


@dataclass(frozen=True)
class UnitMaps:
    """The layers of a network, from the first to the output.

    Attributes
    ----------
    axes : tuple of float64 arrays
        The grid along each input, one or two of them.
    layers : tuple of LayerMaps
        The layers.
    points : Points
        The training rows.
    labels : tuple of str
        Names of the inputs.
    left_out : int
        How many layers between the first and the last are left out.
    """

    axes: tuple[NDArray[np.float64], ...]
    layers: tuple[LayerMaps, ...]
    points: Points
    labels: tuple[str, ...]
    left_out: int = 0


def unit_maps(simulator: Simulator) -> UnitMaps:
    """The maps of a network of one or two inputs, without batch normalization."""
    network, data = simulator.network, simulator.data
    points = input_points(simulator, "train")
    width = data.raw_features
    count = GRID if width == 2 else CURVE
    axes = tuple(input_axis(points.inputs[:, k], count) for k in range(width))
    grid = np.stack(np.meshgrid(*axes), axis=-1)
    rows = data.to_input(grid.reshape(-1, width))
    active = of_kind(network.layers, Activated)
    chosen = active if len(active) <= MOST_LAYERS else (*active[: MOST_LAYERS - 1], active[-1])
    picked = {layer.name: evenly(layer.output_shape[0], MOST_UNITS) for layer in chosen}
    parts: dict[str, list[tuple[NDArray[Any], NDArray[Any]]]] = {name: [] for name in picked}
    for piece in in_pieces(network, len(rows)):
        seen = simulator.signals(rows[piece])
        for name, units in picked.items():
            signals = seen[name]
            sums = signals.outputs if signals.sums is None else signals.sums
            parts[name].append((signals.outputs[:, units], sums[:, units]))
    layers = []
    for layer in chosen:
        units = picked[layer.name]
        answers, given = (
            np.moveaxis(np.concatenate(found).reshape(*grid.shape[:-1], len(units)), -1, 0).astype(np.float32)
            for found in zip(*parts[layer.name], strict=True)
        )
        layers.append(LayerMaps(layer.name, layer.activation.name, tuple(units), layer.output_shape[0], answers, given))
    return UnitMaps(axes, tuple(layers), points, input_names(simulator), len(active) - len(chosen))
