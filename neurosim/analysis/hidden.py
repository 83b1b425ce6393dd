"""Where a network puts its rows: the space of the last hidden layer, and the line that the output layer draws in it.

The output layer sees nothing of a row but the activations of the last hidden layer. With two units these are a plane,
and an output unit is a straight line in it. Of more units a plane is chosen that holds what the output layer looks at:
along its weights, and as far as these leave room, along the largest spread of the rows across them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.analysis.pieces import in_pieces
from neurosim.analysis.spacing import evenly
from neurosim.backends.uncompiled import apply, uncompiled
from neurosim.network.layers import Activate, Dense, Dropout, Flatten
from neurosim.plugin import Activation

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.network.network import Network
    from neurosim.training.simulator import Simulator

MOST_ROWS, GRID = 400, 100
MANY_OUTPUTS = 200
# Of the grid on the plane of two inputs: lines along each of them, and points of each line.
LINES, ALONG = 9, 25
# Rows are named by their inputs where there are no more than this many of both.
NAMED_ROWS, NAMED_INPUTS = 6, 3
MARGIN = 0.18
# A spread that is smaller than this share of the largest one is rounding.
TINY = 1e-9
# Places at which the functions of the output layer are worked out; between them they are straight lines.
TABLE = 800
Array = NDArray[np.float64]
Parameters = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class HiddenMoment:
    """The hidden space at one time.

    Attributes
    ----------
    epoch : float
        Epochs done before.
    places : float64 (rows, 2)
        Where the rows lie in the plane; of a single unit the second number is 0.
    folded : float64 (lines, points, 2)
        Where a grid on the plane of two inputs lies, of other inputs nothing.
    sums : float64 (outputs, 2, 2)
        The weighted sums of the output layer at the corners of the plane that is shown (up, across); between them
        they are linear.
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
    """The hidden space at several times, all seen the same way.

    Attributes
    ----------
    units : int
        Units of the last hidden layer.
    moments : tuple of HiddenMoment
        The times, in order.
    xs, ys : (float, float)
        The ends of both axes.
    labels : tuple of str
        What both axes are.
    targets : int (rows,)
        Classes of the rows.
    names : tuple of str
        Names of the rows; none where there are too many.
    classes : tuple of str
        Names of the classes.
    threshold : float
        Above it a single output means class 1.
    levels : tuple of float
        Of a single output unit, the weighted sums at which its answer changes sides.
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


def output_place(network: Network) -> int | None:
    """Place of the output layer among the layers: the last dense one, if nothing behind it but functions does more."""
    for place in range(len(network.layers) - 1, -1, -1):
        layer = network.layers[place]
        if isinstance(layer, Dense):
            return place
        if not isinstance(layer, Activate | Dropout | Flatten):
            return None
    return None


def hidden_units(network: Network) -> int:
    """Units of the last hidden layer; 0 where there is none whose space can be drawn."""
    place = output_place(network)
    if place is None:
        return 0
    layer = network.layers[place]
    assert isinstance(layer, Dense)
    before = network.layers[:place]
    return layer.inputs if any(entry.parameters or isinstance(entry, Activate) for entry in before) else 0


def hidden_space(simulator: Simulator) -> HiddenSpace:
    """The hidden space before training and after it."""
    recording = simulator.recording
    if recording is not None and recording.parameters and recording.epochs[0] == 0:
        start: Parameters = recording.parameters_at(0)
    else:
        start = simulator.fresh().parameters
    return hidden_space_at(simulator, [(0.0, start), (float(len(simulator.history)), simulator.parameters)])


def hidden_space_at(simulator: Simulator, times: Sequence[tuple[float, Parameters]]) -> HiddenSpace:
    """The hidden space with the parameters of several epochs, the last of which decides how it is seen.

    The simulator is as before afterwards.
    """
    functions = output_layers(simulator.network)
    output = functions[0]
    assert isinstance(output, Dense)
    rows = _Rows(simulator)
    seen = rows.hidden(times)
    layers = [_weights(output, parameters) for _, parameters in times]
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
        answers = _through(functions, sums).astype(np.float32)
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

    They are chosen as in `hidden_space_at`, by the rows as they lie with the present parameters.
    """
    output = output_layers(simulator.network)[0]
    assert isinstance(output, Dense)
    weights = [_weights(output, parameters)[0] for parameters in times]
    if output.inputs <= 2:
        return hidden_planes(weights, np.zeros((1, output.inputs)))
    return hidden_planes(weights, _Rows(simulator).hidden([(0.0, simulator.parameters)])[0][0])


class _Rows:
    """The training rows, and a grid on the plane of two inputs, as the network sees them."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        data, rows = simulator.data, simulator.split_rows("train")
        chosen = rows.some(np.array(evenly(rows.count, MOST_ROWS)))
        self.of = rows.count
        self._inputs = chosen.features.astype(np.float64) * chosen.scale + chosen.shift
        self.targets = chosen.classes.astype(np.int64)
        self.names: tuple[str, ...] = ()
        self._grid = self._inputs[:0]
        if simulator.network.inputs > NAMED_INPUTS:
            return
        raw = np.asarray(data.to_raw(self._inputs), np.float64)
        if self.of <= NAMED_ROWS:
            self.names = tuple("(" + ", ".join(f"{value:.4g}" for value in row) + ")" for row in raw)
        if simulator.network.inputs == 2:
            self._grid = np.asarray(data.to_input(grid_lines(raw).reshape(-1, 2)), np.float64)

    def hidden(self, times: Sequence[tuple[float, Parameters]]) -> list[tuple[Array, Array]]:
        """What the last hidden layer makes of the rows and of the grid, with the parameters of several times."""
        simulator = self._simulator
        network, kept = simulator.network, simulator.parameters
        place = output_place(network)
        assert place is not None
        name = network.layers[place - 1].name
        both = np.concatenate([self._inputs, self._grid])
        found = []
        try:
            for _, parameters in times:
                simulator.set_parameters({name: parameters[name] for name in kept})
                parts = [simulator.signals(both[piece])[name].outputs for piece in in_pieces(network, len(both))]
                outputs = np.concatenate(parts).reshape(len(both), -1)
                found.append(tuple(np.split(outputs.astype(np.float64), [len(self._inputs)])))
        finally:
            simulator.set_parameters(kept)
        return [(rows, grid) for rows, grid in found]


def grid_lines(raw: Array) -> Array:
    """A grid over the part of the plane of two inputs that some rows lie in: (lines, points, 2)."""
    low, high = raw.min(axis=0), raw.max(axis=0)
    places, along = np.linspace(low, high, LINES), np.linspace(low, high, ALONG)
    level = [np.stack([along[:, 0], np.full(ALONG, y)], axis=1) for y in places[:, 1]]
    upright = [np.stack([np.full(ALONG, x), along[:, 1]], axis=1) for x in places[:, 0]]
    return np.array(level + upright)


def axis_labels(output: Dense) -> tuple[str, str]:
    """What the axes of the plane are."""
    if output.inputs == 1:
        return "output of the hidden unit", ""
    if output.inputs == 2:
        return "output of hidden unit 1", "output of hidden unit 2"
    if output.units == 1:
        return "along the weights of the output unit", "across them, where the rows differ most"
    if output.units == 2:
        return "along the difference of the outputs' weights", "across it, where the rows differ most"
    return "first direction of the output weights", "second direction of the output weights"


def output_layers(network: Network) -> list[Dense | Activate]:
    """The output layer and what follows it, as far as it has a function; there must be an `output_place`."""
    place = output_place(network)
    assert place is not None
    return [entry for entry in network.layers[place:] if isinstance(entry, Dense | Activate)]


def _weights(layer: Dense, parameters: Parameters) -> tuple[Array, Array]:
    """Weights (inputs, units) and biases (units,)."""
    weights = np.asarray(parameters[layer.weight.name], np.float64)
    bias = np.zeros(layer.units) if layer.bias is None else np.asarray(parameters[layer.bias.name], np.float64)
    return weights, bias


def hidden_planes(weights: Sequence[Array], hidden: Array) -> list[Array]:
    """For the weights of the output layer at each time the two directions that span the plane, (2, units).

    `hidden` are the rows at the last of these times; they decide what the weights leave open. Each plane is turned so
    that it looks as much as possible like the next one.
    """
    units, outputs = weights[-1].shape
    if units <= 2:
        return [np.eye(2, units)] * len(weights)
    centred = hidden - hidden.mean(axis=0)
    scatter = centred.T @ centred
    if scatter.max(initial=0.0) <= 0.0:
        scatter = np.eye(units)
    planes: list[Array] = []
    for entry in reversed(weights):
        # Of several outputs only the differences count.
        looked_at = entry if outputs == 1 else entry - entry.mean(axis=1, keepdims=True)
        plane = _plane(looked_at, scatter)
        if outputs <= 2:
            # Class 1, and with two outputs the second of them, is at the right.
            plane[0] *= np.sign(looked_at[:, -1] @ plane[0]) or 1.0
        if planes and outputs <= 2:
            plane[1] *= np.sign(plane[1] @ planes[-1][1]) or 1.0
        elif planes:
            left, _, right = np.linalg.svd(planes[-1] @ plane.T)
            plane = left @ right @ plane
        planes.append(plane)
    return planes[::-1]


def _plane(looked_at: Array, scatter: Array) -> Array:
    """Two directions: those along which the answers to the rows differ most, then those of the largest spread."""
    units = len(looked_at)
    strengths, mixtures = _mixtures(looked_at, scatter)
    wanted = [looked_at @ mixture for mixture in mixtures[:, strengths > TINY * strengths[-1]].T[::-1]]
    if not wanted:  # the rows are the same for it, or its weights are 0
        wanted = [looked_at[:, -1]]
    found: list[Array] = []
    _add(found, wanted)
    across = np.eye(units) - sum((np.outer(entry, entry) for entry in found), np.zeros((units, units)))
    spread = np.linalg.eigh(across @ scatter @ across)[1].T[::-1]
    _add(found, [*(across @ direction for direction in spread), *np.eye(units)])
    return np.array(found)


def _mixtures(looked_at: Array, scatter: Array) -> tuple[Array, Array]:
    """How much the answers to the rows differ along mixtures of the outputs (ascending); these mixtures as columns."""
    units, outputs = looked_at.shape
    if outputs <= max(units, MANY_OUTPUTS):
        return np.linalg.eigh(looked_at.T @ scatter @ looked_at)
    # The same from a matrix with a row for each unit: seconds, not minutes, for thousands of classes.
    spreads, directions = np.linalg.eigh(scatter)
    root = (directions * np.sqrt(np.maximum(spreads, 0.0))) @ directions.T
    _, roots, right = np.linalg.svd(root @ looked_at, full_matrices=False)
    return roots[::-1] ** 2, right[::-1].T


def _add(found: list[Array], directions: Sequence[Array]) -> None:
    """Add directions, at right angles to those that are there, until there are two."""
    for direction in directions:
        rest = direction
        for entry in found:
            rest = rest - entry * (entry @ rest)
        length = float(np.linalg.norm(rest))
        if len(found) < 2 and length > TINY:
            found.append(rest / length)


def on_plane(weights: Array, bias: Array, plane: Array, middle: Array) -> tuple[Array, Array]:
    """The weighted sums as linear functions on the plane through the middle: slopes (2, units), constants (units,)."""
    return plane @ weights, bias + (middle - plane.T @ (plane @ middle)) @ weights


def _ends(values: Array) -> tuple[float, float]:
    """An axis that holds all values with room around them."""
    low, high = float(values.min()), float(values.max())
    room = MARGIN * (high - low) or 1.0
    return low - room, high + room


def _spread(hidden: Array, places: Array) -> float:
    total = float(hidden.var(axis=0).sum())
    return float(places.var(axis=0).sum()) / total if total > 0.0 else 1.0


def _through(functions: Sequence[Dense | Activate], sums: Array) -> Array:
    """What the output layer answers to weighted sums (outputs, ...)."""
    answers = sums
    for layer in functions:
        record, values = layer.activation.record, layer.activation.values
        if isinstance(record, Activation):
            # On a grid many sums are alike; a table of the function does for all of them.
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


def levels(functions: Sequence[Dense | Activate], sums: Sequence[Array], threshold: float) -> tuple[float, ...]:
    """Weighted sums of a single output at which its answer changes sides."""

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
        # The usual place is 0, which halving only comes near.
        found.append(0.0 if abs(high) < TINY * (places[-1] - places[0]) else float(high))
    return tuple(found)
