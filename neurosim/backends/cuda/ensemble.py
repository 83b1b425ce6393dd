"""Many networks that differ only in their seed, trained at once on the GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cuda.backend import CudaBackend
from neurosim.data.rows import Rows


class GpuEnsemble:
    """Networks that differ only in their seed, trained together.

    Parameters
    ----------
    backend : CudaBackend
        Provides the network, the training settings and the compiled kernels; it is not trained itself.
    seeds : sequence of int
        One for each member.
    rows : sequence of Rows
        Training rows of each member, all of the same shape, or a single one that all share.
    """

    def __init__(self, backend: CudaBackend, seeds: Sequence[int], rows: Sequence[Rows]) -> None:
        network, training = backend.network, backend.training
        slots = len(training.slots)
        weights = np.stack([network.start_values(seed) for seed in seeds])
        state = np.zeros((len(seeds), slots, network.size), np.float32)
        self._networks = backend.small_networks(seeds, rows, weights, state)
        self._steps = training.steps(rows[0].count)
        self._epochs_done = 0
        self._averages = training.average is not None

    def train(self, epochs: int) -> NDArray[np.float64]:
        """Train for more epochs; returns the sums of losses and right answers, (epochs, members, 2)."""
        done = self._epochs_done
        self._epochs_done += epochs
        return self._networks.train(done, epochs, done * self._steps)

    @property
    def parameters(self) -> NDArray[np.float32]:
        """Parameters of all members, or their averages if these are evaluated, (members, size)."""
        return self._networks.averages() if self._averages and self._epochs_done else self._networks.parameters()
