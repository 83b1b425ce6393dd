"""Networks of one architecture that differ in their seed and in numbers, trained together: the interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurosim.data.rows import Rows
from neurosim.network.network import Network
from neurosim.network.training import Training

# Called with the members, the number of their first epoch (from 0), and the sums of losses and right answers of this
# epoch and those after it, (epochs, members, 2).
Note = Callable[[slice, int, NDArray[np.float64]], None]


@dataclass(frozen=True)
class Numbers:
    """What a network that is trained beside others may have of its own besides its seed.

    Attributes
    ----------
    network : Network
        Its initial values are drawn as this network says, and its weights penalized so.
    training : Training
        Has the optimizer's parameters and their schedules.
    """

    network: Network
    training: Training

    def go_beside(self, other: Numbers) -> bool:
        """Whether two networks differ in such numbers only, and can be trained together."""
        mine, theirs = self.training, other.training
        if mine.needs_feedback or theirs.needs_feedback or mine.optimizer.record != theirs.optimizer.record:
            return False
        if replace(theirs, optimizer=mine.optimizer, schedule=mine.schedule, schedules=mine.schedules) != mine:
            return False
        return self.network.differs_in_numbers(other.network)


class Together(ABC):
    """Networks of one architecture that differ in their seed and in `Numbers`, trained together.

    Attributes
    ----------
    count : int
        How many there are.
    epochs_done : int
        Epochs that all of them have done.
    """

    count: int
    epochs_done: int

    @property
    @abstractmethod
    def parameters(self) -> NDArray[np.float32]:
        """Parameters of all members, or their averages if these are evaluated, (members, size)."""

    @abstractmethod
    def train_noting(self, epochs: int, note: Note) -> None:
        """Train for more epochs; `note` is told what was measured in them, in any thread and some members at a time."""

    def train(self, epochs: int) -> NDArray[np.float64]:
        """Train for more epochs; returns the sums of losses and right answers, (epochs, members, 2)."""
        totals = np.empty((epochs, self.count, 2))
        done = self.epochs_done

        def keep(members: slice, first: int, part: NDArray[np.float64]) -> None:
            totals[first - done : first - done + len(part), members] = part

        self.train_noting(epochs, keep)
        return totals

    @abstractmethod
    def evaluate(self, rows: Rows) -> NDArray[np.float64]:
        """Sums of losses and right answers of all members over `rows`, dropout off, (members, 2)."""

    @abstractmethod
    def outputs(self, rows: Rows) -> Iterator[NDArray[np.float32]]:
        """What each member answers for `rows`, dropout off, (rows, outputs)."""
