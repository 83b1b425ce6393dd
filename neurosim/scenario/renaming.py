"""Another name in the place of one: parameters of the record that was named before belong to it, and go with it.

A name is set at ``optimizer.name``, ``data.source``, at the activation, init, loss or schedule of something, or in a
table of schedules, as a whole or with ``.name`` behind it.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from neurosim.network.layers.kinds import CHOICES
from neurosim.plugin.host import Catalog, Entry, Registry
from neurosim.scenario.faults import show
from neurosim.scenario.locate import KeyPath, value_at
from neurosim.scenario.schema import DataSection, OptimizerSection

# Keys whose value names a record, by its name or as a table with its parameters, and the catalog of it.
CATALOGS = {**CHOICES, "loss": "losses", "schedule": "schedules", "batch_schedule": "schedules"}
# Sections that name a record: under which key, in which catalog, and the keys that every such section has.
SECTIONS = {
    "optimizer": ("name", "optimizers", frozenset(OptimizerSection.model_fields)),
    "data": ("source", "datasets", frozenset(DataSection.model_fields)),
}


def renamed(
    tree: Mapping[str, Any], values: Mapping[KeyPath, Any], registry: Registry
) -> tuple[dict[str, Any], list[str]]:
    """A copy of a scenario's tree in which `values` are about to be set, without what they leave no owner.

    Returns also a line about each name that takes parameters with it. Parameters that `values` set stay, to be checked,
    and so do those that both records have.
    """
    changed = copy.deepcopy(dict(tree))
    lines = [make_room(changed, path, value, values, registry) for path, value in values.items()]
    return changed, [line for line in lines if line]


def make_room(
    tree: dict[str, Any], path: KeyPath, value: Any, explicit: Collection[KeyPath], registry: Registry
) -> str:
    """Take out of the tree what a name that is about to be set there leaves no owner; returns a line about it.

    `explicit` are the key paths that are set together with it.
    """
    table_path, name_key, catalog, own = _naming(path, registry)
    if catalog is None:
        return ""
    whole = path == table_path
    table = value_at(tree, table_path)
    if not isinstance(table, dict) or not (whole or path[-1] == name_key):
        return ""
    old, new = (_record(catalog, name) for name in (table.get(name_key), value))
    if old is None or new is None or old is new:
        return ""
    gone = [
        key
        for key in table
        if key not in own
        and key in old.defaults
        and (whole or key not in new.defaults)
        and (*table_path, key) not in explicit
    ]
    for key in gone:
        del table[key]
    for inner in ("biases", "schedules") if table_path == ("optimizer",) else ():
        by_parameter = table.get(inner)
        if not isinstance(by_parameter, dict):
            continue
        there = [key for key in by_parameter if (*table_path, inner, key) not in explicit]
        others = [key for key in there if key in old.defaults and key not in new.defaults]
        for key in others:
            del by_parameter[key]
        gone += [f"{inner}.{key}" for key in others]
    return _line(path, value, gone, str(table[name_key]))


def _line(path: KeyPath, value: Any, gone: list[str], old: str) -> str:
    if not gone:
        return ""
    shown = value if isinstance(value, str) else show(value)
    verb = "is" if len(gone) == 1 else "are"
    return f"{'.'.join(map(str, path))}={shown}: {', '.join(gone)} belonged to {old} and {verb} left out"


def _naming(path: KeyPath, registry: Registry) -> tuple[KeyPath, str, Catalog | None, frozenset[str]]:
    """The table that a key path is in or is, the key of its name, its catalog, and the keys that are not parameters.

    No catalog where the path has nothing to do with a record.
    """
    for length in (len(path), len(path) - 1):
        catalog = _catalog(path[:length])
        if catalog:
            return path[:length], "name", getattr(registry, catalog), frozenset({"name"})
    if len(path) == 2 and path[0] in SECTIONS:
        key, catalog, own = SECTIONS[str(path[0])]
        return path[:-1], key, getattr(registry, catalog), own
    return path, "", None, frozenset()


def _catalog(path: KeyPath) -> str | None:
    """The catalog of what stands at a key path; None where it is not the name of a record."""
    if not path:
        return None
    return "schedules" if path[-2:-1] == ("schedules",) else CATALOGS.get(str(path[-1]))


def _record(catalog: Catalog, name: object) -> Any:
    found = catalog.candidates(name) if isinstance(name, str) else []
    return found[0].record if len(found) == 1 and isinstance(found[0], Entry) else None
