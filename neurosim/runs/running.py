"""One run of a scenario: load, compile, train, measure, and hold the outcome against its promises."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurosim.backends.select import on_compilation
from neurosim.errors import DataError, DivergedError, UsageError
from neurosim.markup import escape, measure, measure_words, table
from neurosim.printable import quoted
from neurosim.process.interruption import keeping
from neurosim.runs.checkpoint import (
    Checkpoints,
    drop_beyond,
    has_checkpoint,
    load_checkpoint,
    remove_checkpoint,
    tidy,
)
from neurosim.runs.expectations import Expectation, Outcome, check_expectations
from neurosim.runs.folder import SCENARIO, RunFolder, finite, portable
from neurosim.runs.identity import FINISHED, Identity, another_run, changes_of, identity_of, without_report
from neurosim.runs.keeping import keep
from neurosim.runs.observers import Observer, observer_of
from neurosim.runs.promises import known_of, warn_of_promises
from neurosim.runs.resuming import as_it_was, is_finished, is_of_run, own_scenario, refuse_diverged, run_folder_of
from neurosim.runs.seeds import many_seeds
from neurosim.scenario import Scenario, load_scenario
from neurosim.scenario.changes import SEED, added
from neurosim.scenario.run_folders import check_scenario_given, named_scenario
from neurosim.suggestions import listed
from neurosim.training.divergence import SLOWER
from neurosim.training.history import History, Record
from neurosim.training.interruption import interruptions
from neurosim.training.measures import SPLITS, diverged_measures, measure_remarks, measured
from neurosim.training.recording import Recording
from neurosim.training.simulator import Simulator


@dataclass(frozen=True)
class Result:
    """What a run gave.

    Attributes
    ----------
    scenario : Scenario
        What was run.
    simulator : Simulator
        The trained network.
    history : History
        Per-epoch records; ``history.train_loss`` is a list.
    metrics : dict
        Final measures, dropout off: ``train_loss``, ``train_accuracy``, ``test_loss``, ``test_accuracy`` and, with a
        validation split, its two; then of each split ``..._rmse``, ``..._r2`` and ``..._baseline_rmse`` where the
        targets are values, in their units, and ``..._baseline_accuracy`` where they are classes.
    expectations : list of Expectation
        The scenario's promises and what became of them.
    seconds : dict
        ``compile``, ``train`` (without evaluation) and ``total``.
    folder : Path or None
        The run folder.
    rows_sha256 : dict of str to str
        SHA-256 of the rows of each split when it was trained, as the data set had them before any scaling.
    identity : Identity or None
        What its numbers belong to, as its folder says; None for a run without a folder, or of an older version.
    mixed : str
        A line saying what has changed since it was trained, if it was read all the same, and which epochs were trained
        differently, if it was continued all the same; else empty.
    trained_on : str
        The backend that trained it, if another one reads it; else empty.
    """

    scenario: Scenario
    simulator: Simulator
    history: History
    metrics: dict[str, float | None]
    expectations: list[Expectation]
    seconds: dict[str, float]
    folder: Path | None
    rows_sha256: Mapping[str, str]
    identity: Identity | None = None
    mixed: str = ""
    trained_on: str = ""

    def __repr__(self) -> str:
        measures = ", ".join(
            f"{measure_words(name)} {measure(name, value)}"
            for name, value in self.metrics.items()
            if value is not None and "baseline" not in name
        )
        parts = [f"seed {self.simulator.seed}", _counted(len(self.history), "epoch"), measures]
        parts += promises_met(self.expectations)
        parts += [] if self.folder is None else [str(self.folder)]
        return f"<Result of {label_of(self.scenario)}: {'; '.join(parts)}>"

    def _repr_html_(self) -> str:
        """Measures and promises, for notebooks."""
        names = measured(self.metrics)
        rows = [
            [split, *(measure(name, self.metrics.get(f"{split}_{name}")) for name in names)]
            for split in SPLITS
            if self.metrics.get(f"{split}_loss") is not None
        ]
        about = self.scenario.scenario
        promises = "".join(
            f"<li>{escape(promise.text)}: {'met' if promise.met else '<b>missed</b>'}</li>"
            for promise in self.expectations
        )
        words = f"{_counted(len(self.history), 'epoch')}, seed {self.simulator.seed}"
        shown = table(["", *map(measure_words, names)], rows, range(1, len(names) + 1))
        shown += "".join(f"<p>{escape(name)}: {escape(text)}</p>" for name, text in self.remarks.items())
        return f"<p><b>{escape(about.headline)}</b><br>{escape(words)}</p>{shown}<ul>{promises}</ul>"

    @property
    def backend(self) -> str:
        """The backend that trained it."""
        return self.trained_on or self.simulator.backend

    @property
    def remarks(self) -> dict[str, str]:
        """What to know about the measures: the baseline, the units, and whether they belong to what is there now."""
        mixed = {"mixed": self.mixed} if self.mixed else {}
        return {**mixed, **measure_remarks(self.metrics, self.simulator.data)}

    @property
    def met(self) -> bool:
        """Whether every expectation was met."""
        return all(expectation.met for expectation in self.expectations)

    @property
    def recording(self) -> Recording | None:
        """What was recorded of each layer, as the scenario's ``[record]`` asks."""
        return self.simulator.recording

    @property
    def outcome(self) -> Outcome:
        """What promises are held against."""
        return Outcome(self.metrics, self.history, self.recording)

    def as_json(self) -> dict[str, Any]:
        """The object that ``neurosim run --json`` prints.

        ``stopped_early`` and ``best_epoch`` are there where the scenario asks for early stopping or for
        the best weights.
        """
        training, watch = self.scenario.training, self.simulator.watch
        stopped = {} if training.early_stopping is None else {"stopped_early": watch.stopped_early}
        kept = {} if training.keep_best is None else {"best_epoch": watch.kept_epoch}
        return {
            "scenario": self.scenario.scenario.name,
            "backend": self.backend,
            "seed": self.simulator.seed,
            "epochs": len(self.history),
            **stopped,
            **kept,
            "parameters": self.simulator.network.size,
            "final": finite(self.metrics),
            "expectations": [expectation.as_json() for expectation in self.expectations],
            "seconds": self.seconds,
            "rows_sha256": dict(self.rows_sha256),
            "run_dir": None if self.folder is None else str(self.folder),
            **({"mixed": self.mixed} if self.mixed else {}),
        }


def label_of(scenario: Scenario) -> str:
    """The name of a scenario, with its variant where it is one."""
    return scenario.scenario.name + (f" ({scenario.variant})" if scenario.variant else "")


def promises_met(expectations: Sequence[Expectation]) -> list[str]:
    """How many promises were met, in words; nothing where there are none."""
    met = sum(expectation.met for expectation in expectations)
    return [f"{met} of {_counted(len(expectations), 'promise')} met"] if expectations else []


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def run(
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
    observer: Observer | Callable[[Record], Any] | None = None,
    variant: str | None = None,
    for_report: bool = False,
) -> Result:
    """Run a scenario from start to end: one network.

    A scenario with variants or repeats is several networks; `neurosim.study` trains them all.

    Parameters
    ----------
    scenario : Scenario, path, name of a shipped scenario, or folder of a run
        What to run; of a run its scenario, "last" being the newest one.
    backend : {"cpu", "cuda", "reference"}
        Where to run it.
    seed : int, optional
        Instead of the scenario's.
    overrides : mapping, optional
        Values to put in place of the scenario's, such as ``{"training.epochs": 200}``.
    threads : int, optional
        Threads of the CPU backend.
    out : path, optional
        Folder for the files of the run; without it nothing is written.
    plugins : sequence of paths
        Plugin files to load, and folders of plugin files.
    data_dir : path, optional
        Folder with data sets.
    resume : path, optional
        Run folder to go on with from its newest checkpoint, or one of its checkpoints. A run that was killed before
        its first checkpoint is trained from its start; one that is finished is read, and nothing is trained.
    force : bool
        Go on even where scenario, rows, plugins, versions or the kind of processor have changed since the checkpoint.
    observer : Observer or function, optional
        Told about progress; a plain function is called with the record of each epoch, such as
        ``lambda record: print(record["train_loss"])``. Left out, a notebook shows progress.
    variant : str, optional
        Name of the variant to run, for a scenario that has some.
    for_report : bool
        Record what `neurosim report` shows, besides what the scenario asks for.

    Raises
    ------
    NeurosimError
        ScenarioError, PluginError, DataError, ShapeError, BackendError or DivergedError; see each.
    KeyboardInterrupt
        When the user stops it; with `out` or `resume` a checkpoint is written first.
    """
    begin = time.perf_counter()
    from neurosim.runs.notebook import in_notebook

    watcher = observer_of(observer) or in_notebook() or Observer()
    chosen = prepare_scenario(scenario, seed, overrides, plugins, resume)
    if variant is not None:
        chosen = one_variant(chosen, variant)
    if chosen.is_study:
        names = listed(chosen.variants)
        raise UsageError(
            f"scenario {chosen.scenario.name} is several networks, and run trains one",
            f"neurosim.study trains them all; run(..., variant=...) one of {names}."
            if names
            else 'neurosim.study trains them all; run(..., overrides={"scenario.repeats": 1}) one.',
        )
    if resume is not None:
        return _resumed(chosen, Path(resume), backend, threads, data_dir, watcher, begin, force=force)
    simulator = Simulator(chosen, backend, None, threads, data_dir, for_report=for_report)
    folder = RunFolder(Path(out)) if out is not None else None
    try:
        with on_compilation(watcher.compiling):
            simulator.prepare()
            warn_of_promises(chosen, {"": known_of(simulator)})
            return train_to_end(simulator, folder, watcher, begin)
    finally:
        if folder is not None:
            folder.close()


def _resumed(
    chosen: Scenario,
    resume: Path,
    backend: str,
    threads: int | None,
    data_dir: Path | str | None,
    watcher: Observer,
    begin: float,
    *,
    force: bool,
) -> Result:
    """The run in a folder, trained to its end from where it was; as `run`."""
    own = own_scenario(resume, chosen)
    path = run_folder_of(resume)
    if own is not None and own.is_study:
        raise UsageError(
            f"{path} is a study of several networks, and the scenario to go on with is a single one",
            f"{as_it_was(path, 'all of them')}.",
        )
    if many_seeds(path) is not None:
        raise UsageError(
            f"{path} is a run of many seeds, not of a single network",
            f"{as_it_was(path, 'it')}.",
        )
    # It records on what it has recorded so far, what its report has added among it.
    going_on = chosen if own is None else replace(chosen, record=own.record)
    finished = is_finished(resume)
    simulator = Simulator(going_on, backend, None, threads, data_dir)
    if chosen.path is not None and is_of_run(chosen.path, resume):
        simulator.scenario = without_report(going_on, simulator)
    changes = [] if own is None or (force and not finished) else changes_of(own, chosen, simulator)
    if changes:
        how = FINISHED if finished else "--force with these changes."
        raise another_run(path, changes, f"{as_it_was(path)}; {how}")
    if finished:
        from neurosim.runs.reading import read_finished
        from neurosim.runs.unchanged import refuse_another_finished

        refuse_another_finished(path, identity_of(simulator))
        result = read_finished(path, simulator)
        tidy(path)
        return result
    folder, mixed = RunFolder(path, resume=True), ""
    try:
        # What is there is looked at when nobody else can be writing any more.
        if not is_finished(resume):
            if own is None or resume.is_file() or has_checkpoint(path):
                mixed = load_checkpoint(resume, simulator, force=force)
                if not force:
                    refuse_diverged(path)
            with on_compilation(watcher.compiling):
                simulator.prepare()
                warn_of_promises(chosen, {"": known_of(simulator)})
                return train_to_end(simulator, folder, watcher, begin, mixed)
    finally:
        folder.close()
    # Another process has finished it meanwhile.
    return _resumed(chosen, resume, backend, threads, data_dir, watcher, begin, force=force)


def prepare_scenario(
    scenario: Scenario | Path | str,
    seed: int | None,
    overrides: Mapping[str, Any] | None = None,
    plugins: Sequence[Path | str] = (),
    resume: Path | str | None = None,
) -> Scenario:
    """The scenario to run, loaded where it is not, with another seed where one is given."""
    if not isinstance(scenario, Scenario):
        check_scenario_given(scenario)
        source = named_scenario(scenario)
        own = source.own or is_of_run(scenario, resume)
        path = source.path if source.own else scenario
        scenario = load_scenario(path, overrides=overrides, plugins=plugins, own=own)
    elif overrides or plugins:
        raise UsageError("overrides and plugins go with a path or a name", "Give them to load_scenario instead.")
    if seed is None or seed == scenario.scenario.seed:
        return scenario
    names = added(scenario.scenario.changed, [SEED])
    section = scenario.scenario.model_copy(update={"changed": names})
    return with_seed(replace(scenario, scenario=section), seed)


def with_seed(scenario: Scenario, seed: int) -> Scenario:
    """The scenario, and its variants, with another seed."""
    variants = {name: with_seed(variant, seed) for name, variant in scenario.variants.items()}
    section = scenario.scenario.model_copy(update={"seed": seed})
    return replace(scenario, scenario=section, variants=variants)


def one_variant(scenario: Scenario, name: str) -> Scenario:
    """A variant as a scenario of its own; raises UsageError when there is none of this name."""
    return scenario.variants[scenario.about(name).name]


def train_to_end(
    simulator: Simulator, folder: RunFolder | None, watcher: Observer, begin: float, mixed: str = ""
) -> Result:
    """Train what is left of a scenario, measure, judge, and write the files; as `run`.

    `mixed` is what `load_checkpoint` returned.
    """
    scenario = simulator.scenario
    if folder is not None:
        folder.start(portable(scenario).to_toml(), simulator.backend, list(simulator.history))
    watcher.started(simulator)

    checkpoints = None
    if folder is not None:
        drop_beyond(folder.path, simulator.steps_done)
        checkpoints = Checkpoints(folder.path, simulator, mixed)
    # Within these functions the state is whole; elsewhere the weights may be ahead of the history.
    whole = False

    def on_epoch(record: Record) -> None:
        nonlocal whole
        whole = True
        if folder is not None and checkpoints is not None:
            folder.add_epoch(record)
            checkpoints.after(record)
        watcher.epoch(record)
        stop.heed()
        whole = False

    def on_part() -> None:
        nonlocal whole
        whole = True
        if checkpoints is not None:
            checkpoints.within()
        watcher.part()
        stop.heed()
        whole = False

    try:
        try:
            with interruptions(watcher.stopping) as stop:
                try:
                    simulator.train(on_epoch, on_part)
                    whole = True
                    with keeping():
                        if folder is not None and checkpoints is not None:
                            folder.keep_model(simulator, checkpoints.identity)
                        total = time.perf_counter() - begin
                        result = result_of(simulator, folder.path if folder is not None else None, total)
                        if folder is not None and checkpoints is not None:
                            result = replace(result, identity=checkpoints.identity, mixed=mixed)
                            folder.finish(simulator, result.as_json(), checkpoints.identity)
                            remove_checkpoint(folder.path)
                except KeyboardInterrupt:
                    if checkpoints is not None and whole:
                        with keeping():
                            checkpoints.save()
                    raise
                stop.heed()
                return result
        except KeyboardInterrupt:
            kept = folder is not None and has_checkpoint(folder.path)
            watcher.interrupted(folder.path if folder is not None and kept else None)
            raise
    except DivergedError as error:
        if folder is None or checkpoints is None:
            raise
        raise DivergedError(error.message, f"{error.hint}\n{_kept(folder, checkpoints, simulator, error)}") from error
    except Exception as error:
        if folder is not None and checkpoints is not None:
            keep(error, folder, checkpoints, simulator, whole=whole)
        raise


def _kept(folder: RunFolder, checkpoints: Checkpoints, simulator: Simulator, error: DivergedError) -> str:
    """Keep what was last finite, so that a smaller learning rate can go on from there; says how to."""
    try:
        checkpoints.save()
        folder.fail(simulator, error, checkpoints.identity)
    except DataError as failure:
        return f"Not all of its last finite state could be kept: {failure.message}"
    # What was finite last may be far from anything useful: the cause comes first.
    return (
        f"neurosim doctor {quoted(folder.path)}  says what to change. The state after "
        f"{_counted(len(simulator.history), 'epoch')} is kept, too: to go on from it and not from the start, change "
        f"{folder.path / SCENARIO}, then  neurosim run --resume {quoted(folder.path)} --force"
    )


def result_of(simulator: Simulator, folder: Path | None, total: float) -> Result:
    """The result of a simulator that is trained; raises DivergedError where its loss is not finite."""
    metrics = simulator.final_measures()
    loss = metrics["train_loss"]
    if loss is not None and not math.isfinite(loss):
        raise DivergedError(
            f"training diverged in epoch {len(simulator.history)}, its last: the loss is {loss} with the last weights",
            SLOWER,
        )
    return _as_result(simulator, metrics, folder, total)


def diverged_result(simulator: Simulator, folder: Path | None, total: float) -> Result:
    """The result of a simulator whose training diverged: no measure is a number."""
    return _as_result(simulator, diverged_measures(simulator.final_measures()), folder, total)


def _as_result(simulator: Simulator, metrics: dict[str, float | None], folder: Path | None, total: float) -> Result:
    seconds = {"compile": simulator.prepare(), "train": sum(simulator.history.seconds), "total": total}
    outcome = Outcome(metrics, simulator.history, simulator.recording)
    expectations = check_expectations(simulator.scenario, outcome)
    rows = simulator.data.sha256
    return Result(simulator.scenario, simulator, simulator.history, metrics, expectations, seconds, folder, rows)
