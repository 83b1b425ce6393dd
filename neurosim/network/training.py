"""How a network is trained, as data: the optimizer, its schedule and the batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from neurosim.network.layers import Chosen
from neurosim.plugin import FeedbackSchedule, Optimizer, Schedule
from neurosim.plugin.answers import is_factor, wrong_factor

_NUMBERS = (float, int, np.float64)


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

    @property
    def slots(self) -> tuple[str, ...]:
        """What is kept of each parameter: the optimizer's slots, and the average if there is one."""
        return (*self.optimizer.record.slots, *(["average"] if self.average is not None else []))

    @property
    def numbers(self) -> tuple[float, ...]:
        """The optimizer's parameters and then the average, for compiled code."""
        return (*self.optimizer.values, *(self.average.numbers if self.average is not None else ()))

    @property
    def rate(self) -> float:
        """The optimizer's own learning rate, before any schedule."""
        return self.optimizer.values[list(self.optimizer.record.params).index("lr")]

    @property
    def looks_at_arrays(self) -> bool:
        """Whether an update has to know more of a number than itself, its gradient and its slots."""
        return self.biases is not None or self.optimizer.record.looks_at_arrays

    def settings(self, rate: float, *, is_bias: bool = False) -> tuple[float, ...]:
        """The optimizer's parameters in a step with this learning rate, for a weight or for anything else."""
        values = self.biases if is_bias and self.biases is not None else self.optimizer.values
        params = self.optimizer.record.params
        return tuple(rate if name == "lr" else value for name, value in zip(params, values, strict=True))

    @property
    def needs_feedback(self) -> bool:
        """Whether the schedule looks at the losses so far."""
        return self.schedule is not None and isinstance(self.schedule.record, FeedbackSchedule)

    def batch(self, rows: int) -> int:
        """Rows in a step, out of this many in all; the last step of an epoch may have fewer."""
        return min(self.batch_size, rows)

    def steps(self, rows: int) -> int:
        """Steps in an epoch of this many rows."""
        return -(-rows // self.batch(rows))

    def rates(self, epoch: int, steps: int, epochs: int = 1, losses: Sequence[float] = ()) -> NDArray[np.float64]:
        """Learning rate of each step of `epochs` epochs from number `epoch` (from 0) on, flat, float64.

        `losses` are those after each epoch so far: a schedule with feedback is given the ones from before each epoch.
        """
        if self.schedule is None:
            return np.full(epochs * steps, self.rate)
        record, values = self.schedule.record, self.schedule.values
        if isinstance(record, FeedbackSchedule):
            after = [_factor_after(record, list(losses[:number]), values) for number in range(epoch, epoch + epochs)]
            return self.rate * np.repeat(np.array(after, np.float64), steps)
        if record.unit == "epochs":
            factors = _factors(record, epoch, epoch + epochs, max(self.epochs, epoch + epochs), values)
            return self.rate * np.repeat(factors, steps)
        first, last = epoch * steps, (epoch + epochs) * steps
        total = max(self.epochs * steps, last)
        return self.rate * _factors(record, first, last, total, values)


def _factors(record: Schedule, first: int, last: int, total: int, values: tuple[float, ...]) -> NDArray[np.float64]:
    """The factors of a schedule at steps, or epochs, `first` to before `last` of `total`."""
    unit = record.unit.removesuffix("s")
    try:
        found = list(map(record.factor, range(first, last), repeat(total), *(repeat(value) for value in values)))
    except Exception as error:
        error.add_note(f"The schedule is asked for {record.unit} 0 to {total - 1} of {total}.")
        raise
    if all(kind in _NUMBERS for kind in set(map(type, found))):
        factors = np.array(found, np.float64)
        if ((factors >= 0.0) & (factors < np.inf)).all():
            return factors
    wrong = next((place for place, factor in enumerate(found) if not is_factor(factor)), None)
    if wrong is not None:
        raise wrong_factor(record, found[wrong], f" at {unit} {first + wrong} of {total}")
    return np.array(found, np.float64)


def _factor_after(record: FeedbackSchedule, losses: list[float], values: tuple[float, ...]) -> float:
    where = f"after {len(losses)} epochs" if losses else "before the first epoch, when the list of losses is empty"
    try:
        found = record.factor(losses, *values)
    except Exception as error:
        error.add_note(f"That was {where}.")
        raise
    if not is_factor(found):
        raise wrong_factor(record, found, f" {where}")
    return float(found)
