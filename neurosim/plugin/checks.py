"""What every record checks when it is made: its name, its parameters, and the arguments of its functions."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from neurosim.errors import PluginError

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def check_name(kind: str, name: object) -> None:
    """Raise PluginError unless scenarios can call a record by `name`."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PluginError(
            f"{kind} name {name!r} is not usable",
            "A name starts with a lower-case letter and has lower-case letters, digits and _ only.",
        )


def check_arguments(kind: str, name: str, role: str, function: object, expected: Sequence[str]) -> None:
    """Raise PluginError unless `function` takes as many arguments as `expected`, parameters by name."""
    if not callable(function):
        raise PluginError(f"{kind} {name!r}: {role} must be a function, not {function!r}")
    found = list(inspect.signature(function).parameters)
    # Leading arguments may have any name (z, x, ...); parameters are bound by the declared order,
    # so their names must agree with it.
    fixed = [entry for entry in expected if entry.startswith("<")]
    declared = list(expected[len(fixed) :])
    if len(found) != len(expected) or found[len(fixed) :] != declared:
        wanted = ", ".join(entry.strip("<>") for entry in expected)
        raise PluginError(
            f"{kind} {name!r}: {role} takes ({', '.join(found)}), expected ({wanted})",
            "The declared params come last, in the order they are declared in.",
        )


def frozen(kind: str, name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """A copy of `params` that cannot be changed; raises PluginError where a key is no identifier."""
    for key in params:
        if not isinstance(key, str) or not key.isidentifier() or key in {"name", "source"}:
            raise PluginError(f"{kind} {name!r}: parameter {key!r} must be an identifier")
    return MappingProxyType(dict(params))


def frozen_numbers(kind: str, name: str, params: Mapping[str, float]) -> Mapping[str, float]:
    """As `frozen`, for parameters whose defaults are numbers."""
    for key, value in params.items():
        if not isinstance(value, int | float):
            raise PluginError(f"{kind} {name!r}: parameter {key!r} needs a number as default, not {value!r}")
    return frozen(kind, name, {key: float(value) for key, value in params.items()})
