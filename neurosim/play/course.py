"""Training step by step, and back again: what the worker of the page does, on a backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend
from neurosim.backends.select import make_backend
from neurosim.data.rows import Rows
from neurosim.errors import UsageError
from neurosim.network.layers import choose
from neurosim.network.memory import check_memory
from neurosim.problem.assembly import Problem
from neurosim.scenario import Scenario
from neurosim.training.augmentation import make_augmenter

# States to go back to, of a page: so many at most, and so many bytes.
MOST_STATES = 200
MOST_BYTES = 1 << 25


@dataclass(frozen=True)
class State:
    """All that the next steps depend on."""

    steps: int
    epoch: int
    place: int
    loss: float
    losses: tuple[float, ...]
    arrays: tuple[NDArray[Any], ...]


class Lesson:
    """A network that is trained a few steps at a time.

    Parameters
    ----------
    scenario : Scenario
        What is trained.
    problem : Problem
        The same, assembled.
    backend : str
        Where to compute.
    threads : int, optional
        For the CPU backend.

    Attributes
    ----------
    epoch, place : int
        The epoch, from 0, and how many of its steps are done.
    """

    def __init__(self, scenario: Scenario, problem: Problem, backend: str, threads: int | None = None) -> None:
        self._threads = threads
        self._problem = problem
        self._splits = problem.splits
        self._seed = scenario.scenario.seed
        rows = problem.splits["train"]
        check_memory(problem.network, problem.training, rows.count)
        self._augmenter = make_augmenter(scenario, problem.data, rows, self._seed, threads)
        self.backend = make_backend(backend, problem.network, problem.training, self._seed, threads)
        self.epoch = self.place = 0
        self._loss = 0.0
        self._prepare()
        self._states: list[State] = []
        self._every = 1
        self._keep()

    def _prepare(self) -> None:
        self.backend.losses = []
        self.backend.prepare()
        if self._augmenter is not None:
            self._augmenter.prepare()

    @property
    def steps(self) -> int:
        """Steps done."""
        return self.backend.steps_done

    @property
    def epochs(self) -> float:
        """Epochs done."""
        return self.epoch + self.place / self._steps_of_epoch()

    @property
    def is_finite(self) -> bool:
        """Whether all parameters are finite."""
        return bool(np.isfinite(self.backend.parameters).all())

    def left_of_epoch(self) -> int:
        """Steps to the end of the epoch."""
        return self._steps_of_epoch() - self.place

    def train(self, steps: int) -> None:
        """Train some steps."""
        while steps > 0:
            part = min(steps, self.left_of_epoch())
            self._train(part)
            steps -= part
        self._states = [state for state in self._states if state.steps < self.steps]
        self._keep()

    def seek(self, step: int) -> None:
        """Go to a step: to the last state at or before it that is kept, and on from there."""
        before = [state for state in self._states if state.steps <= step]
        if not before:
            before = self._states[:1]
        self._restore(before[-1])
        while self.steps < step:
            self._train(min(step - self.steps, self.left_of_epoch()))

    def tune(self, name: str, value: float) -> None:
        """Change a parameter of the optimizer, from the next step on.

        Raises
        ------
        UsageError
            When it has no such parameter.
        """
        backend = self.backend
        training = backend.training
        chosen = training.optimizer
        if name not in chosen.params:
            raise UsageError(f"{chosen.name} has no parameter {name}")
        changed = choose(chosen.record, {**chosen.params, name: value})
        made = make_backend(
            backend.name, backend.network, replace(training, optimizer=changed), self._seed, self._threads
        )
        state, losses = self._state(), backend.losses
        self.backend = made
        self._prepare()
        self._restore(state)
        made.losses = losses

    def set_parameters(self, values: Sequence[float]) -> None:
        """Replace all parameters.

        Raises
        ------
        UsageError
            For another number of them.
        """
        parameters = self.backend.parameters
        if len(values) != len(parameters):
            raise UsageError(f"the network has {len(parameters):,} parameters, not {len(values):,}")
        parameters[:] = values

    def measures(self) -> dict[str, dict[str, float | None]]:
        """Loss and accuracy of each split; a loss that is not finite is None."""
        with np.errstate(all="ignore"), self.backend.averaged():
            found = {name: self.backend.evaluate(rows) for name, rows in self._splits.items()}
        return {
            name: {"loss": finite(totals.mean_loss), "accuracy": totals.accuracy_share}
            for name, totals in found.items()
        }

    def _steps_of_epoch(self) -> int:
        return self.backend.course(self._splits["train"].count).steps(self.epoch)

    def _rows(self) -> Rows:
        return self._splits["train"] if self._augmenter is None else self._augmenter.rows(self.epoch)

    def _train(self, steps: int) -> None:
        """Train some steps of an epoch."""
        end = self._steps_of_epoch()
        if self.place == 0:
            self._loss = 0.0
        with np.errstate(all="ignore"):
            totals = self.backend.train_epoch(self._rows(), self.epoch, self.place, self.place + steps)
        self._loss += totals.loss
        self.place += steps
        if self.place >= end:
            self.backend.losses = [*self.backend.losses, self._loss / self._splits["train"].count]
            self.epoch, self.place = self.epoch + 1, 0

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        backend: Backend = self.backend
        return backend.parameters, backend.state, backend.statistics

    def _state(self) -> State:
        copies = tuple(array.copy() for array in self._arrays())
        return State(self.steps, self.epoch, self.place, self._loss, tuple(self.backend.losses), copies)

    def _keep(self) -> None:
        if self._states and self.steps - self._states[-1].steps < self._every:
            return
        self._states.append(self._state())
        size = sum(array.nbytes for array in self._states[0].arrays)
        if len(self._states) > max(2, min(MOST_STATES, MOST_BYTES // max(size, 1))):
            self._every *= 2
            self._states = [self._states[0], *self._states[2::2]]

    def _restore(self, state: State) -> None:
        for array, copy in zip(self._arrays(), state.arrays, strict=True):
            array[:] = copy
        self.backend.steps_done = state.steps
        self.epoch, self.place, self._loss = state.epoch, state.place, state.loss
        self.backend.losses = list(state.losses)


def finite(number: float | None) -> float | None:
    """A number as JSON has it: None for one that is not finite."""
    return number if number is not None and np.isfinite(number) else None
