"""The data that the live part of a page draws, as plain JSON: the recorded epochs of a run."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.analysis.conditions import no_hidden_space, shows_inputs, shows_plane
from neurosim.analysis.hidden import MOST_ROWS, grid_lines, hidden_directions, hidden_space
from neurosim.analysis.inputs import input_axis, input_names, input_points
from neurosim.analysis.output_layer import hidden_units, levels, output_layers, output_place
from neurosim.analysis.spacing import evenly
from neurosim.errors import PluginError
from neurosim.formulas.javascript import Script
from neurosim.report.evaluation import can_evaluate, network_data
from neurosim.training.recording import Recording
from neurosim.training.recording.recording import HISTOGRAMS

if TYPE_CHECKING:
    from neurosim.training.simulator import Simulator

MOST_FRAMES, MOST_EPOCHS, MOST_POINTS = 60, 600, 1500
# For each of several runs.
FEWER_FRAMES = 30
# With more layers or classes, the numbers would fill the page.
MOST_LAYERS, MOST_CLASSES = 40, 50
# A plane of more hidden units shows little, and its directions would fill the page.
MOST_UNITS = 64
# How far from 0 weighted sums are searched for a change of the answer.
FARTHEST = 50.0


def live_data(
    simulator: Simulator, script: Script, label: str = "", *, inside: bool = True, hidden: bool = True
) -> dict[str, Any]:
    """The recorded epochs of a run; `script` gets the formulas that the page needs.

    Parameters
    ----------
    simulator : Simulator
        The trained network.
    script : Script
        Collects the formulas.
    label : str
        Its name among several runs.
    inside : bool
        Whether to include what happens in the layers; each of several runs has fewer frames, and none of this.
    hidden : bool
        Whether to include the hidden space.
    """
    recording = simulator.recording or Recording(())
    places = evenly(len(recording), MOST_FRAMES if inside else FEWER_FRAMES)
    net = _net(simulator, recording, places, script)
    return {
        "label": label,
        "epochs": [float(recording.epochs[place]) for place in places],
        "history": _history(simulator),
        "layers": list(recording.layers),
        "gradients": _gradients(recording, places) if inside else None,
        "histograms": {name: _histograms(recording, name, places) for name in HISTOGRAMS} if inside else {},
        "confusion": _confusion(simulator, recording, places),
        "plane": _plane(simulator, net),
        "hidden": _hidden(simulator, recording, places, net) if hidden else None,
    }


def _history(simulator: Simulator) -> dict[str, list[Any]]:
    history = simulator.history
    places = evenly(len(history), MOST_EPOCHS)
    columns = {name: getattr(history, name) for name in ("epoch", *history.measures)}
    return {
        name: [_rounded(column[place]) for place in places]
        for name, column in columns.items()
        if any(value is not None for value in column)
    }


def _gradients(recording: Recording, places: list[int]) -> dict[str, Any] | None:
    if "gradient_norm" not in recording.quantities or not places:
        return None
    layers = recording.layers_with("gradient_norm")[:MOST_LAYERS]
    values = recording.series("gradient_norm")[np.ix_(places, layers)]
    return {"layers": layers, "values": [[_rounded(value) for value in row] for row in values.tolist()]}


def _histograms(recording: Recording, name: str, places: list[int]) -> dict[str, Any] | None:
    if name not in recording.quantities or not places:
        return None
    layers = recording.layers_with(name)[:MOST_LAYERS]
    counts, ranges = recording.values[name], recording.values[f"{name}_range"]
    return {
        "layers": layers,
        "counts": [counts[place][layers].tolist() for place in places],
        "ranges": [[[_rounded(end) for end in ends] for ends in ranges[place][layers].tolist()] for place in places],
    }


def _confusion(simulator: Simulator, recording: Recording, places: list[int]) -> dict[str, Any] | None:
    classes = simulator.data.classes
    if not recording.confusion or len(classes) > MOST_CLASSES:
        return None
    counts = [recording.confusion[place].tolist() for place in places]
    return {"classes": list(simulator.data.class_labels), "split": simulator.judged_split, "counts": counts}


def _plane(simulator: Simulator, net: dict[str, Any] | None) -> dict[str, Any] | None:
    """The network and its parameters at each time, if its inputs can be drawn."""
    network, data = simulator.network, simulator.data
    if net is None or not shows_inputs(simulator):
        return None
    points = {split: input_points(simulator, split) for split in simulator.splits if split != "validation"}
    inputs = points["train"].inputs
    targets = np.concatenate([found.targets.ravel() for found in points.values()]).astype(np.float64)
    margin = 0.15 * (float(np.ptp(targets)) or 1.0)
    return {
        "labels": list(input_names(simulator)),
        "axes": [_ends(input_axis(inputs[:, k], 2)) for k in range(data.raw_features)],
        "range": [float(targets.min()) - margin, float(targets.max()) + margin],
        "classes": list(data.class_labels),
        "threshold": network.loss.record.threshold,
        "answers": network.answers,
        "answer": data.target_labels[0] if data.target_labels and not data.classes else "",
        "target": [data.target_scale.tolist(), data.target_shift.tolist()] if data.scales_targets else None,
        "output": output_place(network),
        "levels": _levels(simulator),
        **net,
        "points": {name: _points(found.inputs, found.targets) for name, found in points.items()},
    }


def _levels(simulator: Simulator) -> list[float]:
    """The weighted sums of a single output unit at which its answer changes class."""
    network = simulator.network
    if network.outputs != 1 or not simulator.data.classes or output_place(network) is None:
        return []
    return list(levels(output_layers(network), [np.array([-FARTHEST, FARTHEST])], network.loss.record.threshold))


def _net(simulator: Simulator, recording: Recording, places: list[int], script: Script) -> dict[str, Any] | None:
    """What the page needs to evaluate the network at each time; None if it cannot."""
    network, data = simulator.network, simulator.data
    if not (recording.parameters and can_evaluate(network)):
        return None
    try:
        layers = network_data(network, script)
    except PluginError:  # a formula without a translation; the still pictures remain
        return None
    names = [*(entry.name for entry in network.parameters), *(entry.name for entry in network.statistics)]
    frames = np.array(
        [np.concatenate([recording.parameters[name][place].ravel() for name in names]) for place in places]
    )
    return {
        "scale": np.broadcast_to(data.feature_scale, network.inputs).tolist(),
        "shift": np.broadcast_to(data.feature_shift, network.inputs).tolist(),
        "made": None if data.made is None else data.made.steps,
        "layers": layers,
        "size": frames.shape[1],
        "parameters": base64.b64encode(frames.astype("<f4").tobytes()).decode(),
    }


def _hidden(
    simulator: Simulator, recording: Recording, places: list[int], net: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Where the last hidden layer puts the rows; the page computes it with the network at each time."""
    network = simulator.network
    if net is None or no_hidden_space(simulator) or hidden_units(network) > MOST_UNITS:
        return None
    space = hidden_space(simulator)
    planes = hidden_directions(simulator, [recording.parameters_at(place) for place in places])
    train = input_points(simulator, "train")
    rows = evenly(len(train.inputs), MOST_ROWS)
    return {
        "net": None if shows_plane(simulator) else net,
        "at": output_place(network),
        "units": space.units,
        "planes": [[_rounded(value) for value in plane.ravel().tolist()] for plane in planes],
        "labels": list(space.labels),
        "levels": list(space.levels),
        "classes": list(space.classes),
        "threshold": space.threshold,
        "inputs": list(input_names(simulator)),
        "rows": _points(train.inputs[rows], train.targets[rows]),
        "names": list(space.names),
        "grid": grid_lines(train.inputs).tolist() if simulator.data.raw_features == 2 else [],
    }


def _points(inputs: NDArray[np.float64], targets: NDArray[Any]) -> dict[str, Any]:
    places = evenly(len(inputs), MOST_POINTS)
    rows = [[_rounded(value) for value in row] for row in inputs[places].tolist()]
    return {"inputs": rows, "targets": [_rounded(value) for value in targets[places].ravel().tolist()]}


def _ends(axis: NDArray[np.float64]) -> list[float]:
    return [float(axis[0]), float(axis[-1])]


def _rounded(value: Any) -> Any:
    """Seven digits, as many as a float32 has; None for what is not finite, which JSON cannot express."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.7g}") if np.isfinite(value) else None
