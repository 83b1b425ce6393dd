"""A ``[network]`` section from another file than a scenario: checked as in one."""

from __future__ import annotations

from typing import Any

from neurosim.errors import PluginError
from neurosim.network.network_section import NetworkSection
from neurosim.plugin.host import Registry
from neurosim.scenario.faults import Fault, show_path
from neurosim.scenario.name_checks import network_name_faults
from neurosim.scenario.reading import unusable
from neurosim.scenario.validation import validate_network
from neurosim.scenario.value_checks import network_consistency_faults


def read_network(words: Any, registry: Registry) -> NetworkSection:
    """The section that `words` are, with all parameters of its records.

    Raises
    ------
    ValueError
        When they are no such section.
    PluginError
        When they name a record that no plugin has.
    """
    tree = {"network": words}
    _refuse(list(unusable(tree)))
    section, faults = validate_network(tree)
    _refuse([*faults, *network_name_faults(tree, registry), *network_consistency_faults(tree, registry)])
    assert section is not None
    return section.completed(registry)


def _refuse(faults: list[Fault]) -> None:
    for fault in sorted(faults, key=lambda fault: not fault.unknown_name):
        text = f"{show_path(fault.path)}: {fault.text}"
        raise PluginError(text) if fault.unknown_name else ValueError(text)
