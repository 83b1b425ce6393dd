"""What a run keeps an eye on between epochs: when to stop, which weights were best, and the losses so far.

All but the best weights follows from the history, so a run that is resumed watches on as if it had
never stopped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend
from neurosim.data.rows import Rows
from neurosim.errors import ScenarioError, UsageError
from neurosim.scenario import Scenario
from neurosim.scenario.schema import AverageSection
from neurosim.training.history import Record

# What a network has learned, by its name in a backend.
WEIGHTS = ("parameters", "statistics")
# The array with the reason of an observer, in UTF-8, in a checkpoint.
REASON = "stop_reason"


class Best:
    """The best value of a measure so far: the smallest or the largest.

    Parameters
    ----------
    metric : str
        A measure of the history.
    rises : bool
        Whether larger values are better.
    min_delta : float
        By how much a value has to beat the best one before it to count as better.

    Attributes
    ----------
    epoch : int
        The first epoch with the best value, from 1; 0 before any.
    value : float
        The best value; before any the worst there is.
    epochs : int
        How many values there were.
    """

    def __init__(self, metric: str, *, rises: bool, min_delta: float = 0.0) -> None:
        self.metric = metric
        self.min_delta = min_delta
        self._sign = -1.0 if rises else 1.0
        self.clear()

    def clear(self) -> None:
        """Forget all values."""
        self.epoch, self.epochs = 0, 0
        self.value = self._sign * math.inf

    def add(self, value: float | None) -> bool:
        """Whether the value of one more epoch is better than all before it; the first one always is."""
        self.epochs += 1
        if value is None or math.isnan(value):
            value = self._sign * math.inf
        better = self._sign * value < self._sign * self.value - self.min_delta
        if better or self.epoch == 0:
            self.epoch, self.value = self.epochs, value
        return self.epoch == self.epochs

    @property
    def waited(self) -> int:
        """Epochs in a row since the best one."""
        return self.epochs - self.epoch


class Watch:
    """Early stopping, the best weights, and the losses for a schedule with feedback, of one run.

    Parameters
    ----------
    scenario : Scenario
        Says what to watch.
    splits : mapping of str to Rows
        The splits there are.

    Attributes
    ----------
    loss : str
        The measure that schedules with feedback follow.
    losses : list of float
        Its values after each epoch so far.
    reason : str
        Why an observer has stopped training; empty if none has.

    Raises
    ------
    ScenarioError
        When a measure to be watched is one that the run does not have.
    """

    def __init__(self, scenario: Scenario, splits: Mapping[str, Rows]) -> None:
        section = scenario.training
        self.losses: list[float] = []
        self.reason = ""
        self._epochs = section.epochs
        self.loss = "validation_loss" if "validation" in splits else "train_loss"
        self._average = section.average
        self._patience = 0
        self.stopping: Best | None = None
        self.best: Best | None = None
        if section.early_stopping is not None:
            asked = section.early_stopping
            _check(asked.metric, "early_stopping", splits)
            rises = scenario.rises(asked.metric)
            self.stopping = Best(asked.metric, rises=rises, min_delta=asked.min_delta)
            self._patience = asked.patience
        if section.keep_best is not None:
            _check(section.keep_best, "keep_best", splits)
            self.best = Best(section.keep_best, rises=scenario.rises(section.keep_best))
        self._weights: dict[str, NDArray[Any]] = {}
        self.kept_epoch: int | None = None

    @property
    def stops(self) -> bool:
        """Whether the measure of early stopping has gone too long without improving, or an observer has stopped it."""
        return bool(self.reason) or (self.stopping is not None and self.stopping.waited >= self._patience)

    @property
    def stopped_early(self) -> bool:
        """Whether it ended training before all epochs were done."""
        return self.stops and len(self.losses) < self._epochs

    def stop(self, reason: str) -> None:
        """Stop training after the epoch that has just ended, if there is a reason to."""
        if reason:
            self.reason = reason

    def add(self, record: Record, backend: Backend) -> None:
        """Note the record of one more epoch, and the weights where they are the best so far."""
        self.kept_epoch = None
        if self._note(record):
            self._weights = {name: array.copy() for name, array in _weights_of(backend).items()}

    def _note(self, record: Record) -> bool:
        """Note a record; whether its weights are the best so far."""
        self.losses.append(record[self.loss])
        if self.stopping is not None:
            self.stopping.add(record[self.stopping.metric])
        return self.best is not None and self.best.add(record[self.best.metric])

    def put_back(self, backend: Backend) -> None:
        """Give the network the best weights, once after each training, or the average; the optimizer's state stays."""
        if self.best is None and backend.average is not None:
            backend.parameters[:] = backend.average
        if self.best is None or not self._weights or self.kept_epoch is not None:
            return
        for name, array in _weights_of(backend).items():
            array[:] = self._weights[name]
        self.kept_epoch = self.best.epoch

    def state(self) -> dict[str, NDArray[Any]]:
        """The best weights so far, and why an observer has stopped training, as arrays, for a checkpoint."""
        best = {f"best_{name}": array.copy() for name, array in self._weights.items()}
        return {**best, REASON: np.frombuffer(self.reason.encode(), np.uint8)} if self.reason else best

    def restore(self, state: Mapping[str, NDArray[Any]], records: Sequence[Record], backend: Backend) -> None:
        """Watch on from a `state` and the records of the epochs before it; raises UsageError if it does not fit."""
        weights = {}
        if self.best is not None and records:
            for name, array in _weights_of(backend).items():
                found = state.get(f"best_{name}")
                if found is None or found.shape != array.shape:
                    what = "none" if found is None else f"some of shape {found.shape}"
                    raise UsageError(
                        f"the checkpoint should have the best {name} with shape {array.shape}, but has {what}"
                    )
                weights[name] = np.array(found)
        self._weights = weights
        self.go_back(records)
        self.reason = state[REASON].tobytes().decode() if REASON in state else ""

    def go_back(self, records: Sequence[Record]) -> None:
        """Watch on from these records alone; the best weights must be those of one of them."""
        self.kept_epoch = None
        self.reason = ""
        self.losses.clear()
        for measure in (self.stopping, self.best):
            if measure is not None:
                measure.clear()
        for record in records:
            self._note(record)

    def follow(self, records: Sequence[Record]) -> None:
        """Note the records of a finished run, whose best weights the network has already."""
        for record in records:
            self._note(record)
        if self.best is not None:
            self.kept_epoch = self.best.epoch

    @property
    def messages(self) -> dict[str, str]:
        """In words, why training stopped early, what was averaged and which weights were kept, by what was done."""
        found = {}
        epochs = self._epochs
        if self.reason and self.stopped_early:
            found["stopped"] = f"after {len(self.losses)} of {epochs} epochs: {self.reason}"
        elif self.stopping is not None and self.stopped_early:
            stopping = self.stopping
            found["stopped"] = (
                f"after {stopping.epochs} of {epochs} epochs: {_words(stopping.metric)} has not improved "
                f"since epoch {stopping.epoch} ({stopping.value:.4g})"
            )
        if self._average is not None and self.losses:
            found["averaged"] = _average_words(self._average)
        if self.best is not None and self.kept_epoch is not None:
            found["kept"] = (
                f"the weights of epoch {self.kept_epoch}, where {_words(self.best.metric)} was best "
                f"({self.best.value:.4g})"
            )
        return found


def _weights_of(backend: Backend) -> dict[str, NDArray[Any]]:
    """The arrays of `WEIGHTS` that have something in them, as the backend holds them."""
    arrays = {name: getattr(backend, name) for name in WEIGHTS}
    return {name: array for name, array in arrays.items() if array.size}


def watches(scenario: Scenario) -> bool:
    """Whether training may end otherwise than with the weights of the last epoch."""
    training = scenario.training
    return training.early_stopping is not None or training.keep_best is not None or bool(training.observers)


def _average_words(average: AverageSection) -> str:
    when = "epochs" if average.kind == "swa" else "steps"
    how = "mean" if average.decay is None else f"exponential moving average (decay {average.decay:g})"
    return f"{how} of the weights after all {when} from epoch {average.start} on; this is what was measured"


def _words(metric: str) -> str:
    return f"the {metric.replace('train_', 'training_').replace('_', ' ')}"


def _check(metric: str, key: str, splits: Mapping[str, Rows]) -> None:
    """Raise ScenarioError unless the history will have this measure."""
    split, _, kind = metric.partition("_")
    if split not in splits:
        raise ScenarioError(
            f"training.{key}: there are no {split} rows to measure {metric} on", "Watch another measure."
        )
    if kind == "accuracy" and splits[split].accuracy == "none":
        raise ScenarioError(
            f"training.{key}: there is no {metric}, since the targets of this data set are values",
            f"Watch {split}_loss.",
        )
