"""All runs of a scenario with variants or repeats: trained side by side, and held against each other."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.backends.cpu.team import available_threads
from neurosim.backends.select import on_compilation
from neurosim.errors import DivergedError, UsageError
from neurosim.files.atomic import write_atomically
from neurosim.markup import escape, measure, measure_words
from neurosim.markup import table as html_table
from neurosim.runs.checkpoint import has_checkpoint, tidy
from neurosim.runs.expectations import Expectation, check_bounds, check_claims
from neurosim.runs.folder import FAILURE, SUMMARY, RunFolder, finite, portable, provenance
from neurosim.runs.identity import FINISHED, another_run, identity_of
from neurosim.runs.keeping import trained
from neurosim.runs.making import Member, Workshop
from neurosim.runs.members import changed_members, study_members
from neurosim.runs.observers import Observer
from neurosim.runs.promises import known_of, warn_of_promises
from neurosim.runs.reading import read_finished, stopped_at
from neurosim.runs.resuming import as_it_was, is_finished, is_of_run, own_scenario
from neurosim.runs.running import Result, diverged_result, prepare_scenario, promises_met, train_to_end
from neurosim.runs.texts import is_there, read_failure
from neurosim.runs.unchanged import refuse_other_members
from neurosim.scenario import Scenario
from neurosim.suggestions import listed
from neurosim.training.history import METRICS, Record
from neurosim.training.measures import FINAL_ONLY

TABLE = "study.csv"
# What ``final`` has even where it is not measured.
ALWAYS = tuple(name for name in METRICS if not name.startswith("validation"))


@dataclass(frozen=True)
class Study:
    """What the runs of a study gave.

    Attributes
    ----------
    scenario : Scenario
        What was run.
    results : tuple of Result
        Every run: all seeds of the first variant, then those of the next one.
    expectations : list of Expectation
        The promises, those between variants last; of several seeds the mean counts.
    diverged : dict of str to str
        For each run that diverged, by its label, what happened.
    seconds : dict
        ``compile``, ``train`` (of all runs together) and ``total``.
    folder : Path or None
        The run folder; each run has a folder of its own in it.
    """

    scenario: Scenario
    results: tuple[Result, ...]
    expectations: list[Expectation]
    diverged: dict[str, str]
    seconds: dict[str, float]
    folder: Path | None

    def __repr__(self) -> str:
        repeats = f" from {self.scenario.scenario.repeats} seeds each" if self.scenario.scenario.repeats > 1 else ""
        variants = f"{len(self.scenario.variants)} variants" if self.scenario.variants else "1 network"
        parts = [f"{variants}{repeats}"]
        parts += [f"{len(self.diverged)} diverged"] if self.diverged else []
        parts += promises_met(self.expectations)
        parts += [] if self.folder is None else [str(self.folder)]
        return f"<Study of {self.scenario.scenario.name}: {'; '.join(parts)}>"

    def _repr_html_(self) -> str:
        """A row for each network, and the promises, for notebooks."""
        there = [name for name in METRICS if any(result.metrics.get(name) is not None for result in self.results)]
        rows = [
            [
                result.scenario.variant or result.scenario.scenario.name,
                str(result.simulator.seed),
                *(measure(name, result.metrics.get(name)) for name in there),
            ]
            for result in self.results
        ]
        header = ["network", "seed", *map(measure_words, there)]
        promises = "".join(
            f"<li>{escape(promise.text)}: {'met' if promise.met else '<b>missed</b>'}</li>"
            for promise in self.expectations
        )
        title = f"<p><b>{escape(self.scenario.scenario.headline)}</b></p>"
        return f"{title}{html_table(header, rows, range(1, len(header)))}<ul>{promises}</ul>"

    @property
    def met(self) -> bool:
        """Whether every expectation was met."""
        return all(expectation.met for expectation in self.expectations)

    @property
    def names(self) -> tuple[str, ...]:
        """The variants; where there are only repeats, the one that they are of, which may have no name."""
        return tuple(self.scenario.variants) or (self.scenario.variant,)

    @property
    def final_only(self) -> tuple[str, ...]:
        """The measures of its runs that are taken at their end only."""
        return tuple(name for name in FINAL_ONLY if any(name in result.metrics for result in self.results))

    def __getitem__(self, variant: str) -> tuple[Result, ...]:
        """The runs of a variant, in the order of the seeds; raises UsageError for an unknown one."""
        name = self.scenario.about(variant).name if self.scenario.variants else variant
        return tuple(result for result in self.results if result.scenario.variant == name)

    def spread(self, variant: str, measure: str) -> tuple[float, float] | None:
        """Mean and standard deviation of a final measure over the seeds; None where it is missing."""
        values = [result.metrics.get(measure) for result in self[variant]]
        known = [value for value in values if value is not None and math.isfinite(value)]
        if not known or len(known) < len(values):
            return None
        return float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else 0.0

    def as_json(self) -> dict[str, Any]:
        """The object that ``neurosim run --json`` prints: that of a run, with all runs under ``runs``.

        ``final`` has the means where there are only repeats; of variants there is no common result.
        """
        alone = not self.scenario.variants
        known = (*METRICS, *self.final_only)
        spreads = {name: self.spread(self.names[0], name) if alone else None for name in known}
        final = {name: spread and spread[0] for name, spread in spreads.items()}
        first = self.results[0]
        runs = [{"variant": result.scenario.variant or None, **result.as_json()} for result in self.results]
        return {
            "scenario": self.scenario.scenario.name,
            "backend": first.backend,
            "seed": self.scenario.scenario.seed,
            "epochs": first.simulator.training.epochs if alone else None,
            "parameters": first.simulator.network.size if alone else None,
            "final": {name: mean for name, mean in final.items() if mean is not None or name in ALWAYS},
            "expectations": [expectation.as_json() for expectation in self.expectations],
            "seconds": self.seconds,
            "run_dir": None if self.folder is None else str(self.folder),
            "variants": [name for name in self.names if name],
            "repeats": self.scenario.scenario.repeats,
            "diverged": self.diverged,
            "runs": [
                {key: value for key, value in run.items() if key not in ("scenario", "backend", "expectations")}
                for run in runs
            ],
        }


class StudyObserver(Observer):
    """Hears of a study's progress, from several threads but never at once."""

    def read(self, number: int, count: int) -> None:
        """So many of the networks of a resumed study have been checked for having ended."""

    def planned(self, members: Sequence[str], epochs: int) -> None:
        """What will be trained, and all epochs together."""

    def share(self, done: float) -> None:
        """This share of the work is done, from 0 to 1."""

    def finished(self, member: str, result: Result) -> None:
        """A run has ended."""


class _ResultObserver(StudyObserver):
    """Calls a plain function with the result of each run."""

    def __init__(self, function: Callable[[Result], Any]) -> None:
        self._function = function

    def finished(self, member: str, result: Result) -> None:
        """A run has ended."""
        self._function(result)


def _observer_of(given: StudyObserver | Callable[[Result], Any] | None) -> StudyObserver | None:
    """What is told about progress, from what a caller gives; raises UsageError for anything else."""
    if given is None or isinstance(given, StudyObserver):
        return given
    if not callable(given) or isinstance(given, type):
        raise UsageError(
            f"the observer cannot be called with a result: {given!r}",
            "Give a function, such as  lambda result: print(result),  or a StudyObserver.",
        )
    return _ResultObserver(given)


@dataclass
class _Progress(Observer):
    """What the threads of a study share: the count of epochs, and whether to stop."""

    observer: StudyObserver
    epochs: int
    done: int = 0
    stop: bool = False
    lock: Any = field(default_factory=threading.Lock)

    def epoch(self, record: Record) -> None:
        """Count, and stop this run too once the user has stopped the study."""
        with self.lock:
            self.done += 1
            self.observer.share(min(self.done / max(self.epochs, 1), 1.0))
        self.part()

    def part(self) -> None:
        """Stop this run too, within an epoch."""
        if self.stop:
            raise KeyboardInterrupt


def study(
    scenario: Scenario | Path | str,
    *,
    backend: str = "cpu",
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    threads: int | None = None,
    out: Path | str | None = None,
    plugins: Sequence[Path | str] = (),
    data_dir: Path | str | None = None,
    resume: Path | str | None = None,
    force: bool = False,
    observer: StudyObserver | Callable[[Result], Any] | None = None,
) -> Study:
    """Train every variant of a scenario from every seed, and hold them against its promises.

    Parameters are those of `neurosim.run`. On the CPU several networks are trained side by side, each with
    its share of the threads; results do not depend on it. A run that diverges does not end the study.
    With `resume`, runs that are finished, or that diverged, are read and not trained again; with `force` those that
    diverged go on from their last finite state. An `observer` that is a plain function is called with the result of
    each network when it is done.

    Raises
    ------
    NeurosimError
        As `neurosim.run` does, but for divergence.
    KeyboardInterrupt
        When the user stops it; with `out` or `resume` each run leaves a checkpoint first.
    """
    begin = time.perf_counter()
    from neurosim.runs.notebook import in_notebook

    watcher = _observer_of(observer) or in_notebook() or StudyObserver()
    chosen = prepare_scenario(scenario, seed, overrides, plugins, resume)
    if resume is not None:
        _check_same(Path(resume), chosen, force=force)
    target = resume if resume is not None else out
    folder = None if target is None else RunFolder(Path(target), resume=resume is not None)
    try:
        return _run(chosen, folder, backend, threads, data_dir, watcher, begin, resume=resume is not None, force=force)
    finally:
        if folder is not None:
            folder.close()


def _run(
    chosen: Scenario,
    folder: RunFolder | None,
    backend: str,
    threads: int | None,
    data_dir: Path | str | None,
    watcher: StudyObserver,
    begin: float,
    *,
    resume: bool,
    force: bool,
) -> Study:
    """Train what is left of a study, and write its files."""
    planned = study_members(chosen, None if folder is None else folder.path)
    members = [Member(label, own, path, None if folder is None else folder.path) for label, own, path in planned]
    available = threads or available_threads()
    at_once = min(available, len(members)) if backend == "cpu" else 1
    each = max(available // at_once, 1) if backend == "cpu" else threads
    workshop = Workshop(backend, each, data_dir)
    with on_compilation(watcher.compiling):
        workshop.begin(members)
        if resume:
            assert folder is not None
            refuse_other_members(folder.path, workshop.identities(members), force=force)
            for number, member in enumerate(members, 1):
                _read(member, workshop, force=force)
                watcher.read(number, len(members))
        # One of each variant: with it, all that the variant needs is compiled.
        left = {member.scenario.variant: member for member in reversed(members) if member.result is None}
        made = {variant: workshop.simulator_of(member) for variant, member in left.items()}
        for simulator in made.values():
            simulator.prepare()
    if made:
        warn_of_promises(chosen, {variant: known_of(simulator) for variant, simulator in made.items()})
    ended = all(member.result is not None for member in members)
    if folder is not None:
        # Only now is it known that all networks can be made, or go on.
        folder.begin(portable(chosen).to_toml(), {"backend": backend}, finished=ended)
        for member in members:
            if member.result is not None and not member.fault and member.folder is not None:
                tidy(member.folder)
    try:
        _train_all([member for member in members if member.result is None], workshop, at_once, watcher, resume)
    except KeyboardInterrupt:
        watcher.interrupted(None if folder is None else folder.path)
        raise
    with contextlib.nullcontext() if folder is None else trained(folder.path):
        return _judged(chosen, members, folder, begin, ended=ended)


def _judged(
    chosen: Scenario, members: Sequence[Member], folder: RunFolder | None, begin: float, *, ended: bool
) -> Study:
    """Hold the trained members of a study against its promises, and write its table and summary."""
    results = tuple(member.result for member in members if member.result is not None)
    found = Study(
        chosen,
        results,
        study_expectations(chosen, results),
        {member.label: member.fault for member in members if member.fault},
        {
            "compile": sum(result.seconds["compile"] for result in results),
            "train": sum(result.seconds["train"] for result in results),
            "total": time.perf_counter() - begin,
        },
        None if folder is None else folder.path,
    )
    if folder is not None and not (ended and is_there(folder.path / SUMMARY)):
        write_atomically(folder.path / TABLE, table(found))
        complete = {**found.as_json(), **provenance(chosen)}
        for entry, result in zip(complete["runs"], results, strict=True):
            entry["identity"] = None if result.identity is None else result.identity.as_json()
        write_atomically(folder.path / SUMMARY, json.dumps(complete, indent=2, allow_nan=False) + "\n")
    if folder is not None:
        folder.ended()
    return found


def _read(member: Member, workshop: Workshop, *, force: bool) -> None:
    """Give a member of a study that goes on the result that it has already, if it has ended, else its last state."""
    path = member.folder
    assert path is not None
    if is_finished(path):
        member.result = read_finished(path, workshop.simulator_of(member))
    elif is_there(path / FAILURE) and not force:
        simulator = workshop.simulator_of(member)
        stopped_at(path, simulator)
        failure = read_failure(path / FAILURE)
        member.fault = failure.message
        result = diverged_result(simulator, path, sum(simulator.history.seconds))
        member.result = replace(result, identity=failure.identity)
    elif has_checkpoint(path):
        member.mixed = stopped_at(path, workshop.simulator_of(member), force=force)


def _check_same(folder: Path, chosen: Scenario, *, force: bool) -> None:
    """Raise UsageError where a study to go on with is not that of its folder, or the folder is that of a single run."""
    own = own_scenario(folder, chosen)
    if own is None or not own.is_study:
        names = listed(chosen.variants)
        raise UsageError(
            f"{folder} holds a single network, and scenario {chosen.scenario.name} is several",
            f"Say which of them it is with --variant: {names}." if names else "--set scenario.repeats=1  makes it one.",
        )
    changes = changed_members(own, chosen, folder, finished=force)
    if changes:
        ended = force or changed_members(own, chosen, folder, finished=True)
        edited = chosen.path is not None and is_of_run(chosen.path, folder)
        undo = "Undo the change" if edited else as_it_was(folder)
        raise another_run(folder, changes, f"{undo}; {FINISHED if ended else '--force with these changes.'}")


def _train_all(
    members: Sequence[Member], workshop: Workshop, at_once: int, watcher: StudyObserver, resume: bool
) -> None:
    """Train the members, some of them at once, and put their results into them."""
    epochs = sum(member.scenario.training.epochs for member in members)
    watcher.planned([member.label for member in members], epochs)
    progress = _Progress(watcher, epochs)
    with ThreadPoolExecutor(max_workers=max(at_once, 1)) as pool:
        futures = [pool.submit(_train_one, member, workshop, progress, resume) for member in members]
        try:
            _wait(futures)
        except BaseException:
            progress.stop = True
            for future in futures:
                future.cancel()
            raise


def _wait(futures: Sequence[Future[None]]) -> None:
    """Until all have ended, or one has failed, whose error is raised."""
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in done:
        future.result()


def _train_one(member: Member, workshop: Workshop, progress: _Progress, resume: bool) -> None:
    if progress.stop:
        raise KeyboardInterrupt
    begin = time.perf_counter()
    simulator = workshop.simulator_of(member)
    simulator.prepare()
    folder = None
    if member.folder is not None:
        folder = RunFolder(member.folder, resume=resume, study=member.study)
    try:
        member.result = train_to_end(simulator, folder, progress, begin, member.mixed)
    except DivergedError as error:
        member.fault = error.message
        result = diverged_result(simulator, member.folder, time.perf_counter() - begin)
        member.result = result if folder is None else replace(result, identity=identity_of(simulator))
    finally:
        if folder is not None:
            folder.close()
    with progress.lock:
        # Epochs that early stopping has saved are no work left.
        progress.done += simulator.training.epochs - len(simulator.history)
        progress.observer.share(min(progress.done / max(progress.epochs, 1), 1.0))
        progress.observer.finished(member.label, member.result)


def study_expectations(scenario: Scenario, results: Sequence[Result]) -> list[Expectation]:
    """What became of the promises of a study: bounds on each variant, then the claims."""
    variants = scenario.variants or {scenario.variant: scenario}
    outcomes = {name: [result.outcome for result in results if result.scenario.variant == name] for name in variants}
    bounds = [check_bounds(variant, outcomes[name], name) for name, variant in variants.items()]
    return [*(expectation for found in bounds for expectation in found), *check_claims(scenario.claims, outcomes)]


def table(study: Study) -> str:
    """One row for each run, as CSV with a header; empty where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = (*METRICS, *study.final_only)
    writer.writerow(["variant", "seed", "epochs", "parameters", *names, "seconds"])
    for result in study.results:
        metrics = finite({name: result.metrics.get(name) for name in names})
        about = [result.scenario.variant, result.simulator.seed, len(result.history), result.simulator.network.size]
        values = [metrics[name] for name in names]
        writer.writerow([*about, *values, f"{result.seconds['train']:.6g}"])
    return text.getvalue()
