"""One run of a scenario: load, compile, train, measure, and hold the outcome against its promises."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from neurosim.backends.select import on_compilation
from neurosim.errors import DivergedError, UsageError, add_hint
from neurosim.process.interruption import keeping
from neurosim.runs.checkpoint import has_checkpoint, load_checkpoint, tidy
from neurosim.runs.folder import RunFolder, opened
from neurosim.runs.identity import identity_of, without_report
from neurosim.runs.keeper import Keeper, trained
from neurosim.runs.options import RunOptions, Source, takes
from neurosim.runs.promises import known_of, warn_of_promises
from neurosim.runs.reading import read_finished
from neurosim.runs.results import Result, result_of
from neurosim.runs.resume_checks import refuse_another_finished, refuse_another_scenario
from neurosim.runs.resuming import as_it_was, is_finished, is_of_run, own_scenario, refuse_diverged, run_folder_of
from neurosim.runs.scenarios import chosen_scenario
from neurosim.runs.seeds import many_seeds
from neurosim.scenario import Scenario
from neurosim.suggestions import listed
from neurosim.training.history import Record
from neurosim.training.interruption import interruptions
from neurosim.training.observer import Observer
from neurosim.training.simulator import Simulator


@takes(RunOptions)
def run(scenario: Source, options: RunOptions) -> Result:
    """Run a scenario from start to end: one network.

    A scenario with variants or repeats is several networks; `neurosim.study` trains them all.

    Parameters
    ----------
    {parameters}

    Raises
    ------
    NeurosimError
        ScenarioError, PluginError, DataError, ShapeError, BackendError or DivergedError; see each.
    KeyboardInterrupt
        When the user stops it; with `out` or `resume` a checkpoint is written first.
    """
    begin = time.perf_counter()
    watcher = options.run_observer()
    chosen = chosen_scenario(scenario, options)
    if chosen.is_study:
        names = listed(chosen.variants)
        raise UsageError(
            f"scenario {chosen.scenario.name} is several networks, and run trains one",
            f"neurosim.study trains them all; run(..., variant=...) one of {names}."
            if names
            else 'neurosim.study trains them all; run(..., overrides={"scenario.repeats": 1}) one.',
        )
    if options.resume is not None:
        return _resumed(chosen, Path(options.resume), options, watcher, begin)
    simulator = Simulator(
        chosen, options.backend, None, options.threads, options.data_dir, for_report=options.for_report
    )
    compiling = on_compilation(watcher.compiling, watcher.compiles)
    with _results(options.target) as results, opened(options.target) as folder, compiling:
        simulator.prepare()
        warn_of_promises(chosen, {"": known_of(simulator)})
        results.append(train_to_end(simulator, folder, watcher, begin))
    return results[0]


@contextmanager
def _results(path: Path | None) -> Iterator[list[Result]]:
    """A list for the result; what is raised once it is there, as the folder is closed, says that all is kept."""
    results: list[Result] = []
    try:
        yield results
    except Exception:
        if path is None or not results:
            raise
        with trained(path):
            raise


def _resumed(chosen: Scenario, resume: Path, options: RunOptions, watcher: Observer, begin: float) -> Result:
    """The run in a folder, trained to its end from where it was; as `run`."""
    own = own_scenario(resume, chosen)
    path = run_folder_of(resume)
    if own is not None and own.is_study:
        raise UsageError(
            f"{path} is a study of several networks, and the scenario given is a single network",
            f"{as_it_was(path, 'all of them')}.",
        )
    if many_seeds(path) is not None:
        raise UsageError(
            f"{path} is a run of many seeds, not of a single network",
            f"{as_it_was(path, 'it')}.",
        )
    # It records on what it has recorded so far, what its report has added among it.
    resumed = chosen if own is None else replace(chosen, record=own.record)
    simulator = Simulator(resumed, options.backend, None, options.threads, options.data_dir)
    if chosen.path is not None and is_of_run(chosen.path, resume):
        simulator.scenario = without_report(resumed, simulator)
    finished = is_finished(resume)
    if own is not None and (finished or not options.force):
        refuse_another_scenario(path, own, chosen, simulator, finished=finished)
    if finished:
        refuse_another_finished(path, identity_of(simulator))
        result = read_finished(path, simulator)
        tidy(path)
        return result
    with _results(path) as results, opened(path, resume=True) as folder:
        # What is there is looked at when nobody else can be writing any more.
        if not is_finished(resume):
            mixed = ""
            if own is None or resume.is_file() or has_checkpoint(path):
                mixed = load_checkpoint(resume, simulator, force=options.force)
                if not options.force:
                    refuse_diverged(path)
            with on_compilation(watcher.compiling, watcher.compiles):
                simulator.prepare()
                warn_of_promises(chosen, {"": known_of(simulator)})
                results.append(train_to_end(simulator, folder, watcher, begin, mixed))
    if results:
        return results[0]
    # Another process has finished it meanwhile.
    return _resumed(chosen, resume, options, watcher, begin)


def train_to_end(
    simulator: Simulator, folder: RunFolder | None, watcher: Observer, begin: float, mixed: str = ""
) -> Result:
    """Train what is left of a scenario, measure, judge, and write the files; as `run`.

    `mixed` is what `load_checkpoint` returned.
    """
    keeper = None if folder is None else Keeper(folder, simulator, mixed)
    watcher.started(simulator)
    # Within these functions the state is whole; elsewhere the weights may be ahead of the history.
    whole = False

    def on_epoch(record: Record) -> None:
        nonlocal whole
        whole = True
        if keeper is not None:
            keeper.epoch(record)
        with _by_the_observer(f"after epoch {record['epoch']}"):
            watcher.epoch(record)
        stop.heed()
        whole = False

    def on_part() -> None:
        nonlocal whole
        whole = True
        if keeper is not None:
            keeper.part()
        with _by_the_observer(f"in epoch {len(simulator.history) + 1}"):
            watcher.part()
        stop.heed()
        whole = False

    try:
        try:
            with interruptions(watcher.stopping) as stop:
                try:
                    simulator.train(on_epoch, on_part, None if folder is None else folder.path)
                    whole = True
                    with keeping():
                        if keeper is None:
                            result = result_of(simulator, None, time.perf_counter() - begin)
                        else:
                            result = keeper.finish(begin)
                except KeyboardInterrupt:
                    if keeper is not None and whole:
                        with keeping():
                            keeper.save()
                    raise
                stop.heed()
                return result
        except KeyboardInterrupt:
            kept = folder is not None and has_checkpoint(folder.path)
            watcher.interrupted(folder.path if folder is not None and kept else None)
            raise
    except DivergedError as error:
        if keeper is None:
            raise
        raise keeper.diverged(error) from error
    except Exception as error:
        if keeper is not None:
            keeper.failed(error, whole=whole)
        raise


@contextmanager
def _by_the_observer(when: str) -> Iterator[None]:
    """Within this an observer is called: what it raises is its author's, and goes on with a note of where it was."""
    try:
        yield
    except Exception as error:
        add_hint(error, f"The observer of the run raised this {when}.")
        raise
