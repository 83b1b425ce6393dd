"""Who hears of a run's progress: observers, and plain functions in their place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from neurosim.errors import UsageError
from neurosim.training.history import Record
from neurosim.training.simulator import Simulator


class Observer:
    """Hears of a run's progress; every method does nothing until it is overridden."""

    def compiling(self) -> None:
        """Kernels are being compiled, which happens the first time only."""

    def started(self, simulator: Simulator) -> None:
        """Everything is ready; training begins."""

    def epoch(self, record: Record) -> None:
        """An epoch has ended."""

    def part(self) -> None:
        """A part of a long epoch has ended."""

    def stopping(self) -> None:
        """The user has asked for an end, which comes in a moment."""

    def interrupted(self, folder: Path | None) -> None:
        """The user stopped the run; where it has a folder, it can be resumed from there."""


class EpochObserver(Observer):
    """Calls a plain function with the record of each epoch."""

    def __init__(self, function: Callable[[Record], Any]) -> None:
        self._function = function

    def epoch(self, record: Record) -> None:
        """An epoch has ended."""
        self._function(record)


def observer_of(given: Observer | Callable[[Record], Any] | None) -> Observer | None:
    """What is told about progress, from what a caller gives; raises UsageError for anything else."""
    if given is None or isinstance(given, Observer):
        return given
    if not callable(given) or isinstance(given, type):
        raise UsageError(
            f"the observer cannot be called with the record of an epoch: {given!r}",
            "Give a function, such as  lambda record: print(record['train_loss']),  or an Observer.",
        )
    return EpochObserver(given)
