"""Who receives the progress of a run or a study: observers, and plain functions in their place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from neurosim.errors import UsageError
from neurosim.training.history import Record
from neurosim.training.simulator import Simulator

if TYPE_CHECKING:
    from neurosim.runs.results import Result

# What is said when compiling begins.
COMPILING = "compiling for this processor, only the first time: the result is kept"


class Observer:
    """Receives a run's progress; every method does nothing until it is overridden."""

    def compiling(self) -> None:
        """Kernels are being compiled, which happens the first time only."""

    def compiles(self, what: str) -> None:
        """This kernel is about to be compiled; `what` is its name, in words."""

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


class StudyObserver(Observer):
    """Receives the progress of many networks, from several threads but never at once."""

    def read(self, number: int, count: int) -> None:
        """So many of the networks of a resumed study have been checked for having ended."""

    def planned(self, members: Sequence[str], epochs: int) -> None:
        """What will be trained, and all epochs together."""

    def share(self, done: float) -> None:
        """This share of the work is done, from 0 to 1."""

    def finished(self, member: str, result: Result) -> None:
        """A run has ended."""


class EpochObserver(Observer):
    """Calls a plain function with the record of each epoch."""

    given: ClassVar = "the record of an epoch"
    example: ClassVar = "lambda record: print(record['train_loss']),  or an Observer"

    def __init__(self, function: Callable[[Record], Any]) -> None:
        self._function = function

    def epoch(self, record: Record) -> None:
        """An epoch has ended."""
        self._function(record)


class ResultObserver(StudyObserver):
    """Calls a plain function with the result of each network of a study."""

    given: ClassVar = "a result"
    example: ClassVar = "lambda result: print(result),  or a StudyObserver"

    def __init__(self, function: Callable[[Result], Any]) -> None:
        self._function = function

    def finished(self, member: str, result: Result) -> None:
        """A run has ended."""
        self._function(result)


Kind = TypeVar("Kind", bound=Observer)


def observer_of(
    given: Observer | Callable[..., Any] | None, kind: type[Kind], wrapper: type[EpochObserver] | type[ResultObserver]
) -> Kind | None:
    """The observer that a caller gives: one of this `kind`, or a function, in its `wrapper`.

    Raises
    ------
    UsageError
        When it is neither.
    """
    if given is None or isinstance(given, kind):
        return given
    if not callable(given) or isinstance(given, type):
        raise UsageError(
            f"the observer cannot be called with {wrapper.given}: {given!r}",
            f"Give a function, such as  {wrapper.example}.",
        )
    wrapped = wrapper(given)
    assert isinstance(wrapped, kind)
    return wrapped
