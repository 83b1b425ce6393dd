"""Changes to a scenario from outside its file: overrides, each a key path and a value."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from neurosim.errors import UsageError
from neurosim.printable import arguments
from neurosim.scenario.faults import Fault, shorten, show, show_path
from neurosim.scenario.locate import KeyPath

_EXAMPLE = "for example: " + arguments(overrides={"training.epochs": 200, "network.layers.0.activation": "relu"})
# What stands at these keys, and in a table of schedules, may be a bare name, which is short for a table with that name
# alone.
_NAMED = ("activation", "init", "loss", "schedule", "batch_schedule")
_KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def parse_override(text: str) -> tuple[str, Any]:
    """Read an override that is written as ``key.path=value``.

    Parameters
    ----------
    text : str
        The value is read as TOML does, and what is no TOML value is a plain string:
        ``training.epochs=200``, ``optimizer.name=sgd``.

    Returns
    -------
    (str, object)
        The key path and the value.

    Raises
    ------
    UsageError
        If the text has another form.
    """
    path, equals, value = text.partition("=")
    path, value = path.strip(), value.strip()
    if not equals:
        raise UsageError(f"override {shorten(text, 80)}: expected key.path=value", _EXAMPLE)
    key_path(path)
    return path, _value(text, value)


def parse_overrides(texts: Iterable[str]) -> dict[str, Any]:
    """Read several ``key.path=value``; of two for one key, the later one counts."""
    return dict(parse_override(text) for text in texts)


def _value(text: str, value: str) -> Any:
    try:
        document = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError as error:
        if value[:1] in ("[", "{", '"', "'"):
            raise UsageError(f"override {shorten(text, 80)}: the value is not valid TOML: {error}", _EXAMPLE) from error
        return value
    except (RecursionError, ValueError) as error:
        raise UsageError(f"override {shorten(text, 80)}: the value is too long or too deep", _EXAMPLE) from error
    # More than one key: the text had a line of its own behind the value.
    return document["value"] if len(document) == 1 else value


def key_path(text: str) -> KeyPath:
    """The parts of a dotted key path; numbers are places in a list.

    Raises
    ------
    UsageError
        If it is not one.
    """
    if not isinstance(text, str) or not _KEY.fullmatch(text):
        raise UsageError(f"{shorten(str(text), 80)!r} is not a key path", _EXAMPLE)
    return tuple(int(part) if part.isdecimal() and len(part) < 9 else part for part in text.split("."))


def label(path: str, value: Any) -> str:
    """How messages call the override."""
    return f"override {shorten(path, 80)}={shorten(value, 40) if isinstance(value, str) else show(value)}"


def apply(tree: Mapping[str, Any], overrides: Mapping[KeyPath, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """A copy of the tree with the overrides put in, and the faults of those that fit nowhere."""
    changed = copy.deepcopy(dict(tree))
    faults = []
    for path, value in overrides.items():
        problem = put(changed, path, as_toml(value))
        if problem:
            faults.append(Fault(path, problem))
    return changed, faults


def put(tree: dict[str, Any], path: KeyPath, value: Any) -> str:
    """Set one value, making the tables on the way; return what is wrong, or nothing."""
    container: Any = tree
    for depth, part in enumerate(path):
        here = show_path(path[:depth])
        key: str | int = part
        if isinstance(container, list):
            if not container:
                return f"{here} is empty"
            if not isinstance(part, int) or part >= len(container):
                return f"{here} has no entry {show(part)}; its entries are numbered 0 to {len(container) - 1}"
        elif isinstance(container, dict):
            key = str(part)
        else:
            return f"{here} is {show(container)} and has no keys; set {here} as a whole"
        if depth == len(path) - 1:
            container[key] = value
        elif isinstance(container, dict):
            inner = container.setdefault(key, {})
            if (key in _NAMED or path[depth - 1 : depth] == ("schedules",)) and isinstance(inner, str):
                container[key] = {"name": inner}
            container = container[key]
        else:
            container = container[key]
    return ""


def as_toml(value: Any) -> Any:
    """Python and NumPy values as tomllib would have read them."""
    if isinstance(value, Mapping):
        return {str(key): as_toml(entry) for key, entry in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [as_toml(entry) for entry in value]
    return value
