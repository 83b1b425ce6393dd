"""Reading a run folder again: a finished run as a result, an interrupted one to be resumed.

Whatever is read is compared here with the scenario, the rows and the plugins that are there now; see
`neurosim.runs.belonging`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from neurosim.errors import DataError, ShapeError, UsageError
from neurosim.files.lock import who_holds
from neurosim.plugin.host import Registry
from neurosim.printable import command, quoted
from neurosim.runs.belonging import (
    MIXED,
    Changes,
    Trained,
    both,
    changes,
    check_data_file,
    file_changes,
    identity_in_model,
    model_changes,
    together,
    trained_in,
)
from neurosim.runs.belonging import SCENARIO as ITS_SCENARIO
from neurosim.runs.expectations import Outcome, check_expectations
from neurosim.runs.folder import ENSEMBLE, FAILURE, PAGE, SCENARIO, SUMMARY, train_again
from neurosim.runs.identity import determining, identity_of, scenario_changes
from neurosim.runs.model import MODEL, read_model
from neurosim.runs.results import Result
from neurosim.runs.run_files import Summary, damaged, is_there, read_measures
from neurosim.runs.scenarios import networks_of
from neurosim.runs.seeds import many_seeds
from neurosim.scenario import Scenario, load_scenario
from neurosim.scenario.run_folders import no_run
from neurosim.training.history import History
from neurosim.training.recording import Recording, load_recording
from neurosim.training.recording.recording import FILE as RECORD
from neurosim.training.simulator import Simulator


def read_finished(folder: Path, simulator: Simulator, *, force: bool = False) -> Result:
    """The result of a finished run; its network and records are given to `simulator`, which is untrained.

    The caller must know that the simulator is of what was trained there; `read_run` checks.

    Raises
    ------
    DataError
        When a file of it is missing or damaged.
    UsageError
        When its model is another run's, and `force` is not given.
    """
    finished = _Finished.read(folder, simulator)
    finished.swapped.refuse(force=force)
    return finished.result(finished.swapped)


@dataclass(frozen=True)
class _Finished:
    """The content of a finished run's folder, before any of it is used.

    Attributes
    ----------
    swapped : Changes
        Signs that its model, or another file, is not the one that the run left.
    """

    folder: Path
    simulator: Simulator
    summary: Summary
    history: History
    arrays: Mapping[str, NDArray[Any]]
    recording: Recording | None
    swapped: Changes

    @classmethod
    def read(cls, folder: Path, simulator: Simulator) -> _Finished:
        """Read the files; raises DataError where one is missing or damaged."""
        summary, history = read_measures(folder)
        arrays, words = read_model(_must_be_there(folder / MODEL))
        recording = None if simulator.recording is None else load_recording(_must_be_there(folder / RECORD))
        swapped = swapped_files(folder, trained_in(folder), words)
        return cls(folder, simulator, summary, history, arrays, recording, swapped)

    def result(self, mixed: Changes) -> Result:
        """Give the network and records to the simulator; `mixed` are changes despite which it is read."""
        folder, simulator, summary = self.folder, self.simulator, self.summary
        if summary.seed != simulator.seed and not mixed:
            raise damaged(folder / SUMMARY, f"its seed is {summary.seed}, and that of {SCENARIO} {simulator.seed}")
        begun, recording = simulator.recording, self.recording
        try:
            simulator.adopt(self.arrays, self.history, recording, summary.stopped)
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
        promises = check_expectations(simulator.scenario, Outcome(final, self.history, simulator.recording))
        rows = summary.rows_sha256 or simulator.data.sha256
        return Result(
            simulator.scenario, simulator, self.history, final, promises, summary.seconds, folder, rows,
            summary.identity, both(summary.mixed, mixed.remark), summary.backend,
        )  # fmt: skip


def swapped_files(folder: Path, trained: Trained, model: Mapping[str, Any]) -> Changes:
    """Signs that a file of a finished run is not the one that it left; `model` describes the present one."""
    swapped = model_changes(folder, trained, identity_in_model(model, folder / MODEL))
    return swapped or file_changes(folder, trained)


def _must_be_there(path: Path) -> Path:
    if not is_there(path):
        raise DataError(f"{path} is missing", f"Bring it back, or train the run again:  {train_again(path.parent)}")
    return path


def fits(recording: Recording, simulator: Simulator) -> bool:
    """Whether the recorded parameters, if any, have the shapes of this network's."""
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
    mixed : str
        A line saying what has changed since it was trained; empty if nothing has, as always without ``force``.
    """

    folder: Path
    scenario: Scenario
    results: tuple[Result, ...]
    diverged: tuple[tuple[str, Path], ...] = ()
    mixed: str = ""

    @property
    def remarks(self) -> tuple[str, ...]:
        """The same, and which epochs of each result were trained differently; empty where nothing is."""
        remarks = dict.fromkeys(result.mixed for result in self.results if result.mixed)
        return tuple(remarks) or ((self.mixed,) if self.mixed else ())

    @property
    def drawn_to(self) -> Path:
        """Where its pictures go: to its folder, or to a subfolder if they mix the run with something else."""
        return self.folder / MIXED if self.mixed else self.folder


def read_run(
    folder: Path | str,
    registry: Registry | None = None,
    *,
    data_dir: Path | str | None = None,
    threads: int | None = None,
    some: bool = True,
    force: bool = False,
) -> ReadRun:
    """Read the folder of a finished run or study, with its trained networks.

    The folder is taken for one of the user's own: the data file that its scenario names is read wherever it lies.
    With `force` it is read even if its scenario, rows, plugins or model have changed since it was trained; the results
    then say so.

    Raises
    ------
    DataError
        When it is not a run folder, the run is not finished, or a file is missing or damaged; of a study, when one of
        its networks is neither finished nor diverged, or with `some` where all have diverged.
    ScenarioError
        When its scenario cannot be read, for example because a plugin is not there.
    UsageError
        When something has changed since it was trained; the message shows what.
    """
    path = Path(folder)
    check_folder(path)
    scenario = load_scenario(path / SCENARIO, registry=registry, own=True)
    finished: list[_Finished] = []
    diverged: list[tuple[str, Path]] = []
    since: list[tuple[str, Changes]] = []
    like: dict[str, Simulator] = {}  # the seeds of a variant share its rows
    for label, own, place in networks_of(scenario, path):
        if not is_there(place / SUMMARY) and not is_there(place / FAILURE):
            raise DataError(
                f"the study in {path} lacks {label}: {place} has no {SUMMARY}",
                f"{command('run', resume=path)}  trains what is missing.",
            )
        check_data_file(place, own)
        simulator = Simulator(own, "cpu", None, threads, data_dir, like=like.get(own.variant))
        like.setdefault(own.variant, simulator)
        changed = _since(place, simulator, inner=place != path)
        if is_there(place / SUMMARY):
            finished.append(_Finished.read(place, simulator))
            changed |= finished[-1].swapped
        else:
            diverged.append((own.variant, place))
        since.append((label, changed))
    mixed = together(path, since)
    mixed.refuse(force=force)
    if some and not finished:
        raise DataError(
            f"every network of the study in {path} diverged",
            f"neurosim doctor {quoted(path)}  says why, as far as can be seen.",
        )
    return ReadRun(path, scenario, tuple(one.result(mixed) for one in finished), tuple(diverged), mixed.remark)


def _since(folder: Path, simulator: Simulator, *, inner: bool) -> Changes:
    """What has changed since the run in a folder was trained; `simulator` is of its scenario, not trained.

    The folder of a network within a study (`inner`) has its own scenario as well.
    """
    now = identity_of(simulator)
    was = trained_in(folder).beside(now)
    changed = changes(folder, was, now)
    if inner and is_there(folder / SCENARIO):
        own = load_scenario(folder / SCENARIO, registry=simulator.scenario.registry, own=True)
        changed |= Changes(folder, {ITS_SCENARIO: scenario_changes(was.scenario, determining(own))})
    return changed


def changes_of_scenario(
    folder: Path,
    registry: Registry | None = None,
    data_dir: Path | str | None = None,
    variant: str | None = None,
) -> Changes:
    """What has changed in the scenario, rows and plugins of a run since it was trained.

    For a study the first network of a variant decides, or the first of all. Raises as `neurosim.Simulator` does, and
    DataError for a damaged file.
    """
    if not is_there(folder / SUMMARY) and not is_there(folder / FAILURE):
        return Changes(folder)
    scenario = load_scenario(folder / SCENARIO, registry=registry, own=True)
    members = networks_of(scenario, folder)
    label, own, place = next((member for member in members if member[1].variant == variant), members[0])
    check_data_file(place, own)
    return together(folder, [(label, _since(place, Simulator(own, data_dir=data_dir), inner=place != folder))])


def check_folder(path: Path) -> None:
    """Raise DataError, with the reason and what to do, for what is not the folder of a finished run."""
    if not path.is_dir():
        raise no_run(path)
    writer = "" if is_there(path / SUMMARY) else who_holds(path)
    if writer:
        raise DataError(
            f"the run in {path} is not finished: it is being trained right now, by process {writer}",
            "Wait until it has finished.",
        )
    if not is_there(path / SCENARIO) and not is_there(path / ENSEMBLE):
        raise no_run(path)
    many = many_seeds(path)
    if many is not None and not many.finished:
        raise DataError(
            f"the run of many seeds in {path} is not finished",
            f"{command('run', resume=path)}  trains them again.",
        )
    if many is not None or (is_there(path / ENSEMBLE) and not is_there(path / MODEL)):
        page = "" if many is None or (path / PAGE).exists() else f"\n{command('run', resume=path)}  writes its page."
        raise DataError(
            f"{path} is a run of many seeds: it has no network of its own",
            f"{path / ENSEMBLE} has the outcome of each seed; "
            f"{command('run', path, seed='N')}  trains one of them.{page}",
        )
    if is_there(path / FAILURE):
        raise DataError(
            f"the run in {path} diverged", f"neurosim doctor {quoted(path)}  says why, as far as can be seen."
        )
    if not is_there(path / SUMMARY):
        raise DataError(f"the run in {path} is not finished", f"{command('run', resume=path)}  resumes it.")
