"""Which measures a scenario's runs have: those of every run, and what its ``training.metrics`` adds to them.

Like `name_checks.py`, this reads the values as they stand in the file and passes over wrong types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neurosim.plugin.host import Registry
from neurosim.scenario.faults import Fault, show
from neurosim.scenario.locate import KeyPath
from neurosim.scenario.name_checks import table
from neurosim.scenario.study import SPLITS
from neurosim.suggestions import unknown


def of_metrics(*trees: Mapping[str, Any]) -> tuple[str, ...]:
    """What the metrics measure that scenarios, or variants of one, ask for: each on each split."""
    names = dict.fromkeys(name for tree in trees for name in _asked(tree))
    return tuple(f"{split}_{name}" for name in names for split in SPLITS)


def measure_fault(path: KeyPath, measure: object, known: Sequence[str], registry: Registry) -> Iterator[Fault]:
    """The fault of a measure that the runs do not have; `known` are those that they have."""
    if not isinstance(measure, str) or measure in known:
        return
    split, _, name = measure.partition("_")
    if split in SPLITS and registry.metrics.candidates(name):
        yield Fault(path, f"{name} is not measured; add it to training.metrics")
    else:
        yield Fault(path, f"unknown measure {show(measure)}; {unknown('measure', measure, known)[1]}")


def repeated_metrics(tree: Mapping[str, Any]) -> Iterator[Fault]:
    """Metrics that are asked for a second time: a run has one measure of a name."""
    names = list(_asked(tree))
    for place, name in enumerate(names):
        if name and name in names[:place]:
            yield Fault(("training", "metrics", place), f"{name} is in the list already; a run has each metric once")


def _asked(tree: Mapping[str, Any]) -> Iterator[str]:
    """The names of the metrics, without those of plugins before them; empty for what names nothing."""
    asked = table(tree, "training").get("metrics", tree.get("training.metrics"))
    for entry in asked if isinstance(asked, list) else []:
        name = entry.get("name") if isinstance(entry, Mapping) else entry
        yield name.rpartition(":")[2] if isinstance(name, str) else ""
