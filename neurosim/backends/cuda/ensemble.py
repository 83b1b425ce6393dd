"""Many networks that differ only in their seed, trained at once on the GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import outputs
from neurosim.backends.cuda.backend import CudaBackend
from neurosim.backends.together import Note, Together
from neurosim.data.rows import Rows
from neurosim.network.course import Course

# Calls in which all epochs are trained.
PARTS = 20


class GpuEnsemble(Together):
    """Networks that differ only in their seed, trained together.

    Parameters
    ----------
    backend : CudaBackend
        Provides the network, the training settings and the compiled kernels; it evaluates the members, but is not
        trained itself.
    seeds : sequence of int
        One for each member.
    rows : sequence of Rows
        Training rows of each member, all of the same shape, or a single one that all share.
    """

    def __init__(self, backend: CudaBackend, seeds: Sequence[int], rows: Sequence[Rows]) -> None:
        network, training = backend.network, backend.training
        slots = len(training.slots)
        weights = network.all_start_values(seeds)
        state = np.zeros((len(seeds), slots, network.size), np.float32)
        self._networks = backend.small_networks(seeds, rows, weights, state)
        self._course = Course(training, rows[0].count)
        self._backend = backend
        self._averages = training.average is not None
        self.count = len(seeds)
        self.epochs_done = 0

    def train_noting(self, epochs: int, note: Note) -> None:
        """Train for more epochs; `note` is told what was measured in them, of all members at once."""
        last, part = self.epochs_done + epochs, max(1, epochs // PARTS)
        while self.epochs_done < last:
            done = self.epochs_done
            note(slice(0, self.count), done, self.train(min(part, last - done)))

    def train(self, epochs: int) -> NDArray[np.float64]:
        """Train for more epochs at once; returns the sums of losses and right answers, (epochs, members, 2)."""
        done = self.epochs_done
        self.epochs_done += epochs
        return self._networks.train(self._course, done, epochs, self._course.before(done))

    def evaluate(self, rows: Rows) -> NDArray[np.float64]:
        """Sums of losses and right answers of all members over `rows`, dropout off, (members, 2)."""
        found = (member.evaluate(rows) for member in self._one_by_one())
        return np.array([[totals.loss, totals.correct] for totals in found])

    def outputs(self, rows: Rows) -> Iterator[NDArray[np.float32]]:
        """What each member answers for `rows`, dropout off, (rows, outputs)."""
        for member in self._one_by_one():
            yield outputs(member, rows)

    def _one_by_one(self) -> Iterator[CudaBackend]:
        """The backend with the parameters of each member in turn."""
        for parameters in self.parameters:
            self._backend.parameters[:] = parameters
            yield self._backend

    @property
    def parameters(self) -> NDArray[np.float32]:
        """Parameters of all members, or their averages if these are evaluated, (members, size)."""
        return self._networks.averages() if self._averages and self.epochs_done else self._networks.parameters()
