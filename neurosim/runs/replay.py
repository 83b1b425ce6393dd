"""A run repeated from one of its steps with one thing changed: same weights, same batches ahead, another future.

Runs are repeatable to the bit, so the network at any step can be had again: from the last recorded checkpoint before
it (parameters and the optimizer's state, where both were recorded), else from the start.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.backends.select import on_compilation
from neurosim.errors import DataError, UsageError
from neurosim.files.atomic import write_atomically
from neurosim.markup import escape, measure, measure_words, table
from neurosim.plugin.host import Registry
from neurosim.runs.belonging import Changes, both, changes, check_data_file, file_changes, trained_in
from neurosim.runs.checkpoint import save_checkpoint
from neurosim.runs.diverged import PastRun, read_failed
from neurosim.runs.folder import FORK, SCENARIO, SUMMARY, RunFolder, opened
from neurosim.runs.fork import change_in_words, files_of
from neurosim.runs.identity import identity_of
from neurosim.runs.model import MODEL, read_model
from neurosim.runs.options import RunOptions
from neurosim.runs.reading import fits, read_run, swapped_files
from neurosim.runs.results import Result
from neurosim.runs.run_files import damaged, is_there, read_measures
from neurosim.runs.running import train_to_end
from neurosim.scenario import RecordSection, Scenario, load_scenario
from neurosim.training.history import History
from neurosim.training.observer import Observer
from neurosim.training.recording import Recording, load_recording
from neurosim.training.recording.recording import FILE as RECORD
from neurosim.training.simulator import Simulator

# Sections that must be unchanged for the same batches to lie ahead.
SAME = ("data", "augmentation")
# Relative difference up to which losses of repeated epochs count as the same.
CLOSE = 1e-12


@dataclass(frozen=True)
class Origin(PastRun):
    """The run that is replayed.

    Attributes
    ----------
    swapped : Changes or None
        What shows that a file in its folder is not the one that the run left.
    mixed : str
        A line saying which of its epochs were trained differently; empty if none were.
    """

    swapped: Changes | None = None
    mixed: str = ""


@dataclass(frozen=True)
class Replay:
    """A run and what it would have become.

    Attributes
    ----------
    origin : Origin
        The run as it was.
    branch : Result
        The other future; its history begins with the epochs before the fork.
    step : int
        Steps done at the fork.
    epoch : float
        The same in epochs.
    settings : dict of str to object
        What was changed.
    trained_again : int
        Steps that had to be trained again to get to the fork.
    mixed : str
        A line saying what has changed since the run was trained, if it was replayed all the same; else empty.
    """

    origin: Origin
    branch: Result
    step: int
    epoch: float
    settings: dict[str, Any]
    trained_again: int
    mixed: str = ""

    @property
    def change(self) -> str:
        """What was changed, as ``--set`` takes it."""
        return change_in_words(self.settings)

    def __repr__(self) -> str:
        name = self.origin.scenario.scenario.name
        return f"<Replay of {name} from epoch {self.epoch:g}: {self.change}; {self.branch!r}>"

    @property
    def last_epochs(self) -> list[list[str]]:
        """The last epoch of both futures in words: a row for each measure, with what it was and is now."""
        ends = [history[-1] if len(history) else {} for history in (self.origin.history, self.branch.history)]
        return [
            [measure_words(name), *(measure(name, end.get(name)) for end in ends)]
            for name in dict.fromkeys([*self.origin.history.measures, *self.branch.history.measures])
            if any(end.get(name) is not None for end in ends)
        ]

    def _repr_html_(self) -> str:
        """The last epoch of both futures, for notebooks."""
        title = self.origin.scenario.scenario.headline
        mixed = f"<p>Mixed: {escape(self.mixed)}.</p>" if self.mixed else ""
        words = f"Forked after epoch {self.epoch:g}, with {self.change if self.settings else 'nothing changed'}"
        return (
            f"<p><b>{escape(title)}</b><br>{escape(words)}</p>{mixed}"
            f"{table(['last epoch', 'as it was', 'changed'], self.last_epochs, (1, 2))}"
        )

    def as_json(self) -> dict[str, Any]:
        """Where it forks and what was changed, for ``replay.json``."""
        return _fork(self.origin, self.step, self.epoch, self.settings, self.trained_again, self.mixed)


def read_origin(folder: Path | str, registry: Registry | None = None) -> Origin:
    """Read a run to replay: one that has ended, or that diverged; its data file may lie anywhere, as for `read_run`.

    Raises
    ------
    DataError
        When it is not a run folder, the run has not ended, or a file is damaged.
    UsageError
        When it is a study of several networks.
    """
    path = Path(folder)
    failed = read_failed(path, registry)
    if failed is not None:
        return Origin(
            path, failed.scenario, failed.backend, failed.history, failed.trained, file_changes(path, failed.trained)
        )
    scenario = load_scenario(path / SCENARIO, registry=registry, own=True) if is_there(path / SUMMARY) else None
    if scenario is None or scenario.is_study or not is_there(path / MODEL):
        # Raises if something is wrong with it; else it is a study.
        runs = read_run(path, registry, force=True).results
        raise UsageError(f"{path} is a study of several networks", f"Name one of them, such as {runs[0].folder}.")
    summary, history = read_measures(path)
    trained = trained_in(path)
    swapped = swapped_files(path, trained, read_model(path / MODEL)[1])
    return Origin(path, scenario, summary.backend, history, trained, swapped, summary.mixed)


def run_replay(
    origin: Origin, place: int | tuple[str, int], settings: Mapping[str, Any], options: RunOptions | None = None
) -> Replay:
    """Train the future of a run from one of its steps, with other settings.

    Parameters
    ----------
    origin : Origin
        The run; see `read_origin`.
    place : int or (unit, int)
        After how many steps of the run it forks, 0 for before the first; ("epoch", 3) is after three epochs.
    settings : mapping
        Values to put in place of the scenario's, such as ``{"optimizer.lr": 0.01}``. With none the future is the
        same, to the bit.
    options : RunOptions, optional
        ``out``, ``threads``, ``data_dir`` and ``observer`` as for `neurosim.run`; with ``force`` it is replayed even
        if the run's scenario, rows, plugins or versions have changed since it was trained.

    Raises
    ------
    UsageError
        When there is no such step, with these settings there are no longer the same weights or batches, or something
        has changed since the run was trained.
    DataError
        When training the run again does not give what it gave then.
    NeurosimError
        As `neurosim.run` does.
    """
    options = options or RunOptions()
    begin = time.perf_counter()
    watcher = options.run_observer()
    check_data_file(origin.folder, origin.scenario)
    changed = _changed(origin, settings)
    trunk = Simulator(_without_recording(origin.scenario), origin.backend, None, options.threads, options.data_dir)
    # What is trained further must be the same to the bit.
    now = identity_of(trunk)
    since = changes(origin.folder, origin.trained.beside(now), now, bits=True)
    since |= origin.swapped or Changes(origin.folder)
    since.refuse(force=options.force)
    branch = Simulator(changed, origin.backend, None, options.threads, options.data_dir)
    course = trunk.course_after(origin.history)
    unit, number = place if isinstance(place, tuple) else ("step", place)
    total, steps = course.before(len(origin.history)), course.steps(0)
    step = number if unit == "step" else course.before(number) if 0 <= number <= len(origin.history) else -1
    if not 0 <= step <= total:
        done = f"{len(origin.history)} epochs of {steps} step{'s' * (steps != 1)}"
        if trunk.training.batch_schedule is not None:
            done = f"{len(origin.history)} epochs, {total} steps in all"
        raise UsageError(f"there is no {unit} {number}: the run did {done}", _places(total))
    _check_fit(trunk, branch)
    with opened(options.target) as folder:
        return _train(origin, trunk, branch, folder, watcher, step, settings, begin, both(origin.mixed, since.remark))


def _train(
    origin: Origin,
    trunk: Simulator,
    branch: Simulator,
    folder: RunFolder | None,
    watcher: Observer,
    step: int,
    settings: Mapping[str, Any],
    begin: float,
    mixed: str,
) -> Replay:
    """Train up to the fork, and then the other future."""
    with on_compilation(watcher.compiling, watcher.compiles):
        # Its compile time is reported; the trunk needs nothing beyond what the branch needs.
        branch.prepare()
        trunk.prepare()
    recording = _recording(origin, trunk)
    first = _begin(trunk, origin, recording, step)
    trunk.train_to(step)
    _check_same(trunk, origin)
    _check_batches(trunk, branch, step)
    branch.restore(_state(trunk, branch, recording, origin.scenario.record, step), History(list(trunk.history)))
    epoch = trunk.course.epochs(step)
    if folder is not None:
        # Killed before its first checkpoint a run is trained from the start; this one begins at the fork.
        about = {**_fork(origin, step, epoch, settings, step - first, mixed), **files_of(origin.folder)}
        fork = partial(_keep_fork, folder.path, branch, about, mixed)
        folder.begin(branch.scenario, {"backend": branch.backend}, first=fork)
    result = replace(train_to_end(branch, folder, watcher, begin, mixed), mixed=mixed)
    return Replay(origin, result, step, epoch, dict(settings), step - first, mixed)


def _keep_fork(folder: Path, branch: Simulator, about: Mapping[str, Any], mixed: str) -> None:
    """Write where a replay begins, and its state there."""
    write_atomically(folder / FORK, json.dumps(about, indent=2, default=str) + "\n")
    save_checkpoint(folder, branch, mixed=mixed)


def _fork(
    origin: Origin, step: int, epoch: float, settings: Mapping[str, Any], trained_again: int, mixed: str
) -> dict[str, Any]:
    """The content of ``replay.json``, known before the other future is trained."""
    return {
        "run": str(origin.folder),
        "step": step,
        "epoch": epoch,
        "settings": dict(settings),
        "trained_again": trained_again,
        **({"mixed": mixed} if mixed else {}),
    }


def _places(total: int) -> str:
    if not total:
        return "No step was made: a replay from step 0 trains it from its start."
    return f"A replay begins after 0 to {total} steps."


def _changed(origin: Origin, settings: Mapping[str, Any]) -> Scenario:
    """The scenario with the settings; whatever determines the batches must be unchanged."""
    scenario = origin.scenario
    changed = load_scenario(origin.folder / SCENARIO, overrides=settings, registry=scenario.registry, own=True)
    for section in SAME:
        if getattr(changed, section) != getattr(scenario, section):
            raise UsageError(
                f"with another [{section}] there are other rows ahead, not the same batches",
                "neurosim run trains the changed scenario from its start; neurosim compare shows both.",
            )
    if changed.scenario.seed != scenario.scenario.seed:
        raise UsageError(
            "with another seed there are other batches ahead", "A run with that seed trains it from its start."
        )
    if changed.is_study:
        raise UsageError("a replay is of one network", "Leave variants and repeats as they are.")
    return changed


def _without_recording(scenario: Scenario) -> Scenario:
    """The scenario without recording, for the steps up to the fork, which are recorded already."""
    return replace(scenario, record=None)


def _check_batches(trunk: Simulator, branch: Simulator, step: int) -> None:
    """Within an epoch, the batches that are left must be those that the run had."""
    epoch, place = trunk.course.place(step)
    if place and branch.course_after(trunk.history).batch(epoch) != trunk.course.batch(epoch):
        raise UsageError(
            f"with another batch size a replay begins between two epochs, and step {step} is within one",
            f"Epoch {epoch} is the last that ends before it.",
        )


def _check_fit(trunk: Simulator, branch: Simulator) -> None:
    """Require the same weights, by name and shape."""
    ours = {name: array.shape for name, array in trunk.parameters.items()}
    theirs = {name: array.shape for name, array in branch.parameters.items()}
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            was, now = (
                f"has shape {shape}" if shape else "is not there" for shape in (ours.get(name), theirs.get(name))
            )
            raise UsageError(
                f"these settings change the network: {name} {was} in the run and {now} in the replay",
                "A replay continues with the same weights; neurosim run trains the changed network from its start.",
            )
    if branch.watch.best is not None and trunk.watch.best is None:
        raise UsageError("training.keep_best cannot begin at a fork", "The epochs before it were not watched.")


def _recording(origin: Origin, trunk: Simulator) -> Recording | None:
    path = origin.folder / RECORD
    if origin.scenario.record is None or not is_there(path):
        return None
    recording = load_recording(path)
    if not fits(recording, trunk):
        raise damaged(path, f"it is of another network than that of {SCENARIO}")
    return recording


def _begin(trunk: Simulator, origin: Origin, recording: Recording | None, step: int) -> int:
    """Bring the trunk to the last checkpoint that was recorded before the step; returns its step."""
    state = trunk.state()
    course = trunk.course_after(origin.history)
    # Recorded numbers are float32; best weights are not among them.
    exact = state["parameters"].dtype == np.float32 and trunk.watch.best is None
    if recording is None or not recording.parameters or not exact:
        return 0
    if state["optimizer"].size and not recording.optimizer:
        return 0
    places = [place for place, done in enumerate(recording.steps) if done <= step and course.place(done)[1] == 0]
    if not places:
        return 0
    place = places[-1]
    kept = recording.parameters_at(place)
    trunk.set_parameters({name: kept[name] for name in trunk.parameters})
    if trunk.statistics:
        trunk.set_statistics({name: kept[name] for name in trunk.statistics})
    start = trunk.state()
    if recording.optimizer:
        start["optimizer"] = recording.optimizer[place]
    start["steps_done"] = np.array([recording.steps[place]], np.int64)
    trunk.restore(start, History(list(origin.history)[: course.place(recording.steps[place])[0]]))
    return recording.steps[place]


def _check_same(trunk: Simulator, origin: Origin) -> None:
    """Require that training again gave the same losses; on another machine or version it may not."""
    for again, before in zip(trunk.history, origin.history[: len(trunk.history)], strict=True):
        here, there = again["train_loss"], before["train_loss"]
        if there is not None and not math.isclose(here, there, rel_tol=CLOSE):
            raise DataError(
                f"epoch {again['epoch']} trained again gives the loss {here!r}, and the run had {there!r}",
                "The run was made by another version, on another machine, or its scenario, data or plugins have since "
                "changed, so its past cannot be reached: train it again with neurosim run.",
            )


def _state(
    trunk: Simulator, branch: Simulator, recording: Recording | None, recorded: RecordSection | None, step: int
) -> dict[str, Any]:
    """The state that the branch starts from: everything of the trunk's that it has a place for."""
    own = branch.state()
    state = {**trunk.state(), **{name: array for name, array in own.items() if name.startswith("record_")}}
    same = branch.scenario.optimizer.name == trunk.scenario.optimizer.name
    kept, wanted = state["optimizer"], len(own["optimizer"])
    if same and len(kept) > wanted:
        state["optimizer"] = kept[:wanted]  # there is no average of the weights any more
    elif same and len(kept) < wanted:
        state["optimizer"] = np.concatenate([kept, state["parameters"][None]])  # an average, which starts from them
    remembers = same and state["optimizer"].shape == own["optimizer"].shape
    if not remembers:
        # Another optimizer starts with an empty state.
        state["optimizer"] = own["optimizer"]
    # Another optimizer cannot continue the recorded state of the old one.
    goes_on = branch.scenario.record == recorded and (remembers or recording is None or not len(recording.optimizer))
    if recording is not None and goes_on:
        before = recording.until(step)
        state |= {f"record_{name}": array for name, array in before.arrays().items() if name != "layers"}
    return state
