"""Reading a run folder again: a finished run as a result, an interrupted one to go on with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurosim.errors import DataError, ShapeError, UsageError
from neurosim.history import History
from neurosim.recording import Recording, load_recording
from neurosim.recording.recording import FILE as RECORD
from neurosim.registry import Registry
from neurosim.run_folders import no_run
from neurosim.scenario import Scenario, load_scenario
from neurosim.simulator import Simulator
from neurosim.training.checkpoint import has_checkpoint, load_checkpoint
from neurosim.training.expectations import Outcome, check_expectations
from neurosim.training.folder import ENSEMBLE, FAILURE, METRICS, SCENARIO, SUMMARY, train_again
from neurosim.training.members import study_members
from neurosim.training.model import MODEL, read_model
from neurosim.training.runs import Result
from neurosim.training.seeds import many_seeds
from neurosim.training.texts import damaged, is_there, read_failure, read_history, read_measures


def read_finished(folder: Path, simulator: Simulator) -> Result:
    """The result of a finished run, whose network and records `simulator`, not trained yet, is given.

    Raises
    ------
    DataError
        When a file of it is missing or damaged.
    """
    summary, history = read_measures(folder)
    if summary.seed != simulator.seed:
        raise damaged(folder / SUMMARY, f"its seed is {summary.seed}, and that of {SCENARIO} {simulator.seed}")
    begun = simulator.recording
    recording = None if begun is None else load_recording(_must_be_there(folder / RECORD))
    try:
        simulator.adopt(read_model(_must_be_there(folder / MODEL)), history, recording)
    except (ShapeError, UsageError) as error:
        raise DataError(
            f"{folder / MODEL} does not fit {folder / SCENARIO}: {error.message}",
            "One of them was changed after the run; neurosim predict needs the model alone.",
        ) from error
    same = begun is None or recording is None or (recording.layers == begun.layers and fits(recording, simulator))
    if not same:
        raise damaged(folder / RECORD, f"it is of another network than that of {SCENARIO}")
    # Nothing is measured again.
    final = summary.final
    promises = check_expectations(simulator.scenario, Outcome(final, history, simulator.recording))
    rows = summary.rows_sha256 or simulator.data.sha256
    return Result(
        simulator.scenario, simulator, history, final, promises, summary.seconds, folder, rows, summary.identity
    )


def _must_be_there(path: Path) -> Path:
    if not is_there(path):
        raise DataError(f"{path} is missing", f"Bring it back, or train the run again:  {train_again(path.parent)}")
    return path


def fits(recording: Recording, simulator: Simulator) -> bool:
    """Whether the parameters that were recorded, if any were, are those of this network."""
    shapes = {name: array.shape for name, array in {**simulator.parameters, **simulator.statistics}.items()}
    kept = {name: arrays[0].shape for name, arrays in recording.parameters.items() if arrays}
    return not kept or kept == shapes


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
    diverged : tuple of (str, Path)
        Variant and folder of each run of a study that diverged.
    """

    folder: Path
    scenario: Scenario
    results: tuple[Result, ...]
    diverged: tuple[tuple[str, Path], ...] = ()


def read_run(
    folder: Path | str,
    registry: Registry | None = None,
    *,
    data_dir: Path | str | None = None,
    threads: int | None = None,
    some: bool = True,
) -> ReadRun:
    """Read the folder of a finished run or study, with its trained networks.

    The folder is taken for one of the user's own: the data file that its scenario names is read wherever it lies.

    Raises
    ------
    DataError
        When it is no run folder, the run is not finished, or a file is missing or damaged; of a study, when one of
        its networks is neither finished nor diverged, or with `some` where all have diverged.
    ScenarioError
        When its scenario cannot be read, for example because a plugin is not there.
    """
    path = Path(folder)
    check_folder(path)
    scenario = load_scenario(path / SCENARIO, registry=registry, own=True)
    # Seeds are written into the scenario.
    members = study_members(scenario, path) if scenario.is_study else [("", scenario, path)]
    results, diverged = [], []
    for label, own, place in members:
        assert place is not None
        if is_there(place / SUMMARY):
            results.append(read_finished(place, Simulator(own, "cpu", None, threads, data_dir)))
        elif is_there(place / FAILURE):
            diverged.append((own.variant, place))
        else:
            raise DataError(
                f"the study in {path} lacks {label}: {place} has no {SUMMARY}",
                f"neurosim run --resume {path}  trains what is missing.",
            )
    if some and not results:
        raise DataError(
            f"every network of the study in {path} diverged",
            f"neurosim doctor {path}  says why, as far as can be told.",
        )
    return ReadRun(path, scenario, tuple(results), tuple(diverged))


@dataclass(frozen=True)
class FailedRun:
    """A run that diverged: its scenario and backend, the epochs before, and what happened."""

    scenario: Scenario
    backend: str
    history: History
    message: str


def read_failed(folder: Path | str, registry: Registry | None = None) -> FailedRun | None:
    """Read the folder of a run that diverged; None where it did not; a data file may lie anywhere, as for `read_run`.

    Raises
    ------
    DataError
        When a file is missing or damaged.
    ScenarioError
        When its scenario cannot be read.
    """
    path = Path(folder)
    if not is_there(path / FAILURE):
        return None
    failure = read_failure(path / FAILURE)
    history = read_history(path / METRICS)
    if failure.epoch != len(history) + 1:
        raise damaged(path / METRICS, f"it has {len(history)} epochs, and the run diverged in epoch {failure.epoch}")
    scenario = load_scenario(path / SCENARIO, registry=registry, own=True)
    return FailedRun(scenario, failure.backend, history, failure.message)


def check_folder(path: Path) -> None:
    """Raise DataError, with the reason and what to do, for what is not the folder of a finished run."""
    if not path.is_dir():
        raise no_run(path)
    many = many_seeds(path)
    if many is not None and not many.finished:
        raise DataError(
            f"the run of many seeds in {path} is not finished", f"neurosim run --resume {path}  trains them again."
        )
    if many is not None or (is_there(path / ENSEMBLE) and not is_there(path / MODEL)):
        raise DataError(
            f"{path} is a run of many seeds: it has no network of its own",
            f"{path / ENSEMBLE} has what came of each seed; "
            f"neurosim run {path / SCENARIO} --seed N  trains one of them.",
        )
    if not is_there(path / SCENARIO):
        inside = sorted(place.parent for place in path.glob(f"*/{SCENARIO}"))
        hint = f"There are runs in it, such as {inside[-1]}." if inside else "A run folder has a scenario.toml."
        raise DataError(f"{path} is not a run folder", hint)
    if is_there(path / FAILURE):
        raise DataError(f"the run in {path} diverged", f"neurosim doctor {path}  says why, as far as can be told.")
    if not is_there(path / SUMMARY):
        raise DataError(f"the run in {path} is not finished", f"neurosim run --resume {path}  goes on with it.")


def stopped_at(folder: Path, simulator: Simulator, *, force: bool = False) -> None:
    """Bring a simulator to where an interrupted run stopped, if it had begun."""
    if has_checkpoint(folder):
        load_checkpoint(folder, simulator, force=force)
