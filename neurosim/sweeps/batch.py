"""Trials that were trained side by side: their measures, and the pack or the simulators that have them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Totals
from neurosim.backends.together import Together
from neurosim.problem.assembly import assemble_on
from neurosim.scenario import Scenario
from neurosim.sweeps.packs import MET, NAMES, PARAMETERS, SEEDS, Pack, names_bytes
from neurosim.sweeps.storage import met_by, of_settings, smallest
from neurosim.sweeps.trials import Trial
from neurosim.training.history import METRICS, History, Record
from neurosim.training.measures import FinalMeasures
from neurosim.training.simulator import Simulator

Final = Mapping[str, float | None]


class Batch:
    """Trials of one point, trained side by side.

    Parameters
    ----------
    scenario : Scenario
        Of any of them.
    trials : sequence of Trial
        Which.
    first : Simulator
        Of any of them; it is not trained itself.
    together : Together
        Trains them.
    """

    def __init__(self, scenario: Scenario, trials: Sequence[Trial], first: Simulator, together: Together) -> None:
        self.scenario, self.trials = scenario, trials
        self._first, self._together = first, together
        self._rows = rows = {split: first.split_rows(split) for split in first.splits}
        self.epochs = epochs = first.training.epochs
        start = time.perf_counter()
        # For each split, by epoch: sums of losses and right answers of all.
        self._sums = sums = {split: np.empty((epochs, len(trials), 2)) for split in rows}
        with np.errstate(all="ignore"):
            if len(rows) == 1:
                sums["train"] = together.train(epochs)
            else:
                for epoch in range(epochs):
                    sums["train"][epoch] = together.train(1)[0]
                    for split in rows.keys() - {"train"}:
                        sums[split][epoch] = together.evaluate(rows[split])
        # The same for all: those whose settings follow their losses are not trained together.
        self._settings = [first.settings_of_epoch(epoch) for epoch in range(epochs)]
        self._parameters = together.parameters
        self.seconds = (time.perf_counter() - start) / len(trials)
        # Of those that are finite throughout.
        self.finite = np.isfinite(self._parameters).all(axis=1) & np.isfinite(sums["train"]).all(axis=(0, 2))
        names = [name for name in METRICS if not name.startswith("validation") or "validation" in rows]
        self._names: list[str] = names

    def history(self, number: int) -> History:
        """The epochs of a trial, as `Simulator.train_epoch` makes them."""
        return History(list(self._records(number)))

    def _records(self, number: int) -> Iterator[Record]:
        measures: dict[str, list[float]] = {}
        for split, sums in self._sums.items():
            rows = self._rows[split]
            measures[f"{split}_loss"] = (sums[:, number, 0] / rows.count).tolist()
            if rows.accuracy != "none":
                measures[f"{split}_accuracy"] = (sums[:, number, 1] / rows.count).tolist()
        nothing = [None] * self.epochs
        columns = [measures.get(name, nothing) for name in self._names]
        each = zip(zip(*columns, strict=True), self._settings, strict=True)
        for epoch, (values, own) in enumerate(each, 1):
            seconds = self.seconds / self.epochs
            yield {"epoch": epoch, **dict(zip(self._names, values, strict=True)), **own, "seconds": seconds}

    def adopted_by(self, simulator: Simulator, number: int) -> None:
        """Make a simulator of a trial's scenario the network that was trained."""
        simulator.adopt(simulator.network.named(self._parameters[number]), self.history(number))

    def finals(self) -> list[dict[str, float | None]]:
        """The final measures of each."""
        problem = assemble_on(self.scenario, self._first.data)
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

    def pack(self, kept: Sequence[int], finals: Sequence[Final], common: Mapping[str, Any]) -> Pack:
        """The pack of the trials with the numbers `kept`; `common` is what `storage.in_common` says."""
        trials = [self.trials[number] for number in kept]
        chosen = slice(None) if len(kept) == len(self.trials) else list(kept)
        columns = {
            name: np.array([finals[number][name] for number in kept], np.float64)
            for name in common["final"]
            if finals[kept[0]][name] is not None
        }
        arrays: dict[str, NDArray[Any]] = {
            NAMES: names_bytes([trial.name for trial in trials]),
            SEEDS: np.array([trial.seed for trial in trials], np.int64),
            PARAMETERS: self._parameters[chosen],
            **{f"final.{name}": column for name, column in columns.items()},
        }
        met = met_by(self.scenario, columns, len(kept))
        if met is not None:
            arrays[MET] = met
        for split, sums in self._sums.items():
            rows = self._rows[split]
            arrays[f"epochs.{split}_loss"] = np.ascontiguousarray(sums[:, chosen, 0].T) / rows.count
            if rows.accuracy != "none":
                arrays[f"epochs.{split}_correct"] = smallest(np.ascontiguousarray(sums[:, chosen, 1].T))
        words = {
            **common,
            "epochs": self.epochs,
            "measures": self._names,
            "rows": {split: rows.count for split, rows in self._rows.items()},
            "settings": of_settings(self._settings),
            "seconds": self.seconds / self.epochs,
        }
        return Pack(words, arrays)


def same_kind(final: Final, other: Final) -> bool:
    """Whether all final measures of a trial are finite, and the same ones are there as for another."""
    return all(
        (value is None) == (other.get(name) is None) and (value is None or math.isfinite(value))
        for name, value in final.items()
    )
