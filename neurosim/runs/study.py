"""All runs of a scenario with variants or repeats: trained side by side, and held against each other."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neurosim.backends.select import on_compilation
from neurosim.errors import DivergedError
from neurosim.files.atomic import write_atomically
from neurosim.runs.checkpoint import has_checkpoint, load_checkpoint, tidy
from neurosim.runs.folder import FAILURE, SUMMARY, RunFolder, opened
from neurosim.runs.identity import identity_of
from neurosim.runs.keeper import trained
from neurosim.runs.observers import StudyObserver
from neurosim.runs.options import RunOptions, Source, takes
from neurosim.runs.promises import known_of, warn_of_promises
from neurosim.runs.reading import read_finished
from neurosim.runs.results import Study, diverged_result, study_expectations
from neurosim.runs.resume_checks import refuse_another_study, refuse_other_members
from neurosim.runs.resuming import is_finished
from neurosim.runs.run_files import is_there, read_failure
from neurosim.runs.running import train_to_end
from neurosim.runs.scenarios import chosen_scenario, study_members
from neurosim.runs.study_networks import Member, Workshop
from neurosim.runs.tables import csv_text
from neurosim.scenario import Scenario
from neurosim.training.history import Record
from neurosim.training.observer import Observer
from neurosim.training.side_by_side import SideBySide

TABLE = "study.csv"


@takes(RunOptions)
def study(scenario: Source, options: RunOptions) -> Study:
    """Train every variant of a scenario from every seed, and hold them against its promises.

    On the CPU several networks are trained side by side, each with its share of the threads; results do not depend on
    it. A run that diverges does not end the study. With `resume`, runs that are finished, or that diverged, are read
    and not trained again; with `force` those that diverged resume from their last finite state.

    Parameters
    ----------
    {parameters}

    Raises
    ------
    NeurosimError
        As `neurosim.run` does, but for divergence.
    KeyboardInterrupt
        When the user stops it; with `out` or `resume` each run leaves a checkpoint first.
    """
    begin = time.perf_counter()
    watcher = options.study_observer()
    chosen = chosen_scenario(scenario, options)
    resume = options.resume is not None
    if resume and options.target is not None:
        refuse_another_study(options.target, chosen, force=options.force)
    with opened(options.target, resume=resume) as folder:
        return _run(chosen, options, folder, watcher, begin)


def _run(
    chosen: Scenario, options: RunOptions, folder: RunFolder | None, watcher: StudyObserver, begin: float
) -> Study:
    """Train what is left of a study, and write its files."""
    backend, resume, path = options.backend, options.resume is not None, None if folder is None else folder.path
    members = [Member(*planned) for planned in study_members(chosen, path)]
    crew = SideBySide.of(len(members), backend, options.threads)
    workshop = Workshop(backend, crew.threads, options.data_dir)
    with on_compilation(watcher.compiling, watcher.compiles):
        workshop.begin(members)
        if resume and path is not None:
            refuse_other_members(path, workshop.identities(members), force=options.force)
            for number, member in enumerate(members, 1):
                _read(member, workshop, force=options.force)
                watcher.read(number, len(members))
        # One of each variant: with it, all that the variant needs is compiled.
        left = {member.scenario.variant: member for member in reversed(members) if member.result is None}
        made = {variant: workshop.simulator_of(member) for variant, member in left.items()}
        for simulator in made.values():
            simulator.prepare()
    if made:
        warn_of_promises(chosen, {variant: known_of(simulator) for variant, simulator in made.items()})
    if folder is not None:
        # Only now is it known that all networks can be made, or resumed.
        folder.begin(chosen, {"backend": backend}, finished=not made)
        for member in members:
            if member.result is not None and not member.fault and member.folder is not None:
                tidy(member.folder)
    untrained = [member for member in members if member.result is None]
    progress = _Progress(watcher, crew, sum(member.scenario.training.epochs for member in untrained))
    watcher.planned([member.label for member in untrained], progress.epochs)
    try:
        crew.train(lambda member: _train_one(member, workshop, progress, path, resume=resume), untrained)
    except KeyboardInterrupt:
        watcher.interrupted(path)
        raise
    with contextlib.nullcontext() if path is None else trained(path):
        return _judged(chosen, members, folder, begin, ended=not made)


def _judged(
    chosen: Scenario, members: Sequence[Member], folder: RunFolder | None, begin: float, *, ended: bool
) -> Study:
    """Hold the trained members of a study against its promises, and write its table and summary."""
    results = tuple(member.result for member in members if member.result is not None)
    judged = Study(
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
    if folder is not None and ended and is_there(folder.path / SUMMARY):
        folder.ended()
    elif folder is not None:
        rows = judged.records()
        write_atomically(folder.path / TABLE, csv_text(list(rows[0]), rows))
        complete = judged.as_json()
        for entry, result in zip(complete["runs"], results, strict=True):
            entry["identity"] = None if result.identity is None else result.identity.as_json()
        folder.conclude(complete, chosen)
    return judged


def _read(member: Member, workshop: Workshop, *, force: bool) -> None:
    """Give a member of a resumed study the result that it has already, if it has ended, else its last state."""
    path = member.folder
    assert path is not None
    if is_finished(path):
        member.result = read_finished(path, workshop.simulator_of(member))
    elif is_there(path / FAILURE) and not force:
        simulator = workshop.simulator_of(member)
        if has_checkpoint(path):
            load_checkpoint(path, simulator)
        failure = read_failure(path / FAILURE)
        member.fault = failure.message
        result = diverged_result(simulator, path, sum(simulator.history.seconds))
        member.result = replace(result, identity=failure.identity)
    elif has_checkpoint(path):
        member.mixed = load_checkpoint(path, workshop.simulator_of(member), force=force)


@dataclass
class _Progress:
    """Counts the epochs of all networks."""

    observer: StudyObserver
    crew: SideBySide
    epochs: int
    done: int = 0

    def count(self, epochs: int) -> None:
        """So many more are done, or no longer to be done."""
        self.done += epochs
        self.observer.share(min(self.done / max(self.epochs, 1), 1.0))


@dataclass
class _MemberProgress(Observer):
    """Hears one of the networks, and stops it where the user has stopped the study."""

    label: str
    study: _Progress

    def epoch(self, record: Record) -> None:
        """Count and tell, or stop this network too."""
        with self.study.crew.lock:
            self.study.count(1)
            self.study.observer.epoch_of(self.label, record)
        self.study.crew.heed()

    def part(self) -> None:
        """Tell, or stop this network too, within an epoch."""
        with self.study.crew.lock:
            self.study.observer.part_of(self.label)
        self.study.crew.heed()


def _train_one(member: Member, workshop: Workshop, progress: _Progress, study: Path | None, *, resume: bool) -> None:
    begin = time.perf_counter()
    simulator = workshop.simulator_of(member)
    simulator.prepare()
    with opened(member.folder, resume=resume, study=study) as folder:
        try:
            member.result = train_to_end(
                simulator, folder, _MemberProgress(member.label, progress), begin, member.mixed
            )
        except DivergedError as error:
            member.fault = error.message
            result = diverged_result(simulator, member.folder, time.perf_counter() - begin)
            member.result = result if folder is None else replace(result, identity=identity_of(simulator))
    with progress.crew.lock:
        # Epochs that early stopping has saved are no work left.
        progress.count(simulator.training.epochs - len(simulator.history))
        progress.observer.finished(member.label, member.result)
