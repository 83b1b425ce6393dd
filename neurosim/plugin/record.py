"""What all records have in common: they check themselves when they are made, where a mistake was written."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from neurosim.errors import PluginError

Scalar = Callable[..., float]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Keys of a scenario that say which record it means; the record's own settings stand beside them.
NAMING = ("name", "source")


class Record:
    """Base of all records.

    Attributes
    ----------
    kind : str
        What a record is, in messages.
    settings : str
        The attribute with the settings that scenarios may give; those in `params` are numbers.
    name : str
        How scenarios call it.
    """

    kind: ClassVar[str]
    settings: ClassVar[str] = "params"
    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise PluginError(
                f"{self.kind} name {self.name!r} is not usable",
                "A name starts with a lower-case letter and has lower-case letters, digits and _ only.",
            )
        object.__setattr__(self, self.settings, MappingProxyType(self._checked_defaults()))

    @property
    def defaults(self) -> Mapping[str, Any]:
        """The settings that scenarios may give, with their defaults."""
        declared: Mapping[str, Any] = getattr(self, self.settings)
        return declared

    def _checked_defaults(self) -> dict[str, Any]:
        """A copy of the settings' defaults; raises PluginError for those that no scenario could give."""
        declared = dict(self.defaults)
        numbers = self.settings == "params"
        setting = "parameter" if numbers else "option"
        for key, value in declared.items():
            if not isinstance(key, str) or not key.isidentifier():
                raise self._fault(f"{setting} {key!r} must be an identifier")
            if key in NAMING:
                raise self._fault(
                    f"its {setting} {key!r} is a key that names records in scenarios",
                    f"Call the {setting} something else.",
                )
            if numbers:
                if not isinstance(value, int | float):
                    raise self._fault(f"parameter {key!r} needs a number as default, not {value!r}")
                declared[key] = float(value)
        return declared

    def _fault(self, text: str, hint: str = "") -> PluginError:
        return PluginError(f"{self.kind} {self.name!r}: {text}", hint)

    def _check(self, role: str, function: object, *fixed: str) -> None:
        """Raise PluginError unless a function takes `fixed` arguments, whatever their names, and then the settings."""
        if not callable(function):
            raise self._fault(f"{role} must be a function, not {function!r}")
        # Settings are handed over in the order in which they are declared.
        names, declared = list(inspect.signature(function).parameters), list(self.defaults)
        if len(names) != len(fixed) + len(declared) or names[len(fixed) :] != declared:
            raise self._fault(
                f"{role} takes ({', '.join(names)}), expected ({', '.join([*fixed, *declared])})",
                "The declared params come last, in the order they are declared in.",
            )
