"""An ensemble of small networks, divided into groups that fit in the cache and distributed over threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu import team
from neurosim.backends.cpu.backend import CpuBackend
from neurosim.backends.cpu.groups import LaneGroup, compile_lane_loss, divided, judge_of, lane_data
from neurosim.backends.together import Note, Together
from neurosim.data.rows import Rows
from neurosim.network.course import Course
from neurosim.process.interruption import deferred

# Multiply-adds of a call into compiled code, forward and backward: some hundredths of a second.
PART = 1 << 27
# And the most epochs, whose sums are then still in the processor's cache.
PART_EPOCHS = 512
# What a step costs a network beside its multiply-adds, counted in them.
STEP = 64


class SmallEnsemble(Together):
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
        self.threads = backend.threads
        self.count = len(seeds)
        self.epochs_done = 0
        self._averages = training.average is not None
        self._course = Course(training, rows[0].count)
        # All that is to be known of it, before several threads ask.
        self._course.before(training.epochs)
        self._judge = judge_of(network, rows[0])
        self._network = network
        shared = lane_data(rows) if len(rows) == 1 else None
        start = network.all_start_values(seeds)
        self._members: list[slice] = []
        self._groups: list[LaneGroup] = []
        self._data = []
        with backend.compiling():
            kernels = replace(backend.kernels, lane_loss=compile_lane_loss(network))
        for members, lanes in divided(len(seeds), network):
            # Lanes that are left over repeat the last member.
            chosen = np.minimum(np.arange(members.start, members.start + lanes), members.stop - 1)
            parameters = np.ascontiguousarray(start[chosen].T)
            state = np.zeros((slots, *parameters.shape), np.float32)
            group = LaneGroup(network, training, kernels, [seeds[k] for k in chosen], parameters, state)
            self._members.append(members)
            self._groups.append(group)
            self._data.append(lane_data([rows[k] for k in chosen]) if shared is None else shared)
        with backend.compiling():
            # By calls without rows, before any thread needs it.
            nothing, first = lane_data([rows[0].some(slice(0))]), self._groups[0]
            first.train(nothing, self._judge, Course(training, 0), 0, 0, 0)
            first.evaluate(nothing, self._judge, first.parameters)
        work = 3 * sum(layer.multiply_adds for layer in network.layers) * rows[0].count + STEP * self._course.steps(0)
        self._part = min(max(1, PART // (work * len(self._groups[0].seeds))), PART_EPOCHS)

    def train_noting(self, epochs: int, note: Note) -> None:
        """Train for more epochs; `note` is told what was measured in them, in any thread and some members at a time."""
        done, course = self.epochs_done, self._course

        def train_group(number: int) -> Iterator[None]:
            group, data = self._groups[number], self._data[number]
            for first in range(done, done + epochs, self._part):
                part = min(self._part, done + epochs - first)
                totals = group.train(data, self._judge, course, first, part, course.before(first))
                members = self._members[number]
                note(members, first, totals[:, : members.stop - members.start])
                yield

        self._on_all(train_group)
        self.epochs_done += epochs

    def evaluate(self, rows: Rows) -> NDArray[np.float64]:
        """Sums of losses and right answers of all members over `rows`, dropout off, (members, 2)."""
        totals = np.zeros((self.count, 2))
        data, judge = lane_data([rows]), judge_of(self._network, rows)

        def evaluate_group(number: int) -> Iterator[None]:
            group, members = self._groups[number], self._members[number]
            found, _ = group.evaluate(data, judge, self._evaluated(group))
            totals[members] = found[: members.stop - members.start]
            yield

        self._on_all(evaluate_group)
        return totals

    def outputs(self, rows: Rows) -> Iterator[NDArray[np.float32]]:
        """What each member answers for `rows`, dropout off, (rows, outputs)."""
        data, judge = lane_data([rows]), judge_of(self._network, rows)
        for members, group in zip(self._members, self._groups, strict=True):
            _, found = group.evaluate(data, judge, self._evaluated(group), answers=True)
            yield from found[: members.stop - members.start]

    @property
    def parameters(self) -> NDArray[np.float32]:
        """Parameters of all members, or their averages if these are evaluated, (members, size)."""
        found = np.empty((self.count, self._network.size), np.float32)
        for members, group in zip(self._members, self._groups, strict=True):
            found[members] = self._evaluated(group).T[: members.stop - members.start]
        return found

    def _evaluated(self, group: LaneGroup) -> NDArray[np.float32]:
        return group.state[-1] if self._averages and self.epochs_done else group.parameters

    def _on_all(self, work_on: Callable[[int], Iterator[None]]) -> None:
        """Run what `work_on` gives for the number of each group, step by step; signals are handled in between.

        If anything is raised, by a signal or a step, nothing more is begun.
        """
        # Groups are handed out one by one, so that a slow processor gets fewer.
        waiting = iter(range(len(self._groups)))
        faults: list[BaseException] = []

        def work(thread: int, threads: int) -> None:
            try:
                let_in_between(thread)
                for number in waiting:
                    for _ in work_on(number):
                        if faults:
                            return
                        let_in_between(thread)
            except BaseException as error:
                faults.append(error)

        def let_in_between(thread: int) -> None:
            """Handle signals, which arrive in the main thread."""
            if thread == 0:
                let_in()

        with deferred() as let_in:
            team.run_together(min(self.threads, len(self._groups)), work)
            if faults:
                raise faults[0]
