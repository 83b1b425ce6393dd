"""Whether files of a run, its tables among them, say what the run trained again has measured."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from neurosim.errors import DataError
from neurosim.runs.run_files import damaged, is_there
from neurosim.scenario import Scenario
from neurosim.sweeps.outcome import Repeated
from neurosim.sweeps.parting import MEASURES, Parting, of_final_measures


def compared(thing: str, file: Path, compare: Callable[[], list[Parting]]) -> list[Parting]:
    """What a comparison with a file of the run finds; one that cannot be read is not the one that the run wrote."""
    if not is_there(file):
        return [Parting(thing, f"{file.name} is missing")]
    try:
        return compare()
    except DataError as error:
        return [Parting(thing, error.message)]


def of_study_table(
    file: Path, members: Sequence[tuple[str, Scenario, Path]], networks: Sequence[Repeated]
) -> list[Parting]:
    """Where the table of a study does not say what its networks, trained again, have measured."""
    rows = _rows_of(file)
    if len(rows) != len(networks):
        return [Parting(MEASURES, f"{file.name} has {len(rows)} rows, not {len(networks)}")]
    found = []
    for (label, own, _), network, row in zip(members, networks, rows, strict=True):
        now = {"variant": own.variant, "seed": own.scenario.seed, "epochs": network.epochs, **network.final}
        texts = {name: "" if value is None else str(value) for name, value in now.items()}
        apart = of_final_measures({name: row.get(name) for name in texts}, texts)
        found += [replace(one, words=f"{file.name}, {label}, {one.words}") for one in apart]
    return found


def _rows_of(file: Path) -> list[dict[str, str]]:
    """The rows of a table; raises DataError where it cannot be read."""
    try:
        return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise damaged(file, str(error)) from error


def of_seeds(file: Path, now: str) -> list[Parting]:
    """The first seed whose row differs from that of the text."""
    before, after = _rows_of(file), list(csv.DictReader(now.splitlines()))
    apart = [(old, new) for old, new in zip(before, after, strict=False) if old != new]
    if apart:
        old, new = apart[0]
        (first,) = of_final_measures(old, new)
        words = f"{len(apart):,} of {len(after):,} seeds, first seed {new['seed']}: {first.words}"
        return [replace(first, words=words)]
    return [Parting(MEASURES, f"{file.name} has {len(before)} rows, not {len(after)}")] * (len(before) != len(after))
