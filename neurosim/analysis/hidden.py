"""Where a network puts its rows: the space of the last hidden layer, and the line that the output layer draws in it.

All that the output layer sees of a row is the activations of the last hidden layer. With two units these form a plane,
and an output unit is a straight line in it. For more units, a plane is chosen that holds what the output layer looks
at: along its weights and, as far as these leave room, along the largest spread of the rows across them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurosim.analysis.planes import hidden_planes, on_plane
from neurosim.analysis.spacing import evenly

if TYPE_CHECKING:  # what draws these numbers need not load what computes them
    from neurosim.analysis.output_layer import Parameters
    from neurosim.network.layers import Dense
    from neurosim.training.simulator import Simulator

MOST_ROWS, GRID = 400, 100
# The grid on the plane of two inputs: lines along each of them, and points on each line.
LINES, ALONG = 9, 25
# Rows are named by their inputs if there are no more than this many of both.
NAMED_ROWS, NAMED_INPUTS = 6, 3
MARGIN = 0.18
Array = NDArray[np.float64]


@dataclass(frozen=True)
class HiddenMoment:
    """The hidden space at one time.

    Attributes
    ----------
    epoch : float
        Epochs done before.
    places : float64 (rows, 2)
        Where the rows lie in the plane; for a single unit, the second number is 0.
    folded : float64 (lines, points, 2)
        Where a grid on the plane of two inputs lies; empty for other networks.
    sums : float64 (outputs, 2, 2)
        The weighted sums of the output layer at the corners of the plane that is shown (up, across); they are linear
        in between.
    answers : float32 (outputs, up, across)
        What the output layer answers over the plane.
    spread : float
        How much of the rows' variance lies in the plane, from 0 to 1.
    """

    epoch: float
    places: Array
    folded: Array
    sums: Array
    answers: NDArray[np.float32]
    spread: float


@dataclass(frozen=True)
class HiddenSpace:
    """The hidden space at several times, all seen from the same angle.

    Attributes
    ----------
    units : int
        Units in the last hidden layer.
    moments : tuple of HiddenMoment
        The times, in order.
    xs, ys : (float, float)
        The ends of both axes.
    labels : tuple of str
        What the two axes show.
    targets : int (rows,)
        Classes of the rows.
    names : tuple of str
        Names of the rows; none if there are too many.
    classes : tuple of str
        Names of the classes.
    threshold : float
        Above it a single output means class 1.
    levels : tuple of float
        The weighted sums at which the answer of a single output unit changes; otherwise empty.
    whole : bool
        Whether the plane holds all that the output layer looks at, so that every row lies on the side of its answer.
    of : int
        How many training rows there are.
    """

    units: int
    moments: tuple[HiddenMoment, ...]
    xs: tuple[float, float]
    ys: tuple[float, float]
    labels: tuple[str, str]
    targets: NDArray[np.int64]
    names: tuple[str, ...]
    classes: tuple[str, ...]
    threshold: float
    levels: tuple[float, ...]
    whole: bool
    of: int


def hidden_space(simulator: Simulator) -> HiddenSpace:
    """The hidden space before training and after it."""
    recording = simulator.recording
    if recording is not None and recording.parameters and recording.epochs[0] == 0:
        start: Parameters = recording.parameters_at(0)
    else:
        start = simulator.fresh().parameters
    return hidden_space_at(simulator, [(0.0, start), (float(len(simulator.history)), simulator.parameters)])


def hidden_space_at(simulator: Simulator, times: Sequence[tuple[float, Parameters]]) -> HiddenSpace:
    """The hidden space with the parameters of several epochs, the last of which decides the angle.

    The simulator is unchanged afterward.
    """
    from neurosim.analysis.output_layer import answers_to, levels, output_layer, output_layers, output_weights

    functions, output = output_layers(simulator.network), output_layer(simulator.network)
    rows = _Rows(simulator)
    seen = rows.hidden(times)
    layers = [output_weights(output, parameters) for _, parameters in times]
    planes = hidden_planes([weights for weights, _ in layers], seen[-1][0])
    places = [hidden @ plane.T for (hidden, _), plane in zip(seen, planes, strict=True)]
    xs, ys = (_ends(np.concatenate([entry[:, axis] for entry in places])) for axis in (0, 1))
    across, up = np.meshgrid(np.linspace(*xs, GRID), np.linspace(*ys, GRID))
    moments = []
    for (epoch, _), (hidden, grid), layer, plane, where in zip(times, seen, layers, planes, places, strict=True):
        slopes, constants = on_plane(*layer, plane, hidden.mean(axis=0))
        sums = np.stack([a * across + b * up + c for a, b, c in zip(*slopes, constants, strict=True)])
        folded = (grid @ plane.T).reshape(-1, ALONG, 2)
        corners = sums[:, :: GRID - 1, :: GRID - 1]
        answers = answers_to(functions, sums).astype(np.float32)
        moments.append(HiddenMoment(epoch, where, folded, corners, answers, _spread(hidden, where)))
    network = simulator.network
    threshold = network.loss.record.threshold
    return HiddenSpace(
        output.inputs,
        tuple(moments),
        xs,
        ys,
        axis_labels(output),
        rows.targets,
        rows.names,
        simulator.data.class_labels,
        threshold,
        levels(functions, [moment.sums for moment in moments], threshold) if output.units == 1 else (),
        output.inputs <= 2 or output.units <= 3,
        rows.of,
    )


def hidden_directions(simulator: Simulator, times: Sequence[Parameters]) -> list[Array]:
    """The directions that span the plane with the parameters of several times, (2, units) each.

    They are chosen as in `hidden_space_at`, by where the rows lie with the present parameters.
    """
    from neurosim.analysis.output_layer import output_layer, output_weights

    output = output_layer(simulator.network)
    weights = [output_weights(output, parameters)[0] for parameters in times]
    if output.inputs <= 2:
        return hidden_planes(weights, np.zeros((1, output.inputs)))
    return hidden_planes(weights, _Rows(simulator).hidden([(0.0, simulator.parameters)])[0][0])


class _Rows:
    """The training rows, and a grid on the plane of two inputs, as the network sees them."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        data, rows = simulator.data, simulator.split_rows("train")
        places = np.array(evenly(rows.count, MOST_ROWS))
        chosen = rows.some(places)
        self.of = rows.count
        self._inputs = chosen.inputs(np.float64)
        self.targets = chosen.classes.astype(np.int64)
        self.names: tuple[str, ...] = ()
        self._grid = self._inputs[:0]
        if data.raw_features > NAMED_INPUTS:
            return
        raw = data.raw(data.train)[places]
        if self.of <= NAMED_ROWS:
            self.names = tuple("(" + ", ".join(f"{value:.4g}" for value in row) + ")" for row in raw)
        if data.raw_features == 2:
            self._grid = np.asarray(data.to_input(grid_lines(raw).reshape(-1, 2)), np.float64)

    def hidden(self, times: Sequence[tuple[float, Parameters]]) -> list[tuple[Array, Array]]:
        """The outputs of the last hidden layer for the rows and for the grid, with the parameters of several times."""
        from neurosim.analysis.output_layer import output_place
        from neurosim.analysis.pieces import in_pieces
        from neurosim.analysis.restoring import restored

        simulator, network = self._simulator, self._simulator.network
        place = output_place(network)
        assert place is not None
        last = network.layers[place - 1].name
        both, rows = np.concatenate([self._inputs, self._grid]), len(self._inputs)
        found = []
        with restored(simulator):
            for _, parameters in times:
                simulator.set_parameters({name: parameters[name] for name in simulator.parameters})
                parts = [simulator.signals(both[piece])[last].outputs for piece in in_pieces(network, len(both))]
                outputs = np.concatenate(parts).reshape(len(both), -1).astype(np.float64)
                found.append((outputs[:rows], outputs[rows:]))
        return found


def grid_lines(raw: Array) -> Array:
    """A grid over the part of the plane of two inputs in which some rows lie: (lines, points, 2)."""
    low, high = raw.min(axis=0), raw.max(axis=0)
    places, along = np.linspace(low, high, LINES), np.linspace(low, high, ALONG)
    level = [np.stack([along[:, 0], np.full(ALONG, y)], axis=1) for y in places[:, 1]]
    upright = [np.stack([np.full(ALONG, x), along[:, 1]], axis=1) for x in places[:, 0]]
    return np.array(level + upright)


def axis_labels(output: Dense) -> tuple[str, str]:
    """What the axes of the plane show."""
    if output.inputs == 1:
        return "output of the hidden unit", ""
    if output.inputs == 2:
        return "output of hidden unit 1", "output of hidden unit 2"
    if output.units == 1:
        return "along the weights of the output unit", "across them, where the rows differ most"
    if output.units == 2:
        return "along the difference of the outputs' weights", "across it, where the rows differ most"
    return "first direction of the output weights", "second direction of the output weights"


def _ends(values: Array) -> tuple[float, float]:
    """The ends of an axis that holds all values, with room around them."""
    low, high = float(values.min()), float(values.max())
    room = MARGIN * (high - low) or 1.0
    return low - room, high + room


def _spread(hidden: Array, places: Array) -> float:
    total = float(hidden.var(axis=0).sum())
    return float(places.var(axis=0).sum()) / total if total > 0.0 else 1.0
