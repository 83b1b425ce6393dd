"""Who receives the progress of a study: an observer, or a plain function in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from neurosim.training.history import Record
from neurosim.training.observer import FunctionObserver, Observer

if TYPE_CHECKING:
    from neurosim.runs.results import Result

# What is said when compiling begins.
COMPILING = "compiling for this processor, only the first time: the result is kept"


class StudyObserver(Observer):
    """Receives the progress of many networks, from several threads but never at once."""

    def read(self, number: int, count: int) -> None:
        """So many of the networks of a resumed study have been checked for having ended."""

    def planned(self, members: Sequence[str], epochs: int) -> None:
        """What will be trained, and all epochs together."""

    def share(self, done: float) -> None:
        """This share of the work is done, from 0 to 1."""

    def epoch_of(self, member: str, record: Record) -> None:
        """An epoch of one of the networks has ended."""

    def part_of(self, member: str) -> None:
        """A part of a long epoch of one of the networks has ended."""

    def finished(self, member: str, result: Result) -> None:
        """A run has ended."""


class ResultObserver(FunctionObserver, StudyObserver):
    """Calls a plain function with the result of each network of a study."""

    given: ClassVar = "a result"
    example: ClassVar = "lambda result: print(result),  or a StudyObserver"

    def finished(self, member: str, result: Result) -> None:
        """A run has ended."""
        self._function(result)
