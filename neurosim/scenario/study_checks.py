"""Rules between variants, claims and what is recorded; like `name_checks.py`, on the values as they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neurosim.plugin.host import Registry
from neurosim.scenario.faults import Fault, show
from neurosim.scenario.locate import KeyPath
from neurosim.scenario.measures import measure_fault, of_metrics
from neurosim.scenario.name_checks import table
from neurosim.scenario.study import LAYER_MEASURES, MEASURES, METRICS
from neurosim.suggestions import unknown


def study_faults(tree: Mapping[str, Any], registry: Registry) -> Iterator[Fault]:
    """What does not fit together in ``[[variants]]``, ``[[claims]]`` and ``[plots]``."""
    variants = tables(tree, "variants")
    names: dict[str, int] = {}
    for index, variant in variants:
        name = variant.get("name")
        if isinstance(name, str) and name in names:
            yield Fault(("variants", index, "name"), f"variant {names[name] + 1} has this name already")
        elif isinstance(name, str):
            names[name] = index
    recorded = _recorded(tree, [variant for _, variant in variants])
    metrics = of_metrics(tree, *(variant for _, variant in variants))
    known = (*MEASURES, *metrics)
    for index, claim in tables(tree, "claims"):
        path: KeyPath = ("claims", index)
        for key in ("of", "exceeds"):
            yield from _variants_named((*path, key), claim.get(key), names)
        unknown_measure = list(measure_fault((*path, "measure"), claim.get("measure"), known, registry))
        yield from unknown_measure
        yield from _measured((*path, "measure"), claim.get("measure"), recorded, tree)
        if not unknown_measure:
            yield from _sense(path, claim, (*METRICS, *metrics))
    plotted = table(tree, "plots").get("measure")
    yield from measure_fault(("plots", "measure"), plotted, known, registry)
    yield from _measured(("plots", "measure"), plotted, recorded, tree)


def tables(tree: Mapping[str, Any], key: str) -> list[tuple[int, Mapping[str, Any]]]:
    """The tables of an array of tables, with their places."""
    found = tree.get(key)
    entries = enumerate(found if isinstance(found, list) else [])
    return [(index, entry) for index, entry in entries if isinstance(entry, Mapping)]


def _recorded(tree: Mapping[str, Any], variants: list[Mapping[str, Any]]) -> set[str]:
    """Quantities that are recorded, by all or by a variant."""
    sections = [table(tree, "record"), *(table(variant, "record") for variant in variants)]
    lists = [section.get("quantities") for section in sections]
    return {str(name) for quantities in lists if isinstance(quantities, list) for name in quantities}


def _variants_named(path: KeyPath, value: object, names: Mapping[str, int]) -> Iterator[Fault]:
    is_list = isinstance(value, list)
    for index, name in enumerate(value if isinstance(value, list) else [] if value is None else [value]):
        place = (*path, index) if is_list else path
        if isinstance(name, str) and name not in names:
            hint = unknown("variant", name, names)[1] if names else "the scenario has no [[variants]]"
            yield Fault(place, f"unknown variant {show(name)}; {hint}")


def _measured(path: KeyPath, measure: object, recorded: set[str], tree: Mapping[str, Any]) -> Iterator[Fault]:
    if not isinstance(measure, str):
        return
    if measure in LAYER_MEASURES and measure not in recorded:
        yield Fault(path, f"{measure} is not recorded; add it to record.quantities")
    kept_apart = [table(tree, "data"), *(table(variant, "data") for _, variant in tables(tree, "variants"))]
    if measure.startswith("validation_") and not any(section.get("validation_fraction") for section in kept_apart):
        yield Fault(path, f"no rows are set aside for {measure}; set data.validation_fraction")


def _sense(path: KeyPath, claim: Mapping[str, Any], each_epoch: Sequence[str]) -> Iterator[Fault]:
    """What a claim says that means nothing; `each_epoch` are the measures that there are after each epoch."""
    about_layers = claim.get("measure") in LAYER_MEASURES
    if not about_layers:
        for key in ("layer", "exceeds_layer"):
            if key in claim:
                yield Fault((*path, key), f"{claim.get('measure')} is a measure of the whole network, not of a layer")
        if claim.get("measure") not in each_epoch and "epoch" in claim:
            yield Fault((*path, "epoch"), f"{claim.get('measure')} is measured at the end only; leave epoch out")
        elif claim.get("epoch") == 0:
            yield Fault((*path, "epoch"), "measures are there from epoch 1 on; only recorded quantities start at 0")
    elif "layer" not in claim:
        yield Fault((*path, "layer"), f"missing; which layer's {claim.get('measure')}? for example: first, last, mean")
    limits = [claim.get("at_least"), claim.get("at_most")]
    if all(isinstance(limit, int | float) for limit in limits) and limits[0] > limits[1]:  # type: ignore[operator]
        yield Fault(path, "at_least is above at_most; nothing can be both")
