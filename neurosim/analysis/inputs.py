"""What a network answers over its whole input space, if that has one or two dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator


GRID, FEWEST = 200, 60
# Numbers on a grid, one per class and point, that can be computed and drawn in a second or two.
ANSWERS = 2_000_000
CURVE = 400
MARGIN = 0.15


@dataclass(frozen=True)
class Points:
    """The rows of one split, in the units of the data set.

    Attributes
    ----------
    inputs : float64 (rows, inputs)
        Their inputs.
    targets : (rows,) class indices, or (rows, outputs) values
        The right answers.
    """

    inputs: NDArray[np.float64]
    targets: NDArray[Any]


@dataclass(frozen=True)
class InputMap:
    """A network's outputs over a line or a plane of inputs, and the data in it.

    Attributes
    ----------
    axes : tuple of float64 arrays
        The grid along each input, one or two of them.
    outputs : float64 (outputs,) + shape of the grid
        What the network answers; values are in the units of the data set. With two inputs, the second one runs along
        the rows.
    points : dict of str to Points
        The splits.
    labels : tuple of str
        Names of the inputs.
    classes : tuple of str
        Names of the classes; empty for regression.
    threshold : float
        Above it a single output means class 1.
    answers : tuple of str
        Names of the values that the network predicts.
    sides : float64 (1 or classes,) + shape of the grid, or None
        How far each place is from another answer; boundaries are where a number crosses 0. None for regression.
    """

    axes: tuple[NDArray[np.float64], ...]
    outputs: NDArray[np.float64]
    points: dict[str, Points]
    labels: tuple[str, ...]
    classes: tuple[str, ...] = ()
    threshold: float = field(default=0.5)
    answers: tuple[str, ...] = ("output",)
    sides: NDArray[np.float64] | None = None

    @property
    def answer(self) -> str:
        """Name of the value that the network predicts, or of the first one."""
        return self.answers[0]


def input_map(simulator: Simulator, size: int | None = None) -> InputMap | None:
    """The map of a simulator's network, or None if it cannot be drawn.

    It can be with two inputs and classes, and with one or two inputs and one output value. `size` is the number of
    points along each of two inputs; with many classes, there are fewer.
    """
    # What draws these numbers need not load what computes them.
    from neurosim.analysis.conditions import shows_inputs

    return _map(simulator, size) if shows_inputs(simulator) else None


def curve_map(simulator: Simulator) -> InputMap | None:
    """The map of a network with one input and values to predict, of which there may be several; or None."""
    from neurosim.analysis.conditions import no_curve

    return None if no_curve(simulator) else _map(simulator)


def _map(simulator: Simulator, size: int | None = None) -> InputMap:
    from neurosim.analysis.sides import outputs_and_sides

    network, data = simulator.network, simulator.data
    points = {split: input_points(simulator, split) for split in simulator.splits}
    inputs = points["train"].inputs
    size = min(size or GRID, max(int(math.sqrt(ANSWERS / max(network.outputs, 1))), FEWEST))
    width = data.raw_features
    axes = tuple(input_axis(inputs[:, k], size if width == 2 else CURVE) for k in range(width))
    grid = np.stack(np.meshgrid(*axes), axis=-1)
    rows = data.to_input(grid.reshape(-1, width))
    if data.classes:
        outputs, away = outputs_and_sides(simulator, rows)
        away = away.reshape(-1, *grid.shape[:-1])
    else:
        outputs, away = data.to_target_units(simulator.forward(rows)[:, : network.answers]), None
    return InputMap(
        axes,
        np.moveaxis(outputs.reshape(*grid.shape[:-1], outputs.shape[1]), -1, 0),
        points,
        input_names(simulator),
        data.class_labels,
        network.loss.record.threshold,
        ("output",) if data.classes else data.target_labels or _numbered(network.answers),
        away,
    )


def _numbered(count: int) -> tuple[str, ...]:
    return ("output",) if count == 1 else tuple(f"output {k + 1}" for k in range(count))


def input_names(simulator: Simulator) -> tuple[str, ...]:
    """Names of what is drawn over: the features of the data, of which the inputs of the network may be made."""
    data = simulator.data
    return data.raw_labels or tuple(f"input {k + 1}" for k in range(data.raw_features))


def input_axis(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Places from the smallest to the largest value, with a margin."""
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * ((high - low) or 1.0)
    return np.linspace(low - margin, high + margin, count)


def input_points(simulator: Simulator, split: str) -> Points:
    """The rows of a split, in the units of the data set."""
    data, rows = simulator.data, getattr(simulator.data, split)
    return Points(data.raw(rows), rows.targets if data.classes else data.to_target_units(rows.targets))
