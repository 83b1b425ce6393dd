"""Which files of a scenario its user has named himself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurosim.scenario.locate import KeyPath

# Where data sets and their options stand: in the scenario, and in its variants.
_ABOUT_DATA = ("data", "variants")


def vouched_for(values: Mapping[KeyPath, Any]) -> frozenset[str]:
    """All texts among values, by key path, that may be options of data sets: what is named there may be read."""
    return frozenset(text for path, value in values.items() if path[0] in _ABOUT_DATA for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
