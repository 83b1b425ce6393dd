"""An ensemble of small networks, divided into groups that fit in the cache and distributed over threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu import team
from neurosim.backends.cpu.backend import CpuBackend
from neurosim.backends.cpu.groups import LaneGroup, compile_lane_loss, divided, judge_of, lane_data
from neurosim.backends.cpu.kernels import lane_optimizer_kernels
from neurosim.backends.cpu.lane_numbers import SCHEDULED, Member
from neurosim.backends.together import Note, Numbers, Together
from neurosim.data.rows import Rows
from neurosim.network.course import Course
from neurosim.network.network import Network
from neurosim.process.interruption import deferred

# Multiply-adds of a call into compiled code, forward and backward: some hundredths of a second.
PART = 1 << 27
# And the most sums of an epoch and a network, which are then still in the processor's cache.
PART_SUMS = 1 << 15
# What a step costs a network beside its multiply-adds, counted in them.
STEP = 64


@dataclass(frozen=True)
class _Members:
    """Members that are trained in lanes beside each other: which, and their numbers; lanes may repeat the last one."""

    members: slice
    seeds: list[int]
    parameters: NDArray[np.float32]
    state: NDArray[np.float32]
    data: tuple[Any, ...]
    own: list[Member]

    @property
    def count(self) -> int:
        return int(self.members.stop - self.members.start)


class SmallEnsemble(Together):
    """Networks of one architecture, trained together.

    Parameters
    ----------
    backend : CpuBackend
        Provides the network, the training settings and the compiled kernels; it is not trained itself.
    seeds : sequence of int
        One for each member.
    rows : sequence of Rows
        Training rows of each member, all of the same shape, or a single one that all share.
    own : sequence of Numbers
        What each has of its own besides its seed, and that goes beside those of the others; none where that is nothing.
    """

    def __init__(
        self, backend: CpuBackend, seeds: Sequence[int], rows: Sequence[Rows], own: Sequence[Numbers] = ()
    ) -> None:
        network, training = backend.network, backend.training
        slots = len(training.slots)
        self.threads = backend.threads
        self.count = len(seeds)
        self.epochs_done = 0
        courses = {id(one.training): Course(one.training, rows[0].count) for one in own}
        each = [Member(one.network, courses[id(one.training)]) for one in own]
        self._course = each[0].course if each else Course(training, rows[0].count)
        # All that is to be known of it, before several threads ask.
        self._course.before(training.epochs)
        self._judge = judge_of(network, rows[0])
        self._network, self._training = network, training
        shared = lane_data(rows) if len(rows) == 1 else None
        start = _start_values(network, seeds, own)
        self._groups: list[_Members] = []
        for members, lanes in divided(len(seeds), network):
            # Lanes that are left over repeat the last member.
            chosen = np.minimum(np.arange(members.start, members.start + lanes), members.stop - 1)
            parameters = np.ascontiguousarray(start[chosen].T)
            state = np.zeros((slots, *parameters.shape), np.float32)
            data = lane_data([rows[k] for k in chosen]) if shared is None else shared
            its_own = [each[k] for k in chosen] if each else []
            self._groups.append(_Members(members, [seeds[k] for k in chosen], parameters, state, data, its_own))
        # Of each thread, for each number of lanes.
        self._lanes: dict[tuple[int, int], LaneGroup] = {}
        with backend.compiling():
            self._kernels = replace(backend.kernels, lane_loss=compile_lane_loss(network))
            if len(courses) > 1:
                kernels = lane_optimizer_kernels(training.optimizer.record, training.average is not None)
                self._kernels = replace(self._kernels, lane_optimizer=kernels)
            # By calls without rows, before any thread needs it.
            nothing, first = lane_data([rows[0].some(slice(0))]), self._lanes_for(self._groups[0], 0)
            first.train(nothing, self._judge, Course(training, 0), 0, 0, 0)
            first.for_batches(self._course.batch(0))
            first.evaluate(nothing, self._judge, first.parameters)
        work = 3 * network.multiply_adds * rows[0].count + STEP * self._course.steps(0)
        self._part = max(1, min(PART // work, PART_SUMS) // len(self._groups[0].seeds))
        if any(one.training.schedule is not None or one.training.schedules for one in own):
            self._part = max(1, min(self._part, SCHEDULED // max(1, self._course.steps(0))))

    def train_noting(self, epochs: int, note: Note) -> None:
        """Train for more epochs; `note` is told what was measured in them, in any thread and some members at a time."""
        done, course = self.epochs_done, self._course

        def train_group(thread: int, group: _Members) -> Iterator[None]:
            lanes = self._lanes_for(group, thread)
            lanes.take(group.seeds, group.parameters, group.state, group.own)
            for first in range(done, done + epochs, self._part):
                part = min(self._part, done + epochs - first)
                totals = lanes.train(group.data, self._judge, course, first, part, course.before(first))
                note(group.members, first, totals[:, : group.count])
                yield
            group.parameters[:] = lanes.parameters
            group.state[:] = lanes.state

        self._on_all(train_group)
        self.epochs_done += epochs

    def evaluate(self, rows: Rows) -> NDArray[np.float64]:
        """Sums of losses and right answers of all members over `rows`, dropout off, (members, 2)."""
        totals = np.zeros((self.count, 2))
        data, judge = lane_data([rows]), judge_of(self._network, rows)

        def evaluate_group(thread: int, group: _Members) -> Iterator[None]:
            found, _ = self._lanes_for(group, thread).evaluate(data, judge, self._evaluated(group))
            totals[group.members] = found[: group.count]
            yield

        self._on_all(evaluate_group)
        return totals

    def outputs(self, rows: Rows) -> Iterator[NDArray[np.float32]]:
        """What each member answers for `rows`, dropout off, (rows, outputs)."""
        data, judge = lane_data([rows]), judge_of(self._network, rows)
        for group in self._groups:
            _, found = self._lanes_for(group, 0).evaluate(data, judge, self._evaluated(group), answers=True)
            yield from found[: group.count]

    @property
    def parameters(self) -> NDArray[np.float32]:
        """Parameters of all members, or their averages if these are evaluated, (members, size)."""
        return np.concatenate([self._evaluated(group)[:, : group.count].T for group in self._groups])

    def _evaluated(self, group: _Members) -> NDArray[np.float32]:
        return group.state[-1] if self._training.average is not None and self.epochs_done else group.parameters

    def _lanes_for(self, group: _Members, thread: int) -> LaneGroup:
        """The lanes in which a thread works on a group; they have the memory, the group has the numbers."""
        key = thread, len(group.seeds)
        if key not in self._lanes:
            parameters, state = np.zeros_like(group.parameters), np.zeros_like(group.state)
            made = LaneGroup(
                self._network, self._training, self._kernels, group.seeds, parameters, state, members=group.own
            )
            self._lanes[key] = made
        return self._lanes[key]

    def _on_all(self, work_on: Callable[[int, _Members], Iterator[None]]) -> None:
        """Run what `work_on` gives for a thread and a group, step by step; signals are handled in between.

        If anything is raised, by a signal or a step, nothing more is begun.
        """
        # Groups are handed out one by one, so that a slow processor gets fewer.
        waiting = iter(self._groups)
        faults: list[BaseException] = []

        def work(thread: int, threads: int) -> None:
            try:
                let_in_between(thread)
                for group in waiting:
                    for _ in work_on(thread, group):
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


def _start_values(network: Network, seeds: Sequence[int], own: Sequence[Numbers]) -> NDArray[np.float32]:
    """The initial values of each member, (members, size)."""
    if not own:
        return network.all_start_values(seeds)
    values = np.empty((len(seeds), network.size), np.float32)
    by_network: dict[int, list[int]] = {}
    for number, one in enumerate(own):
        by_network.setdefault(id(one.network), []).append(number)
    for numbers in by_network.values():
        drawn = sorted({seeds[number] for number in numbers})
        found = own[numbers[0]].network.all_start_values(drawn)
        places = {seed: place for place, seed in enumerate(drawn)}
        values[numbers] = found[[places[seeds[number]] for number in numbers]]
    return values
