"""One run of a scenario: load, compile, train, measure, and hold the outcome against its promises."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurosim.backends.select import on_compilation
from neurosim.errors import UsageError
from neurosim.history import History, Record
from neurosim.scenario import Scenario, load_scenario
from neurosim.simulator import Simulator
from neurosim.training.checkpoint import load_checkpoint, remove_checkpoint, save_checkpoint
from neurosim.training.expectations import Expectation, check_expectations
from neurosim.training.folder import RunFolder, finite, portable


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
        Final measures, dropout off: ``train_loss``, ``train_accuracy``, ``test_loss``,
        ``test_accuracy`` and, with a validation split, its two.
    expectations : list of Expectation
        The scenario's promises and what became of them.
    seconds : dict
        ``compile``, ``train`` (without evaluation) and ``total``.
    folder : Path or None
        The run folder.
    """

    scenario: Scenario
    simulator: Simulator
    history: History
    metrics: dict[str, float | None]
    expectations: list[Expectation]
    seconds: dict[str, float]
    folder: Path | None

    @property
    def met(self) -> bool:
        """Whether every expectation was met."""
        return all(expectation.met for expectation in self.expectations)

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
            "backend": self.simulator.backend,
            "seed": self.simulator.seed,
            "epochs": len(self.history),
            **stopped,
            **kept,
            "parameters": self.simulator.network.size,
            "final": finite(self.metrics),
            "expectations": [expectation.as_json() for expectation in self.expectations],
            "seconds": self.seconds,
            "run_dir": None if self.folder is None else str(self.folder),
        }


class Observer:
    """Hears of a run's progress; every method does nothing until it is overridden."""

    def compiling(self) -> None:
        """Kernels are being compiled, which happens the first time only."""

    def started(self, simulator: Simulator) -> None:
        """Everything is ready; training begins."""

    def epoch(self, record: Record) -> None:
        """An epoch has ended."""

    def interrupted(self, checkpoint: Path | None) -> None:
        """The user stopped the run; a checkpoint was written when there is a run folder."""


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
    observer: Observer | None = None,
) -> Result:
    """Run a scenario from start to end.

    Parameters
    ----------
    scenario : Scenario, path, or name of a shipped scenario
        What to run.
    backend : {"cpu", "reference"}
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
        Run folder with a checkpoint to go on from.
    observer : Observer, optional
        Told about progress.

    Raises
    ------
    NeurosimError
        ScenarioError, PluginError, DataError, ShapeError, BackendError or DivergedError; see each.
    KeyboardInterrupt
        When the user stops it; with `out` or `resume` a checkpoint is written first.
    """
    begin = time.perf_counter()
    watcher = observer or Observer()
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(scenario, overrides=overrides, plugins=plugins)
    elif overrides or plugins:
        raise UsageError("overrides and plugins go with a path or a name", "Give them to load_scenario instead.")
    if seed is not None:
        scenario = replace(scenario, scenario=scenario.scenario.model_copy(update={"seed": seed}))
    simulator = Simulator(scenario, backend, None, threads, data_dir)
    if resume is not None:
        load_checkpoint(Path(resume), simulator)
    target = resume if resume is not None else out
    folder = RunFolder(Path(target), resume=resume is not None) if target is not None else None
    if folder is not None:
        folder.start(portable(scenario).to_toml(), list(simulator.history))
    with on_compilation(watcher.compiling):
        simulator.prepare()
    watcher.started(simulator)

    def on_epoch(record: Record) -> None:
        if folder is not None:
            folder.add_epoch(record)
        watcher.epoch(record)

    try:
        simulator.train(on_epoch)
    except KeyboardInterrupt:
        checkpoint = save_checkpoint(folder.path, simulator) if folder is not None else None
        watcher.interrupted(checkpoint)
        raise
    metrics = simulator.final_measures()
    seconds = {
        "compile": simulator.prepare(),
        "train": sum(simulator.history.seconds),
        "total": time.perf_counter() - begin,
    }
    path = folder.path if folder is not None else None
    expectations = check_expectations(scenario, metrics)
    result = Result(scenario, simulator, simulator.history, metrics, expectations, seconds, path)
    if folder is not None:
        folder.finish(simulator, result.as_json())
        remove_checkpoint(folder.path)
    return result
