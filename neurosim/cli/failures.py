"""What a failing command says: a message, a hint and the exit status for any exception."""

from __future__ import annotations

import errno
import os
import re
from typing import NamedTuple

from neurosim.cli.arguments import as_options
from neurosim.errors import DataError, DivergedError, Hint, NeurosimError, UsageError
from neurosim.files.atomic import advice
from neurosim.printable import quoted
from neurosim.process.reserve import memory_ended

_HOW_TO_SET = "Settings are changed with --set, for example: --set training.clip_norm=1"
_TOO_BIG = ("array is too big", "Maximum allowed dimension exceeded")


class Failure(NamedTuple):
    """A message and a hint, each a few lines at most, and the exit status."""

    message: str
    hint: str
    code: int


def failure_of(error: BaseException) -> Failure:
    """What to say about an error, and the status to exit with."""
    if isinstance(error, NeurosimError):
        # Where a formula is to blame, no setting helps.
        more = [_HOW_TO_SET] if isinstance(error, DivergedError) and " = " in error.hint else []
        return Failure(as_options(error.message), "\n".join([as_options(error.hint), *more]), error.exit_code)
    failure = _of_other(error)
    # For example, what is kept of a run.
    notes = [note if isinstance(note, Hint) else _line(note) for note in getattr(error, "__notes__", [])]
    return failure._replace(hint=as_options("\n".join([failure.hint, *notes])))


def _of_other(error: BaseException) -> Failure:
    if _is_of_memory(error):
        return _no_memory(error)
    if isinstance(error, OSError):
        return _of_file(error)
    failure = _of_plugin(error)
    if failure is not None:
        return failure
    before = memory_ended(error)
    return _unexpected(error) if before is None else _no_memory(before)


def _is_of_memory(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # The ValueError is NumPy's, for sizes beyond any memory.
    return isinstance(error, MemoryError) or (isinstance(error, ValueError) and str(error).startswith(_TOO_BIG))


def _no_memory(error: BaseException) -> Failure:
    # NumPy says how much it wanted, Python does not.
    wanted = f": {_line(error)}" if str(error) and not isinstance(error, OSError) else ""
    return Failure(
        f"there is not enough memory{wanted}",
        "Make the batches, the network, the rows or what is recorded smaller (--set training.batch_size=..., "
        "network.layers.0.units=..., record.quantities=[...]); neurosim info SCENARIO shows how much each part takes.",
        DataError.exit_code,
    )


def _of_file(error: OSError) -> Failure:
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    reason = (error.strerror or _line(error) or type(error).__name__).rstrip(".")
    message = f"{' and '.join(names)}: {reason}" if names else reason
    from neurosim.plugin.host import raised_by

    fault = raised_by(error)
    if fault is not None:
        line = re.search(r"line \d+(?=\)$)", fault[1])
        message += f" (plugin {fault[0]}{f', {line[0]}' if line else ''})"
    return Failure(message, advice(error), DataError.exit_code)


def _of_plugin(error: BaseException) -> Failure | None:
    """The failure for an error in a plugin's functions, called long after it was loaded; None for other errors."""
    from neurosim.plugin.host import raised_by

    fault = raised_by(error)
    if fault is None:
        return None
    plugin, cause = fault
    return Failure(
        f"plugin {plugin} has failed: {cause}",
        f"neurosim plugins check {quoted(plugin)}  looks for faults; --debug shows where it was called from.",
        UsageError.exit_code,
    )


def _unexpected(error: BaseException) -> Failure:
    if isinstance(error, RecursionError):
        return Failure(
            "something is nested too deeply to be processed",
            "Nest layers, settings or formulas less; run again with --debug to see where.",
            UsageError.exit_code,
        )
    return Failure(
        f"unexpected {type(error).__name__}: {_line(error)}",
        "This is a bug in neurosim; run again with --debug to see where.",
        1,
    )


def _line(error: BaseException | str) -> str:
    """The first line of the text."""
    from neurosim.plugin.host import one_line

    return one_line(str(error))
