"""What a scenario names must exist: records, their parameters and options, required plugins.

The checks read the values as they stand in the file, so that they find their faults also beside
faults of shape. What has the wrong type is passed over: `validation.py` reports it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurosim.errors import PluginError
from neurosim.network.layers.kinds import CHOICES
from neurosim.network.layers.weighted import learned_names
from neurosim.plugin.host import Catalog, Plugin, Registry
from neurosim.scenario.faults import Fault, show
from neurosim.scenario.locate import KeyPath
from neurosim.scenario.schema import DataSection, OptimizerSection
from neurosim.suggestions import did_you_mean, unknown


def name_faults(tree: Mapping[str, Any], registry: Registry) -> Iterator[Fault]:
    """Everything named in the tree that the registry does not have."""
    optimizer = table(tree, "optimizer")
    yield from _data(table(tree, "data"), registry.datasets)
    yield from network_name_faults(tree, registry)
    yield from _optimizer(optimizer, registry.optimizers)
    for path, value in schedules_of(tree):
        yield from _choice(path, value, registry.schedules)
    for key, catalog in (("metrics", registry.metrics), ("observers", registry.observers)):
        named = table(tree, "training").get(key)
        for index, value in enumerate(named if isinstance(named, list) else []):
            yield from _choice(("training", key, index), value, catalog)
    required = table(tree, "requires").get("plugins")
    for index, text in enumerate(required if isinstance(required, list) else []):
        problem = _requirement(text, registry) if isinstance(text, str) else ""
        if problem:
            yield Fault(("requires", "plugins", index), problem)


def network_name_faults(tree: Mapping[str, Any], registry: Registry) -> Iterator[Fault]:
    """Everything named in the ``[network]`` section that the registry does not have."""
    yield from _choice(("network", "loss"), table(tree, "network").get("loss"), registry.losses)
    for place, layer in layers_of(tree):
        for key, catalog in CHOICES.items():
            yield from _choice((*place, key), layer.get(key), getattr(registry, catalog))


def schedules_of(tree: Mapping[str, Any]) -> Iterator[tuple[KeyPath, object]]:
    """What stands at each place that names a schedule, with its key path."""
    optimizer = table(tree, "optimizer")
    yield ("optimizer", "schedule"), optimizer.get("schedule")
    yield ("training", "batch_schedule"), table(tree, "training").get("batch_schedule")
    yield from ((("optimizer", "schedules", name), value) for name, value in table(optimizer, "schedules").items())


def table(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The table under this key, empty where there is none."""
    value = tree.get(key)
    return value if isinstance(value, Mapping) else {}


def layers_of(tree: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    """The layers that are tables, with their key paths; after each one those inside it."""
    pending = list(layers_in(table(tree, "network"), ("network",)))[::-1]
    while pending:
        path, layer = pending.pop()
        yield path, layer
        pending += list(layers_in(layer, path))[::-1]


def layers_in(table: Mapping[str, Any], path: KeyPath) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    """The layers that are tables right inside a table at `path`."""
    for chain in chains_in(table, path):
        yield from chain


def chains_in(table: Mapping[str, Any], path: KeyPath) -> Iterator[list[tuple[KeyPath, Mapping[str, Any]]]]:
    """The same in chains, each of which is given what comes in."""
    branches = table.get("branches")
    held: list[tuple[KeyPath, Any]] = [(("shortcut",), table.get("shortcut")), (("layers",), table.get("layers"))]
    held += [
        (("branches", place), layers) for place, layers in enumerate(branches if isinstance(branches, list) else [])
    ]
    for key, layers in held:
        if isinstance(layers, list):
            yield [((*path, *key, index), layer) for index, layer in enumerate(layers) if isinstance(layer, Mapping)]


def _look_up(path: KeyPath, name: object, catalog: Catalog) -> tuple[Any, list[Fault]]:
    if not isinstance(name, str):
        return None, []
    if not catalog.candidates(name):
        near = unknown(catalog.what, name, catalog.known(name))[1]
        return None, [Fault(path, f"unknown {catalog.what} {show(name)}; {near}", unknown_name=True)]
    try:
        return catalog.get(name), []
    except PluginError as error:  # several plugins give it
        return None, [Fault(path, f"{error.message}; {error.hint}")]


def _choice(path: KeyPath, value: object, catalog: Catalog) -> Iterator[Fault]:
    is_table = isinstance(value, Mapping)
    name = value.get("name") if isinstance(value, Mapping) else value
    record, faults = _look_up((*path, "name") if is_table else path, name, catalog)
    yield from faults
    if record is not None and isinstance(value, Mapping):
        for key in value:
            if key == "per" and catalog.what == "activation":
                if not learned_names(record):
                    text = f"activation {name} learns none of its parameters, so no unit can have its own"
                    yield Fault((*path, key), text)
            elif key != "name" and key not in record.params:
                yield Fault((*path, key), _no_such("parameter", key, f"{catalog.what} {name}", record.params))
            elif key != "name":
                yield from _of_one_kind((*path, key), value[key], record)


def _of_one_kind(path: KeyPath, value: object, record: Any) -> Iterator[Fault]:
    """A fault where a vector stands for a number, or a number for a vector."""
    name = path[-1]
    if name in record.vectors and isinstance(value, int | float):
        default = show([float(entry) for entry in record.params[name]])
        yield Fault(path, f"expected a list of numbers, such as {default}, not {show(value)}; {name} is a vector")
    elif name not in record.vectors and isinstance(value, list):
        yield Fault(
            path, f"expected a number, not {show(value)}; {name} of {record.name} is a single number, not a vector"
        )


def _optimizer(section: Mapping[str, Any], catalog: Catalog) -> Iterator[Fault]:
    record, faults = _look_up(("optimizer", "name"), section.get("name"), catalog)
    yield from faults
    rate = section.get("lr")
    if isinstance(rate, int | float) and rate < 0:
        yield Fault(("optimizer", "lr"), f"expected a learning rate of at least 0, not {show(rate)}")
    own = OptimizerSection.model_fields
    for key in section:
        if record is not None and key not in own and key not in record.params:
            what = f"optimizer {record.name}"
            yield Fault(("optimizer", key), _no_such("parameter", key, what, record.params, own))
        elif record is not None and key in record.params:
            yield from _of_one_kind(("optimizer", key), section[key], record)
    yield from _scheduled(table(section, "schedules"), section, record)
    for key, value in table(section, "biases").items():
        if key == "lr":
            text = "biases have the learning rate of the weights; leave lr out"
            yield Fault(("optimizer", "biases", key), text)
        elif record is not None and key not in record.params:
            what = f"optimizer {record.name}"
            yield Fault(("optimizer", "biases", key), _no_such("parameter", key, what, record.params))
        elif record is not None and key in record.vectors:
            yield Fault(("optimizer", "biases", key), "a vector is the same for weights and biases; leave it out")
        elif record is not None:
            yield from _of_one_kind(("optimizer", "biases", key), value, record)


def _scheduled(schedules: Mapping[str, Any], section: Mapping[str, Any], record: Any) -> Iterator[Fault]:
    """Parameters whose schedules would change nothing, or that the optimizer does not have."""
    for key in schedules:
        path = ("optimizer", "schedules", key)
        if key == "lr":
            yield Fault(path, "the schedule of the learning rate stands at optimizer.schedule")
        elif record is not None and key not in record.params:
            yield Fault(path, _no_such("parameter", key, f"optimizer {record.name}", record.params))
        elif record is not None and key in record.vectors:
            yield Fault(path, f"a schedule changes a single number, and {key} is a vector")
        elif record is not None:
            own = section.get(key, record.params[key])
            if own == 0 and not table(section, "biases").get(key):
                yield Fault(
                    path, f"a schedule multiplies {key}, and {key} is 0, so it would stay 0; set optimizer.{key} too"
                )


def _data(section: Mapping[str, Any], catalog: Catalog) -> Iterator[Fault]:
    record, faults = _look_up(("data", "source"), section.get("source"), catalog)
    yield from faults
    if record is None:
        return
    own = DataSection.model_fields
    for key, value in section.items():
        if key in own:
            continue
        if key not in record.options:
            yield Fault(("data", key), _no_such("option", key, f"data set {record.name}", record.options, own))
            continue
        expected = _expected_option(record.options[key], value, several=key in record.several)
        if expected:
            yield Fault(("data", key), f"expected {expected}, not {show(value)}")
    for key, default in record.options.items():
        if default is None and key not in section:
            yield Fault(("data", key), f"missing; data set {record.name} needs it (text in quotes)")


def _expected_option(default: object, value: object, *, several: bool) -> str:
    """What an option with this default must be, if `value` is not that; `several`: it may also be a list of texts."""
    if several:
        texts = value if isinstance(value, list | tuple) and value else [value]
        return "" if all(isinstance(text, str) for text in texts) else "text in quotes, or a list of texts"
    kinds: tuple[tuple[type | tuple[type, ...], bool, str], ...] = (
        (bool, isinstance(value, bool), "true or false"),
        (int, isinstance(value, int) and not isinstance(value, bool), "a whole number"),
        (float, isinstance(value, int | float) and not isinstance(value, bool), "a number"),
        ((str, type(None)), isinstance(value, str), "text in quotes"),
        ((list, tuple), _is_list(value), "a list of texts or numbers"),
    )
    for kind, fits, words in kinds:
        if isinstance(default, kind):
            return "" if fits else words
    return "" if type(value) is type(default) else f"a value like {show(default)}"


def _is_list(value: object) -> bool:
    """Whether it is a list of texts or numbers, or of lists of numbers, such as points."""

    def plain(entry: object) -> bool:
        return isinstance(entry, str | int | float)

    def numbers(entry: object) -> bool:
        return isinstance(entry, list) and all(isinstance(part, int | float) for part in entry)

    return isinstance(value, list) and (all(map(plain, value)) or all(map(numbers, value)))


def _no_such(what: str, key: str, owner: str, names: Mapping[str, Any], others: Mapping[str, Any] | None = None) -> str:
    near = did_you_mean(key, [*names, *(others or {})])
    listed = f"it has {', '.join(names)}" if names else f"it has no {what}s"
    return f"unknown {what} of {owner}; {f'{near} ' if near else ''}{listed}"


def required(text: str, registry: Registry) -> list[Plugin]:
    """The plugins of the name that is required, broken or not: a distribution may have several."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    name = canonicalize_name(Requirement(text).name)
    return [plugin for plugin in registry.plugins if canonicalize_name(plugin.name) == name]


def _requirement(text: str, registry: Registry) -> str:
    """What is wrong with a required plugin; empty when it is there."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion

    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        return f'expected a plugin\'s name and versions, such as "neurosim-swish>=1.0", not {show(text)}'
    if wanted.url or wanted.marker or wanted.extras:
        return f"expected a plugin's name and versions only, not {show(text)}"
    found = required(text, registry)
    if not found:
        working = [plugin.name for plugin in registry.plugins if not plugin.error]
        near = did_you_mean(wanted.name, working) or f"loaded plugins: {', '.join(working) or 'none'}"
        return f"plugin {show(wanted.name)} is not there; {near}"
    plugin = next((plugin for plugin in found if plugin.error), found[0])
    if plugin.error:
        return f"plugin {show(plugin.name)} is broken: {plugin.error}"
    if not wanted.specifier:
        return ""
    if not plugin.version:
        return f"plugin {show(plugin.name)} is a file without a version, and {wanted.specifier} is required"
    try:
        fits = wanted.specifier.contains(plugin.version, prereleases=True)
    except InvalidVersion:
        fits = False
    if fits:
        return ""
    return f"plugin {show(plugin.name)} has version {plugin.version}, and {wanted.specifier} is required"
