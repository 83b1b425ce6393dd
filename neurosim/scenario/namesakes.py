"""Names that mean a built-in record where a plugin has given the same name to one of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from neurosim.network.layers.kinds import CHOICES
from neurosim.plugin.host import Catalog, Registry
from neurosim.scenario.faults import show
from neurosim.scenario.locate import KeyPath, overlap
from neurosim.scenario.name_checks import layers_of, schedules_of, table


def namesake_notes(
    tree: Mapping[str, Any], registry: Registry, overridden: Collection[KeyPath], *, shipped: bool
) -> Iterator[str]:
    """A line about each name in a scenario's tree that a plugin has given to a record of its own.

    What a shipped scenario names is a built-in record, and nobody asks whether an installed package has another: there
    the line is for names that are `overridden`, and for plugins that the user has named.
    """
    for path, value, catalog in _named(tree, registry):
        name = value.get("name") if isinstance(value, Mapping) else value
        if not isinstance(name, str):
            continue
        chosen = not shipped or any(overlap(path, other) for other in overridden)
        for entry in catalog.namesakes(name):
            # Only what is installed has a version.
            if chosen or not entry.plugin.version:
                spelling = show(catalog.spelling(entry))
                yield (
                    f"{catalog.what} {show(name)} is neurosim's own; plugin {entry.plugin.label} has another "
                    f"of this name: write {spelling} for that one"
                )


def _named(tree: Mapping[str, Any], registry: Registry) -> Iterator[tuple[KeyPath, Any, Catalog]]:
    """Each place in the tree that names a record, what stands there, and where it is looked up."""
    optimizer = table(tree, "optimizer")
    yield ("data", "source"), table(tree, "data").get("source"), registry.datasets
    yield ("network", "loss"), table(tree, "network").get("loss"), registry.losses
    for place, layer in layers_of(tree):
        for key, catalog in CHOICES.items():
            yield (*place, key), layer.get(key), getattr(registry, catalog)
    yield ("optimizer", "name"), optimizer.get("name"), registry.optimizers
    yield from ((path, value, registry.schedules) for path, value in schedules_of(tree))
