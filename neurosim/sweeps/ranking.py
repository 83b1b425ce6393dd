"""Runs ranked: those that differ only in their seed are one row, with its mean, an interval and a paired test."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurosim.errors import UsageError
from neurosim.printable import quoted
from neurosim.scenario.schema import OF_INPUTS
from neurosim.sweeps.directions import Rises, rises
from neurosim.sweeps.entries import Entry
from neurosim.sweeps.significance import half_width, holm, paired
from neurosim.training.measures import JUDGED_BY

KINDS = ("accuracy", "r2", "loss")
# Where a p-value is below it, a difference is usually taken for real.
SIGNIFICANT = 0.05
# Settings of the data that a remark names.
MOST_NAMED = 3


@dataclass(frozen=True)
class Place:
    """Runs that differ only in their seed, in a table.

    Attributes
    ----------
    settings : mapping of str to object
        Those that differ among the rows of the table.
    entries : tuple of Entry
        The runs, by seed.
    mean, half : float or None
        The mean, and half of its 95% interval; None where there is none.
    p : float or None
        Of a paired t-test against the best on the seeds that both have; None for the best, and where there is none.
    adjusted : float or None
        The same, corrected by Holm's method for the number of rows that are compared with the best.
    """

    settings: Mapping[str, Any]
    entries: tuple[Entry, ...]
    mean: float | None
    half: float | None
    p: float | None = None
    adjusted: float | None = None

    @property
    def finished(self) -> list[Entry]:
        """Those that have not failed."""
        return [entry for entry in self.entries if not entry.reason]

    @property
    def failed(self) -> list[Entry]:
        """Those that have."""
        return [entry for entry in self.entries if entry.reason]

    @property
    def parameters(self) -> int | None:
        """How many the network has."""
        return next((entry.parameters for entry in self.finished), None)

    @property
    def multiply_adds(self) -> int | None:
        """How many take one row through the network; None where the runs do not say."""
        return next((entry.multiply_adds for entry in self.finished), None)

    @property
    def seconds(self) -> float | None:
        """How long one of them trained, on average."""
        known = [entry.seconds for entry in self.finished if entry.seconds is not None]
        return float(np.mean(known)) if known else None

    def as_json(self) -> dict[str, Any]:
        """The row as a JSON object."""
        return {
            "settings": dict(self.settings),
            "mean": self.mean,
            "interval": None
            if self.mean is None or self.half is None
            else [self.mean - self.half, self.mean + self.half],
            "n": len(self.finished),
            "failed": len(self.failed),
            "reasons": sorted({entry.reason for entry in self.failed}),
            "p": self.p,
            "p_holm": self.adjusted,
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "seconds": self.seconds,
            "seeds": [entry.seed for entry in self.entries],
            "runs": [str(entry.folder) for entry in self.entries if entry.folder is not None],
        }


@dataclass(frozen=True)
class Table:
    """Ranked runs.

    Attributes
    ----------
    measure : str or None
        What they are ranked by; None where all have failed.
    places : tuple of Place
        The rows, the best first.
    remarks : tuple of str
        What to know before believing them, each a sentence.
    rises : bool
        Whether larger values of the measure are better.
    """

    measure: str | None
    places: tuple[Place, ...]
    remarks: tuple[str, ...] = ()
    rises: bool = True

    def as_json(self) -> dict[str, Any]:
        """The table as a JSON object."""
        return {
            "measure": self.measure,
            "remarks": list(self.remarks),
            "ranking": [place.as_json() for place in self.places],
        }


def rank(entries: Sequence[Entry], by: str | None = None, rises: Rises = rises) -> Table:
    """Rank runs; those that differ only in their seed are one row.

    A row of which a run has failed comes after all rows of which none has. Of runs with the same settings and the same
    seed, which are no two samples, the first one counts. Without `by` the measure is the first that
    all finished runs have: accuracy, R² or loss, on the test rows, the validation rows or the training rows; equal
    rows come in the order of the loss there.

    Raises
    ------
    UsageError
        When there is no such measure.
    """
    measure = _measure([entry for entry in entries if not entry.reason], by)
    groups: dict[str, dict[int, Entry]] = {}
    # Trials of one pack have the same settings, told once.
    keys: dict[int, str] = {}
    for entry in entries:
        key = keys.get(id(entry.settings))
        if key is None:
            key = keys[id(entry.settings)] = json.dumps(entry.settings, sort_keys=True, default=str)
        groups.setdefault(key, {}).setdefault(entry.seed, entry)
    each = [[group[seed] for seed in sorted(group)] for group in groups.values()]
    differing = _differing([group[0].settings for group in each])
    places = [_place(group, differing, measure) for group in each]
    up = None if measure is None else rises(measure)
    places.sort(key=lambda place: _order(place, measure, up is not False))
    found = _tested(places, measure)
    remarks = list(_remarks(found, measure, len(entries), differing))
    if measure is not None and up is None:
        remarks.insert(0, f"Larger values of {measure} are taken for the better ones: no plugin here says which are.")
    return Table(measure, tuple(found), tuple(remarks), up is not False)


def _tested(places: list[Place], measure: str | None) -> list[Place]:
    """The same rows, with the tests against the first of them."""
    if not places or measure is None:
        return places
    best, *others = (_by_seed(place, measure) for place in places)
    tests = [paired(best, other) for other in others]
    corrected = holm(tests)
    return [
        places[0],
        *(replace(place, p=p, adjusted=q) for place, p, q in zip(places[1:], tests, corrected, strict=True)),
    ]


def _by_seed(place: Place, measure: str) -> dict[int, float]:
    return {entry.seed: value for entry in place.entries if (value := _number(entry, measure)) is not None}


def _remarks(places: Sequence[Place], measure: str | None, given: int, differing: Sequence[str]) -> Iterator[str]:
    kept = sum(len(place.entries) for place in places)
    if kept < given:
        again = "1 run is" if given - kept == 1 else f"{given - kept:,} runs are"
        yield f"{again} left out: the same settings and the same seed are there already."
    data = [key for key in differing if key.startswith("data.") and key.split(".")[1] not in OF_INPUTS]
    if data:
        yield f"They differ in {', '.join(data[:MOST_NAMED])}: their measures are not all of the same rows."
    if measure is not None and all(place.half is None for place in places):
        nothing = "no interval" if len(places) == 1 else "no interval, and no test of which differences are chance"
        yield f"Only one seed{' of each' * (len(places) > 1)}: {nothing}."
    tests = [place.adjusted for place in places if place.adjusted is not None]
    if tests:
        alike = sum(p >= SIGNIFICANT for p in tests)
        yield (
            f"By a paired t-test with Holm's correction, {alike:,} of {len(tests):,} cannot be told from the best: "
            f"p is {SIGNIFICANT} or more."
        )
    if measure is not None and measure.startswith("train_"):
        yield "Measured on the rows that they learned from: that says nothing about new rows."


def best_of(finished: Sequence[Entry], by: str | None = None, rises: Rises = rises) -> tuple[str | None, Entry]:
    """The best of some runs that have not failed, each for itself, and the measure; raises as `rank`."""
    measure = _measure(finished, by)
    assert measure is not None
    sign, loss = 1.0 if rises(measure) is False else -1.0, _loss_beside(measure)
    return measure, min(
        finished, key=lambda entry: (sign * (_number(entry, measure) or 0.0), _number(entry, loss) or 0.0)
    )


def _measure(finished: Sequence[Entry], by: str | None) -> str | None:
    if not finished:
        return None
    there = [name for name in finished[0].final if all(_number(entry, name) is not None for entry in finished)]
    if by is not None:
        if by not in there:
            raise UsageError(f"not every run has the measure {by}", f"All have {', '.join(there)}.")
        return by
    wanted = (f"{split}_{kind}" for split in JUDGED_BY for kind in KINDS)
    found = next((name for name in wanted if name in there), None)
    if found is None:
        raise UsageError("these runs have no measure in common", "Rank runs on the same kind of data.")
    return found


def _number(entry: Entry, measure: str) -> float | None:
    value = entry.final.get(measure)
    return value if value is not None and math.isfinite(value) else None


def _differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings that differ.

    The default of an option that only some optimizers have is left out: the name of the optimizer says as much. So is
    any setting that has one value wherever it is there, where a word of its own table says whether it is.
    """
    columns = {
        key: [repr(each[key]) if key in each else None for each in settings]
        for key in dict.fromkeys(key for each in settings for key in each)
    }
    different = {key: set(column) for key, column in columns.items() if any(value != column[0] for value in column)}
    own = {key for key, values in different.items() if len(values) == 2 and None in values}
    words: dict[str, list[str]] = {}
    for key in different:
        if all(isinstance(each.get(key), str) for each in settings):
            words.setdefault(_table_of(key), []).append(key)
    return [
        key
        for key in different
        if key not in own or not any(_says(columns[word], columns[key]) for word in words.get(_table_of(key), ()))
    ]


def _table_of(key: str) -> str:
    return key.rpartition(".")[0]


def _says(column: Sequence[str | None], other: Sequence[str | None]) -> bool:
    """Whether each value of a column comes with one value of another column."""
    return len(set(zip(column, other, strict=True))) == len(set(column))


def _values(place: Sequence[Entry], measure: str) -> list[float]:
    return [value for entry in place if (value := _number(entry, measure)) is not None]


def _place(group: Sequence[Entry], differing: Sequence[str], measure: str | None) -> Place:
    own = {key: group[0].settings[key] for key in differing if key in group[0].settings}
    values = _values(group, measure) if measure is not None else []
    if not values:
        return Place(own, tuple(group), None, None)
    return Place(own, tuple(group), float(np.mean(values)), half_width(values))


def _order(place: Place, measure: str | None, up: bool) -> tuple[Any, ...]:
    label = json.dumps(place.settings, sort_keys=True, default=str)
    if measure is None or place.mean is None:
        return (2, 0.0, 0.0, label)
    sign = -1.0 if up else 1.0
    losses = _values(place.entries, _loss_beside(measure))
    return (bool(place.failed), sign * place.mean, float(np.mean(losses)) if losses else 0.0, label)


def _loss_beside(measure: str) -> str:
    """The loss on the rows that a measure is of."""
    return f"{measure.partition('_')[0]}_loss"


def going_along(table: Table) -> list[str]:
    """Settings that need not be named: they divide the rows of a table as one before them does.

    Such as the widths of the layers where runs of two scenarios are ranked. Settings whose values are nearly all
    different divide nothing.
    """
    keys = dict.fromkeys(key for place in table.places for key in place.settings)
    divided: set[tuple[int, ...]] = set()
    found = []
    for key in keys:
        numbers: dict[str | None, int] = {}
        values = [repr(place.settings[key]) if key in place.settings else None for place in table.places]
        groups = tuple(numbers.setdefault(value, len(numbers)) for value in values)
        if groups in divided:
            found.append(key)
        elif 2 * len(numbers) <= len(values):
            divided.add(groups)
    return found


def words_of(settings: Mapping[str, Any]) -> str:
    """Settings as overrides are written."""
    return " ".join(f"{key}={quoted(value)}" for key, value in settings.items())
