"""Write the defaults of the records into a checked scenario, so that it says all that will run."""

from __future__ import annotations

from typing import Any

from neurosim.network.layers.section import LayerSection, completed_choice, written_defaults
from neurosim.network.network_section import NetworkSection
from neurosim.plugin.host import Entry, Registry
from neurosim.scenario.schema import DataSection, OptimizerSection, ScenarioFile, TrainingSection

# Of a moving average that says nothing else: about the last thousand steps count.
EMA_DECAY = 0.999
# Data sets of a user's own rows, whose values may be in any unit.
_IN_OWN_UNITS = ("csv", "arrays")


def complete(sections: ScenarioFile, registry: Registry) -> ScenarioFile:
    """The scenario with its records and all options and parameters, in the order in which the records have them.

    A layer with weights, without initial values and without an initializer, gets the usual one for
    its activation.
    """
    network = sections.network.completed(registry)
    update = {
        "data": _data(sections.data, network, registry.datasets.entry(sections.data.source)),
        "network": network,
        "optimizer": _optimizer(sections.optimizer, registry),
        "training": _training(sections.training, registry),
    }
    return sections.model_copy(update=update)


def _data(data: DataSection, network: NetworkSection, source: Entry) -> DataSection:
    own = {key: getattr(data, key) for key in DataSection.model_fields}
    own["standardize_targets"] = _standardizes_targets(data, network, source)
    options: dict[str, Any] = {}
    for key, default in source.record.options.items():
        value = data.options.get(key, default)
        if isinstance(default, float):
            value = float(value)
        options[key] = list(value) if isinstance(value, tuple) else value
    return DataSection(**own, **options).found(source)


def _optimizer(optimizer: OptimizerSection, registry: Registry) -> OptimizerSection:
    entry = registry.optimizers.entry(optimizer.name)
    schedule = optimizer.schedule and completed_choice(optimizer.schedule, registry.schedules)
    given = optimizer.schedules or {}
    own: dict[str, Any] = {
        "schedule": schedule,
        "schedules": {name: completed_choice(choice, registry.schedules) for name, choice in given.items()} or None,
        "biases": optimizer.biases or None,
        **written_defaults(entry.record),
        **optimizer.params,
    }
    return OptimizerSection(name=optimizer.name, **own).found(entry)


def _training(training: TrainingSection, registry: Registry) -> TrainingSection:
    catalogs = {"metrics": registry.metrics, "observers": registry.observers}
    lists = {key: getattr(training, key) for key in catalogs}
    completed: dict[str, Any] = {
        key: [completed_choice(choice, catalogs[key]) for choice in choices]
        for key, choices in lists.items()
        if choices is not None
    }
    if training.batch_schedule is not None:
        completed["batch_schedule"] = completed_choice(training.batch_schedule, registry.schedules)
    average = training.average
    if average is not None and average.kind == "ema" and average.decay is None:
        completed["average"] = average.model_copy(update={"decay": EMA_DECAY})
    return training.model_copy(update=completed)


def _standardizes_targets(data: DataSection, network: NetworkSection, source: Entry) -> bool:
    """What is asked for; else whether targets may be in units of their own and the outputs can be any number."""
    if data.standardize_targets is not None:
        return data.standardize_targets
    if not any(source.is_builtin(name) for name in _IN_OWN_UNITS):
        return False
    if data.options.get("task") == "classification" or network.loss.record.targets == "classes":
        return False
    last: LayerSection = network.layers[-1]
    while not last.in_network:
        last = last.inside[-1]
    activation = getattr(last, "activation", None)
    return activation is None or activation.entry.is_builtin("identity")
