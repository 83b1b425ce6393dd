"""What Python says of common mistakes in a plugin, with what helps."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from neurosim.plugin import __all__ as contract
from neurosim.suggestions import did_you_mean


def explained(error: BaseException, seen: Iterable[str], line: str) -> str:
    """The text of an error and what to do about it; empty where Python's own text says it all.

    Parameters
    ----------
    error : exception
        What the plugin raised.
    seen : iterable of str
        Names that exist where it was raised.
    line : str
        The text of that line.
    """
    match error:
        case NameError(name=str(name)) if not isinstance(error, UnboundLocalError):
            return f"NameError: name {name!r} is not defined; {_import_of(name) or did_you_mean(name, seen)}".rstrip(
                "; "
            )
        case ModuleNotFoundError(name=str(name)):
            return f"ModuleNotFoundError: No module named {name!r}; install it, or do without it"
        case ImportError(name="neurosim"):
            wrong = re.search(r"cannot import name '(\w+)'", str(error))
            if wrong:
                near = did_you_mean(wrong[1], contract)
                return f"ImportError: neurosim has no {wrong[1]!r}; {near}".rstrip("; ")
        case SystemExit():
            code = "" if error.code is None else f": {error.code}"
            return f"SystemExit{code}; nothing in a plugin may end the program"
        case FileNotFoundError(filename=str(name)):
            return (
                f"FileNotFoundError: there is no file {name!r}; relative paths start from the current folder, "
                f"those beside the plugin from Path(__file__).parent"
            )
        case AssertionError(args=()):
            return f"AssertionError: {line}"
    return ""


def _import_of(name: str) -> str:
    """The line that makes a name known; empty if it is nobody's."""
    if name in contract:
        return f"write  from neurosim import {name}"
    if name in ("np", "numpy"):
        return "write  import numpy as np"
    return f"write  import {name}" if name in sys.stdlib_module_names else ""
