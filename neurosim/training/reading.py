"""Reading a run folder again: a finished run as a result, an interrupted one to go on with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from neurosim.errors import DataError, ShapeError, UsageError
from neurosim.history import History
from neurosim.recording import load_recording
from neurosim.registry import Registry
from neurosim.scenario import Scenario, load_scenario
from neurosim.simulator import Simulator
from neurosim.training.checkpoint import has_checkpoint, load_checkpoint
from neurosim.training.expectations import Outcome, check_expectations
from neurosim.training.folder import FAILURE, METRICS, SCENARIO, SUMMARY
from neurosim.training.members import study_members
from neurosim.training.model import MODEL, read_model
from neurosim.training.runs import Result

# What a run of many seeds leaves.
TABLE = "ensemble.csv"


def read_finished(
    folder: Path,
    scenario: Scenario,
    backend: str = "cpu",
    threads: int | None = None,
    data_dir: Path | str | None = None,
) -> Result | None:
    """The result of a finished run of `scenario`, with its trained network; None where it is not finished.

    Raises
    ------
    DataError
        When a file of it is missing or damaged.
    """
    if not (folder / SUMMARY).is_file():
        return None
    simulator = Simulator(scenario, backend, None, threads, data_dir)
    recording = load_recording(folder) if scenario.record is not None else None
    try:
        simulator.adopt(read_model(folder / MODEL), read_history(folder / METRICS), recording)
    except (ShapeError, UsageError) as error:
        raise DataError(f"{folder / MODEL} does not fit {folder / SCENARIO}: {error.message}") from error
    return _as_finished(simulator, folder)


def _as_finished(simulator: Simulator, folder: Path) -> Result:
    """The result with the measures and the seconds that its summary has; nothing is measured again."""
    path = folder / SUMMARY
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        final = dict(summary["final"])
        seconds = {name: float(summary["seconds"][name]) for name in ("compile", "train", "total")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a readable summary: {error}") from error
    outcome = Outcome(final, simulator.history, simulator.recording)
    promises = check_expectations(simulator.scenario, outcome)
    return Result(simulator.scenario, simulator, simulator.history, final, promises, seconds, folder)


@dataclass(frozen=True)
class ReadRun:
    """A run folder, read again.

    Attributes
    ----------
    folder : Path
        Where it is.
    scenario : Scenario
        As it was run; a study where it has variants or repeats.
    results : tuple of Result
        The run, or all finished runs of a study in its order.
    """

    folder: Path
    scenario: Scenario
    results: tuple[Result, ...]


def read_run(
    folder: Path | str,
    registry: Registry | None = None,
    *,
    data_dir: Path | str | None = None,
    threads: int | None = None,
) -> ReadRun:
    """Read the folder of a finished run or study, with its trained networks.

    Raises
    ------
    DataError
        When it is no run folder, the run is not finished, or a file is missing or damaged.
    ScenarioError
        When its scenario cannot be read, for example because a plugin is not there.
    """
    path = Path(folder)
    _check_folder(path)
    scenario = load_scenario(path / SCENARIO, registry=registry)
    # Seeds are written into the scenario.
    members = study_members(scenario, path) if scenario.is_study else [("", scenario, path)]
    found = [read_finished(place, own, "cpu", threads, data_dir) for _, own, place in members if place is not None]
    return ReadRun(path, scenario, tuple(result for result in found if result is not None))


@dataclass(frozen=True)
class FailedRun:
    """A run that diverged: its scenario and backend, the epochs before, and what happened."""

    scenario: Scenario
    backend: str
    history: History
    message: str


def read_failed(folder: Path | str, registry: Registry | None = None) -> FailedRun | None:
    """Read the folder of a run that diverged; None where it did not.

    Raises
    ------
    DataError
        When a file is missing or damaged.
    ScenarioError
        When its scenario cannot be read.
    """
    path = Path(folder)
    file = path / FAILURE
    if not file.is_file():
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        message, backend = str(found["message"]), str(found["backend"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is not readable: {error}") from error
    return FailedRun(load_scenario(path / SCENARIO, registry=registry), backend, read_history(path / METRICS), message)


def _check_folder(path: Path) -> None:
    """Say what a folder is that is not the folder of a finished run."""
    if not path.is_dir():
        what = "is a file, not a run folder" if path.exists() else "there is no such run folder"
        raise DataError(f"{path}: {what}", "Runs are in runs/, or where --out said.")
    if (path / TABLE).is_file() and not (path / MODEL).is_file():
        raise DataError(
            f"{path} is a run of many seeds: it has no network of its own",
            "ensemble.csv has what came of each seed; neurosim run --seed N trains one of them again.",
        )
    if not (path / SCENARIO).is_file():
        inside = sorted(place.parent for place in path.glob(f"*/{SCENARIO}"))
        hint = f"There are runs in it, such as {inside[-1]}." if inside else "A run folder has a scenario.toml."
        raise DataError(f"{path} is not a run folder", hint)
    if (path / FAILURE).is_file():
        raise DataError(f"the run in {path} diverged", f"neurosim doctor {path}  says why, as far as can be told.")
    if not (path / SUMMARY).is_file():
        raise DataError(f"the run in {path} is not finished", f"neurosim run --resume {path}  goes on with it.")


def stopped_at(folder: Path, simulator: Simulator, *, force: bool = False) -> None:
    """Bring a simulator to where an interrupted run stopped, if it had begun."""
    if has_checkpoint(folder):
        load_checkpoint(folder, simulator, force=force)


def read_history(path: Path) -> History:
    """The epochs of a ``metrics.jsonl``; raises DataError when it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return History([json.loads(line) for line in lines])
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable: {error}") from error
