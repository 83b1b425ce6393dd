"""What all records have in common: they check themselves when they are made, where a mistake was written."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from neurosim.errors import PluginError
from neurosim.formulas.limits import beyond_float32
from neurosim.plugin.functions import not_compiled
from neurosim.suggestions import did_you_mean

Scalar = Callable[..., float]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Keys of a scenario that say which record it means; the record's own settings stand beside them.
NAMING = ("name", "source")
NAMES_RECORDS = "scenarios use to say which one they mean"
# What authors call a field that has another name here.
_OTHER_WORDS = {
    "derivative": "df", "gradient": "df", "function": "f", "formula": "f", "parameters": "params", "init": "usual_init",
    "initializer": "usual_init", "loss": "value", "rule": "update", "state": "slots", "defaults": "params",
    "params": "options",
}  # fmt: skip


class _Made(type):
    """Says which fields are wrong when a record is made, and remembers where that was."""

    def __call__(cls, *values: Any, **named: Any) -> Any:
        try:
            made = super().__call__(*values, **named)
        except TypeError as error:
            fault = _misfit(cls, values, named)
            if fault is None:
                raise
            raise fault from error
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename in (__file__, dataclasses.__file__):
            frame = frame.f_back
        object.__setattr__(made, "place", f"{frame.f_code.co_filename}:{frame.f_lineno}")
        return made


def _misfit(cls: type, values: tuple[Any, ...], named: Mapping[str, Any]) -> PluginError | None:
    """What is wrong with the fields that a record is made of; None where they fit."""
    entries = [entry for entry in dataclasses.fields(cls) if entry.init]
    fields = [entry.name for entry in entries]
    given = [*fields[: len(values)], *named]
    listed = f"{cls.__name__} has the fields {', '.join(fields)}"
    for name in named:
        if name not in fields:
            other = _OTHER_WORDS.get(name, "")
            near = f'did you mean "{other}"?' if other in fields else did_you_mean(name, fields)
            return PluginError(f"{cls.__name__} has no field {name!r}", f"{near} {listed}".strip())
        if given.count(name) > 1:
            return PluginError(f"{cls.__name__} gets {name} twice", listed)
    if len(values) > len(fields):
        return PluginError(f"{cls.__name__} gets {len(values)} values, and has {len(fields)} fields", listed)
    needed = [
        entry.name
        for entry in entries
        if entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in needed if name not in given]
    if missing:
        return PluginError(
            f"{cls.__name__} lacks {' and '.join(missing)}", f"write {cls.__name__}({', '.join(needed)})"
        )
    return None


class Declared(metaclass=_Made):
    """Base of everything that a plugin declares.

    Attributes
    ----------
    place : str
        File and line that it was made in.
    """

    place: ClassVar[str]


class Record(Declared):
    """Base of all records.

    Attributes
    ----------
    kind : str
        What a record is, in messages.
    settings : str
        The attribute with the settings that scenarios may give; those in `params` are numbers or vectors of numbers.
    keys : mapping of str to str
        What else may stand beside the settings in a scenario, which cannot be called so, and what it does there.
    name : str
        How scenarios call it.
    """

    kind: ClassVar[str]
    settings: ClassVar[str] = "params"
    keys: ClassVar[Mapping[str, str]] = dict.fromkeys(NAMING, NAMES_RECORDS)
    name: str

    def __post_init__(self) -> None:
        name: object = self.name
        if not isinstance(name, str):
            raise PluginError(
                f"the name of {self._a_kind} must be text in quotes, not {_kind_of(name)}",
                f'write {type(self).__name__}("my_{self.kind}", ...)',
            )
        if not _NAME.fullmatch(self.name):
            wish = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.name).lower()).strip("_")
            such = f', such as "{wish}"' if _NAME.fullmatch(wish) else ""
            raise PluginError(
                f"{self.kind} name {self.name!r} is not usable",
                f"A name starts with a lower-case letter and has lower-case letters, digits and _ only{such}.",
            )
        for text in ("usual_init", "source", "description"):
            value = getattr(self, text, "")
            if not isinstance(value, str):
                raise self._fault(f"{text} must be text in quotes, not {_kind_of(value)}")
        object.__setattr__(self, self.settings, MappingProxyType(self._checked_defaults()))

    @property
    def defaults(self) -> Mapping[str, Any]:
        """The settings that scenarios may give, with their defaults."""
        declared: Mapping[str, Any] = getattr(self, self.settings)
        return declared

    @property
    def vectors(self) -> tuple[str, ...]:
        """Names of the parameters that are vectors of numbers."""
        return tuple(
            name for name, default in self.defaults.items() if self.settings == "params" and is_vector(default)
        )

    @property
    def _a_kind(self) -> str:
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"

    @property
    def is_compiled(self) -> bool:
        """Whether its functions are formulas."""
        return hasattr(type(self), "formulas")

    def _checked_defaults(self) -> dict[str, Any]:
        """A copy of the settings' defaults; raises PluginError for those that no scenario could give."""
        numbers = self.settings == "params"
        setting = "parameter" if numbers else "option"
        given: object = self.defaults
        if not isinstance(given, Mapping):
            such = {"beta": 1.0} if numbers else {"samples": 100}
            raise self._fault(
                f"{self.settings} must be a dictionary of names and defaults, not {given!r}",
                f"Write {self.settings}={_as_code(such)}.",
            )
        declared = dict(self.defaults)
        for key, value in declared.items():
            if not isinstance(key, str) or not key.isidentifier():
                raise self._fault(f"{setting} {key!r} must be an identifier", "Write it like the argument, in quotes.")
            if key in self.keys:
                raise self._fault(
                    f"its {setting} {key!r} is a key that {self.keys[key]}",
                    f"Call the {setting} something else.",
                )
            if numbers:
                declared[key] = self._parameter(f"parameter {key!r}", value)
        return declared

    def _parameter(self, what: str, value: Any) -> float | tuple[float, ...]:
        """A default of a parameter: a number, or a tuple of numbers for a vector."""
        if not is_vector(value):
            return self._number(what, value)
        if not value:
            raise self._fault(f"{what} has an empty vector as its default", "Give it at least one number: (1.0,).")
        return tuple(self._number(f"{what}, entry {place},", entry) for place, entry in enumerate(value))

    def _number(self, what: str, value: Any) -> float:
        """A default as a number that scenarios can say and compiled code can hold."""
        if not isinstance(value, int | float):
            hint = "Write it without quotes." if isinstance(value, str) else ""
            raise self._fault(f"{what} needs a number as its default, not {value!r}", hint)
        if not math.isfinite(value):
            raise self._fault(f"{what} needs a finite number as its default, not {value!r}")
        if self.is_compiled and (fault := beyond_float32(value)):
            raise self._fault(f"the default of {what}, {value:g}, {fault[0]}", fault[1])
        return float(value)

    def _fault(self, text: str, hint: str = "") -> PluginError:
        return PluginError(f"{self.kind} {self.name!r}: {text}", hint)

    def _check_word(self, role: str, word: object, words: tuple[str, ...], hint: str = "") -> None:
        """Raise PluginError unless a field is one of the words that it may be."""
        if word not in words:
            known = f"{', '.join(map(repr, words[:-1]))} or {words[-1]!r}"
            raise self._fault(f"{role} must be {known}, not {word!r}", hint)

    def _check(self, role: str, function: object, *fixed: str) -> None:
        """Raise PluginError unless a function takes `fixed` arguments, whatever their names, and then the settings."""
        if not callable(function):
            hint = f"Give the function itself, without calling it: {role}=my_function."
            raise self._fault(f"{role} must be a function, not {function!r}", hint)
        # Settings are handed over in the order in which they are declared.
        declared = list(self.defaults)
        expected = ", ".join([*fixed, *declared])
        if self.is_compiled and (fault := not_compiled(function, expected)):
            raise self._fault(f"{role} must be a plain function, not {fault[0]}", f"{fault[1]}.")
        try:
            arguments = inspect.signature(function).parameters
        except ValueError as error:  # some that are written in C
            raise self._fault(
                f"the arguments of {role} are not known", f"Write a function around it: def {role}({expected})."
            ) from error
        names = list(arguments)
        takes = f"{role} takes ({', '.join(names)}), expected ({expected})"
        if len(names) != len(fixed) + len(declared) or names[len(fixed) :] != declared:
            raise self._fault(takes, self._how_to_take(function, arguments, fixed))
        if sorted(names[: len(fixed)]) == sorted(fixed) and names[: len(fixed)] != list(fixed):
            raise self._fault(takes, f"They come in this order: {_definition(function, role, expected)}.")

    def _how_to_take(
        self, function: Callable[..., Any], arguments: Mapping[str, inspect.Parameter], fixed: tuple[str, ...]
    ) -> str:
        """What to write where a function does not take what it gets."""
        declared, own = self.defaults, list(arguments)[len(fixed) :]
        fits = len(arguments) >= len(fixed) and not set(own) & set(fixed)
        if fits and sorted(own) == sorted(declared):
            ordered = {name: declared[name] for name in own}
            return f"Declare them in the order of the arguments: {self.settings}={_as_code(ordered)}."
        if fits and set(declared) < set(own):
            wanted = {
                name: default if isinstance(default := arguments[name].default, int | float) else 1.0 for name in own
            }
            found = {name: declared.get(name, wanted[name]) for name in own}
            return f"Declare the other arguments, with defaults: {self.settings}={_as_code(found)}."
        return f"Write {_definition(function, 'function', ', '.join([*fixed, *declared]))}."


def is_vector(value: object) -> bool:
    """Whether the value of a parameter is a vector of numbers, not a single one."""
    return isinstance(value, tuple | list)


def _definition(function: object, otherwise: str, expected: str) -> str:
    name = getattr(function, "__name__", "")
    return f"def {name if str(name).isidentifier() else otherwise}({expected})"


def _as_code(values: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f'"{name}": {value!r}' for name, value in values.items()) + "}"


def _kind_of(value: object) -> str:
    if inspect.isroutine(value):
        return f"the function {getattr(value, '__name__', '')}".strip()
    return f"the class {value.__name__}" if isinstance(value, type) else repr(value)
