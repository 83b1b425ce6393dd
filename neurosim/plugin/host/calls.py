"""Calling functions of records that are not compiled, so that what goes wrong in one is named with file and line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neurosim.errors import PluginError
from neurosim.plugin.host.causes import cause
from neurosim.plugin.host.files import MODULE_PREFIX
from neurosim.plugin.host.hooks import definition
from neurosim.plugin.record import Record
from neurosim.printable import quoted

# What NumPy says where an array is closed to writing.
_READ_ONLY = "assignment destination is read-only"


@contextmanager
def blaming(
    record: Record,
    function: Callable[..., Any],
    doing: str = "",
    *,
    besides: tuple[type[Exception], ...] = (),
) -> Iterator[None]:
    """Within this a function of a record is called: whatever it raises becomes a PluginError that says where.

    `doing` says what it was called for: ``on the training rows``. Errors `besides` are no fault of the plugin's.
    """
    try:
        yield
    except MemoryError:
        raise
    except besides:
        raise
    except Exception as error:
        file, _ = definition(function)
        words = f" {doing}" if doing else ""
        what = cause(error, {file: Path(file).name} if file else {})
        if isinstance(error, ValueError) and _READ_ONLY in what:
            what = what.replace(f"ValueError: {_READ_ONLY}", "it writes into an array that it is given; work on a copy")
        message = f"{record.kind} {record.name} has failed{words}: {what}"
        raise PluginError(message, f"{_check(record, function)}  looks for faults.") from error


def wrong(record: Record, function: Callable[..., Any], what: str, hint: str) -> PluginError:
    """The error for a function of a record that does `what` it must not, with the place of its definition."""
    file, line = definition(function)
    place = f" ({Path(file).name}, line {line})" if line else ""
    return PluginError(f"{record.kind} {record.name} {what}{place}", hint)


def _check(record: Record, function: Callable[..., Any]) -> str:
    """The command that checks a record: of one in a file of its own, the file."""
    of_file = str(getattr(function, "__module__", "")).startswith(MODULE_PREFIX)
    return f"neurosim plugins check {quoted(definition(function)[0]) if of_file else record.name}"
