"""What may represent a run (its result, its simulator, its folder, or ``last``), and a scenario."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

from neurosim.errors import UsageError
from neurosim.runs import Result, Study
from neurosim.runs.reading import ReadRun, changes_of_scenario, read_run
from neurosim.runs.replay import Replay
from neurosim.runs.results import result_of
from neurosim.scenario import Scenario, by_name
from neurosim.scenario.run_folders import SCENARIO, named_run, named_scenario
from neurosim.training.simulator import Simulator

RUN = 'what neurosim.run returned, a trained Simulator, the folder of a run, or "last" for the newest one'


def is_path(given: Any) -> bool:
    """Whether something names a file, a folder, a run or a scenario."""
    return isinstance(given, str | os.PathLike)


def simulator_of(given: Any, taker: str, *, force: bool = False) -> Simulator:
    """The trained network that is meant; `taker` is the function that was called. Raises as `result_of_run`."""
    return given if isinstance(given, Simulator) else result_of_run(given, taker, force=force).simulator


def result_of_run(given: Any, taker: str, *, force: bool = False) -> Result:
    """The result of the one run that is meant.

    With `force` a run folder is read even if something has changed since it was trained, with a warning.

    Raises
    ------
    UsageError
        When it is nothing that can represent a run, a scenario that has not been run, several networks, or the folder
        of a run in which something has changed since it was trained.
    DataError
        When there is no such run folder, or the run in it is not finished.
    """
    if isinstance(given, Result):
        return given
    if isinstance(given, Replay):
        return given.branch
    if isinstance(given, Simulator):
        return result_of(given, None, sum(given.history.seconds))
    if isinstance(given, Study):
        raise several(given.results, taker)
    if is_path(given):
        read = read_folder(given, taker, force=force)
        if read.scenario.is_study:
            raise several(read.results, taker)
        return read.results[0]
    raise unfit(given, taker)


def read_folder(given: Path | str, taker: str, *, force: bool = False) -> ReadRun:
    """The run or the study in a folder; raises as `result_of_run`."""
    read = read_run(run_folder(given, taker), force=force)
    for remark in read.remarks:
        warn_mixed(remark)
    return read


def warn_mixed(remark: str) -> None:
    """Warn that a run was read by force although something has changed since it was trained."""
    if not remark:
        return
    # Reported at the line that called neurosim, however many calls up that is.
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("neurosim."):
        level, frame = level + 1, frame.f_back
    warnings.warn(f"mixed: {remark}", stacklevel=level)


def run_folder(given: Path | str, taker: str) -> Path:
    """The folder of a run that is meant; raises UsageError for what is a scenario."""
    folder = named_run(given)
    is_scenario = str(given) in by_name() or folder.suffix == ".toml"
    if is_scenario and not (folder / SCENARIO).is_file():
        raise untrained(str(given), taker)
    return folder


def untrained(scenario: str, taker: str) -> UsageError:
    """The error for a scenario given in place of a run."""
    return UsageError(
        f"{taker} takes a trained network, and {scenario} is a scenario that has not been trained here",
        f'Train it first: result = neurosim.run("{scenario}"), then {taker}(result).',
    )


def several(results: tuple[Result, ...], taker: str) -> UsageError:
    """The error for a study given in place of a single network."""
    folder = results[0].folder
    example = "study.results[0]" if folder is None else f'"{folder}"'
    return UsageError(f"{taker} takes one network, and this is a study of {len(results)}", f"Take one: {example}.")


def unfit(given: Any, taker: str, takes: str = RUN) -> UsageError:
    """The error for something that cannot represent a run."""
    if isinstance(given, Scenario):
        return untrained(given.scenario.name, taker)
    return UsageError(f"{taker} takes {takes}; this is {_kind(given)}")


def _kind(given: Any) -> str:
    if given is None:
        return "None"
    name = type(given).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def fresh_simulator(given: Any, taker: str, *, force: bool = False) -> Simulator:
    """A network as it is before training, of a scenario, of its name or file, or of the scenario of a run.

    A Simulator is taken as it is.

    Raises
    ------
    UsageError
        When it is nothing of these; without `force` also when something has changed since the run was trained.
    NeurosimError
        When the scenario cannot be loaded.
    """
    if isinstance(given, Simulator):
        return given
    if isinstance(given, Replay):
        given = given.branch
    if isinstance(given, Result):
        return given.simulator.fresh()
    if is_path(given):
        source = named_scenario(given)
        if source.own:
            since = changes_of_scenario(Path(source.path).parent)
            since.refuse(force=force)
            warn_mixed(since.remark)
    if is_path(given) or isinstance(given, Scenario):
        return Simulator(given)
    raise unfit(given, taker, "the name of a scenario, its file, a Scenario, a Simulator, a result or a run folder")
