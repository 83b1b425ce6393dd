"""How a network is trained, as data: the optimizer, its schedule and the batches."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.network.layers import Chosen
from neurosim.plugin import FeedbackSchedule, Optimizer, Schedule


@dataclass(frozen=True)
class Average:
    """An average of the weights over time, which is evaluated instead of them.

    Until step `first` it follows the weights. Then it moves toward them after each step that is a multiple of `every`
    steps later, by ``1 - decay`` of the way; without a decay, so that it is the mean of the weights after all of these.

    Attributes
    ----------
    first, every : int
        Steps, from 1.
    decay : float or None
        How much of it is left, from 0 to 1 (Polyak and Juditsky 1992; Izmailov et al. 2018, arXiv:1803.05407).
    """

    first: int
    every: int
    decay: float | None = None

    def share(self, t: int) -> float:
        """How far it moves toward the weights after step `t`: from 0, not at all, to 1, onto them."""
        since = t - self.first
        if since <= 0:
            return 1.0
        if since % self.every:
            return 0.0
        return 1.0 / (since // self.every + 1) if self.decay is None else 1.0 - self.decay

    @property
    def numbers(self) -> tuple[float, float, float]:
        """The same as numbers, for compiled code: `first`, `every`, and ``1 - decay`` or 0 for a mean."""
        return float(self.first), float(self.every), 0.0 if self.decay is None else 1.0 - self.decay


@dataclass(frozen=True)
class Settings:
    """What schedules make of the optimizer's parameters in some steps, one after the other.

    Attributes
    ----------
    rates : float64 (steps,)
        The learning rate.
    factors : mapping of str to float64 (steps,)
        What other parameters are multiplied by, by name; only those that have a schedule.
    """

    rates: NDArray[np.float64]
    factors: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rates)

    def some(self, first: int, last: int) -> Settings:
        """Those of the steps from number `first` up to, but not including, `last`."""
        if first == 0 and last == len(self.rates):
            return self
        return Settings(
            self.rates[first:last].copy(), {name: column[first:last] for name, column in self.factors.items()}
        )


@dataclass(frozen=True)
class Training:
    """How parameters are updated: the optimizer, its schedule, the batches, and how gradients are clipped.

    Attributes
    ----------
    optimizer : Chosen[Optimizer]
        The rule.
    batch_size, epochs : int
        Rows per step, and passes over the rows.
    shuffle : bool
        Whether each epoch has an order of its own.
    schedule : Chosen or None
        How the learning rate changes over the run; None where it stays as it is.
    clip_value : float or None
        Bound on every number of the mean gradient, up and down.
    clip_norm : float or None
        Bound on the length of the whole mean gradient; at most one of the two is given.
    biases : tuple of float or None
        The optimizer's parameters for biases, gamma and beta; None where they are those of the weights.
    average : Average or None
        What is evaluated instead of the weights; None where they are.
    schedules : mapping of str to Chosen
        How other parameters of the optimizer change over the run, by name.
    batch_schedule : Chosen or None
        How the batch size changes from epoch to epoch; None where it stays as it is.
    """

    optimizer: Chosen[Optimizer]
    batch_size: int
    shuffle: bool
    epochs: int
    schedule: Chosen[Schedule | FeedbackSchedule] | None = None
    clip_value: float | None = None
    clip_norm: float | None = None
    biases: tuple[float, ...] | None = None
    average: Average | None = None
    schedules: Mapping[str, Chosen[Schedule | FeedbackSchedule]] = field(default_factory=dict)
    batch_schedule: Chosen[Schedule | FeedbackSchedule] | None = None

    @property
    def slots(self) -> tuple[str, ...]:
        """What is kept of each parameter: the optimizer's slots, and the average if there is one."""
        return (*self.optimizer.record.slots, *(["average"] if self.average is not None else []))

    @property
    def rate(self) -> float:
        """The optimizer's own learning rate, before any schedule."""
        return self.optimizer.values[list(self.optimizer.record.params).index("lr")]

    @property
    def looks_at_arrays(self) -> bool:
        """Whether an update has to know more of a number than itself, its gradient and its slots."""
        return self.biases is not None or self.optimizer.record.looks_at_arrays

    @property
    def unscheduled(self) -> Settings:
        """A step with the optimizer's own parameters, as no schedule has them."""
        return Settings(np.array([self.rate]))

    def values(self, settings: Settings, *, is_bias: bool = False) -> NDArray[np.float64]:
        """The optimizer's parameters in each of some steps, for weights or for anything else: (steps, parameters)."""
        own = self.biases if is_bias and self.biases is not None else self.optimizer.values
        values = np.tile(np.array(own, np.float64), (len(settings), 1))
        for place, name in enumerate(self.optimizer.record.params):
            if name == "lr":
                values[:, place] = settings.rates
            elif name in settings.factors:
                values[:, place] *= settings.factors[name]
        return values

    def numbers(self, settings: Settings, *, is_bias: bool = False, flags: tuple[float, ...] = ()) -> NDArray[Any]:
        """Those parameters, some `flags` and then the average, for compiled code, which has the rates besides.

        One row for all steps where only the learning rate changes.
        """
        if not (settings.factors or is_bias or flags):
            return self._constant_numbers
        return self._numbers(settings if settings.factors else self.unscheduled, is_bias, flags)

    def all_numbers(self, settings: Settings) -> NDArray[Any]:
        """As `numbers`, with the learning rate among them: one row for all steps only where nothing changes."""
        if self.schedule is None and not self.schedules:
            return self._constant_numbers
        return self._numbers(settings, False, ())

    @functools.cached_property
    def _constant_numbers(self) -> NDArray[Any]:
        return self._numbers(self.unscheduled, False, ())

    def _numbers(self, settings: Settings, is_bias: bool, flags: tuple[float, ...]) -> NDArray[Any]:
        values = self.values(settings, is_bias=is_bias)
        more = (*flags, *(self.average.numbers if self.average is not None else ()))
        return np.hstack([values, np.tile(np.array(more, np.float64), (len(values), 1))])

    @property
    def needs_feedback(self) -> bool:
        """Whether a schedule looks at the losses so far."""
        chosen = [self.schedule, self.batch_schedule, *self.schedules.values()]
        return any(choice is not None and isinstance(choice.record, FeedbackSchedule) for choice in chosen)
