"""A sweep: which trials there are, which of them are missing, and the processes that train those."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from neurosim.backends.cpu.team import available_threads
from neurosim.errors import UsageError
from neurosim.files.atomic import TEMPORARY, make_folder
from neurosim.files.lock import FolderLock
from neurosim.sweeps.directions import Rises, rises
from neurosim.sweeps.entries import Entry, packed_entries, read_entry, settings_of
from neurosim.sweeps.executors import Connect, Executor, Here, Processes, train
from neurosim.sweeps.journal import STOPPED
from neurosim.sweeps.packs import packs_in
from neurosim.sweeps.plan import Plan
from neurosim.sweeps.ranking import Place, Table, best_of, rank
from neurosim.sweeps.search import Search
from neurosim.sweeps.space import Point
from neurosim.sweeps.storage import has_ended, this_machine, unpacked
from neurosim.sweeps.trials import Maker, Recipe, Trial
from neurosim.sweeps.worker import side_by_side

# Trials of one point that are handed to a process at once: enough to fill the lanes of small networks.
TOGETHER = 128
# Seconds after which a temporary folder that nobody has touched is left by a process that was killed.
ABANDONED = 3600.0
# Of such a folder's name: the process and its machine.
_OWNER = re.compile(r"\.[^.]+\.(\d+)-([^.-]+)-[^.]+" + re.escape(TEMPORARY))


@dataclass
class Progress:
    """How far a sweep is.

    Attributes
    ----------
    trials, found : int
        How many there are in all, and how many of them had been trained before.
    done, running, failed, stopped : int
        How many have ended by now, are being trained, have diverged or were refused, and were stopped early.
    best : Entry or None
        The best so far.
    measure : str or None
        By which measure.
    by : str or None
        The measure that decides; the first that all have by default.
    rises : function
        Says whether larger values of a measure are better.
    begun : float
        When it began, by `time.monotonic`.
    """

    trials: int
    found: int = 0
    done: int = 0
    running: int = 0
    failed: int = 0
    stopped: int = 0
    best: Entry | None = None
    measure: str | None = None
    by: str | None = None
    rises: Rises = rises
    begun: float = field(default_factory=time.monotonic)

    def add(self, entries: Sequence[Entry]) -> None:
        """Count trials that have ended."""
        finished = [entry for entry in entries if not entry.reason]
        stopped = sum(entry.reason.startswith(STOPPED) for entry in entries)
        self.done += len(entries)
        self.stopped += stopped
        self.failed += len(entries) - len(finished) - stopped
        if self.done >= self.trials:
            self.running = 0
        if finished:
            self.measure, self.best = best_of([*finished, *([self.best] if self.best else [])], self.by, self.rises)

    @property
    def seconds_left(self) -> float | None:
        """About how long the rest will take; None before anything is known."""
        trained = self.done - self.found
        if trained <= 0:
            return None
        return (time.monotonic() - self.begun) / trained * (self.trials - self.done)


@dataclass(frozen=True)
class Swept:
    """A sweep that has ended: its folder, its ranked trials, how many there are, and how many were trained just now."""

    folder: Path
    table: Table
    trials: int
    trained: int

    @property
    def best(self) -> Place | None:
        """The first row of the table."""
        return self.table.places[0] if self.table.places else None

    @property
    def best_run(self) -> Path | None:
        """The folder of the first seed of the best that was trained to its end; made now, if it is in a pack."""
        folders = [entry.folder for entry in self.best.finished if entry.folder is not None] if self.best else []
        return unpacked(folders[0]) if folders else None


def sweep(
    recipe: Recipe,
    points: Sequence[Point] | Plan,
    out: Path,
    *,
    seeds: Sequence[int] | None = None,
    shard: tuple[int, int] = (1, 1),
    jobs: int | None = None,
    on: Connect | None = None,
    by: str | None = None,
    tell: Callable[[Progress], None] | None = None,
) -> Swept:
    """Train what is missing of a sweep, and rank all of it.

    Parameters
    ----------
    recipe : Recipe
        The scenario.
    points : sequence of mapping, or Plan
        The settings of each point, see `neurosim.sweeps.space.points`; or how they are found, with seeds and a
        measure of its own.
    out : Path
        Where the folders of the trials are.
    seeds : sequence of int, optional
        The seeds of each point; the scenario's own by default.
    shard : (int, int)
        Which part of the trials, from 1, and of how many.
    jobs : int, optional
        How many processes; one for each processor by default.
    on : function, optional
        Makes what trains, see `neurosim.sweeps.executors`; processes of this machine by default.
    by : str, optional
        The measure that decides.
    tell : function, optional
        Called whenever something has ended.

    Raises
    ------
    NeurosimError
        When the scenario cannot be read, the folder not be written, or no trial at all fits the scenario. What is wrong
        with some of them is no error.
    """
    maker = Maker(recipe)
    if isinstance(points, Plan):
        plan = points
        if plan.learns:
            return _searched(maker, plan, out, shard, jobs, on, tell)
        points, by = plan.points(), plan.by
        seeds = None if plan.seeds is None else range(plan.seeds)
    own = [maker.scenario.scenario.seed] if seeds is None else list(seeds)
    part, parts = shard
    each = [trial for point in points for trial in maker.trials(point, own)]
    if each and all(trial.reason for trial in each):
        raise UsageError(f"no trial can be trained; the first one: {each[0].reason}", "Correct what is varied.")
    trials = [trial for number, trial in enumerate(each) if number % parts == part - 1]
    make_folder(out)
    _clear(out)
    progress = Progress(len(trials), by=by, rises=maker.scenario.rises)
    entries: dict[int, Entry] = {}
    missing: dict[str, list[int]] = {}
    there = set(os.listdir(out))
    packed = {name: entry for pack in packs_in(out) for name, entry in packed_entries(pack).items()}
    for number, trial in enumerate(trials):
        if trial.reason:
            entries[number] = _refused(maker, trial, trial.reason)
        elif trial.name in packed:
            entries[number] = packed[trial.name]
            progress.found += 1
        elif trial.name in there and has_ended(out / trial.name):
            entries[number] = read_entry(out / trial.name)
            progress.found += 1
        else:
            missing.setdefault(trial.name, []).append(number)
    progress.add(list(entries.values()))
    progress.found = progress.done
    notify = tell or (lambda progress: None)
    cluster = on(maker, out) if on and missing else None
    jobs = cluster.jobs if cluster else jobs or available_threads()
    divided = side_by_side(maker, [trials[numbers[0]] for numbers in missing.values()], jobs)
    if not missing:
        notify(progress)
    tasks = [*divided.small, *_tasks(divided.others, jobs)]
    executors: list[tuple[Executor | Here, list[list[Trial]]]]
    if cluster:
        executors = [(cluster, [*divided.here, *tasks])]
    else:
        executors = [(Here(maker, out, jobs), divided.here), (_local(maker, out, min(jobs, len(tasks))), tasks)]
    for ended in chain.from_iterable(train(executor, own, progress) for executor, own in executors):
        packed = {
            name: entry
            for pack in dict.fromkeys(one.pack for one in ended if one.pack)
            for name, entry in packed_entries(out / pack).items()
        }
        new: list[Entry] = []
        for one in ended:
            name = one.trial.name
            if one.reason:
                entry = _refused(maker, one.trial, one.reason)
            else:
                entry = packed[name] if one.pack else read_entry(out / name)
            for number in missing[name]:
                entries[number] = entry
                new.append(entry)
        progress.add(new)
        notify(progress)
    _clear(out)
    # Two points may be the same network, such as 1 and 1.0.
    different = {trials[number].name or str(number): entries[number] for number in sorted(entries)}
    return Swept(out, rank(list(different.values()), by, maker.scenario.rises), len(trials), len(missing))


def _searched(
    maker: Maker,
    plan: Plan,
    out: Path,
    shard: tuple[int, int],
    jobs: int | None,
    on: Connect | None,
    tell: Callable[[Progress], None] | None,
) -> Swept:
    """As `sweep`, of points that Optuna chooses."""
    if shard != (1, 1):
        raise UsageError(
            f"the search {plan.search} goes by what came out so far, so it has no parts",
            "Points that are drawn at random or by Sobol's sequence have.",
        )
    progress = Progress((plan.trials or 0) * (plan.seeds or 1), rises=maker.scenario.rises)
    trained = 0

    def known(entry: Entry, before: bool) -> None:
        nonlocal trained
        progress.found += before
        trained += not before
        progress.add([entry])

    notify = tell or (lambda progress: None)
    # Of trials that are under way, a second process could not know that they are.
    lock = FolderLock(out, resuming=True)
    try:
        _clear(out)
        search = Search(maker, plan, out, lambda trial, reason: _refused(maker, trial, reason), known)
        progress.by = search.measure
        executor = on(maker, out) if on else _local(maker, out, min(jobs or available_threads(), plan.trials or 1))
        # One point is chosen ahead, so that no process waits; the others when all that has ended by then is known.
        for ended in train(executor, search.tasks(), progress, spare=1):
            for one in ended:
                search.ended(one)
            notify(progress)
        _clear(out)
    finally:
        lock.release()
    notify(progress)
    entries = [entry for number in sorted(search.entries) for entry in search.entries[number]]
    if all(entry.reason and entry.folder is None for entry in entries):
        raise UsageError(f"no trial could be trained; the first one: {entries[0].reason}", "Correct what is varied.")
    different = {entry.folder or number: entry for number, entry in enumerate(entries)}
    return Swept(out, rank(list(different.values()), search.measure, maker.scenario.rises), progress.trials, trained)


def _local(maker: Maker, out: Path, jobs: int) -> Executor | Here:
    """What trains on this machine."""
    return Processes(maker.recipe, out, jobs) if jobs > 1 else Here(maker, out)


def _refused(maker: Maker, trial: Trial, reason: str) -> Entry:
    """A row for a trial that has no folder."""
    if trial.name:  # its settings fit the scenario
        own = maker.scenario_of(trial.point, trial.seed).to_toml()
        return Entry(settings_of(tomllib.loads(own)), trial.seed, reason=reason)
    tree = tomllib.loads(maker.scenario.to_toml())
    return Entry({**settings_of(tree), **trial.point}, trial.seed, reason=reason)


def _clear(out: Path) -> None:
    """Remove what processes that were killed have left; others may be writing there now."""
    for path in out.glob(f".*{TEMPORARY}"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED or not _is_alive(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_alive(path: Path) -> bool:
    """Whether the process that a temporary folder is named after may still be there, here or on another machine."""
    owner = _OWNER.fullmatch(path.name)
    if os.name != "posix" or owner is None or owner[2] != this_machine():
        return True
    try:
        os.kill(int(owner[1]), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def _tasks(trials: Sequence[Trial], jobs: int) -> list[list[Trial]]:
    """What is handed to a process at once: seeds of one point, few enough that all processes have something to do."""
    size = max(1, min(TOGETHER, -(-len(trials) // jobs)))
    tasks: list[list[Trial]] = []
    for trial in trials:
        if tasks and len(tasks[-1]) < size and tasks[-1][0].point == trial.point:
            tasks[-1].append(trial)
        else:
            tasks.append([trial])
    return tasks
