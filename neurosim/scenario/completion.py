"""Write the defaults of the records into a checked scenario, so that it says all that will run."""

from __future__ import annotations

from typing import Any

from neurosim.errors import PluginError
from neurosim.network.sections import Choice
from neurosim.plugin.host import BUILTIN, Catalog, Registry
from neurosim.scenario.names import LAYER_CHOICES
from neurosim.scenario.schema import DataSection, OptimizerSection, ScenarioFile

IDENTITY = f"{BUILTIN}:identity"
CSV = f"{BUILTIN}:csv"


def complete(sections: ScenarioFile, registry: Registry) -> ScenarioFile:
    """The scenario with all options and parameters, in the order in which the records have them.

    A layer with weights, without start values and without an initializer, gets the usual one for
    its activation.
    """
    network, optimizer, data = sections.network, sections.optimizer, sections.data
    layers = [_layer(layer, registry) for layer in network.layers]
    schedule = optimizer.schedule and _choice(optimizer.schedule, registry.schedules)
    update = {
        "data": DataSection(
            **{**_own(data), "standardize_targets": _standardizes_targets(sections, registry)},
            **_options(data, registry),
        ),
        "network": network.model_copy(update={"loss": _choice(network.loss, registry.losses), "layers": layers}),
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
    last = network.layers[-1]
    while getattr(last, "layers", None) and last.kind == "group":
        last = last.layers[-1]
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


def _choice(choice: Choice, catalog: Catalog) -> Choice:
    return Choice(name=choice.name, **{**catalog.get(choice.name).params, **choice.params})


def _layer(layer: Any, registry: Registry) -> Any:
    update: dict[str, Any] = {}
    for key, catalog in LAYER_CHOICES.items():
        choice = getattr(layer, key, None)
        if choice is not None:
            update[key] = _choice(choice, getattr(registry, catalog))
    if "init" in type(layer).model_fields and layer.init is None and getattr(layer, "weight", None) is None:
        # The projection of a residual layer has no activation.
        activation = IDENTITY if layer.kind == "residual" else layer.activation.name
        update["init"] = _choice(Choice(name=_usual_init(activation, registry)), registry.initializers)
    if "size" in type(layer).model_fields and layer.stride is None:
        update["stride"] = layer.size
    if "layers" in type(layer).model_fields:
        update["layers"] = [_layer(inner, registry) for inner in layer.layers]
    return layer.model_copy(update=update)


def _usual_init(activation: str, registry: Registry) -> str:
    entry = registry.activations.entry(activation)
    try:
        return registry.initializers.spelling(registry.initializers.meant_by(entry.plugin, entry.record.usual_init))
    except PluginError as error:
        owner = f"activation {entry.record.name!r} of plugin {entry.plugin.label}"
        raise PluginError(f"usual_init of {owner}: {error.message}", error.hint) from error
