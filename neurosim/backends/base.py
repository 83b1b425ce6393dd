"""The interface of backends, and the data types that they share.

A backend owns the parameters and the optimizer's state of one network. Backends differ in speed and
precision, never in meaning: same order of rows, same dropout masks, same formulas.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.trials import check_first_use
from neurosim.data.rows import Accuracy, Rows
from neurosim.network.course import Course
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.randomness import key, keys

# The same as numbers, for compiled code.
JUDGES: dict[Accuracy, int] = {"none": 0, "threshold": 1, "argmax": 2}
# Rows that are put through a network at once.
BLOCK = 4096


def shuffle_key(seed: int, epoch: int) -> int:
    """Key of the order of rows in an epoch."""
    return key(seed, "shuffle", epoch)


def dropout_keys(network: Network, seed: int, *when: int | str) -> list[int]:
    """Key of each dropout layer's masks, for an epoch or a single step."""
    return [key(seed, "dropout", layer.index, *when) for layer in network.dropouts]


def all_dropout_keys(network: Network, seeds: Sequence[int]) -> NDArray[np.uint64]:
    """The `dropout_keys` of each seed, to be folded with the epoch; shape (seeds, dropout layers)."""
    columns = [keys(seeds, "dropout", layer.index) for layer in network.dropouts]
    return np.stack(columns, axis=1) if columns else np.zeros((len(seeds), 0), np.uint64)


@dataclass(frozen=True)
class Totals:
    """Sums over rows: of the loss, and of right answers."""

    loss: float
    correct: float
    rows: int
    accuracy: Accuracy

    @property
    def mean_loss(self) -> float:
        """Loss per row."""
        return self.loss / self.rows

    @property
    def accuracy_share(self) -> float | None:
        """Share of right answers; None where there are no classes."""
        return None if self.accuracy == "none" else self.correct / self.rows


def in_all(parts: Sequence[Totals]) -> Totals:
    """The combined totals of several parts of an epoch."""
    loss, correct = in_order([part.loss for part in parts]), in_order([part.correct for part in parts])
    return Totals(loss, correct, sum(part.rows for part in parts), parts[0].accuracy)


@dataclass(frozen=True)
class Begun:
    """The completed part of an unfinished epoch.

    Attributes
    ----------
    steps : int
        Number of steps done.
    totals : tuple of Totals
        Totals of the parts in which they were done.
    """

    steps: int = 0
    totals: tuple[Totals, ...] = ()

    def state(self) -> dict[str, NDArray[Any]]:
        """The same as arrays, for a checkpoint; empty between two epochs."""
        if not self.steps:
            return {}
        numbers = [[part.loss, part.correct, part.rows] for part in self.totals]
        return {"begun_steps": np.array([self.steps], np.int64), "begun_totals": np.array(numbers, np.float64)}

    @staticmethod
    def restored(state: Mapping[str, NDArray[Any]], accuracy: Accuracy) -> Begun:
        """The progress stored in a `state`."""
        if "begun_steps" not in state:
            return Begun()
        parts = tuple(
            Totals(loss, correct, int(rows), accuracy) for loss, correct, rows in state["begun_totals"].tolist()
        )
        return Begun(int(state["begun_steps"][0]), parts)


@dataclass(frozen=True)
class Signals:
    """What one layer computed for some rows.

    Attributes
    ----------
    outputs : array (rows, *output shape)
        Its outputs, channels last.
    sums : array of the same shape, or None
        The inputs of its activation; None for layers without one.
    errors : array of the same shape, or None
        Gradient of the mean objective with respect to the weighted sums, for layers with weights.
    """

    outputs: NDArray[Any]
    sums: NDArray[Any] | None
    errors: NDArray[Any] | None


@dataclass(frozen=True)
class Inspection:
    """Objective and gradient as returned by `Backend.gradients`, and what each layer computed, by its name."""

    loss: float
    gradient: NDArray[Any]
    layers: dict[str, Signals]


class Backend(ABC):
    """One network on one machine.

    Parameters
    ----------
    network : Network
        The network to compute.
    training : Training
        Optimizer, schedule and batches.
    seed : int
        Determines initial values, shuffles and dropout.
    threads : int or None
        Threads to use; None for all processors. Never changes a result.
    """

    name: ClassVar[str]
    dtype: ClassVar[Any]

    def __init__(self, network: Network, training: Training, seed: int, threads: int | None = None) -> None:
        check_first_use(network, training)
        self.network = network
        self.training = training
        self.seed = seed
        self.steps_done = 0
        # The losses after each epoch so far, for a schedule with feedback; set by the training loop.
        self.losses: Sequence[float] = ()
        self.parameters = network.start_values(seed).astype(self.dtype)
        self.state = np.zeros((len(training.slots), network.size), self.dtype)
        self.statistics = network.start_statistics().astype(self.dtype)
        self.compile_seconds = 0.0
        self._counting = False
        self._course: Course | None = None

    def course(self, rows: int) -> Course:
        """The course of training on so many rows, with the losses so far."""
        known = self._course
        if known is None or known.rows != rows or known.losses is not self.losses:
            known = self._course = Course(self.training, rows, self.losses)
        return known

    @property
    def average(self) -> NDArray[Any] | None:
        """The average of the parameters so far, flat; None where there is none to evaluate."""
        if self.training.average is None or not self.steps_done:
            return None
        average, learned = self.state[-1], self.network.learned_size
        return (
            average if learned == self.network.size else np.concatenate([average[:learned], self.parameters[learned:]])
        )

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Have the average in the place of the parameters, if there is one."""
        average = self.average
        if average is None:
            yield
            return
        current = self.parameters.copy()
        self.parameters[:] = average
        try:
            yield
        finally:
            self.parameters[:] = current

    def prepare(self) -> None:  # noqa: B027
        """Compile whatever is not compiled yet; `compile_seconds` has the time that it took."""

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Add the time spent inside to `compile_seconds`; nested uses count once."""
        if self._counting:
            yield
            return
        self._counting = True
        start = time.perf_counter()
        try:
            yield
        finally:
            self.compile_seconds += time.perf_counter() - start
            self._counting = False

    @abstractmethod
    def forward(self, features: NDArray[Any]) -> NDArray[Any]:
        """Network outputs (rows, outputs) for inputs (rows, inputs); dropout off."""

    @abstractmethod
    def gradients(self, rows: Rows) -> tuple[float, NDArray[Any]]:
        """Mean objective (loss and penalties) and its gradient, flat; dropout off, statistics of these rows."""

    @abstractmethod
    def inspect(self, rows: Rows) -> Inspection:
        """Like `gradients`, with what every layer of `Network.parts` computed for the rows."""

    def signals(self, features: NDArray[Any]) -> dict[str, Signals]:
        """The layers of `inspect` for inputs (rows, features) without targets, and therefore without errors."""
        # What the layers compute does not depend on the targets.
        count, by_class = len(features), self.network.loss.record.targets == "classes"
        values = np.zeros((0 if by_class else count, self.network.answers), np.float32)
        classes = np.zeros(count if by_class else 0, np.int32)
        seen = self.inspect(Rows(features, values, classes, "none")).layers
        return {name: replace(signals, errors=None) for name, signals in seen.items()}

    @abstractmethod
    def train_step(self, rows: Rows) -> float:
        """One update with all `rows` as one batch, dropout on; returns the mean objective before it."""

    @abstractmethod
    def train_epoch(self, rows: Rows, epoch: int, first: int = 0, last: int | None = None) -> Totals:
        """Update on every batch of epoch number `epoch` (from 0); returns the sums, measured before each update.

        With `first` and `last`, only the steps from number `first` up to, but not including, `last` are done. An epoch
        in parts gives the same bits as a whole one.
        """

    @abstractmethod
    def evaluate(self, rows: Rows) -> Totals:
        """Loss and right answers over `rows`; dropout off, running statistics."""

    def span(self, rows: Rows, epoch: int, first: int, last: int | None) -> tuple[int, int, int]:
        """For the steps of an epoch from `first` to before `last`: (rows before them, rows after them, last step)."""
        course = self.course(rows.count)
        batch, steps = course.batch(epoch), course.steps(epoch)
        end = steps if last is None else min(last, steps)
        return first * batch, min(end * batch, rows.count), end

    def penalty(self) -> float:
        """The penalty on the current weights: the part of the objective that is not the loss."""
        total = 0.0
        for layer in self.network.penalized:
            weight = self.parameters[layer.weight.span].astype(np.float64)
            total += layer.penalty.l1 * float(np.abs(weight).sum()) + layer.penalty.l2 / 2 * float((weight**2).sum())
        return total


def outputs(backend: Backend, rows: Rows) -> NDArray[Any]:
    """What the network answers for rows, dropout off: (rows, outputs)."""
    blocks = (rows.some(slice(start, start + BLOCK)) for start in range(0, rows.count, BLOCK))
    return np.concatenate([backend.forward(block.inputs(backend.dtype)) for block in blocks])


def in_order(per_block: Sequence[Any] | NDArray[np.float64]) -> float:
    """Sum from first to last: the same however a sum is vectorized, and in all versions of Python, unlike `sum`."""
    total = 0.0
    for value in per_block:
        total += float(value)
    return total
