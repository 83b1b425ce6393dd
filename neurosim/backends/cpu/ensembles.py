"""An ensemble of small networks, divided into groups that fit in the cache and distributed over threads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu import team
from neurosim.backends.cpu.backend import CpuBackend
from neurosim.backends.cpu.groups import LaneGroup, judge_of, lane_data, lanes_for
from neurosim.data.rows import Rows
from neurosim.process.interruption import deferred


class SmallEnsemble:
    """Networks that differ only in their seed, trained together.

    Parameters
    ----------
    backend : CpuBackend
        Provides the network, the training settings and the compiled kernels; it is not trained itself.
    seeds : sequence of int
        One for each member.
    rows : sequence of Rows
        Training rows of each member, all of the same shape, or a single one that all share.
    """

    def __init__(self, backend: CpuBackend, seeds: Sequence[int], rows: Sequence[Rows]) -> None:
        network, training = backend.network, backend.training
        slots = len(training.slots)
        width = lanes_for(network)
        self.threads = backend.threads
        self.epochs_done = 0
        self._averages = training.average is not None
        self._steps = training.steps(rows[0].count)
        self._judge = judge_of(network, rows[0])
        self._groups: list[LaneGroup] = []
        shared = lane_data(rows) if len(rows) == 1 else None
        self._data = []
        for first in range(0, len(seeds), width):
            chosen = seeds[first : first + width]
            parameters = np.stack([network.start_values(seed) for seed in chosen], axis=1)
            state = np.zeros((slots, network.size, len(chosen)), np.float32)
            self._groups.append(LaneGroup(network, training, backend.kernels, chosen, parameters, state))
            self._data.append(shared if shared is not None else lane_data(rows[first : first + width]))

    def train(self, epochs: int) -> NDArray[np.float64]:
        """Train for more epochs; returns the sums of losses and right answers, (epochs, members, 2)."""
        outcomes: list[NDArray[np.float64] | None] = [None] * len(self._groups)
        # Groups are handed out one by one, so that a slow processor gets fewer.
        waiting = iter(range(len(self._groups)))

        def work(thread: int, threads: int) -> None:
            for number in waiting:
                let_in_between(thread)
                group, data = self._groups[number], self._data[number]
                done = self.epochs_done
                outcomes[number] = group.train(data, self._judge, done, epochs, done * self._steps)

        def let_in_between(thread: int) -> None:
            """Handle signals, which arrive in the main thread; if one ends the training, no more groups are started."""
            if thread == 0:
                try:
                    let_in()
                except BaseException:
                    for _ in waiting:
                        pass
                    raise

        with deferred() as let_in:
            team.run_together(min(self.threads, len(self._groups)), work)
        self.epochs_done += epochs
        return np.concatenate([outcome for outcome in outcomes if outcome is not None], axis=1)

    @property
    def parameters(self) -> NDArray[np.float32]:
        """Parameters of all members, or their averages if these are evaluated, (members, size)."""
        averages = self._averages and self.epochs_done
        return np.concatenate([(group.state[-1] if averages else group.parameters).T for group in self._groups])
