"""What trains the trials: those of one small network side by side, others one after the other, to the same bits."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

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
from neurosim.sweeps.batch import Batch, Like, Part, joined, same_kind
from neurosim.sweeps.journal import StoppedEarlyError
from neurosim.sweeps.packs import NO_SEED, Pack
from neurosim.sweeps.space import Point
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
# Settings of layers: initial values, and penalties.
_INIT = re.compile(r"network\.layers\.\d+\.init(\..+)?")
_PENALTY = re.compile(r"network\.layers\.\d+\.l[12]")
# Points of small networks that are one task.
SMALL_TOGETHER = 64


@dataclass(frozen=True)
class Ended:
    """What became of a trial: it is in its folder, or in a `pack`, or `reason` says why in none."""

    trial: Trial
    reason: str = ""
    pack: str = ""


@dataclass(frozen=True)
class Trained:
    """What is known when trials are trained: which, why some have no folder, and packs with their trials' names."""

    trials: Sequence[Trial]
    faults: dict[str, str]
    packs: Sequence[tuple[Pack, Sequence[str]]]
    out: Path

    def kept(self) -> list[Ended]:
        """Write the packs, in any thread; returns what became of each trial."""
        faults = dict(self.faults)
        packed: dict[str, str] = {}
        for pack, names in self.packs:
            try:
                pack.write(self.out)
                packed |= dict.fromkeys(names, pack.file_name)
            except (NeurosimError, MemoryError) as error:
                faults |= dict.fromkeys(names, reason_of(error))
        return [Ended(trial, faults.get(trial.name, ""), packed.get(trial.name, "")) for trial in self.trials]


@dataclass(frozen=True)
class Divided:
    """The trials of a sweep, divided.

    Attributes
    ----------
    here : list of list of Trial
        Tasks that the threads of one process train fastest: many seeds of small networks which are measured on their
        training rows only. Nothing holds up a thread between two epochs, and no process has to be started.
    small : list of list of Trial
        Tasks of small networks with few seeds each, of several points; those of one architecture are neighbours.
    others : list of Trial
        The rest.
    """

    here: list[list[Trial]]
    small: list[list[Trial]]
    others: list[Trial]


def side_by_side(maker: Maker, trials: Sequence[Trial], jobs: int) -> Divided:
    """Divide the trials of a sweep into tasks."""
    # By architecture, how many go into a task here, and which.
    many: dict[str, tuple[int, list[Trial]]] = {}
    # And whether networks are small, with few seeds each, how many go into a task then, and which.
    few: dict[str, tuple[int, list[Trial]]] = {}
    others: list[Trial] = []
    for _, group in groupby(trials, lambda trial: id(trial.point)):
        each = list(group)
        kind = _architecture(each[0].point)
        if len(each) >= WORTH_A_PACK:
            if kind not in many:
                many[kind] = _most_together(maker, each[0], len(each), here=True), []
            if many[kind][0]:
                many[kind][1].extend(each)
                continue
        if kind not in few:
            few[kind] = _most_together(maker, each[0], 1), []
        (few[kind][1] if few[kind][0] and len(each) < WORTH_A_PACK else others).extend(each)
    here = [task for size, its in many.values() if size for task in _chunks(its, size)]
    small = [trial for _, its in few.values() for trial in its]
    if len(small) < WORTH_A_PACK:
        return Divided(here, [], [*small, *others])
    size = min(SMALL_TOGETHER, -(-len(small) // jobs), *(size for size, _ in few.values() if size))
    return Divided(here, _chunks(small, size), others)


def _architecture(point: Point) -> str:
    """What of a point decides which others it can be trained together with."""
    # Without a penalty a network is trained another way.
    kept = {key: bool(value) if _PENALTY.fullmatch(key) else value for key, value in point.items()}
    return repr({key: value for key, value in kept.items() if not _is_of_its_own(key, value)})


def _is_of_its_own(key: str, value: object) -> bool:
    """Whether networks that differ in a setting can be trained together: a number of the optimizer, initial values."""
    return bool(_INIT.fullmatch(key)) or (key.startswith("optimizer.") and isinstance(value, int | float))


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


def _go_together(points: Sequence[Like]) -> list[list[Like]]:
    """The points in groups that can be trained together."""
    groups: list[list[Like]] = []
    for point in points:
        for group in groups:
            first = group[0]
            if point.scenario.data == first.scenario.data and point.numbers.go_beside(first.numbers):
                group.append(point)
                break
        else:
            groups.append([point])
    # Fewer are not worth what has to be compiled for them.
    few = [sum(len(point.trials) for point in group) < WORTH_A_PACK for group in groups]
    apart = [[point] for group, is_few in zip(groups, few, strict=True) if is_few for point in group]
    return [group for group, is_few in zip(groups, few, strict=True) if not is_few] + apart


def _parts(batch: Batch) -> Iterator[Part]:
    """What a pack has of a batch, point by point, as far as it can be in one."""
    finals = batch.finals()
    for place, point in enumerate(batch.points):
        good = batch.numbers_of(place)
        kept = [number for number in good if same_kind(finals[number], finals[good[0]])]
        if kept:
            result = batch.result(point, finals[kept[0]])
            common = in_common(with_seed(point.scenario, NO_SEED), result, point.seedless)
            if common is not None:
                yield batch.part(point, kept, finals, common)


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
        # Of the trials at hand, the packs, with their trials' names.
        self._packs: list[tuple[Pack, list[str]]] = []
        self._batches: list[Batch] = []

    def train(self, trials: Sequence[Trial]) -> Trained:
        """Train trials, of which those of one point come one after the other; what is there by now is left as it is.

        Where the first one of a point is stopped early, so are the others of it. Packs are not written yet.
        """
        there = set(os.listdir(self._out))
        self._packs, self._batches = [], []
        faults: dict[str, str] = {}
        begun: list[Like] = []
        for _, group in groupby(trials, lambda trial: trial.point):
            faults |= self._begin(list(group), there, begun)
        for points in _go_together(begun):
            faults |= self._train_points(points)
        for point, left in self._keep_batches(faults):
            faults |= self._one_by_one(point.scenario, left, Observer())
        return Trained(trials, faults, self._packs, self._out)

    def _begin(self, trials: Sequence[Trial], there: Collection[str], begun: list[Like]) -> dict[str, str]:
        """Find out what is missing of one point, and add it to `begun`; returns by name why some cannot be trained."""
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
            if missing:
                first = self._simulator(with_seed(scenario, missing[0].seed))
                begun.append(Like(scenario, seedless, missing, first))
        except (NeurosimError, MemoryError) as error:
            return {trial.name: reason_of(error) for trial in trials}
        return faults

    def _train_points(self, points: Sequence[Like]) -> dict[str, str]:
        """Train trials of points that can go together; returns by name why some are not trained.

        Those in `self._batches` are trained, and not kept yet.
        """
        faults: dict[str, str] = {}
        try:
            batch = self._together(points)
        except (NeurosimError, MemoryError) as error:
            return {trial.name: reason_of(error) for point in points for trial in point.trials}
        for place, point in enumerate(points):
            trained = {batch.trials[number].name for number in batch.numbers_of(place)} if batch else set()
            left = [trial for trial in point.trials if trial.name not in trained]
            faults |= self._one_by_one(point.scenario, left, Observer())
        return faults

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

    def _together(self, points: Sequence[Like]) -> Batch | None:
        """Train side by side what can be; None where nothing can."""
        first = points[0].simulator
        if _has_own_course(points[0].scenario) or first.network.batch_norms:
            return None
        seeds = [trial.seed for point in points for trial in point.trials]
        backend = make_backend(self._maker.recipe.backend, first.network, first.training, seeds[0], self._threads)
        backend.prepare()
        own = [point.numbers for point in points for _ in point.trials] if len(points) > 1 else []
        together = make_small_ensemble(backend, seeds, [first.split_rows("train")], own)
        if together is None:
            return None
        first.prepare()  # as `neurosim.run` does, it tries derivatives first
        batch = Batch(points, together)
        self._batches.append(batch)
        return batch

    def _keep_batches(self, faults: dict[str, str]) -> Iterator[tuple[Like, list[Trial]]]:
        """Pack or keep what was trained side by side; yields what is left of a point: its last weights have diverged.

        Why something cannot be kept is added to `faults`, by name.
        """
        try:
            if sum(int(batch.finite.sum()) for batch in self._batches) >= WORTH_A_PACK:
                self._pack()
        except (NeurosimError, MemoryError) as error:
            faults |= {trial.name: reason_of(error) for batch in self._batches for trial in batch.trials}
            return
        packed = {name for _, names in self._packs for name in names}
        for batch, (place, point) in ((one, point) for one in self._batches for point in enumerate(one.points)):
            left = []
            for number in batch.numbers_of(place):
                trial = batch.trials[number]
                if trial.name in packed:
                    continue
                try:
                    self._keep_result(*self._adopted(batch, number), trial)
                except DivergedError:
                    left.append(trial)
                except (NeurosimError, MemoryError) as error:
                    faults[trial.name] = reason_of(error)
            if left:
                yield point, left

    def _adopted(self, batch: Batch, number: int) -> tuple[Simulator, Result]:
        """The network of a trial in a batch, and its result; raises DivergedError as `result_of`."""
        simulator = self._simulator(with_seed(batch.point_of(number).scenario, batch.trials[number].seed))
        batch.adopted_by(simulator, number)
        return simulator, result_of(simulator, None, batch.seconds)

    def _pack(self) -> None:
        """Make packs of what was trained side by side, as far as it can be in one."""
        parts = [part for batch in self._batches for part in _parts(batch)]
        parts.sort(key=lambda part: part.shape)
        for _, group in groupby(parts, lambda part: part.shape):
            alike = list(group)
            self._packs.append((joined(alike), [name for part in alike for name in part.names]))

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
