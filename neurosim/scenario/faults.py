"""Faults of a scenario file, and how they are reported: one line each, with the place and the key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from neurosim.errors import ScenarioError
from neurosim.printable import escaped
from neurosim.scenario.locate import KeyPath, Position, nearest

# What fits on one screen.
MAX_FAULTS = 20
MAX_FILE, MAX_TEXT = 200, 650
MAX_VALUE = 60

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_INT = 10**18


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Parameters
    ----------
    path : tuple of str and int
        Key path of what is wrong, or of what is missing; empty for the whole file.
    text : str
        What is wrong and what was expected.
    unknown_name : bool
        Whether it is a name that a plugin could give.
    """

    path: KeyPath
    text: str
    unknown_name: bool = False


def shorten(text: str, length: int = MAX_TEXT) -> str:
    """The text without its middle where it is longer than `length`, safe to print."""
    return escaped(text, length)


def show(value: Any) -> str:
    """The value as TOML writes it, shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return shorten(json.dumps(shorten(value, MAX_VALUE), ensure_ascii=False), 2 * MAX_VALUE)
    if isinstance(value, int) and abs(value) > _LONGEST_INT:
        # Python refuses to write out very long integers.
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, Mapping):
        entries = list(value.items())[:4]
        inside = ", ".join(f"{show_path((str(key),))} = {show(entry)}" for key, entry in entries)
        return shorten(f"{{ {inside}{', ...' if len(value) > 4 else ''} }}", MAX_VALUE)
    if isinstance(value, list | tuple):
        inside = ", ".join(show(entry) for entry in value[:6])
        return shorten(f"[{inside}{', ...' if len(value) > 6 else ''}]", MAX_VALUE)
    return shorten(str(value), MAX_VALUE)


def show_path(path: KeyPath) -> str:
    """The path as a dotted key: ``network.layers.0.units``."""
    parts = (str(part) for part in path)
    return shorten(".".join(part if _BARE_KEY.fullmatch(part) else show(part) for part in parts), 120)


class Report:
    """Turns faults into a `ScenarioError`.

    Parameters
    ----------
    file : str
        The file as it is to be called in messages.
    positions : mapping, optional
        What `locate` found in it; left out for a scenario that was made in Python.
    labels : mapping
        For each overridden key path, the option that did it (``--set training.epochs=abc``).
    """

    def __init__(
        self,
        file: str,
        positions: Mapping[KeyPath, Position] | None = None,
        labels: Mapping[KeyPath, str] | None = None,
    ) -> None:
        self._file = file
        self._positions = positions or {}
        self._is_file = positions is not None
        self._labels = labels or {}

    def error(self, faults: Iterable[Fault], hint: str = "") -> ScenarioError:
        """The error that reports all faults, in the order of the file."""
        found = sorted(dict.fromkeys(faults), key=lambda fault: (self._position(fault.path), show_path(fault.path)))
        lines = [self._line(fault) for fault in found[:MAX_FAULTS]]
        if len(found) > MAX_FAULTS:
            lines.append(f"{shorten(self._file, MAX_FILE)}: ... and {len(found) - MAX_FAULTS} more")
        return ScenarioError("\n".join(lines), hint)

    def place(self, path: KeyPath) -> str:
        """Where a value was set: file, line and column, or the option that did it."""
        label = self._label(path)
        if label is not None:
            return label
        file = shorten(self._file, MAX_FILE)
        if not self._is_file:
            return file
        line, column = self._position(path)
        return f"{file}:{line}:{column}"

    def _line(self, fault: Fault) -> str:
        parts = [self.place(fault.path), show_path(fault.path), shorten(fault.text)]
        return ": ".join(part for part in parts if part)

    def _position(self, path: KeyPath) -> Position:
        """Place of the key, else of the table it should be in, else the start of the file."""
        found = nearest(self._positions, path)
        return (1, 1) if found is None else found[1]

    def _label(self, path: KeyPath) -> str | None:
        """The option that put the value at `path` there, None where the file did."""
        found = nearest(self._labels, path)
        if found is not None:
            return found[1]
        if path in self._positions:
            return None
        # A table that is there only because an option put something into it.
        made = (label for key, label in self._labels.items() if path and key[: len(path)] == path)
        return next(made, None)
