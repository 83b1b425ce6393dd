"""Which plugins a scenario uses: what a result depends on besides the scenario itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from neurosim.plugin.host import BUILTIN, Entry, Plugin
from neurosim.scenario.names import required

if TYPE_CHECKING:
    from neurosim.scenario.load import Scenario


def used_plugins(scenario: Scenario) -> list[Plugin]:
    """The plugins whose records a scenario names, and those that it requires; no built-ins."""
    found = [entry.plugin for entry in _entries(scenario)]
    for text in scenario.requires.plugins:
        found += required(Requirement(text), scenario.registry)
    return [plugin for plugin in dict.fromkeys(found) if plugin.name != BUILTIN]


def _entries(scenario: Scenario) -> Iterator[Entry]:
    registry, network, optimizer = scenario.registry, scenario.network, scenario.optimizer
    yield registry.datasets.entry(scenario.data.source)
    yield from network.entries(registry)
    yield registry.optimizers.entry(optimizer.name)
    if optimizer.schedule is not None:
        yield registry.schedules.entry(optimizer.schedule.name)
