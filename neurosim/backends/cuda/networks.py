"""Small networks on the GPU, a team of threads each: a single one, or thousands that differ in their seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import JUDGES, dropout_keys
from neurosim.backends.cuda.device import Memory, call, prepare, scaling
from neurosim.backends.cuda.fields import Terms
from neurosim.backends.cuda.modules import NO_TILES, load_kernels
from neurosim.backends.cuda.pace import Pace, has_limit
from neurosim.backends.cuda.step_constants import training_constants
from neurosim.backends.cuda.teams import Teams, team_for
from neurosim.data.rows import Rows
from neurosim.network.course import Course
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.randomness import key


class SmallNetworks:
    """Networks that differ only in their seed, trained by `kernels.single_block`.

    Parameters
    ----------
    network, training : Network, Training
        The network and training that they have in common.
    teams, terms : Teams, Terms
        How networks are divided among threads, and long sums.
    seeds : sequence of int
        One for each network.
    rows : sequence of Rows
        Training rows of each, all of the same shape, or a single one that all share.
    weights, state : float32 (networks, numbers), (networks, slots, size)
        Initial values: the parameters followed by the running statistics, and the optimizer's state.
    compiling : function
        A context in which the kernel is compiled.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        teams: Teams,
        terms: Terms,
        seeds: Sequence[int],
        rows: Sequence[Rows],
        weights: NDArray[np.float32],
        state: NDArray[np.float32],
        compiling: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._compiling = compiling
        self._pace = Pace(has_limit(), first=1)
        self.training = training
        self._teams = teams
        self.count = len(seeds)
        self.rows = rows[0].count
        self._network = network
        self._terms = terms
        self._judge = JUDGES[rows[0].accuracy]
        self._batch = 0
        memory = Memory(1, 0)
        upload = memory.upload
        # Scaled here: the members' data may be scaled differently.
        features = np.stack(
            [
                member.features.astype(np.float32) * np.float32(member.scale) + np.float32(member.shift)
                for member in rows
            ]
        )
        keys = np.zeros((self.count, len(network.dropouts), 2), np.uint64)
        for number, seed in enumerate(seeds):
            keys[number, :, 0] = dropout_keys(network, seed)
        shuffles = [key(seed, "shuffle") for seed in seeds] if training.shuffle else []
        self._memory = memory
        self._data = (
            upload(features),
            upload(np.stack([member.values.astype(np.float32) for member in rows])),
            upload(np.stack([member.classes.astype(np.int32) for member in rows])),
            upload(np.stack([scaling(1.0, 0.0, member) for member in rows])),
            upload(np.tile(np.arange(self.rows, dtype=np.int32), (self.count, 1))),
            upload(np.array(shuffles, np.uint64)),
        )
        self.weights = upload(weights)
        self.state = upload(state)
        self._gradient = memory.empty((self.count, network.learned_size), np.float32)
        self._keys = upload(keys)
        self._measures = memory.empty((self.count, self.rows, 2), np.float32)

    def _lay_out(self, batch: int) -> None:
        """Have the kernel for batches of so many rows, and room for what is not in shared memory."""
        if batch == self._batch:
            return
        network, training = self._network, self.training
        team = team_for(network, training, batch, self.rows, self._judge, self._teams, self._terms)
        self._batch, self._team = batch, team
        self.module = load_kernels(network, training, NO_TILES, "single_block", team)
        self._work = self._memory.empty((self.count, 1 if team.here["work"] else team.table.work), np.float32)

    def train(
        self,
        course: Course,
        first_epoch: int,
        epochs: int,
        steps_done: int,
        first: int = 0,
        last: int | None = None,
    ) -> NDArray[np.float64]:
        """Train for `epochs` epochs; returns the sums of losses and right answers, (epochs, networks, 2).

        With `first` and `last`, only the steps from number `first` up to, but not including, `last` of a single epoch.
        """
        if epochs <= 1:
            return self._train(course, first_epoch, epochs, steps_done, first, last)
        # In one launch, or in as few as the GPU's driver allows.
        return np.concatenate(
            [
                self._train(course, begin + first, last - first, steps_done + steps + first * course.steps(begin))
                for begin, count, steps in course.stretches(first_epoch, epochs)
                for first, last in self._pace.parts(count)
            ]
        )

    def _train(
        self, course: Course, first_epoch: int, epochs: int, steps_done: int, first: int = 0, last: int | None = None
    ) -> NDArray[np.float64]:
        """As `train`, for epochs of the same batch size."""
        batch = course.batch(first_epoch)
        self._lay_out(batch)
        last = course.steps(first_epoch) if last is None else last
        span = (first * batch, min(last * batch, self.rows))
        settings = course.settings(first_epoch, epochs)
        settings = settings if epochs != 1 else settings.some(first, last)
        constants = training_constants(self.training, settings, steps_done)
        memory = self._memory
        totals = memory.empty((self.count, max(epochs, 1), 2), np.float32)
        arguments = (
            epochs, first_epoch, *span, *self._data, self.weights, self.state, self._gradient, self._work, self._keys,
            memory.upload(constants), self._measures, totals,
        )  # fmt: skip
        with self._compiling():
            prepare(self.module.train_networks, *arguments)
        blocks = -(-self.count // self._team.networks)
        call(self.module.train_networks, blocks, self._team.block, *arguments)
        return memory.download(totals)[:, :epochs].transpose(1, 0, 2).astype(np.float64)

    def parameters(self) -> NDArray[np.float32]:
        """Parameters and running statistics, (networks, numbers)."""
        return self._memory.download(self.weights)

    def averages(self) -> NDArray[np.float32]:
        """The average of the parameters of each, (networks, size)."""
        return self._memory.download(self.state)[:, -1]

    def flat(self) -> tuple[Any, Any]:
        """Parameters and running statistics (numbers,) and state (slots, size) of a single network, on the GPU."""
        return self.weights[0], self.state[0]
