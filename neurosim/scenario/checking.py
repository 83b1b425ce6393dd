"""All checks of a scenario's tree of values, and the sections that it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from neurosim.plugin.host import Registry
from neurosim.scenario.faults import Fault
from neurosim.scenario.locate import KeyPath
from neurosim.scenario.name_checks import name_faults
from neurosim.scenario.schema import ScenarioFile
from neurosim.scenario.validation import validate
from neurosim.scenario.value_checks import consistency_faults


def check(tree: Mapping[str, Any], registry: Registry) -> tuple[ScenarioFile | None, list[Fault]]:
    """The sections of a tree, if it has the shape of a scenario, and all that is wrong with it."""
    sections, faults = validate(tree)
    return sections, [*faults, *name_faults(tree, registry), *consistency_faults(tree, registry)]


def one_each(faults: Iterable[Fault]) -> list[Fault]:
    """One fault for each place: a value that is not a number need not have the right size too."""
    first: dict[KeyPath, Fault] = {}
    for fault in faults:
        first.setdefault(fault.path, fault)
    return list(first.values())
