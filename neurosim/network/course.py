"""The course of a run: the steps of its epochs, and what schedules make of the optimizer's parameters in them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from neurosim.network.layers import Chosen
from neurosim.network.training import Settings, Training
from neurosim.plugin import FeedbackSchedule, Schedule
from neurosim.plugin.answers import is_factor, too_large, wrong_factor

_NUMBERS = (float, int, np.float64)
# What a parameter of an optimizer may be at most, as in a scenario.
_LARGEST = 3.4e38


class Course:
    """Training on so many rows, from the first epoch to the last.

    Parameters
    ----------
    training : Training
        The optimizer, its schedules and the batches.
    rows : int
        Rows of each epoch.
    losses : sequence of float
        Losses after the epochs so far, which may grow: a schedule with feedback is given those from before each epoch.
    """

    def __init__(self, training: Training, rows: int, losses: Sequence[float] = ()) -> None:
        self.training = training
        self.rows = rows
        self.losses = losses

    def batch(self, epoch: int) -> int:
        """Rows in a step of an epoch, counted from 0; the last step may have fewer."""
        return max(1, min(self.training.batch_size, self.rows))

    def steps(self, epoch: int) -> int:
        """Steps of an epoch."""
        return -(-self.rows // self.batch(epoch))

    def before(self, epoch: int) -> int:
        """Steps of all epochs before this one."""
        return epoch * self.steps(0)

    def place(self, step: int) -> tuple[int, int]:
        """The epoch that a step is in, counted from 0 over all epochs, and its number there."""
        return divmod(step, self.steps(0))

    def settings(self, epoch: int, epochs: int = 1) -> Settings:
        """What schedules make of the optimizer's parameters in the steps of `epochs` epochs from number `epoch` on.

        Raises
        ------
        PluginError
            When a schedule returns what is no factor, or one that makes a parameter too large.
        """
        training, last = self.training, epoch + epochs
        if training.schedule is None:
            rates = np.full(self.before(last) - self.before(epoch), training.rate)
        else:
            rates = training.rate * self._factors("lr", training.schedule, epoch, last)
        factors = {name: self._factors(name, chosen, epoch, last) for name, chosen in training.schedules.items()}
        return Settings(rates, factors)

    def _factors(
        self, name: str, chosen: Chosen[Schedule | FeedbackSchedule], epoch: int, last: int
    ) -> NDArray[np.float64]:
        """The factor of a parameter in each step of the epochs from `epoch` to before `last`."""
        factors = self._course(chosen, "the learning rate" if name == "lr" else name, epoch, last)
        place = list(self.training.optimizer.record.params).index(name)
        own = max(abs(values[place]) for values in (self.training.optimizer.values, self.training.biases) if values)
        largest = factors.max(initial=0.0)
        if largest * own > _LARGEST:
            raise too_large(chosen.record, float(largest), name, own)
        return factors

    def _course(
        self, chosen: Chosen[Schedule | FeedbackSchedule], what: str, epoch: int, last: int
    ) -> NDArray[np.float64]:
        """What a schedule gives, for each step of some epochs."""
        record, values = chosen.record, chosen.values
        if isinstance(record, FeedbackSchedule):
            losses = self.losses
            after = [_factor_after(record, list(losses[:number]), values, what) for number in range(epoch, last)]
            return self._by_epoch(np.array(after, np.float64), epoch)
        if record.unit == "epochs":
            return self._by_epoch(_factors(record, epoch, last, max(self.training.epochs, last), values, what), epoch)
        first, end = self.before(epoch), self.before(last)
        return _factors(record, first, end, max(self.before(self.training.epochs), end), values, what)

    def _by_epoch(self, factors: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Factors of epochs from number `first` on as those of their steps."""
        return np.repeat(factors, [self.steps(first + number) for number in range(len(factors))])


def _factors(
    record: Schedule, first: int, last: int, total: int, values: tuple[float, ...], what: str
) -> NDArray[np.float64]:
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
        raise wrong_factor(record, found[wrong], f" at {unit} {first + wrong} of {total}", what)
    return np.array(found, np.float64)


def _factor_after(record: FeedbackSchedule, losses: list[float], values: tuple[float, ...], what: str) -> float:
    where = f"after {len(losses)} epochs" if losses else "before the first epoch, when the list of losses is empty"
    try:
        found = record.factor(losses, *values)
    except Exception as error:
        error.add_note(f"That was {where}.")
        raise
    if not is_factor(found):
        raise wrong_factor(record, found, f" {where}", what)
    return float(found)
