"""What networks side by side are updated with, from Python: one set of numbers for all, or one for each; penalties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu.kernels import CompiledKernels
from neurosim.backends.cpu.lane_optimizer_templates import CHANGES, HEAD, IS_THERE, LANES, WIDTH
from neurosim.backends.cpu.stages.base import address
from neurosim.network.course import Course
from neurosim.network.network import Network
from neurosim.network.training import Settings, Training

# Steps of an epoch, or epochs, in which it is worked out at once what schedules make of many networks' numbers.
SCHEDULED = 1 << 12


@dataclass(frozen=True)
class Member:
    """A network of a group: its penalties, and its training, in as many steps as that of the others."""

    network: Network
    course: Course


@dataclass(frozen=True)
class Optimizer:
    """The first entries of what `lanes.train` is told of the optimizer, and the arrays that they lead to."""

    entries: tuple[int, int, int, int, int]
    keep: tuple[NDArray[Any], ...]


class Updates:
    """What the networks of a group are updated with.

    Parameters
    ----------
    kernels : CompiledKernels
        Compiled functions.
    network : Network
        The network that they have in common, with its penalties if there are no `members`.
    training : Training
        That of all, if there are no `members`.
    lanes : int
        How many there are.
    members : sequence of Member
        What each has of its own; none where they differ in their seed only.
    """

    def __init__(
        self, kernels: CompiledKernels, network: Network, training: Training, lanes: int, members: Sequence[Member] = ()
    ) -> None:
        self._own = list(members) if len({_numbers_of(member.course.training) for member in members}) > 1 else []
        self.members = members
        self.training = members[0].course.training if members else training
        found = kernels.lane_optimizer if self._own else kernels.optimizer
        assert found is not None
        self._kernels = found
        self._constants = np.zeros(HEAD + (WIDTH if self._own else 1) * found.count, np.float32)
        self._lanes = lanes
        networks = [member.network for member in members] or [network] * lanes
        self._penalties = self._table(networks) if network.penalized else None

    def settings(self, course: Course, epochs: tuple[int, int], steps: tuple[int, int]) -> Settings:
        """What schedules make of the numbers in some epochs, (first, how many), or in some steps of a single one."""
        return _settings(self.members[0].course if self.members else course, epochs, steps)

    def alone(
        self, number: int, settings: Settings, epochs: tuple[int, int], steps: tuple[int, int]
    ) -> tuple[Training, Settings]:
        """The training of a network, and its settings in these steps; `settings` are those of the first."""
        if not self._own:
            return self.training, settings
        course = self._own[number].course
        return course.training, _settings(course, epochs, steps)

    def optimizer(self, settings: Settings, epochs: tuple[int, int], steps: tuple[int, int]) -> Optimizer:
        """The optimizer in these steps, of which `settings` has found the settings of the first network."""
        params = self._numbers(epochs, steps) if self._own else self.training.numbers(settings)
        stride = params.strides[0] if len(params) > 1 else 0
        if self._own:
            head = self._constants[:HEAD].view(np.int64)
            head[[LANES, IS_THERE, CHANGES]] = self._lanes, 0, stride != 0
        entries = self._kernels.update, self._kernels.constants, address(params), stride, address(self._constants)
        if self._penalties is None:
            return Optimizer(entries, (params,))
        from neurosim.backends.cpu import lane_penalties

        before = lane_penalties.update.address, lane_penalties.step_constants.address
        return Optimizer((*before, *entries[2:4], address(self._penalties[0])), (params,))

    def _numbers(self, epochs: tuple[int, int], steps: tuple[int, int]) -> NDArray[np.float64]:
        """The parameters of each network, (steps or 1, networks, parameters)."""
        found: dict[int, NDArray[np.float64]] = {}
        for member in self._own:
            course = member.course
            if id(course) not in found:
                found[id(course)] = course.training.all_numbers(_settings(course, epochs, steps))
        count = max(map(len, found.values()))
        numbers = np.empty((count, len(self._own), found[id(self._own[0].course)].shape[1]))
        for place, member in enumerate(self._own):
            numbers[:, place] = found[id(member.course)]
        return numbers

    def _table(self, networks: Sequence[Network]) -> tuple[NDArray[Any], ...]:
        """The table of penalties, and their numbers."""
        # Imported, and so compiled, only for networks that need it.
        from neurosim.backends.cpu import lane_penalties as entry

        each = {id(network): [(part.penalty.l1, part.penalty.l2) for part in network.penalized] for network in networks}
        values = np.array([each[id(network)] for network in networks], np.float32)
        by_layer = np.ascontiguousarray(values.transpose(1, 2, 0))
        table = np.zeros(entry.HEAD + entry.EACH * len(by_layer), np.int64)
        table[entry.OPTIMIZER], table[entry.STEP_CONSTANTS] = self._kernels.update, self._kernels.constants
        table[entry.OWN], table[entry.LANES], table[entry.COUNT] = address(self._constants), self._lanes, len(by_layer)
        for place, layer in enumerate(networks[0].penalized):
            one = table[entry.HEAD + entry.EACH * place :]
            one[entry.FIRST], one[entry.WEIGHTS] = layer.weight.offset, layer.weight.size
            one[entry.L1], one[entry.L2] = address(by_layer[place, 0]), address(by_layer[place, 1])
        return table, by_layer


def _settings(course: Course, epochs: tuple[int, int], steps: tuple[int, int]) -> Settings:
    found = course.settings(*epochs)
    return found if epochs[1] != 1 else found.some(*steps)


def _numbers_of(training: Training) -> str:
    """All that decides the numbers of an optimizer; as text, in which -0.0 is not 0.0."""
    chosen = {"lr": training.schedule, **training.schedules}
    schedules = [(name, id(one.record), one.values) for name, one in chosen.items() if one is not None]
    return repr((training.optimizer.values, schedules))
