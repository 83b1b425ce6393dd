"""Rules between the values of a scenario that can be checked before any data are read.

Like `name_checks.py`, these read the values as they stand in the file and pass over wrong types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurosim.errors import PluginError
from neurosim.network.layers.kinds import section_of
from neurosim.network.layers.section import MAX_LAYERS
from neurosim.plugin import FeedbackSchedule, Schedule
from neurosim.plugin.host import BUILTIN, Catalog, Registry
from neurosim.scenario.faults import Fault, show
from neurosim.scenario.flow import flow, written_out
from neurosim.scenario.locate import KeyPath
from neurosim.scenario.measures import measure_fault, of_metrics, repeated_metrics
from neurosim.scenario.name_checks import layers_of, schedules_of, table
from neurosim.scenario.schema import EarlyStopping
from neurosim.scenario.seeds import LARGEST_SEED, beyond_seeds
from neurosim.scenario.study import METRICS, PROMISES


def consistency_faults(tree: Mapping[str, Any], registry: Registry) -> Iterator[Fault]:
    """Values that do not go together."""
    yield from _seeds(table(tree, "scenario"))
    yield from _data(table(tree, "data"))
    yield from network_consistency_faults(tree, registry)
    for path, choice in schedules_of(tree):
        yield from _share(choice, registry.schedules, path, "warmup")
        for key in ("every", "period", "growth"):
            yield from _at_least_1(choice, registry.schedules, path, key)
    yield from _training(tree, registry)
    yield from _expectations(tree, registry)


def network_consistency_faults(tree: Mapping[str, Any], registry: Registry) -> Iterator[Fault]:
    """Values of the ``[network]`` section that do not go together."""
    yield from _size(tree)
    yield from _layers(tree)
    yield from _output(tree, registry)
    yield from _share(table(tree, "network").get("loss"), registry.losses, ("network", "loss"), "label_smoothing")


def _seeds(section: Mapping[str, Any]) -> Iterator[Fault]:
    first, repeats = section.get("seed", 0), section.get("repeats", 1)
    if type(first) is int and type(repeats) is int and 0 <= first <= LARGEST_SEED and repeats > 1:
        beyond = beyond_seeds(first, repeats)
        if beyond:
            yield Fault(("scenario", "repeats"), beyond)


def _data(section: Mapping[str, Any]) -> Iterator[Fault]:
    if section.get("standardize") is True and isinstance(section.get("normalize"), Mapping):
        yield Fault(("data", "standardize"), "normalize is given too; keep one of the two")
    shares = [section.get(f"{split}_fraction", 0) for split in ("validation", "test")]
    if all(isinstance(share, int | float) and 0 <= share < 1 for share in shares) and sum(shares) >= 1:
        yield Fault(("data", "test_fraction"), "with validation_fraction no row is left to train on")


def _layers(tree: Mapping[str, Any]) -> Iterator[Fault]:
    for step in flow(tree):
        section = section_of(step.layer)
        for path, text in () if section is None else section.faults_of(step.layer, step.inputs):
            yield Fault((*step.path, *path), text)


def _size(tree: Mapping[str, Any]) -> Iterator[Fault]:
    count = written_out(table(tree, "network"))
    if count > MAX_LAYERS:
        yield Fault(("network", "layers"), f"with all repetitions these are {count:,} layers; at most {MAX_LAYERS:,}")


def _output(tree: Mapping[str, Any], registry: Registry) -> Iterator[Fault]:
    """The last layer must give what the loss takes."""
    if not table(tree, "network").get("layers"):
        return
    if not any(_may_learn(layer) for _, layer in layers_of(tree)):
        expected = "expected at least one dense or conv2d layer"
        yield Fault(("network", "layers"), f"there is nothing to train; {expected}")
        return
    steps = list(flow(tree))
    if not steps:
        return
    last = steps[-1]
    path, layer = last.path, last.layer
    section = section_of(layer)
    if section is not None and not section.may_be_output:
        yield Fault((*path, "kind"), "the last layer is the output and cannot be dropped out of")
    if last.outputs != 1:
        return
    if _name(layer.get("activation")) in ("softmax", f"{BUILTIN}:softmax"):
        yield Fault((*path, "activation"), 'softmax of a single unit is always 1; one unit goes with "sigmoid"')
    loss = _name(table(tree, "network").get("loss"))
    try:
        takes_classes = registry.losses.get(str(loss)).targets == "classes"
    except PluginError:
        return
    if takes_classes:
        place = (*path, "units") if "units" in layer else path
        yield Fault(place, f"{loss} needs one unit per class, at least 2, not 1")


def _may_learn(layer: Mapping[str, Any]) -> bool:
    section = section_of(layer)
    return section is None or section.learns or "units" in layer


def _name(value: object) -> object:
    return value.get("name") if isinstance(value, Mapping) else value


def _share(choice: object, catalog: Catalog, path: KeyPath, key: str) -> Iterator[Fault]:
    """A parameter of a built-in record, chosen at `path`, that is a share of a whole."""
    value = _number_of_builtin(choice, catalog, key)
    if value is not None and not 0 <= value <= 1:
        yield Fault((*path, key), f"expected a share from 0 to 1, not {show(value)}")


def _at_least_1(choice: object, catalog: Catalog, path: KeyPath, key: str) -> Iterator[Fault]:
    """A parameter of a built-in record that is a number of epochs, or a factor of it."""
    value = _number_of_builtin(choice, catalog, key)
    if value is not None and not value >= 1:
        yield Fault((*path, key), f"expected a number of at least 1, not {show(value)}")


def _number_of_builtin(choice: object, catalog: Catalog, key: str) -> int | float | None:
    """The parameter that a choice of a built-in record has under this name, if that is a number."""
    value = choice.get(key) if isinstance(choice, Mapping) else None
    builtin = [entry.built_in for entry in catalog.candidates(str(_name(choice)))]
    return value if isinstance(value, int | float) and builtin == [True] else None


def _training(tree: Mapping[str, Any], registry: Registry) -> Iterator[Fault]:
    section = table(tree, "training")
    if section.get("clip_value") is not None and section.get("clip_norm") is not None:
        yield Fault(("training", "clip_norm"), "clip_value is given too; keep one of the two")
    yield from _average(tree, section)
    yield from _batch_schedule(tree, registry)
    yield from repeated_metrics(tree)
    yield from _watched(tree, ("training", "keep_best"), section.get("keep_best"), registry)
    stopping = section.get("early_stopping")
    if isinstance(stopping, Mapping):
        path: KeyPath = ("training", "early_stopping")
        if "metric" in stopping:
            path = (*path, "metric")
        yield from _watched(tree, path, stopping.get("metric", EarlyStopping.model_fields["metric"].default), registry)


def _batch_schedule(tree: Mapping[str, Any], registry: Registry) -> Iterator[Fault]:
    """What does not go with a batch size that changes from epoch to epoch."""
    section, path = table(tree, "training"), ("training", "batch_schedule")
    kinds = {place: _record(choice, registry.schedules) for place, choice in schedules_of(tree)}
    record = kinds.pop(path)
    if record is None:
        return
    follows_losses = isinstance(record, FeedbackSchedule)
    if not follows_losses and record.unit != "epochs":
        text = f"{record.name} counts steps, of which an epoch has more or fewer with the batch size; "
        text += "expected a schedule that counts epochs, such as epoch_decay, or one that follows the losses"
        yield Fault(path, text)
    for place, other in kinds.items():
        if follows_losses and isinstance(other, Schedule) and other.unit == "steps":
            text = (
                f"{other.name} needs to know how many steps there are in all, which nobody knows while the batch size "
            )
            yield Fault(place, f"{text}follows the losses; expected a schedule that counts epochs, or follows them too")
    average = table(section, "average")
    kind = average.get("kind")
    if kind == "swa":
        text = "swa needs epochs of equal length, and with batch_schedule they have more and fewer steps"
        yield Fault(("training", "average", "kind"), f'{text}; use kind = "polyak" or kind = "ema"')
    if kind in ("polyak", "ema") and follows_losses and average.get("start", 1) != 1:
        text = "which step is the first of that epoch is not known while the batch size follows the losses"
        yield Fault(("training", "average", "start"), f"{text}; leave start out")


def _record(choice: object, catalog: Catalog) -> Any:
    """The record that is chosen; None where there is none, or no such one."""
    try:
        return catalog.get(str(_name(choice))) if choice is not None else None
    except PluginError:
        return None


def _average(tree: Mapping[str, Any], section: Mapping[str, Any]) -> Iterator[Fault]:
    average, epochs = section.get("average"), section.get("epochs")
    if not isinstance(average, Mapping):
        return
    kind, start = average.get("kind"), average.get("start")
    path: KeyPath = ("training", "average")
    if average.get("decay") is not None and kind in ("swa", "polyak"):
        yield Fault((*path, "decay"), f'{kind} is a mean and has no decay; kind = "ema" has one')
    if isinstance(start, int) and isinstance(epochs, int) and start > epochs > 0:
        yield Fault((*path, "start"), f"there are only {epochs} epochs")
    normalized = any(layer.get("kind") == "batch_norm" for _, layer in layers_of(tree))
    if kind in ("swa", "polyak") and normalized:
        yield Fault(
            (*path, "kind"),
            "batch_norm has the running statistics of the last weights, which do not fit a mean of many; "
            'use kind = "ema", or layer_norm',
        )


def _watched(tree: Mapping[str, Any], path: KeyPath, metric: object, registry: Registry) -> Iterator[Fault]:
    """A measure that is unknown, or of rows that nothing keeps apart."""
    yield from measure_fault(path, metric, (*METRICS, *of_metrics(tree)), registry)
    if str(metric).startswith("validation_") and not table(tree, "data").get("validation_fraction"):
        yield Fault(path, f"no rows are set aside for {metric}; set data.validation_fraction")


def _expectations(tree: Mapping[str, Any], registry: Registry) -> Iterator[Fault]:
    known = (*PROMISES, *of_metrics(tree))
    for metric, bound in table(tree, "expect").items():
        path = ("expect", metric)
        yield from measure_fault(path, metric, known, registry)
        if metric.startswith("validation_") and not table(tree, "data").get("validation_fraction"):
            yield Fault(path, "no rows are set aside for it; set data.validation_fraction")
        if not isinstance(bound, Mapping):
            continue
        limits = {key: bound[key] for key in ("at_least", "at_most") if isinstance(bound.get(key), int | float)}
        if metric.endswith("_accuracy"):
            for key, limit in limits.items():
                if not 0 <= limit <= 1:
                    yield Fault((*path, key), f"an accuracy is a share from 0 to 1, not {show(limit)}")
        if metric.endswith("_r2") and limits.get("at_least", 0) > 1:
            yield Fault((*path, "at_least"), f"R² is at most 1, never {show(limits['at_least'])}")
        if len(limits) == 2 and limits["at_least"] > limits["at_most"]:
            yield Fault(path, "at_least is above at_most; nothing can be both")
