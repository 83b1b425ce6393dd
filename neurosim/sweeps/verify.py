"""A finished run trained again from its folder, and held against what it left: the same bits, or where they part."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurosim.backends.select import on_compilation
from neurosim.errors import DataError, DivergedError
from neurosim.files.sealed import damaged_tensors
from neurosim.plugin.host import Registry
from neurosim.runs.belonging import (
    SCENARIO,
    Changes,
    changes,
    check_data_file,
    file_changes,
    identity_in_model,
    model_changes,
    trained_in,
)
from neurosim.runs.folder import ENSEMBLE, FAILURE, FORK, METRICS, SUMMARY, opened
from neurosim.runs.folder import SCENARIO as SCENARIO_FILE
from neurosim.runs.fork import read_fork
from neurosim.runs.identity import determining, identity_from, identity_of, scenario_changes
from neurosim.runs.model import MODEL, read_model
from neurosim.runs.observers import StudyObserver
from neurosim.runs.options import RunOptions
from neurosim.runs.reading import check_folder
from neurosim.runs.replay import read_origin, run_replay
from neurosim.runs.resuming import backend_there
from neurosim.runs.run_files import is_there, read_failure, read_history, read_object, read_summary
from neurosim.runs.running import train_to_end
from neurosim.runs.scenarios import networks_of
from neurosim.runs.seeds import LOGS, ManySeeds, many_seeds
from neurosim.runs.study import TABLE
from neurosim.runs.tables import csv_text
from neurosim.scenario import Scenario, load_scenario
from neurosim.sweeps import parting
from neurosim.sweeps.outcome import Repeated, Verified
from neurosim.sweeps.parting import Parting
from neurosim.sweeps.tables import compared, of_seeds, of_study_table
from neurosim.training.ensemble import Ensemble
from neurosim.training.history import Record
from neurosim.training.observer import Observer
from neurosim.training.recording import load_recording
from neurosim.training.recording.recording import FILE as RECORD
from neurosim.training.simulator import Simulator


def verify(
    folder: Path | str,
    registry: Registry | None = None,
    *,
    threads: int | None = None,
    data_dir: Path | str | None = None,
    observer: StudyObserver | None = None,
) -> Verified:
    """Train a finished run again, on the backend it was trained on, and hold it against what is in its folder.

    Nothing in the folder is changed. A study is verified network by network; a run that diverged must diverge in the
    same epoch.

    Parameters
    ----------
    folder : path
        The run.
    registry : Registry, optional
        What there is; the built-ins and the installed plugins by default.
    threads : int, optional
        Threads of the CPU backend; bits do not depend on it.
    data_dir : path, optional
        Folder with data sets.
    observer : StudyObserver, optional
        Receives progress: of a single network its epochs, of several the share that is done.

    Raises
    ------
    DataError
        When it is not a run folder, the run is not finished, or its rows are gone.
    NeurosimError
        As `neurosim.run` does, but for divergence.
    """
    path = Path(folder)
    watcher = observer or StudyObserver()
    many = many_seeds(path)
    if many is not None and many.finished:
        scenario = load_scenario(path / SCENARIO_FILE, registry=registry, own=True)
        return Verified(path, scenario, (_many_again(path, scenario, many, threads, data_dir, watcher),))
    if not is_there(path / FAILURE):
        check_folder(path)
    scenario = load_scenario(path / SCENARIO_FILE, registry=registry, own=True)
    members = networks_of(scenario, path)
    _refuse_unfinished(path, members)
    epochs = sum(own.training.epochs for _, own, _ in members)
    again = _Again(threads, data_dir, _Watcher(watcher) if len(members) == 1 else _Counting(watcher, epochs))
    found = [again.network(label, own, place, inner=place != path) for label, own, place in members]
    table = (
        compared(parting.MEASURES, path / TABLE, lambda: of_study_table(path / TABLE, members, found))
        if scenario.is_study
        else []
    )
    return Verified(path, scenario, tuple(found), tuple(table))


def _refuse_unfinished(path: Path, members: Sequence[tuple[str, Scenario, Path]]) -> None:
    """Raise DataError for networks of a study that have not ended, and for epochs that nobody can repeat."""
    for label, _, place in members:
        if not is_there(place / SUMMARY) and not is_there(place / FAILURE):
            raise DataError(
                f"the study in {path} lacks {label}: {place} has no {SUMMARY}", "Train what is missing, then verify it."
            )
        if is_there(place / SUMMARY):
            mixed = read_summary(place / SUMMARY).mixed
            if mixed:
                raise DataError(
                    f"the run in {place} cannot be verified: {mixed}",
                    "It was continued with force=True after a change, so what it was trained with before is gone.",
                )


@dataclass(frozen=True)
class _Again:
    """How networks are trained again."""

    threads: int | None
    data_dir: Path | str | None
    observer: Observer

    def network(self, label: str, own: Scenario, place: Path, *, inner: bool) -> Repeated:
        """Train a single network again; `own` is its scenario, as its study says it if it is within one (`inner`)."""
        scenario = own
        if inner:
            scenario = load_scenario(place / SCENARIO_FILE, registry=own.registry, own=True)
        check_data_file(place, scenario)
        backend = backend_there(place) or "cpu"
        simulator = Simulator(scenario, backend, None, self.threads, self.data_dir)
        now = identity_of(simulator)
        trained = trained_in(place)
        was = trained.beside(now)
        changed = changes(place, was, now, bits=True) | file_changes(place, trained)
        if inner:
            changed |= Changes(place, {SCENARIO: scenario_changes(was.scenario, determining(own))})
        with tempfile.TemporaryDirectory() as name:
            there = Path(name) / "run"
            self._train(simulator, place, there, scenario.registry)
            changed |= _swapped(place)
            partings = list(_partings(place, there))
            epochs = len(read_history(there / METRICS))
            final = read_summary(there / SUMMARY).final if is_there(there / SUMMARY) else {}
        if file_changes(place, trained, RECORD) and not any(one.thing == parting.RECORDING for one in partings):
            partings.append(Parting(parting.RECORDING, f"{RECORD} was changed, but for its numbers"))
        return Repeated(
            label,
            place,
            backend,
            epochs,
            changed,
            tuple(partings),
            1,
            is_there(place / FAILURE),
            is_there(place / RECORD),
            final,
        )

    def _train(self, simulator: Simulator, place: Path, there: Path, registry: Registry | None) -> None:
        """Train into the folder `there`; a replay from its fork on, as it was."""
        try:
            if is_there(place / FORK):
                self._replay(place, there, registry)
                return
            with on_compilation(self.observer.compiling, self.observer.compiles):
                simulator.prepare()
            with opened(there) as folder:
                train_to_end(simulator, folder, self.observer, time.perf_counter())
        except DivergedError:
            # Its folder says in which epoch.
            pass

    def _replay(self, place: Path, there: Path, registry: Registry | None) -> None:
        try:
            fork = read_fork(place)
        except DataError as error:
            raise DataError(
                f"the replay in {place} cannot be verified: {error.message}",
                "A replay is trained again from the run that it forks from: bring that one back.",
            ) from error
        if fork is None:
            raise DataError(
                f"the replay in {place} cannot be verified: it forks from a run that has no folder",
                "Only a replay of a run with a folder can be trained again.",
            )
        about = read_object(place / FORK)
        origin = read_origin(about.text("run"), registry)
        settings = about.part("settings").values
        options = RunOptions(out=there, threads=self.threads, data_dir=self.data_dir, observer=self.observer)
        run_replay(origin, about.whole("step"), settings, options)


class _Watcher(Observer):
    """Passes on the progress of a run whose folder is a temporary one, of which nothing is kept."""

    def __init__(self, told: StudyObserver) -> None:
        self.told = told
        self.compiling, self.compiles = told.compiling, told.compiles  # type: ignore[method-assign]
        self.stopping, self.started = told.stopping, told.started  # type: ignore[method-assign]
        self.epoch, self.part = told.epoch, told.part  # type: ignore[method-assign]


class _Counting(_Watcher):
    """Tells which share of all epochs of a study is done."""

    def __init__(self, told: StudyObserver, epochs: int) -> None:
        super().__init__(told)
        self.started = Observer().started  # type: ignore[method-assign]
        self.epoch = self._count  # type: ignore[method-assign]
        self._done, self._epochs = 0, epochs

    def _count(self, record: Record) -> None:
        self._done += 1
        self.told.share(self._done / self._epochs)


def _swapped(place: Path) -> Changes:
    """What shows that the model is not that of the summary beside it; a damaged one is found when it is compared."""
    try:
        words = read_model(place / MODEL)[1]
        its_own = identity_in_model(words, place / MODEL)
    except DataError:
        return Changes(place)
    trained = trained_in(place)
    return Changes(place) if trained.identity is None else model_changes(place, trained, its_own)


def _partings(was: Path, now: Path) -> Iterator[Parting]:
    """Where what two folders hold of one network is not the same, in the order of the training."""
    ends = [read_failure(folder / FAILURE) if is_there(folder / FAILURE) else None for folder in (was, now)]
    before, after = ends
    told = ["trained to its end" if end is None else f"diverged in epoch {end.epoch}" for end in ends]
    if told[0] != told[1]:
        first = min(end.epoch for end in ends if end is not None)
        yield Parting(parting.END, f"then it {told[0]}, now it {told[1]}", first)
    elif before is not None and after is not None and before.message != after.message:
        yield Parting(parting.END, f"then: {before.message}; now: {after.message}", after.epoch)
    yield from compared(
        parting.MEASURES,
        was / METRICS,
        lambda: parting.of_histories(read_history(was / METRICS), read_history(now / METRICS)),
    )
    if any(ends):
        return
    if is_there(now / RECORD):
        yield from compared(
            parting.RECORDING,
            was / RECORD,
            lambda: parting.of_recordings(load_recording(was / RECORD), load_recording(now / RECORD)),
        )
    yield from compared(parting.MODEL, was / MODEL, lambda: _of_models(was / MODEL, now / MODEL))
    yield from compared(
        parting.MEASURES,
        was / SUMMARY,
        lambda: parting.of_final_measures(read_summary(was / SUMMARY).final, read_summary(now / SUMMARY).final),
    )


def _of_models(was: Path, now: Path) -> list[Parting]:
    after = read_model(now)[0]
    try:
        return parting.of_models(read_model(was)[0], after)
    except DataError as error:
        damaged = damaged_tensors(was)
        return [Parting(parting.MODEL, error.message), *(parting.of_models(damaged, after) if damaged else ())]


def _many_again(
    folder: Path,
    scenario: Scenario,
    many: ManySeeds,
    threads: int | None,
    data_dir: Path | str | None,
    watcher: StudyObserver,
) -> Repeated:
    """Train a run of many seeds again, and compare their rows."""
    check_data_file(folder, scenario)
    ensemble = Ensemble(scenario, many.seeds, many.backend, threads, data_dir)
    with on_compilation(watcher.compiling, watcher.compiles):
        ensemble.prepare()
    now = identity_from(scenario, ensemble.rows_sha256, many.backend)
    trained = trained_in(folder)
    changed = changes(folder, trained.beside(now), now, bits=True)
    with tempfile.TemporaryDirectory() as name:
        ensemble.train(watcher.share, Path(name) / LOGS)
    records = ensemble.records()
    text = csv_text(list(records[0]), records)
    partings = compared(parting.MEASURES, folder / ENSEMBLE, lambda: of_seeds(folder / ENSEMBLE, text))
    counted = json.loads(json.dumps(ensemble.summary()))
    said = read_object(folder / SUMMARY).values
    partings += parting.of_final_measures({name: said.get(name) for name in counted}, counted)
    return Repeated("", folder, many.backend, 0, changed, tuple(partings), len(many.seeds))
