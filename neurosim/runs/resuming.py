"""A run folder to be resumed: which scenario it is of, and how far it has got."""

from __future__ import annotations

import contextlib
from pathlib import Path

from neurosim.errors import DataError, DivergedError
from neurosim.files.lock import refuse_held
from neurosim.printable import command, quoted
from neurosim.runs.checkpoint import backend_of, has_checkpoint
from neurosim.runs.folder import BEGUN, FAILURE, MEMBERS, PAGE, SCENARIO, SEEDS, SUMMARY
from neurosim.runs.model import MODEL
from neurosim.runs.run_files import is_there, read_failure, read_measures, read_object
from neurosim.scenario import Scenario, load_scenario
from neurosim.scenario.run_folders import no_run


def run_folder_of(resume: Path | str) -> Path:
    """The run folder, given itself or one of its checkpoints."""
    path = Path(resume)
    return path.parent.parent if path.is_file() else path


def is_of_run(scenario: Path | str, resume: Path | str | None) -> bool:
    """Whether a scenario is the one in the folder of the run to resume, which neurosim wrote itself."""
    return resume is not None and Path(scenario).absolute() == (run_folder_of(resume) / SCENARIO).absolute()


def own_scenario(resume: Path | str, chosen: Scenario) -> Scenario | None:
    """The scenario in the folder of the run to resume; None where only a checkpoint is there.

    Raises
    ------
    DataError
        When it is not a run folder.
    ScenarioError
        When the scenario cannot be read.
    """
    path = scenario_file(resume)
    return None if path is None else load_scenario(path, registry=chosen.registry, own=True)


def scenario_file(resume: Path | str) -> Path | None:
    """The file of that scenario; raises as `own_scenario`."""
    folder = run_folder_of(resume)
    if is_there(folder / SCENARIO):
        return folder / SCENARIO
    if Path(resume).is_file():
        return None
    refuse_held(folder)
    raise no_run(folder)


def is_finished(resume: Path | str) -> bool:
    """Whether the run in a folder is trained, so that only pictures and its page may be missing; raises DataError.

    A run killed between its last file and the end may have a checkpoint left.
    """
    folder = Path(resume)
    if not folder.is_dir() or not is_there(folder / SUMMARY):
        return False
    if not has_checkpoint(folder):
        return True
    try:
        read_measures(folder)
    except DataError:
        return False
    return is_there(folder / MODEL)


def as_it_was(folder: Path, what: str = "it as it was") -> str:
    """How to get at what is in a folder, in words (`what`), for someone who asked to resume something else there.

    Where it is finished and has its page, there is nothing to resume.
    """
    if is_finished(folder) and is_there(folder / PAGE):
        return f"{folder / PAGE} shows {what}"
    return f"{command('run', resume=folder)}  resumes {what}"


def refuse_diverged(folder: Path) -> None:
    """Raise DivergedError if the run has diverged: unchanged, it would diverge again."""
    if is_there(folder / FAILURE):
        raise DivergedError(
            read_failure(folder / FAILURE).message,
            f"Unchanged it would diverge again: change {folder / SCENARIO}, for example to a smaller learning rate, "
            f"then  {command('run', resume=folder, force=True)}  resumes from the last finite state.\n"
            f"neurosim doctor {quoted(folder)}  says more about what went wrong.",
        )


def backend_there(resume: Path | str) -> str | None:
    """The backend of the run in a folder, or of the first network of a study; None if no file says."""
    path = Path(resume)
    if path.is_file():
        return backend_of(path)
    # First the files that another process removes as soon as those below exist.
    for name in (BEGUN, SEEDS):
        # It may be truncated if the whole system went down.
        with contextlib.suppress(DataError, FileNotFoundError):
            if is_there(path / name):
                return read_object(path / name).backend()
    for name in (SUMMARY, FAILURE):
        if is_there(path / name):
            return read_object(path / name).backend()
    if has_checkpoint(path):
        return backend_of(path)
    members = sorted(place.parent for place in path.glob(f"{MEMBERS}/**/{SCENARIO}"))
    backends = (backend_there(member) for member in members)
    return next((name for name in backends if name is not None), None)
