"""The errors that neurosim raises on purpose.

Each has a message (what went wrong, and where) and a hint (what to do about it), and each family has the exit status
that the command line ends with.
"""

from __future__ import annotations


class NeurosimError(Exception):
    """Base of all errors that neurosim raises on purpose.

    Attributes
    ----------
    message : str
        What went wrong, in one or a few lines.
    hint : str
        What to do about it; empty if there is nothing useful to say.
    exit_code : int
        The exit status of the command line for this family of errors.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class Hint(str):
    """A note on an error that says what can be done about it; it may contain a command, so it is never shortened."""

    __slots__ = ()


def add_hint(error: BaseException, words: str) -> None:
    """Add to an error of any kind what else can be done about it, as a line of its hint or as a note."""
    if isinstance(error, NeurosimError):
        error.hint = f"{error.hint}\n{words}" if error.hint else words
    else:
        error.add_note(Hint(words))


class UsageError(NeurosimError):
    """A command or a function was called in a way that cannot work."""

    exit_code = 2


class ScenarioError(NeurosimError):
    """A scenario file is invalid; the message lists every mistake with file, line and key."""

    exit_code = 2


class PluginError(NeurosimError):
    """A plugin, or a record in one, breaks the contract."""

    exit_code = 2


class BackendError(NeurosimError):
    """A backend is missing, or cannot run what it was asked to."""

    exit_code = 2


class ShapeError(NeurosimError):
    """An array, or a layer, has a shape that does not fit."""

    exit_code = 2


class DataError(NeurosimError):
    """A file is missing, damaged or not writable."""

    exit_code = 3


class DivergedError(NeurosimError):
    """Training produced a loss that is not finite."""

    exit_code = 4


class ExpectationError(NeurosimError):
    """A run did not meet the expectations of its scenario."""

    exit_code = 5
