"""Trials that were trained side by side: their measures, and the pack or the simulators that have them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Totals
from neurosim.backends.together import Numbers, Together
from neurosim.data.rows import Rows
from neurosim.problem.assembly import assemble_on
from neurosim.runs.expectations import Outcome, check_expectations
from neurosim.runs.identity import Identity
from neurosim.runs.results import Result
from neurosim.scenario import Scenario
from neurosim.sweeps.packs import KINDS, MET, NAMES, PARAMETERS, SEEDS, Pack, names_bytes, names_in
from neurosim.sweeps.storage import met_by, of_settings
from neurosim.sweeps.trials import Trial
from neurosim.training.history import METRICS, History, Record
from neurosim.training.measures import FinalMeasures
from neurosim.training.simulator import Simulator

_COUNTS = (np.uint8, np.uint16, np.uint32)


class _Measured:
    """What was measured on the rows of a split in each epoch: mean losses and right answers, (trials, epochs)."""

    def __init__(self, rows: Rows, trials: int, epochs: int) -> None:
        self.rows = rows
        self.losses = np.empty((trials, epochs))
        kind = next(kind for kind in _COUNTS if np.iinfo(kind).max >= rows.count)
        self.correct = None if rows.accuracy == "none" else np.empty((trials, epochs), kind)
        self.finite = np.ones(trials, bool)

    def note(self, members: slice, first: int, totals: NDArray[np.float64]) -> None:
        """Take over the sums of some epochs from the number `first` on."""
        epochs = slice(first, first + len(totals))
        losses = totals[:, :, 0] / self.rows.count
        self.losses[members, epochs] = losses.T
        # One that is not finite makes the sum so.
        self.finite[members] &= np.isfinite(losses.sum(axis=0))
        if self.correct is not None:
            self.correct[members, epochs] = totals[:, :, 1].T


Final = Mapping[str, float | None]


@dataclass(frozen=True)
class Like:
    """Trials of one point.

    Attributes
    ----------
    scenario : Scenario
        Of any of them.
    seedless : Identity
        That of all of them, but for the seed.
    trials : sequence of Trial
        Which.
    simulator : Simulator
        Of any of them; it is not trained itself.
    """

    scenario: Scenario
    seedless: Identity
    trials: Sequence[Trial]
    simulator: Simulator

    @property
    def numbers(self) -> Numbers:
        """What they have of their own beside those of other points."""
        return Numbers(self.simulator.network, self.simulator.training)

    @cached_property
    def settings(self) -> Sequence[Record]:
        """The settings of each epoch: the same for all, since they do not follow their losses."""
        simulator, own = self.simulator, self.simulator.training
        if own.schedule is None and not own.schedules and own.batch_schedule is None:
            return [simulator.settings_of_epoch(0)] * own.epochs
        return [simulator.settings_of_epoch(epoch) for epoch in range(own.epochs)]


class Batch:
    """Trials of one architecture, trained side by side.

    Parameters
    ----------
    points : sequence of Like
        The trials, by point.
    together : Together
        Trains them.
    """

    def __init__(self, points: Sequence[Like], together: Together) -> None:
        self.points = points
        self.trials = [trial for point in points for trial in point.trials]
        # The first of each point, and the point of each.
        self._firsts: list[int] = list(accumulate((len(point.trials) for point in points), initial=0))
        self._places: list[int] = [place for place, point in enumerate(points) for _ in point.trials]
        self._first, self._together = points[0].simulator, together
        first = self._first
        self._rows = rows = {split: first.split_rows(split) for split in first.splits}
        self.epochs = epochs = first.training.epochs
        start = time.perf_counter()
        self._measured = {split: _Measured(each, len(self.trials), epochs) for split, each in rows.items()}
        with np.errstate(all="ignore"):
            if len(rows) == 1:
                together.train_noting(epochs, self._measured["train"].note)
            else:
                for epoch in range(epochs):
                    together.train_noting(1, self._measured["train"].note)
                    for split in rows.keys() - {"train"}:
                        self._measured[split].note(slice(None), epoch, together.evaluate(rows[split])[None])
        self._parameters = together.parameters
        self.seconds = (time.perf_counter() - start) / len(self.trials)
        # Of those that are finite throughout.
        self.finite = np.isfinite(self._parameters).all(axis=1) & self._measured["train"].finite
        names = [name for name in METRICS if not name.startswith("validation") or "validation" in rows]
        self._names: list[str] = names

    def point_of(self, number: int) -> Like:
        """The trials of the point that a trial belongs to."""
        return self.points[self._places[number]]

    def numbers_of(self, place: int) -> list[int]:
        """The numbers of the trials of a point that are finite throughout."""
        return [number for number in range(self._firsts[place], self._firsts[place + 1]) if self.finite[number]]

    def history(self, number: int) -> History:
        """The epochs of a trial, as `Simulator.train_epoch` makes them."""
        return History(list(self._records(number)))

    def _records(self, number: int) -> Iterator[Record]:
        measures: dict[str, list[float]] = {}
        for split, measured in self._measured.items():
            measures[f"{split}_loss"] = measured.losses[number].tolist()
            if measured.correct is not None:
                measures[f"{split}_accuracy"] = (measured.correct[number] / measured.rows.count).tolist()
        nothing = [None] * self.epochs
        columns = [measures.get(name, nothing) for name in self._names]
        each = zip(zip(*columns, strict=True), self.point_of(number).settings, strict=True)
        for epoch, (values, own) in enumerate(each, 1):
            seconds = self.seconds / self.epochs
            yield {"epoch": epoch, **dict(zip(self._names, values, strict=True)), **own, "seconds": seconds}

    def adopted_by(self, simulator: Simulator, number: int) -> None:
        """Make a simulator of a trial's scenario the network that was trained."""
        simulator.adopt(simulator.network.named(self._parameters[number]), self.history(number))

    def finals(self) -> list[dict[str, float | None]]:
        """The final measures of each."""
        problem = assemble_on(self.points[0].scenario, self._first.data)
        measures = FinalMeasures(problem)
        totals = {split: self._together.evaluate(rows).tolist() for split, rows in problem.splits.items()}
        outputs = {split: self._together.outputs(rows) for split, rows in problem.splits.items()}

        def final(number: int) -> dict[str, float | None]:
            def totals_on(split: str) -> Totals:
                (loss, correct), rows = totals[split][number], problem.splits[split]
                return Totals(loss, correct, rows.count, rows.accuracy)

            return measures.of(totals_on, lambda split: next(outputs[split]))

        with np.errstate(all="ignore"):
            return [final(number) for number in range(len(self.trials))]

    def result(self, point: Like, final: Final) -> Result:
        """The result of a trial with these measures, as far as a summary is made of it; its weights are elsewhere."""
        metrics, scenario, simulator = dict(final), point.scenario, point.simulator
        history = History([{"epoch": epoch + 1} for epoch in range(self.epochs)])
        seconds = {"compile": self._first.prepare(), "train": self.seconds, "total": self.seconds}
        expectations = check_expectations(scenario, Outcome(metrics, history, None))
        return Result(scenario, simulator, history, metrics, expectations, seconds, None, simulator.data.sha256)

    def part(self, point: Like, kept: Sequence[int], finals: Sequence[Final], common: Mapping[str, Any]) -> Part:
        """What a pack has of the trials of a point with the numbers `kept`; `common` is what `in_common` says."""
        trials = [self.trials[number] for number in kept]
        # In a row, if none of them is missing.
        whole = kept[-1] - kept[0] + 1 == len(kept)
        chosen = slice(kept[0], kept[-1] + 1) if whole else list(kept)
        order = list(finals[kept[0]])
        columns = {
            name: np.array([finals[number][name] for number in kept], np.float64)
            for name in order
            if finals[kept[0]][name] is not None
        }
        arrays: dict[str, NDArray[Any]] = {
            NAMES: names_bytes([trial.name for trial in trials]),
            SEEDS: np.array([trial.seed for trial in trials], np.int64),
            PARAMETERS: self._parameters[chosen],
            **{f"final.{name}": column for name, column in columns.items()},
        }
        met = met_by(point.scenario, columns, len(kept))
        if met is not None:
            arrays[MET] = met
        for split, measured in self._measured.items():
            arrays[f"epochs.{split}_loss"] = measured.losses[chosen]
            if measured.correct is not None:
                arrays[f"epochs.{split}_correct"] = measured.correct[chosen]
        words = {
            "epochs": self.epochs,
            "measures": self._names,
            "rows": {split: rows.count for split, rows in self._rows.items()},
            "layout": [[name, list(array.shape)] for name, array in self._first.parameters.items()],
            "final": order,
        }
        kind = {**common, "settings": of_settings(point.settings), "seconds": self.seconds / self.epochs}
        return Part(words, kind, arrays)


@dataclass(frozen=True)
class Part:
    """Trials of one point in a pack: what they have in common with those of other points, with each other, and not."""

    words: Mapping[str, Any]
    kind: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    @property
    def shape(self) -> str:
        """What the parts of one pack have in common."""
        each = {name: [*array.shape[1:], array.dtype.str] for name, array in self.arrays.items()}
        return json.dumps([self.words, each])

    @property
    def names(self) -> list[str]:
        """The names of its trials."""
        return names_in(self.arrays[NAMES])


def joined(parts: Sequence[Part]) -> Pack:
    """The pack of parts of one shape."""
    counts = [len(part.arrays[SEEDS]) for part in parts]
    arrays = parts[0].arrays
    if len(parts) > 1:
        arrays = {name: np.concatenate([part.arrays[name] for part in parts]) for name in arrays}
    kinds = np.repeat(np.arange(len(parts), dtype=np.uint32), counts)
    return Pack({**parts[0].words, "kinds": [part.kind for part in parts]}, {KINDS: kinds, **arrays})


def same_kind(final: Final, other: Final) -> bool:
    """Whether all final measures of a trial are finite, and the same ones are there as for another."""
    return all(
        (value is None) == (other.get(name) is None) and (value is None or math.isfinite(value))
        for name, value in final.items()
    )
