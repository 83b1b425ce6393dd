"""Rules about what ``[sweep]`` varies; like `name_checks.py`, on the values as they stand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neurosim.errors import UsageError
from neurosim.plugin.host import Registry
from neurosim.scenario.checking import check
from neurosim.scenario.faults import Fault, show_path
from neurosim.scenario.keys import misplaced
from neurosim.scenario.locate import KeyPath, nearest
from neurosim.scenario.measures import measure_fault, of_metrics
from neurosim.scenario.name_checks import table
from neurosim.scenario.overrides import apply, key_path
from neurosim.scenario.renaming import renamed
from neurosim.scenario.study import CHANGEABLE, PROMISES
from neurosim.scenario.sweep_section import MOST_SETTINGS, SEARCHES, misfit
from neurosim.scenario.varied import Dimension, Values, dimension_of
from neurosim.suggestions import unknown

_OVER: KeyPath = ("sweep", "over")
# Of all points, so many are tried until one fits.
_MOST = 64
# What the network that is trained for a point has none of.
_ASIDE = ("variants", "claims", "play", "sweep")


def sweep_faults(tree: Mapping[str, Any], registry: Registry, known: Sequence[Fault]) -> Iterator[Fault]:
    """What is wrong with ``[sweep]``: values that are none, keys that fit no point; `known` are all other faults."""
    section = table(tree, "sweep")
    key, text = misfit(section.get("search", SEARCHES[0]), section.get("trials"), section.get("prune"))
    if text and section.get("search", SEARCHES[0]) in SEARCHES:
        yield Fault(("sweep", key), text)
    yield from measure_fault(("sweep", "by"), section.get("by"), (*PROMISES, *of_metrics(tree)), registry)
    over = table(section, "over")
    dimensions: dict[KeyPath, Dimension] = {}
    for key, value in itertools.islice(over.items(), MOST_SETTINGS):
        place = (*_OVER, key)
        if isinstance(value, Mapping):
            inner = next(iter(value), "...")
            yield Fault(place, f'expected a list of values or a range; a key path stands in quotes: "{key}.{inner}"')
            continue
        try:
            dimension, path = dimension_of(key, value), key_path(key)
        except UsageError as error:
            # The key stands before it.
            text = error.message.removeprefix(f"over {key}={value}: ")
            yield Fault(place, f"{text}; {error.hint}" if error.hint else text)
            continue
        wrong = [*misplaced({path: None}, tree, registry)]
        if wrong or path[0] not in CHANGEABLE:
            hint = unknown("key", str(path[0]), CHANGEABLE)[1]
            yield Fault(place, wrong[0][1] if wrong else f"unknown key; {hint}" if hint else "unknown key")
            continue
        dimensions[path] = dimension
    if dimensions and not known:
        yield from _unfit(tree, dimensions, registry)


def _unfit(tree: Mapping[str, Any], dimensions: Mapping[KeyPath, Dimension], registry: Registry) -> Iterator[Fault]:
    """What is wrong with every point that is tried; what is wrong with some of them, a sweep has as a row."""
    alone = {key: value for key, value in tree.items() if key not in _ASIDE}
    sources = {path: (*_OVER, dimension.key) for path, dimension in dimensions.items()}
    always: list[Fault] | None = None
    for point in _points(dimensions):
        made, _ = renamed(alone, point, registry)
        changed, faults = apply(made, point)
        found = [_relocated(fault, sources) for fault in [*faults, *check(changed, registry)[1]]]
        places = {fault.path for fault in found}
        always = found if always is None else [fault for fault in always if fault.path in places]
        if not always:
            return
    yield from always or ()


def _points(dimensions: Mapping[KeyPath, Dimension]) -> Iterator[Mapping[KeyPath, Any]]:
    """Some points: first those that have each value of each list, then others."""
    lists = [_some(dimension) for dimension in dimensions.values()]
    longest = max(map(len, lists))
    first = (tuple(values[place % len(values)] for values in lists) for place in range(longest))
    for row in itertools.islice(itertools.chain(first, itertools.product(*lists)), _MOST):
        yield dict(zip(dimensions, row, strict=True))


def _some(dimension: Dimension) -> tuple[Any, ...]:
    over = dimension.over
    return over.values if isinstance(over, Values) else (over.at(0.0), over.at(0.5))


def _relocated(fault: Fault, sources: Mapping[KeyPath, KeyPath]) -> Fault:
    """A fault of the network of a point where the file says so."""
    found = nearest(sources, fault.path)
    if found is None:
        return Fault(_OVER, f"{show_path(fault.path)}: {fault.text}", fault.unknown_name)
    return Fault(found[1], fault.text, fault.unknown_name)
