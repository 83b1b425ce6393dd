"""Logs that are asked for besides what a scenario says: they become observers of it, and so are kept with the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from neurosim.errors import UsageError
from neurosim.network.layers.section import completed_choice
from neurosim.network.sections import Choice
from neurosim.plugin.host import BUILTIN, Entry
from neurosim.printable import arguments
from neurosim.scenario import Scenario
from neurosim.suggestions import unknown


def logged(scenario: Scenario, names: Sequence[str] | str) -> Scenario:
    """The scenario, and its variants, with these logs among their observers; those that are there already stay.

    Raises
    ------
    UsageError
        When there is no such observer, or it may stop a run.
    PluginError
        When several plugins give it.
    """
    asked = [_log(name, scenario) for name in dict.fromkeys([names] if isinstance(names, str) else names)]
    there = {choice.name for choice in scenario.training.observers or ()}
    return _with(scenario, {name: entry for name, entry in asked if name not in there})


def _log(name: str, scenario: Scenario) -> tuple[str, Entry]:
    """A log by its name."""
    catalog = scenario.registry.observers
    if not catalog.candidates(name):
        raise UsageError(*unknown("log", name, [entry.name for entry in catalog if entry.record.log]))
    entry = catalog.entry(name)
    if not entry.record.log:
        raise UsageError(
            f"the observer {name} is no log: it may stop the run",
            f"{arguments(overrides={'training.observers': [name]})} asks for it.",
        )
    return name, entry


def _with(scenario: Scenario, logs: dict[str, Entry]) -> Scenario:
    if not logs:
        return scenario
    choices = [Choice(name=name) for name in logs]
    found = [completed_choice(choice, scenario.registry.observers) for choice in choices]
    both = [*(scenario.training.observers or ()), *found]
    written = [*(scenario.given.training.observers or ()), *choices]
    plugins = [*scenario.plugins, *(entry.plugin for entry in logs.values() if entry.plugin.name != BUILTIN)]
    given = scenario.given.training.model_copy(update={"observers": written})
    return replace(
        scenario,
        training=scenario.training.model_copy(update={"observers": both}),
        given=scenario.given.model_copy(update={"training": given}),
        plugins=tuple(dict.fromkeys(plugins)),
        variants={name: _with(variant, logs) for name, variant in scenario.variants.items()},
    )
