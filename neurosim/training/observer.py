"""Who receives the progress of one network in Python: an observer, or a plain function in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from neurosim.errors import UsageError
from neurosim.training.history import Record

if TYPE_CHECKING:
    from neurosim.training.simulator import Simulator


class Observer:
    """Receives a run's progress; every method does nothing until it is overridden.

    What a method raises ends the run, as Ctrl-C does, and comes out of `neurosim.run`; what was kept stays.
    """

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


class FunctionObserver(Observer):
    """Calls a plain function; `given` says with what, and `example` is one."""

    given: ClassVar[str]
    example: ClassVar[str]

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function


class EpochObserver(FunctionObserver):
    """Calls a plain function with the record of each epoch."""

    given: ClassVar = "the record of an epoch"
    example: ClassVar = "lambda record: print(record['train_loss']),  or an Observer"

    def epoch(self, record: Record) -> None:
        """An epoch has ended."""
        self._function(record)


Kind = TypeVar("Kind", bound=Observer)


def observer_of(
    given: Observer | Callable[..., Any] | None, kind: type[Kind], wrapper: type[FunctionObserver]
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
