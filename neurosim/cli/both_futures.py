"""The picture of a replay: both futures of a run, from the fork on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neurosim.errors import DataError

if TYPE_CHECKING:
    from neurosim.analysis.failures import Failures
    from neurosim.runs import Result
    from neurosim.runs.fork import Fork

PICTURE = "replay"


def draw_futures(title: str, fork: Fork, branch: Result, folder: Path, failures: Failures) -> list[Path]:
    """Draw the run as it was, and the branch."""
    from neurosim.plots.replay import futures
    from neurosim.plots.style import save

    written: list[Path] = []
    with failures.kept(PICTURE):
        drawn = futures(title, fork.change, fork.epoch, fork.was, branch.history)
        written.append(save(drawn, folder / f"{PICTURE}.png", title))
    return written


def draw_missing_futures(result: Result, folder: Path, failures: Failures) -> list[Path]:
    """The same of a run that has ended since, if it is a replay and the run that was replayed is still there."""
    from neurosim.runs.fork import read_fork

    try:
        fork = None if result.folder is None else read_fork(result.folder)
    except DataError as error:
        failures[PICTURE] = error
        return []
    return [] if fork is None else draw_futures(result.scenario.scenario.headline, fork, result, folder, failures)
