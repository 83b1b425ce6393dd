"""Which run a person means: the folder of one, or ``last`` for the newest below ``runs/``.

Loads nothing large, so that a shell that completes names gets its answer at once.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from neurosim.errors import DataError, UsageError
from neurosim.files.atomic import TEMPORARY
from neurosim.printable import command, quoted
from neurosim.scenario import by_name
from neurosim.supplied import SUPPLIED

if TYPE_CHECKING:
    from neurosim.scenario import Scenario

RUNS = Path("runs")
LAST = "last"
SCENARIO = "scenario.toml"
CHECKPOINTS = "checkpoint"
# Of a run of many seeds, while it is under way: which seeds.
SEEDS = "seeds.json"
# Of any other run, while it is under way: on which backend.
BEGUN = "begun.json"

_MOST_BYTES = 1 << 20
# What a trial of a sweep is called.
_TRIAL = re.compile("[0-9a-f]{24}")


def all_runs(root: Path = RUNS) -> list[Path]:
    """Folders of runs below `root`, the newest first; the networks of a study are part of its run.

    A run is as old as the scenario in its folder, which is written when training starts or goes on: drawing pictures
    of an old run does not make it a new one.
    """
    found: list[tuple[int, str, Path]] = []
    for folder in _folders(root):
        # ``neurosim run a.toml b.toml --out DIR`` puts several runs into one folder.
        for place in [folder] if _age(folder) is not None else _folders(folder):
            age = _age(place)
            if age is not None:
                found.append((age, place.name, place))
    return [place for _, _, place in sorted(found, reverse=True)]


def _folders(root: Path) -> list[Path]:
    try:
        return [entry for entry in root.iterdir() if entry.is_dir()]
    except OSError:
        return []


def _age(folder: Path) -> int | None:
    """When the scenario in a folder was written; None where there is none."""
    try:
        return os.stat(folder / SCENARIO).st_mtime_ns
    except (OSError, ValueError):
        return None


def newest_run(root: Path = RUNS) -> Path:
    """The folder of the newest run below `root`; raises DataError when there is none."""
    runs = all_runs(root)
    if not runs:
        raise DataError(
            f'there is no run yet: "{LAST}" is the newest one in {root}{os.sep} of the current folder',
            "neurosim run xor  makes one; the folder of a run elsewhere can be named instead.",
        )
    return runs[0]


def named_run(given: Path | str) -> Path:
    """The run folder that is meant: ``last`` is the newest run, unless something is called that here.

    That of a trial which a sweep has kept in one file with others is made first.

    Raises
    ------
    DataError
        When it is ``last``, and there is no run yet; when the file of a trial is damaged.
    """
    run = newest_run() if is_last(given) else Path(given)
    if _TRIAL.fullmatch(run.name) and not os.path.lexists(run):
        SUPPLIED["unpacked"](run)
    return run


def is_last(given: Path | str) -> bool:
    """Whether ``last`` is meant, and not a file or folder of this name."""
    return str(given) == LAST and not os.path.lexists(LAST)


class ScenarioSource(NamedTuple):
    """Where a scenario is read from.

    `own` says that it is that of one of the user's runs: see `neurosim.load_scenario`.
    """

    path: str
    own: bool


def named_scenario(given: Path | str) -> ScenarioSource:
    """The scenario that is meant: its file or its name, or the folder of a run, or ``last``, for that run's.

    Raises
    ------
    DataError
        When it is ``last``, and there is no run yet; when it is a folder with nothing in it.
    """
    text = str(given)
    if text not in by_name():
        folder = named_run(given)
        if _age(folder) is not None:
            return ScenarioSource(str(folder / SCENARIO), own=True)
        if folder.is_dir() and is_left_behind(folder):
            raise no_run(folder)
    return ScenarioSource(text, own=False)


def as_scenario(given: Scenario | Path | str) -> Scenario:
    """The scenario that is meant: itself, its file or name, or the folder of a run, or ``last``, for that run's.

    Raises
    ------
    UsageError
        When it is nothing of these.
    NeurosimError
        When it cannot be loaded; see `neurosim.load_scenario`.
    """
    from neurosim.scenario import Scenario, load_scenario

    if isinstance(given, Scenario):
        return given
    check_scenario_given(given)
    source = named_scenario(given)
    return load_scenario(source.path, own=True) if source.own else load_scenario(given)


def check_scenario_given(given: object) -> None:
    """Raise UsageError for what cannot name a scenario."""
    if not isinstance(given, str | os.PathLike):
        raise UsageError(
            f"a scenario is wanted, and this is of type {type(given).__name__}",
            'Give the name of a shipped one ("xor"), a TOML file, a Scenario, or the folder of a run.',
        )


def runs_of(scenario: str, root: Path = RUNS) -> list[Path]:
    """Folders of the runs of the scenario of this name below `root`, the newest first."""
    return [run for run in all_runs(root) if _name_in(run / SCENARIO) == scenario]


def _name_in(file: Path) -> str:
    """The name of the scenario in a file; empty where it cannot be read."""
    try:
        if not file.is_file():  # a pipe would be waited for
            return ""
        with file.open("rb") as opened:
            text = opened.read(_MOST_BYTES).decode()
        return str(tomllib.loads(text)["scenario"]["name"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return ""


def no_run(path: Path) -> DataError:
    """The error for what is not a run folder where one is wanted: says which may be meant, or what to do."""
    if path.is_dir():
        return DataError(f"{path} is not the folder of a run: it has no {SCENARIO}", _instead_of(path))
    what = " is a file, not a run folder" if path.exists() else ": there is no such run folder"
    return DataError(f"{path}{what}", likely_run(path))


def _instead_of(folder: Path) -> str:
    """What to do if a folder is not that of a run."""
    inside = all_runs(folder)
    if inside:
        others = f" and {len(inside) - 1} more" if len(inside) > 1 else ""
        return f"There are runs in it: {inside[0]}{others}."
    if (folder / CHECKPOINTS).is_dir():
        return "It has a checkpoint, but not the scenario that it belongs to: begin that run again, in another folder."
    if is_left_behind(folder):
        return (
            "It holds nothing yet. If a run was stopped here before it could save anything, start it again:  "
            f"{command('run', 'SCENARIO', out=folder)}"
        )
    return likely_run(folder)


def is_left_behind(folder: Path) -> bool:
    """Whether a folder is empty, or has only what a run killed before its first file leaves."""
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    temporary = [name for name in names if name.startswith(".") and name.endswith(TEMPORARY)]
    return {*names} <= {".lock", BEGUN, SEEDS, *temporary}


def likely_run(path: Path) -> str:
    """A hint at the run that is meant by the path of something else, or of nothing."""
    if path.is_file() and _age(path.parent) is not None:
        return f"It is a file of the run in {path.parent}: name that folder."
    name = str(path) if str(path) in by_name() else _name_in(path) if path.suffix == ".toml" else ""
    if name:
        found = runs_of(name)
        if found:
            others = f", the newest of {len(found)}" if len(found) > 1 else ""
            return f"{path} is a scenario, not a run of it. You may mean {found[0]}{others}."
        run = f"neurosim run {quoted(path)}  makes one"
        return f"{path} is a scenario, not a run of it, and there is no run of it yet: {run}."
    runs = all_runs()
    names = [run.name for run in runs]
    begun = [name for name in names if path.name and name.startswith(path.name)]
    near = begun or difflib.get_close_matches(path.name, names, n=1, cutoff=0.7)
    if near:
        return f"You may mean {runs[names.index(near[0])]}."
    newest = f" The newest is {runs[0]}, or in short: {LAST}." if runs else ""
    return f"Runs are in {RUNS}{os.sep}, or in the folder that out=... named.{newest}"
