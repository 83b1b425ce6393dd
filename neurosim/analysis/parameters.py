"""Every weight and bias of a small network over time, and whether they come to rest or go around in circles."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurosim.network.layers import Dense, of_kind

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.network.network import Network
    from neurosim.training.simulator import Simulator

# The lines of more parameters could not be told apart.
MOST = 12


@dataclass(frozen=True)
class ParameterPaths:
    """The parameters at each recorded time.

    Attributes
    ----------
    names : tuple of str
        For a single unit, w1, w2, ... and b; for more, the names that worksheets use.
    epochs : float64 (times,)
        When they were recorded.
    values : float32 (times, parameters)
        Their values.
    weights : tuple of int
        For a single unit with two inputs, which of them are its two weights; otherwise empty.
    circle : tuple of float or None
        From which epoch on the very same numbers keep coming back, and after how many epochs.
    rest : float or None
        From which epoch on nothing has moved, if that is longer than the last recorded step.
    """

    names: tuple[str, ...]
    epochs: NDArray[np.float64]
    values: NDArray[np.float32]
    weights: tuple[int, ...]
    circle: tuple[float, float] | None
    rest: float | None


def parameter_paths(simulator: Simulator) -> ParameterPaths:
    """The paths of a network of dense layers whose parameters were recorded."""
    recording = simulator.recording
    assert recording is not None
    entries = [entry.name for entry in simulator.network.parameters]
    columns = [np.array(recording.parameters[name], np.float32).reshape(len(recording), -1) for name in entries]
    values, epochs = np.concatenate(columns, axis=1), np.array(recording.epochs, np.float64)
    circle, rest = _repetition(epochs, values)
    one_unit = _one_unit(simulator.network)
    weights = (0, 1) if one_unit is not None and one_unit.inputs == 2 else ()
    return ParameterPaths(_names(simulator.network), epochs, values, weights, circle, rest)


def _one_unit(network: Network) -> Dense | None:
    """The only layer of a network of one unit."""
    dense = of_kind(network.layers, Dense)
    return dense[0] if len(dense) == 1 and dense[0].units == 1 else None


def _names(network: Network) -> tuple[str, ...]:
    one = _one_unit(network)
    if one is not None:
        learned = (parameter.name.rpartition(".")[2] for parameter in one.learned)
        return (*(f"w{k + 1}" for k in range(one.inputs)), *(["b"] if one.bias is not None else []), *learned)
    found = []
    for number, layer in enumerate(of_kind(network.layers, Dense), 1):
        places = itertools.product(range(layer.inputs), range(layer.units))
        found += [f"w{number}[{i + 1},{j + 1}]" for i, j in places]
        found += [f"b{number}[{j + 1}]" for j in range(layer.units) if layer.bias is not None]
        for parameter in layer.learned:
            name = parameter.name.rpartition(".")[2] + str(number)
            found += [name] if parameter.size == 1 else [f"{name}[{j + 1}]" for j in range(parameter.size)]
    return tuple(found)


def _repetition(
    epochs: NDArray[np.float64], values: NDArray[np.float32]
) -> tuple[tuple[float, float] | None, float | None]:
    """Whether the parameters go around in circles at the end, or have come to rest; not a bit may differ."""
    times = len(values)
    moved = (values[1:] != values[:-1]).any(axis=1)
    if not moved.any():
        return None, None
    last = int(np.flatnonzero(moved)[-1]) + 1
    if last < times - 1:
        return None, float(epochs[last])
    # At least twice around, or it may be chance.
    for period in range(2, (times - 1) // 2 + 1):
        same = (values[period:] == values[:-period]).all(axis=1)
        if same[-period:].all():
            different = np.flatnonzero(~same)
            first = int(different[-1]) + 1 if different.size else 0
            return (float(epochs[first]), float(epochs[-1] - epochs[-1 - period])), None
    return None, None
