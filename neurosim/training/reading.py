"""Reading a run folder again: a finished run as a result, an interrupted one to go on with."""

from __future__ import annotations

import json
from pathlib import Path

from neurosim.errors import DataError
from neurosim.history import History
from neurosim.recording import load_recording
from neurosim.scenario import Scenario
from neurosim.simulator import Simulator
from neurosim.training.checkpoint import has_checkpoint, load_checkpoint
from neurosim.training.folder import METRICS, MODEL, SUMMARY, read_model
from neurosim.training.runs import Result, result_of


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
    simulator.adopt(read_model(folder / MODEL), _history(folder / METRICS), recording)
    return result_of(simulator, folder, 0.0)


def stopped_at(folder: Path, simulator: Simulator) -> None:
    """Bring a simulator to where an interrupted run stopped, if it had begun."""
    if has_checkpoint(folder):
        load_checkpoint(folder, simulator)


def _history(path: Path) -> History:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return History([json.loads(line) for line in lines])
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable: {error}") from error
