"""The course of a run: its batches, epoch by epoch, and what schedules make of the optimizer's parameters by step."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from neurosim.formulas.portable import portable
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
        self._varies = training.batch_schedule is not None
        self._batch = self._limited(training.batch_size)
        self._each = -(-rows // self._batch)
        # Where a schedule changes the batch size, of the first epochs: that of each, and how many steps are before each
        # and after the last. And the losses that they follow from.
        self._batches: list[int] = []
        self._starts = [0]
        self._followed: list[float] = []
        # What was asked for last: an epoch may be trained in parts, and a schedule is a Python function of each step.
        self._settings: tuple[tuple[int, int], Settings] | None = None

    def batch(self, epoch: int) -> int:
        """Rows in a step of an epoch, counted from 0; the last step may have fewer.

        A batch size that follows the losses stays as it is after the epochs so far.
        """
        return self._batches[self._work_out(epoch)] if self._varies else self._batch

    def steps(self, epoch: int) -> int:
        """Steps of an epoch."""
        return -(-self.rows // self.batch(epoch)) if self._varies else self._each

    def before(self, epoch: int) -> int:
        """Steps of all epochs before this one."""
        if not self._varies or not epoch:
            return epoch * self._each
        last = self._work_out(epoch - 1)
        return self._starts[last + 1] + (epoch - 1 - last) * self.steps(last)

    @property
    def total(self) -> int:
        """Steps of all epochs."""
        return self.before(self.training.epochs)

    @property
    def largest_batch(self) -> int:
        """The most rows in a step, as far as it is known."""
        epochs = self.training.epochs if self._varies else 1
        return max(self.batch(epoch) for epoch in range(max(epochs, 1)))

    def place(self, step: int) -> tuple[int, int]:
        """The epoch that a step is in, counted from 0 over all epochs, and its number there."""
        if not self._varies:
            return divmod(step, self._each)
        last = self._work_out(max(self.training.epochs - 1, 0))
        if step < self._starts[last]:
            epoch = bisect_right(self._starts, step) - 1
            return epoch, step - self._starts[epoch]
        more, place = divmod(step - self._starts[last], self.steps(last))
        return last + more, place

    def epochs(self, step: int) -> float:
        """How many epochs so many steps are."""
        if not self._varies:
            return step / self._each
        epoch, place = self.place(step)
        return epoch + place / self.steps(epoch)

    def stretches(self, epoch: int, epochs: int) -> Iterator[tuple[int, int, int]]:
        """The epochs from number `epoch` on in stretches that have the same batch size.

        For each: its first epoch, how many it has, and the steps from `epoch` to it.
        """
        if not self._varies:
            yield epoch, epochs, 0
            return
        first, last = epoch, epoch + epochs
        for number in range(epoch + 1, last + 1):
            if number == last or self.batch(number) != self.batch(first):
                yield first, number - first, self.before(first) - self.before(epoch)
                first = number

    def _limited(self, size: float) -> int:
        """The nearest number of rows that a batch can have."""
        return max(1, math.floor(min(size, self.rows) + 0.5))

    def _work_out(self, epoch: int) -> int:
        """Work out the batch sizes up to that of an epoch; returns its number, or that of the last that is known."""
        training, chosen, epochs = self.training, self.training.batch_schedule, self.training.epochs
        assert chosen is not None
        record, values, what = chosen.record, chosen.values, "the batch size"
        if isinstance(record, FeedbackSchedule):
            past = list(self.losses)
            if past[: len(self._followed)] != self._followed:
                # Another past than before, such as after a divergence.
                self._batches, self._starts = [], [0]
            epoch = min(epoch, len(past))
            numbers = range(len(self._batches), epoch + 1)
            factors = [_factor_after(record, past[:number], values, what) for number in numbers]
            self._followed = past[: max(epoch, len(self._batches) - 1)]
        else:
            known = len(self._batches)
            factors = [] if known >= epochs else _factors(record, known, epochs, epochs, values, what).tolist()
            # Beyond the last epoch of the run each epoch counts as the last one.
            for number in range(max(known, epochs), epoch + 1):
                factors += _factors(record, number, number + 1, number + 1, values, what).tolist()
        for factor in factors:
            self._batches.append(self._limited(factor * training.batch_size))
            self._starts.append(self._starts[-1] + -(-self.rows // self._batches[-1]))
        return epoch

    def settings(self, epoch: int, epochs: int = 1) -> Settings:
        """What schedules make of the optimizer's parameters in the steps of `epochs` epochs from number `epoch` on.

        Raises
        ------
        PluginError
            When a schedule returns what is no factor, or one that makes a parameter too large.
        """
        training, last, known = self.training, epoch + epochs, self._settings
        if known is not None and known[0] == (epoch, epochs):
            return known[1]
        if training.schedule is None:
            rates = np.full(self.before(last) - self.before(epoch), training.rate)
        else:
            rates = training.rate * self._factors("lr", training.schedule, epoch, last)
        factors = {name: self._factors(name, chosen, epoch, last) for name, chosen in training.schedules.items()}
        settings = Settings(rates, factors)
        if not training.needs_feedback:
            self._settings = (epoch, epochs), settings
        return settings

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
        return _factors(record, first, end, max(self.total, end), values, what)

    def _by_epoch(self, factors: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Factors of epochs from number `first` on as those of their steps."""
        return np.repeat(factors, [self.steps(first + number) for number in range(len(factors))])


def _factors(
    record: Schedule, first: int, last: int, total: int, values: tuple[float, ...], what: str
) -> NDArray[np.float64]:
    """The factors of a schedule at steps, or epochs, `first` to before `last` of `total`."""
    unit = record.unit.removesuffix("s")
    try:
        factor = portable(record.factor)
        found = list(map(factor, range(first, last), repeat(total), *(repeat(value) for value in values)))
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
        found = portable(record.factor)(losses, *values)
    except Exception as error:
        error.add_note(f"That was {where}.")
        raise
    if not is_factor(found):
        raise wrong_factor(record, found, f" {where}", what)
    return float(found)
