"""Write the defaults of the records into a checked scenario, so that it says all that will run."""

from __future__ import annotations

from typing import Any

from neurosim.network.layers.section import IDENTITY, LayerSection, completed_choice
from neurosim.plugin.host import BUILTIN, Registry
from neurosim.scenario.schema import DataSection, OptimizerSection, ScenarioFile

CSV = f"{BUILTIN}:csv"


def complete(sections: ScenarioFile, registry: Registry) -> ScenarioFile:
    """The scenario with all options and parameters, in the order in which the records have them.

    A layer with weights, without start values and without an initializer, gets the usual one for
    its activation.
    """
    network, optimizer, data = sections.network, sections.optimizer, sections.data
    schedule = optimizer.schedule and completed_choice(optimizer.schedule, registry.schedules)
    update = {
        "data": DataSection(
            **{**_own(data), "standardize_targets": _standardizes_targets(sections, registry)},
            **_options(data, registry),
        ),
        "network": network.completed(registry),
        "optimizer": OptimizerSection(
            name=optimizer.name,
            schedule=schedule,
            **{**registry.optimizers.get(optimizer.name).params, **optimizer.params},
        ),
    }
    return sections.model_copy(update=update)


def _own(section: DataSection) -> dict[str, Any]:
    return {key: getattr(section, key) for key in DataSection.model_fields}


def _standardizes_targets(sections: ScenarioFile, registry: Registry) -> bool:
    """What is asked for; else whether targets may be in units of their own and the outputs can be any number."""
    data, network = sections.data, sections.network
    if data.standardize_targets is not None:
        return data.standardize_targets
    if registry.datasets.get(data.source) is not registry.datasets.get(CSV):
        return False
    if data.options.get("task") == "classification" or registry.losses.get(network.loss.name).targets == "classes":
        return False
    last: LayerSection = network.layers[-1]
    while not last.in_network:
        last = last.inside[-1]
    activation = getattr(last, "activation", None)
    return activation is None or registry.activations.get(activation.name) is registry.activations.get(IDENTITY)


def _options(data: DataSection, registry: Registry) -> dict[str, Any]:
    options = {}
    for key, default in registry.datasets.get(data.source).options.items():
        value = data.options.get(key, default)
        if isinstance(default, float):
            value = float(value)
        options[key] = list(value) if isinstance(value, tuple) else value
    return options
