"""What trains the trials: seeds of a small network side by side, others one after the other, to the same bits."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.select import make_backend, make_small_ensemble
from neurosim.errors import DivergedError, NeurosimError, UsageError
from neurosim.files.atomic import TEMPORARY, cannot_write, synced_at_the_end
from neurosim.runs.folder import RunFolder
from neurosim.runs.identity import Identity
from neurosim.runs.results import Result, result_of
from neurosim.runs.running import train_to_end
from neurosim.scenario import Scenario
from neurosim.sweeps.trials import Maker, Trial, folder_name, has_ended, reason_of, with_seed
from neurosim.training.augmentation import augments
from neurosim.training.history import METRICS, History, Record
from neurosim.training.observer import Observer
from neurosim.training.simulator import Simulator
from neurosim.training.watch import watches


@dataclass(frozen=True)
class Ended:
    """What became of a trial: it is in its folder, or `reason` says why there is none."""

    trial: Trial
    reason: str = ""


class Worker:
    """Trains trials into a folder.

    Parameters
    ----------
    maker : Maker
        Makes their scenarios.
    out : Path
        The folder of the sweep.
    """

    def __init__(self, maker: Maker, out: Path) -> None:
        self._maker, self._out = maker, out
        self._like: Simulator | None = None

    def train(self, trials: Sequence[Trial]) -> list[Ended]:
        """Train trials of one point that differ in their seed; those that are there by now are left as they are."""
        missing = [trial for trial in trials if not has_ended(self._out / trial.name)]
        try:
            scenario = self._maker.scenario_of(trials[0].point, trials[0].seed)
            if folder_name(self._maker.identity_of(scenario)) != trials[0].name:
                raise UsageError("the scenario, its data or a plugin was changed while the sweep was under way")
            left = self._together(scenario, missing) if len(missing) > 1 else missing
        except (NeurosimError, MemoryError) as error:
            return [Ended(trial, reason_of(error)) for trial in trials]
        faults: dict[str, str] = {}
        for trial in left:
            try:
                self._alone(with_seed(scenario, trial.seed), trial)
            except (NeurosimError, MemoryError) as error:
                faults[trial.name] = reason_of(error)
        return [Ended(trial, faults.get(trial.name, "")) for trial in trials]

    def _simulator(self, scenario: Scenario) -> Simulator:
        like = self._like
        if like is not None and like.scenario.data != scenario.data:
            like = None
        maker = self._maker
        simulator = Simulator(scenario, maker.recipe.backend, None, 1, maker.recipe.data_dir, like=like)
        self._like = simulator
        return simulator

    def _alone(self, scenario: Scenario, trial: Trial) -> None:
        """Train one, as `neurosim.run` does."""
        begin = time.perf_counter()
        simulator = self._simulator(scenario)
        simulator.prepare()
        try:
            result = train_to_end(simulator, None, Observer(), begin)
        except DivergedError as error:
            diverged = error
            self._keep(simulator, trial, lambda folder, identity: folder.fail(simulator, diverged, identity))
            return
        self._keep_result(simulator, result, trial)

    def _together(self, scenario: Scenario, trials: Sequence[Trial]) -> list[Trial]:
        """Train side by side what can be; returns those that are left, what has diverged among them."""
        first = self._simulator(with_seed(scenario, trials[0].seed))
        if watches(scenario) or augments(scenario) or scenario.training.metrics or first.network.batch_norms:
            return list(trials)
        backend = make_backend(self._maker.recipe.backend, first.network, first.training, trials[0].seed, 1)
        backend.prepare()
        rows = {split: first.split_rows(split) for split in first.splits}
        together = make_small_ensemble(backend, [trial.seed for trial in trials], [rows["train"]])
        if together is None:
            return list(trials)
        first.prepare()  # as `neurosim.run` does, it tries derivatives first
        start = time.perf_counter()
        sums = {split: np.empty((first.training.epochs, len(trials), 2)) for split in rows}
        with np.errstate(all="ignore"):
            if len(rows) == 1:
                sums["train"][:] = together.train(first.training.epochs)
            else:
                for epoch in range(first.training.epochs):
                    sums["train"][epoch] = together.train(1)[0]
                    for split in rows.keys() - {"train"}:
                        sums[split][epoch] = together.evaluate(rows[split])
        # The same for all: those whose settings follow their losses are not trained together.
        settings = [first.settings_of_epoch(epoch) for epoch in range(first.training.epochs)]
        parameters = together.parameters
        seconds = (time.perf_counter() - start) / len(trials)
        of_all: dict[str, NDArray[np.float64]] = {}
        for split, each in sums.items():
            of_all[f"{split}_loss"] = each[:, :, 0] / rows[split].count
            if rows[split].accuracy != "none":
                of_all[f"{split}_accuracy"] = each[:, :, 1] / rows[split].count
        finite = np.isfinite(parameters).all(axis=1) & np.isfinite(sums["train"]).all(axis=(0, 2))
        left = [trials[number] for number in np.flatnonzero(~finite).tolist()]
        for number in np.flatnonzero(finite).tolist():
            trial = trials[number]
            simulator = self._simulator(with_seed(scenario, trial.seed))
            measures = {name: each[:, number].tolist() for name, each in of_all.items()}
            history = History(list(_records(measures, settings, seconds / first.training.epochs)))
            simulator.adopt(simulator.network.named(parameters[number]), history)
            try:
                result = result_of(simulator, None, seconds)
            except DivergedError:  # with the last weights
                left.append(trial)
                continue
            self._keep_result(simulator, result, trial)
        return left

    def _keep_result(self, simulator: Simulator, result: Result, trial: Trial) -> None:
        def keep(folder: RunFolder, identity: Identity) -> None:
            folder.keep_model(simulator, identity)
            kept = replace(result, identity=identity, folder=self._out / trial.name)
            folder.finish(simulator, kept.as_json(), identity)

        self._keep(simulator, trial, keep)

    def _keep(self, simulator: Simulator, trial: Trial, keep: Callable[[RunFolder, Identity], None]) -> None:
        """Make the folder of a trial, whole or not at all."""
        identity = self._maker.identity_of(simulator.scenario)
        with _whole(self._out / trial.name) as path, synced_at_the_end(path):
            folder = RunFolder(path)
            try:
                folder.start(simulator.scenario, simulator.backend, list(simulator.history))
                keep(folder, identity)
            finally:
                folder.close()


def _records(measures: Mapping[str, list[float]], settings: Sequence[Record], seconds: float) -> Iterator[Record]:
    """The record of each epoch, as `Simulator.train_epoch` makes it."""
    names = [name for name in METRICS if not name.startswith("validation") or "validation_loss" in measures]
    nothing = [None] * len(settings)
    columns = [measures.get(name, nothing) for name in names]
    for epoch, (values, own) in enumerate(zip(zip(*columns, strict=True), settings, strict=True), 1):
        yield {"epoch": epoch, **dict(zip(names, values, strict=True)), **own, "seconds": seconds}


def this_machine() -> str:
    """A short name for this machine, without dots and hyphens: several may write to one folder."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


@contextlib.contextmanager
def _whole(place: Path) -> Iterator[Path]:
    """A temporary folder that gets its name at the end, unless another process has made the same trial meanwhile."""
    owner = f"{os.getpid()}-{this_machine()}"
    path = place.with_name(f".{place.name}.{owner}-{os.urandom(4).hex()}{TEMPORARY}")
    try:
        yield path
        try:
            path.rename(place)
        except OSError as error:
            if not has_ended(place):
                raise cannot_write(place, error) from error
    finally:
        shutil.rmtree(path, ignore_errors=True)
