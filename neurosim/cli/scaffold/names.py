"""From the name a user types to the names that Python, packages and scenarios know a plugin by."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass

from neurosim.errors import UsageError

PREFIX = "neurosim"
# Names that the written module gets from elsewhere.
_IMPORTED = {"hookimpl", "math", "neurosim", "np"}


@dataclass(frozen=True)
class Names:
    """What one plugin is called in each place; `record` is its name in scenarios."""

    record: str

    @property
    def module(self) -> str:
        """The Python module."""
        return f"{PREFIX}_{self.record}"

    @property
    def distribution(self) -> str:
        """The package, as pip knows it."""
        return f"{PREFIX}-{self.record.replace('_', '-')}"


def plugin_names(text: str, taken: Collection[str] = (), *, file: bool = False) -> Names:
    """The names of a new plugin; ``neurosim-foo`` is the same as ``foo``.

    Parameters
    ----------
    text : str
        What the user typed.
    taken : collection of str
        Names that scenarios use for something of the same kind already.
    file : bool
        Whether a Python file will have this name, which could hide a module of Python's own.

    Raises
    ------
    UsageError
        For a name that does not work everywhere.
    """
    record = text.replace("-", "_").removeprefix(f"{PREFIX}_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", record):
        raise UsageError(
            f'"{text}" cannot name a plugin',
            "A name has lower-case letters, digits and single hyphens, and starts with a letter: soft-step.",
        )
    other = f"my-{record.replace('_', '-')}"
    hidden = _IMPORTED | sys.stdlib_module_names if file else _IMPORTED
    if keyword.iskeyword(record) or hasattr(builtins, record) or record in hidden:
        raise UsageError(f'"{record}" means something in Python already', f"Choose another name, such as {other}.")
    if record in taken:
        raise UsageError(
            f'"{record}" comes with neurosim already',
            f"Two of one name would have to be told apart in every scenario; choose another, such as {other}.",
        )
    return Names(record)
