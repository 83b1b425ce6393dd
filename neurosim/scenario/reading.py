"""From a file to a tree of TOML values, with every way in which that can go wrong."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from neurosim.errors import DataError, ScenarioError
from neurosim.scenario.faults import Fault, shorten, show
from neurosim.scenario.locate import KeyPath
from neurosim.scenario.shipped_scenarios import by_name

MAX_BYTES = 1 << 20
MAX_DEPTH = 16
INT64 = range(-(2**63), 2**63)

_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
# Python refuses to read longer decimal integers, and reads a dotted key in quadratic time. Both patterns give nothing
# back once they have taken it, and so do not themselves take quadratic time.
_LONG_INT = re.compile(r"(?<![0-9_])[0-9][0-9_]{4000,}+")
_LONG_KEY = re.compile(
    r"""(?:^[ \t]*+\[*+|[{,])[ \t]*+(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){1000}""", re.MULTILINE
)


def find(source: str | Path) -> Path:
    """The file of a scenario, given by its path or as the name of a shipped scenario.

    A bare word is a shipped scenario if there is one of this name: what else is called ``xor`` in
    the working folder is most likely a run.

    Raises
    ------
    DataError
        If there is no such file.
    """
    names = by_name()
    text = str(source)
    if isinstance(source, str) and text in names:
        return names[text]
    path = Path(source)
    try:
        found = bool(text) and path.exists()
    except (OSError, ValueError) as error:  # a loop of links, a null byte, ...
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read scenario {shorten(text)}: {reason}") from error
    if found:
        return path
    near = difflib.get_close_matches(path.stem, names, n=3, cutoff=0.5)
    if near:
        hint = "Shipped scenarios with similar names: " + ", ".join(near)
    else:
        hint = "Give a path, or the name of a shipped scenario: " + ", ".join(names)
    raise DataError(f"scenario not found: {shorten(text)}", hint)


def read(path: Path, shown: str) -> str:
    """The text of the file, with lines that end in a bare newline.

    Raises
    ------
    ScenarioError
        If the file is not UTF-8 text, is empty or too large, or is a folder.
    DataError
        If it cannot be read.
    """
    if path.is_dir():
        raise ScenarioError(f"{shown}: this is a folder; a scenario is a TOML file in it")
    if path.suffix.lower() in (".csv", ".tsv"):
        raise ScenarioError(
            f"{shown}: this is a table of data; a scenario is a TOML file that names it: "
            f'[data] source = "csv", file = "{path.name}"'
        )
    try:
        with path.open("rb") as handle:
            content = handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot read scenario {shown}: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise ScenarioError(f"{shown}: the file is larger than 1 MiB; a scenario is a page of text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise ScenarioError(
            f"{shown}:{line}:{column}: byte 0x{content[error.start]:02x} is not text in UTF-8; save the file as UTF-8"
        ) from error
    if not text.strip():
        raise ScenarioError(
            f"{shown}:1:1: the file is empty; expected the sections "
            "[scenario], [data], [network], [optimizer] and [training]"
        )
    return text.replace("\r\n", "\n")


def parse(text: str, shown: str) -> dict[str, Any]:
    """The values of a TOML document.

    Raises
    ------
    ScenarioError
        If the text is not TOML, or is TOML that no scenario needs.
    """

    def fail(place: tuple[int, int], what: str) -> ScenarioError:
        return ScenarioError(f"{shown}:{place[0]}:{place[1]}: {shorten(what)}")

    long_key = _LONG_KEY.search(text)
    if long_key:
        raise fail(_place_of(text, long_key.start()), "a key of more than 1000 parts")
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.search(str(error))
        place = _place_of(text.rstrip(), len(text))
        if found and found[1]:
            place = (int(found[1]), int(found[2]))
        raise fail(place, "not valid TOML: " + _PLACE.sub("", str(error))) from error
    except RecursionError as error:
        raise ScenarioError(f"{shown}: arrays or tables nested too deep to read") from error
    except ValueError as error:
        number = _LONG_INT.search(text)
        if number is None:
            raise ScenarioError(f"{shown}: not valid TOML: {shorten(str(error))}") from error
        raise fail(
            _place_of(text, number.start()), f"a number of {len(number[0])} digits; integers have at most 64 bits"
        ) from error
    return tree


def _place_of(text: str, offset: int) -> tuple[int, int]:
    offset = min(offset, len(text))
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def unusable(tree: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of values that no key can have: not finite, beyond 64 bits, nested too deep."""
    pending: list[tuple[KeyPath, Any]] = [((), tree)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, Mapping | list):
            if len(path) >= MAX_DEPTH:
                yield Fault(path, "nested too deep for a scenario")
                continue
            entries = value.items() if isinstance(value, Mapping) else enumerate(value)
            pending += [((*path, key), entry) for key, entry in entries]
        elif isinstance(value, float) and not math.isfinite(value):
            yield Fault(path, f"expected a finite number, not {show(value)}")
        elif isinstance(value, int) and value not in INT64:
            yield Fault(path, f"expected an integer of at most 64 bits, not {show(value)}")
