"""What the training rows are like: the size of inputs and targets, the order of the rows, their neighbors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.uncompiled import apply
from neurosim.data.rows import Rows
from neurosim.network.layers import Activated
from neurosim.plugin import Activation, RowActivation
from neurosim.training.simulator import Simulator

PROBED = 1000
# Neighbors per row, the fewest rows that show anything, and how often classes are dealt out at random.
NEAREST, FEWEST, DEALS = 3, 40, 100
# Pixels are all of one kind; the columns of tables are scaled alike before distances are measured.
MANY_INPUTS = 100
REACH, POINTS = 30.0, 601


@dataclass(frozen=True)
class Neighbors:
    """How often training rows that lie next to each other have the same class.

    Attributes
    ----------
    rows : int
        How many rows were looked at.
    agreement : float
        The share of neighbors with the same class.
    chance, spread : float
        Mean and standard deviation of that share when the classes are dealt out at random.
    """

    rows: int
    agreement: float
    chance: float
    spread: float

    @property
    def deviations(self) -> float:
        """How many standard deviations the agreement lies above chance."""
        return (self.agreement - self.chance) / max(self.spread, 1e-9)


@dataclass(frozen=True)
class Targets:
    """The target values, as the network is trained on them.

    Attributes
    ----------
    size : float
        Their root mean square.
    spread : float
        Their standard deviation.
    low, high : float
        The smallest and the largest one.
    """

    size: float
    spread: float
    low: float
    high: float


@dataclass(frozen=True)
class OutputRange:
    """The range of the output activation.

    Attributes
    ----------
    low, high : float
        The smallest and the largest output; infinite if there is no bound.
    beyond : float
        Share of the targets' variance that no output can explain; 0 for classes.
    """

    low: float
    high: float
    beyond: float


def input_sizes(simulator: Simulator) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Root mean square of each input, as the network gets it; mean and standard deviation of all inputs."""
    rows = simulator.split_rows("train", 10 * PROBED)
    inputs = rows.inputs(np.float64)
    sizes: NDArray[np.float64] = np.sqrt(np.mean(inputs**2, axis=0))
    return sizes, (float(inputs.mean()), float(inputs.std()))


def target_sizes(simulator: Simulator) -> Targets | None:
    """How large the targets are; None if they are classes."""
    rows = simulator.split_rows("train", 10 * PROBED)
    if rows.accuracy != "none":
        return None
    values = rows.values.astype(np.float64)
    size, spread = float(np.sqrt(np.mean(values**2))), float(values.std(axis=0).mean())
    return Targets(size, spread, float(values.min()), float(values.max()))


def output_range(simulator: Simulator) -> OutputRange:
    """The range of the output, from the output activation's formula for sums from -30 to 30."""
    low, high = -np.inf, np.inf
    found = _output_activation(simulator)
    if found is not None:
        record, values = found
        if isinstance(record, Activation):
            z = np.linspace(-REACH, REACH, POINTS)
            answers = apply(record.f, z, params=values)
            # If it still changes at the end, it has no bound.
            low = float(answers.min()) if _flat(answers, answers.min()) else low
            high = float(answers.max()) if _flat(answers, answers.max()) else high
        elif record.name == "softmax":
            low, high = 0.0, 1.0
    rows = simulator.split_rows("train", 10 * PROBED)
    if not rows.values.size:
        return OutputRange(low, high, 0.0)
    targets = rows.values.astype(np.float64)
    variance = float(np.mean((targets - targets.mean(axis=0)) ** 2))
    lost = float(np.mean((targets - np.clip(targets, low, high)) ** 2))
    return OutputRange(low, high, lost / variance if variance > 0 else 0.0)


def _flat(answers: NDArray[np.float64], extreme: float) -> bool:
    """Whether the function stays at its extreme over a stretch."""
    return bool((np.abs(answers - extreme) <= 1e-3 * max(float(np.ptp(answers)), 1e-12)).sum() > POINTS // 10)


def _output_activation(simulator: Simulator) -> tuple[Activation | RowActivation, tuple[float, ...]] | None:
    """The output activation and its parameters; None without one, and where units have learned ones of their own."""
    layer = simulator.network.layers[-1]
    if not isinstance(layer, Activated):
        return None
    values = layer.activation_values(simulator.parameters)
    return None if any(np.ndim(value) for value in values) else (layer.activation.record, values)


def order(simulator: Simulator) -> float | None:
    """How well the target of a row predicts that of the next one: 0 no better than chance, 1 perfectly.

    None if the rows are shuffled in each epoch, if a batch has all of them, or if they are few.
    """
    rows = simulator.split_rows("train")
    training = simulator.training
    if training.shuffle or training.batch_size >= rows.count or rows.count < FEWEST:
        return None
    if rows.classes.size:
        same = float(np.mean(rows.classes[1:] == rows.classes[:-1]))
        shares = np.bincount(rows.classes) / rows.count
        chance = float((shares**2).sum())
        return (same - chance) / (1 - chance) if chance < 1 else None
    values = rows.values.astype(np.float64)
    variance = float(values.var(axis=0).sum())
    return 1 - float((np.diff(values, axis=0) ** 2).sum(axis=1).mean()) / (2 * variance) if variance > 0 else None


def neighbors(simulator: Simulator) -> Neighbors | None:
    """The nearest neighbors of some training rows, among these rows; chance is dealing the classes out at random."""
    rows: Rows = simulator.split_rows("train")
    if not rows.classes.size or rows.count < FEWEST:
        return None
    chosen = np.linspace(0, rows.count - 1, min(rows.count, PROBED)).astype(int)
    inputs = rows.features[chosen].astype(np.float64)
    spread = inputs.std(axis=0)
    inputs = inputs / np.where(spread > 0, spread, 1.0) if inputs.shape[1] < MANY_INPUTS else inputs
    squares = (inputs**2).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * inputs @ inputs.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, NEAREST, axis=1)[:, :NEAREST]
    classes = rows.classes[chosen]
    random = np.random.default_rng(0)
    dealt = [random.permutation(classes) for _ in range(DEALS)]
    shares = [float((some[nearest] == some[:, None]).mean()) for some in (classes, *dealt)]
    return Neighbors(len(classes), shares[0], float(np.mean(shares[1:])), float(np.std(shares[1:])))
