"""Which files of a scenario its user has named himself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from neurosim.scenario.locate import KeyPath
from neurosim.scenario.schema import PATHS

# Where data sets and their options stand: in the scenario, and in its variants.
_ABOUT_DATA = ("data", "variants")


def vouched_for(values: Mapping[KeyPath, Any]) -> frozenset[str]:
    """All texts among values, by key path, that may be options of data sets: what is named there may be read."""
    return frozenset(text for path, value in values.items() if path[0] in _ABOUT_DATA for text in _texts(value))


def as_named(path: KeyPath, value: Any) -> Any:
    """An override, with the path of data made absolute if it leads to a file from the working folder.

    A user names a file from where he is; a scenario, from where it is.
    """
    if path == ("data",) and isinstance(value, Mapping):
        return {key: as_named((*path, key), entry) for key, entry in value.items()}
    if path not in [("data", option) for option in PATHS] or not isinstance(value, str):
        return value
    try:
        there = Path(value).exists()
    except (OSError, ValueError):  # too long, a null byte, ...: whoever reads it will say so
        there = False
    return str(Path(value).absolute()) if there else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
