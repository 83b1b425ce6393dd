"""From the name that a user types to the names of a plugin in Python, for pip and in scenarios."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass

from neurosim.errors import UsageError

PREFIX = "neurosim"
# Names that the generated module imports.
_IMPORTED = {"hookimpl", "math", "neurosim", "np"}


@dataclass(frozen=True)
class Names:
    """The names of one plugin; `record` is the name in scenarios."""

    record: str

    @property
    def module(self) -> str:
        """The Python module."""
        return f"{PREFIX}_{self.record}"

    @property
    def distribution(self) -> str:
        """The package, for pip."""
        return f"{PREFIX}-{self.record.replace('_', '-')}"


def plugin_names(text: str, taken: Collection[str] = (), *, file: bool = False) -> Names:
    """The names of a new plugin; ``neurosim-foo`` is the same as ``foo``.

    Parameters
    ----------
    text : str
        The name that the user typed.
    taken : collection of str
        Names that something of the same kind already has in scenarios.
    file : bool
        Whether a Python file will have this name, which could shadow a module of the standard library.

    Raises
    ------
    UsageError
        For a name that does not work in all of these places.
    """
    record = text.replace("-", "_").removeprefix(f"{PREFIX}_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", record):
        raise UsageError(
            f'"{text}" cannot name a plugin',
            "A name consists of lower-case letters, digits and single hyphens, and starts with a letter: soft-step.",
        )
    other = f"my-{record.replace('_', '-')}"
    hidden = _IMPORTED | sys.stdlib_module_names if file else _IMPORTED
    if keyword.iskeyword(record) or hasattr(builtins, record) or record in hidden:
        raise UsageError(f'"{record}" already means something in Python', f"Choose another name, such as {other}.")
    if record in taken:
        raise UsageError(
            f'"{record}" already comes with neurosim',
            f"With two of the same name, every scenario would have to say which; choose another, such as {other}.",
        )
    return Names(record)
