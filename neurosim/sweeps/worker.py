"""What trains the trials: seeds of a small network side by side, others one after the other, to the same bits."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from neurosim.backends.cpu.groups import go_side_by_side
from neurosim.backends.select import make_backend, make_small_ensemble
from neurosim.errors import DivergedError, NeurosimError, UsageError
from neurosim.files.atomic import synced_at_the_end
from neurosim.problem.assembly import assemble_on
from neurosim.runs.folder import RunFolder
from neurosim.runs.identity import Identity
from neurosim.runs.results import Result, result_of
from neurosim.runs.running import train_to_end
from neurosim.scenario import Scenario
from neurosim.sweeps.batch import Batch, Part, joined, same_kind
from neurosim.sweeps.journal import StoppedEarlyError
from neurosim.sweeps.packs import NO_SEED, write_pack
from neurosim.sweeps.storage import WORTH_A_PACK, has_ended, in_common, whole
from neurosim.sweeps.trials import Maker, Trial, names_of, reason_of, with_seed
from neurosim.training.augmentation import augments
from neurosim.training.observer import Observer
from neurosim.training.simulator import Simulator
from neurosim.training.watch import watches

# Of trials that are trained side by side at a time: epochs of all together, whose sums are in memory until they are
# kept, and multiply-adds, of which all are lost if the process is killed: some seconds.
MOST_SUMS = 1 << 21
MOST_WORK = 1 << 34
# Points of small networks that are one task.
SMALL_TOGETHER = 64


@dataclass(frozen=True)
class Ended:
    """What became of a trial: it is in its folder, or in a `pack`, or `reason` says why in none."""

    trial: Trial
    reason: str = ""
    pack: str = ""


@dataclass(frozen=True)
class Divided:
    """The trials of a sweep, divided.

    Attributes
    ----------
    here : list of list of Trial
        Tasks that the threads of one process train fastest: many seeds of a small network which is measured on its
        training rows only. Nothing holds up a thread between two epochs, and no process has to be started.
    small : list of list of Trial
        Tasks of small networks with few seeds each, of several points.
    others : list of Trial
        The rest.
    """

    here: list[list[Trial]]
    small: list[list[Trial]]
    others: list[Trial]


def side_by_side(maker: Maker, trials: Sequence[Trial], jobs: int) -> Divided:
    """Divide the trials of a sweep into tasks."""
    here: list[list[Trial]] = []
    small: list[Trial] = []
    others: list[Trial] = []
    # By what differs besides the optimizer's numbers, whether networks are small, and how many go into a task.
    known: dict[str, int] = {}
    for _, group in groupby(trials, lambda trial: id(trial.point)):
        each = list(group)
        size = _most_together(maker, each[0], len(each), here=True) if len(each) >= WORTH_A_PACK else 0
        if size:
            here += _chunks(each, size)
            continue
        rest = repr({key: value for key, value in each[0].point.items() if not _is_a_number_of(key, value)})
        if rest not in known:
            known[rest] = _most_together(maker, each[0], 1)
        (small if known[rest] and len(each) < WORTH_A_PACK else others).extend(each)
    if len(small) < WORTH_A_PACK:
        return Divided(here, [], [*small, *others])
    size = min(SMALL_TOGETHER, -(-len(small) // jobs), *(size for size in known.values() if size))
    return Divided(here, _chunks(small, size), others)


def _is_a_number_of(key: str, value: object) -> bool:
    """Whether a setting is a number of the optimizer, which changes nothing in how networks can be trained."""
    return key.startswith("optimizer.") and isinstance(value, int | float)


def _chunks(trials: list[Trial], size: int) -> list[list[Trial]]:
    count = -(-len(trials) // size)
    return [trials[len(trials) * n // count : len(trials) * (n + 1) // count] for n in range(count)]


def _most_together(maker: Maker, trial: Trial, count: int, *, here: bool = False) -> int:
    """How many trials like this go into a task where so many are trained at a time; 0 where one goes after the other.

    With `here`, for all threads of this process: 0 also where these would wait for each other.
    """
    if maker.recipe.backend != "cpu":
        return 0
    try:
        scenario = maker.scenario_of(trial.point, trial.seed)
        problem = assemble_on(scenario, maker.data_of(scenario))
    except (NeurosimError, MemoryError):  # said when it is to be trained
        return 0
    network, training = problem.network, problem.training
    alone = _has_own_course(scenario) or training.needs_feedback or network.batch_norms
    if alone or (here and len(problem.splits) > 1) or not go_side_by_side(network, training, count):
        return 0
    work = training.epochs * problem.splits["train"].count * network.multiply_adds
    return max(WORTH_A_PACK, min(MOST_SUMS // max(1, training.epochs), MOST_WORK // max(1, work)))


def _has_own_course(scenario: Scenario) -> bool:
    """Whether more than numbers and the seed differs between trials: when they stop, their rows, what is measured."""
    return watches(scenario) or augments(scenario) or bool(scenario.training.metrics)


class Worker:
    """Trains trials into a folder.

    Parameters
    ----------
    maker : Maker
        Makes their scenarios.
    out : Path
        The folder of the sweep.
    threads : int
        How many work on one kernel.
    shown : Path, optional
        The folder in which the trials will be in the end, as their summaries have it; `out` by default.
    """

    def __init__(self, maker: Maker, out: Path, threads: int = 1, shown: Path | None = None) -> None:
        self._maker, self._out, self._threads = maker, out, threads
        self._shown = out if shown is None else shown
        self._like: Simulator | None = None
        # Of the trials at hand, the pack that each is in.
        self._packed: dict[str, str] = {}
        self._batches: list[Batch] = []

    def train(self, trials: Sequence[Trial]) -> list[Ended]:
        """Train trials, of which those of one point come one after the other; what is there by now is left as it is.

        Where the first one of a point is stopped early, so are the others of it.
        """
        there = set(os.listdir(self._out))
        self._packed, self._batches = {}, []
        faults: dict[str, str] = {}
        for _, group in groupby(trials, lambda trial: trial.point):
            faults |= self._train_point(list(group), there)
        for batch, left in self._keep_batches(faults):
            faults |= self._one_by_one(batch.scenario, left, Observer())
        return [Ended(trial, faults.get(trial.name, ""), self._packed.get(trial.name, "")) for trial in trials]

    def _train_point(self, trials: Sequence[Trial], there: Collection[str]) -> dict[str, str]:
        """Train trials of one point; returns by name why some are not trained.

        Those in `self._batches` are trained, and not kept yet.
        """
        missing = [trial for trial in trials if trial.name not in there or not has_ended(self._out / trial.name)]
        faults: dict[str, str] = {}
        try:
            scenario = self._maker.scenario_of(trials[0].point, trials[0].seed)
            seedless = self._maker.seedless(scenario)
            if names_of(seedless, scenario, [trials[0].seed]) != [trials[0].name]:
                raise UsageError("the scenario, its data or a plugin was changed while the sweep was under way")
            asked = trials[0].asked
            if asked is not None and asked.prune is not None and missing[:1] == [trials[0]]:
                faults = self._one_by_one(scenario, missing[:1], asked.observer())
                missing = missing[1:]
            left = self._together(scenario, seedless, missing) if missing else []
        except (NeurosimError, MemoryError) as error:
            return {trial.name: reason_of(error) for trial in trials}
        return faults | self._one_by_one(scenario, left, Observer())

    def _one_by_one(self, scenario: Scenario, trials: Sequence[Trial], observer: Observer) -> dict[str, str]:
        """Train one after the other; returns by name why some have no folder. Raises StoppedEarlyError."""
        faults: dict[str, str] = {}
        for trial in trials:
            try:
                self._alone(with_seed(scenario, trial.seed), trial, observer)
            except StoppedEarlyError:
                raise
            except (NeurosimError, MemoryError) as error:
                faults[trial.name] = reason_of(error)
        return faults

    def _simulator(self, scenario: Scenario) -> Simulator:
        like = self._like
        if like is not None and like.scenario.data != scenario.data:
            like = None
        maker = self._maker
        simulator = Simulator(scenario, maker.recipe.backend, None, self._threads, maker.recipe.data_dir, like=like)
        self._like = simulator
        return simulator

    def _alone(self, scenario: Scenario, trial: Trial, observer: Observer) -> None:
        """Train one, as `neurosim.run` does."""
        begin = time.perf_counter()
        simulator = self._simulator(scenario)
        simulator.prepare()
        try:
            result = train_to_end(simulator, None, observer, begin)
        except DivergedError as error:
            diverged = error
            self._keep(simulator, trial, lambda folder, identity: folder.fail(simulator, diverged, identity))
            return
        self._keep_result(simulator, result, trial)

    def _together(self, scenario: Scenario, seedless: Identity, trials: Sequence[Trial]) -> list[Trial]:
        """Train side by side what can be; returns those that are left, what has diverged among them.

        `seedless` is the identity that they have in common, but for the seed.
        """
        first = self._simulator(with_seed(scenario, trials[0].seed))
        if _has_own_course(scenario) or first.network.batch_norms:
            return list(trials)
        backend = make_backend(self._maker.recipe.backend, first.network, first.training, trials[0].seed, self._threads)
        backend.prepare()
        together = make_small_ensemble(backend, [trial.seed for trial in trials], [first.split_rows("train")])
        if together is None:
            return list(trials)
        first.prepare()  # as `neurosim.run` does, it tries derivatives first
        batch = Batch(scenario, seedless, trials, first, together)
        self._batches.append(batch)
        return [trials[number] for number in np.flatnonzero(~batch.finite).tolist()]

    def _keep_batches(self, faults: dict[str, str]) -> Iterator[tuple[Batch, list[Trial]]]:
        """Keep what was trained side by side; yields what is left of a batch: it diverged with its last weights.

        Why something cannot be kept is added to `faults`, by name.
        """
        try:
            if sum(int(batch.finite.sum()) for batch in self._batches) >= WORTH_A_PACK:
                self._pack()
        except (NeurosimError, MemoryError) as error:
            faults |= {trial.name: reason_of(error) for batch in self._batches for trial in batch.trials}
            return
        for batch in self._batches:
            left = []
            for number in np.flatnonzero(batch.finite).tolist():
                trial = batch.trials[number]
                if trial.name in self._packed:
                    continue
                try:
                    self._keep_result(*self._adopted(batch, number), trial)
                except DivergedError:
                    left.append(trial)
                except (NeurosimError, MemoryError) as error:
                    faults[trial.name] = reason_of(error)
            if left:
                yield batch, left

    def _adopted(self, batch: Batch, number: int) -> tuple[Simulator, Result]:
        """The network of a trial in a batch, and its result; raises DivergedError as `result_of`."""
        simulator = self._simulator(with_seed(batch.scenario, batch.trials[number].seed))
        batch.adopted_by(simulator, number)
        return simulator, result_of(simulator, None, batch.seconds)

    def _pack(self) -> None:
        """Keep what was trained side by side in packs, as far as it can be in one."""
        parts = [part for batch in self._batches if (part := self._part(batch)) is not None]
        parts.sort(key=lambda part: part.shape)
        for _, group in groupby(parts, lambda part: part.shape):
            alike = list(group)
            place = write_pack(self._out, joined(alike))
            self._packed |= {name: place.name for part in alike for name in part.names}

    def _part(self, batch: Batch) -> Part | None:
        """What a pack has of a batch; None where it cannot be in one."""
        finals = batch.finals()
        good = np.flatnonzero(batch.finite).tolist()
        kept = [number for number in good if same_kind(finals[number], finals[good[0]])]
        if not kept:
            return None
        common = in_common(with_seed(batch.scenario, NO_SEED), batch.result(finals[kept[0]]), batch.seedless)
        return None if common is None else batch.part(kept, finals, common)

    def _keep_result(self, simulator: Simulator, result: Result, trial: Trial) -> None:
        def keep(folder: RunFolder, identity: Identity) -> None:
            folder.keep_model(simulator, identity)
            kept = replace(result, identity=identity, folder=self._shown / trial.name)
            folder.finish(simulator, kept.as_json(), identity)

        self._keep(simulator, trial, keep)

    def _keep(self, simulator: Simulator, trial: Trial, keep: Callable[[RunFolder, Identity], None]) -> None:
        """Make the folder of a trial, whole or not at all."""
        identity = self._maker.identity_of(simulator.scenario)
        with whole(self._out / trial.name) as path, synced_at_the_end(path):
            folder = RunFolder(path)
            try:
                folder.start(simulator.scenario, simulator.backend, list(simulator.history))
                keep(folder, identity)
            finally:
                folder.close()
