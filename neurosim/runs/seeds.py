"""Runs of many seeds: training one, its files, and its folder read again."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurosim.backends.select import on_compilation
from neurosim.errors import UsageError
from neurosim.files.atomic import write_atomically
from neurosim.problem.assembly import load_data
from neurosim.runs.folder import ENSEMBLE, SEEDS, SUMMARY, RunFolder, opened
from neurosim.runs.identity import identity_from
from neurosim.runs.model import MODEL
from neurosim.runs.observers import StudyObserver
from neurosim.runs.promises import Known, warn_of_promises
from neurosim.runs.resume_checks import refuse_another_ensemble
from neurosim.runs.resuming import as_it_was
from neurosim.runs.run_files import damaged, is_there, read_object
from neurosim.runs.tables import csv_text
from neurosim.scenario import Scenario
from neurosim.training.ensemble import Ensemble
from neurosim.training.success import Judged

# What the summary has besides the object that the command prints.
_PROVENANCE = ("identity", "versions", "machine", "plugins")
# A folder in it for each seed, where a scenario has observers.
LOGS = "logs"
# Those of the table, before the measures.
COLUMNS = ("seed", "success", "as_expected", "epochs_to_success")


@dataclass(frozen=True)
class ManySeeds:
    """A run of many seeds that is in a folder.

    Attributes
    ----------
    backend : str
        Where it was trained.
    seeds : range
        Its seeds.
    finished : bool
        Whether all of them are trained.
    """

    backend: str
    seeds: range
    finished: bool


def many_seeds(folder: Path) -> ManySeeds | None:
    """The run of many seeds in a folder; None where there is another run, or none; raises DataError for damage."""
    if is_there(folder / ENSEMBLE) and is_there(folder / SUMMARY) and not is_there(folder / MODEL):
        path, finished = folder / SUMMARY, True
    elif is_there(folder / SEEDS):
        path, finished = folder / SEEDS, False
    else:
        return None
    written = read_object(path)
    seeds = written.entry("seeds")
    ends = isinstance(seeds, list) and len(seeds) == 2 and all(type(seed) is int for seed in seeds)
    if not ends or not 0 <= seeds[0] <= seeds[1] < 2**63:
        written.refuse("seeds are not the first and the last one")
    return ManySeeds(written.backend(), range(seeds[0], seeds[1] + 1), finished)


def run_ensemble(
    ensemble: Ensemble,
    out: Path,
    observer: StudyObserver | None = None,
    *,
    resume: bool = False,
    force: bool = False,
) -> dict[str, Any]:
    """Train an ensemble and write ``scenario.toml``, ``ensemble.csv`` and ``summary.json``.

    With `resume` the folder has such a run that was stopped; nothing of it was kept, and all are trained again. With
    `force` that is done even where its scenario, rows, plugins, versions or kind of processor have changed since.

    Returns the object that ``neurosim run --seeds N --json`` prints.

    Raises
    ------
    NeurosimError
        As `neurosim.run` does; UsageError where there is no such run to resume.
    """
    begin = time.perf_counter()
    watcher = observer or StudyObserver()
    with opened(out, resume=resume) as folder:
        assert folder is not None
        return _run(ensemble, folder, watcher, begin, resume=resume, force=force)


def _run(
    ensemble: Ensemble, folder: RunFolder, watcher: StudyObserver, begin: float, *, resume: bool, force: bool
) -> dict[str, Any]:
    """Train the networks and write the files."""
    if resume:
        _check_unfinished(folder.path, ensemble)
    seeds, scenario = [ensemble.seeds[0], ensemble.seeds[-1]], ensemble.scenario
    with on_compilation(watcher.compiling, watcher.compiles):
        problem, _ = ensemble.prepare()
        identity = identity_from(scenario, ensemble.rows_sha256, ensemble.backend)
        if resume and not force:
            refuse_another_ensemble(folder.path, scenario, identity)
        # Only now is it known that they can be trained.
        begun = {"backend": ensemble.backend, "seeds": seeds, "identity": identity.as_json()}
        folder.begin(scenario, begun)
        warn_of_promises(scenario, {"": Known(scenario, problem.splits, bool(problem.data.classes))})
        ensemble.train(watcher.share, folder.path / LOGS)
    total = time.perf_counter() - begin
    columns = [*COLUMNS, *ensemble.members[0].measures]
    write_atomically(folder.path / ENSEMBLE, csv_text(columns, ensemble.records()))
    result = {
        "scenario": scenario.scenario.name,
        "backend": ensemble.backend,
        "seeds": seeds,
        **ensemble.summary(),
        "seconds": {"compile": ensemble.compile_seconds, "train": ensemble.seconds, "total": total},
        "rows_sha256": ensemble.rows_sha256,
        "remarks": ensemble.remarks,
        "run_dir": str(folder.path),
    }
    folder.conclude({**result, "identity": identity.as_json()}, scenario)
    return result


def _check_unfinished(folder: Path, ensemble: Ensemble) -> None:
    """Raise UsageError unless the folder has an unfinished run of these very seeds."""
    there = many_seeds(folder)
    if there is None:
        hint = f"{as_it_was(folder, 'what is there')}."
        raise UsageError(f"{folder} has no run of many seeds", hint)
    if there.finished or list(there.seeds) != list(ensemble.seeds):
        what = "is finished" if there.finished else f"is of the seeds {there.seeds[0]} to {there.seeds[-1]}"
        raise UsageError(f"the run in {folder} {what}", "Choose another folder for these seeds.")


def read_ensemble(
    folder: Path, scenario: Scenario, there: ManySeeds, data_dir: Path | str | None = None
) -> tuple[Ensemble, dict[str, Any]]:
    """A finished run of many seeds, and the object that ``neurosim run --seeds N --json`` printed of it.

    Raises
    ------
    UsageError
        When it belongs to another scenario, other rows or other plugins.
    DataError
        When a file of it is damaged.
    """
    refuse_another_ensemble(
        folder, scenario, identity_from(scenario, load_data(scenario, data_dir).sha256, there.backend)
    )
    ensemble = Ensemble(scenario, there.seeds, there.backend)
    ensemble.members = _members(folder / ENSEMBLE)
    seeds = [member.seed for member in ensemble.members]
    if len(seeds) != len(there.seeds) or seeds != list(there.seeds):
        raise damaged(folder / ENSEMBLE, f"its seeds are not those of {SUMMARY}")
    written = read_object(folder / SUMMARY)
    seconds = written.part("seconds")
    ensemble.seconds, ensemble.compile_seconds = seconds.number("train"), seconds.number("compile")
    # Runs of older versions have none.
    ensemble.remarks, ensemble.rows_sha256 = (
        written.texts(name) if name in written.values else {} for name in ("remarks", "rows_sha256")
    )
    result = {key: value for key, value in written.values.items() if key not in _PROVENANCE}
    # What is shown is what the rows say.
    return ensemble, {**result, **ensemble.summary(), "run_dir": str(folder)}


def _members(path: Path) -> list[Judged]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            names = list(rows.fieldnames or ())
            splits = {name.partition("_")[0] for name in names[len(COLUMNS) :]}
            if names[: len(COLUMNS)] != list(COLUMNS) or not splits <= {"train", "validation", "test"}:
                raise ValueError(f"its columns are {', '.join(names)}")
            return [_member(row, names[len(COLUMNS) :]) for row in rows]
    except (OSError, csv.Error, ValueError, TypeError, OverflowError) as error:
        raise damaged(path, str(error)) from error


def _member(row: Mapping[str, str], measures: list[str]) -> Judged:
    """One row; raises ValueError or TypeError where it is none that was written."""
    for name in ("success", "as_expected"):
        if row[name] not in ("", "0", "1"):
            raise ValueError(f"{name} of seed {row['seed']} is {row[name]}")
    success, expected = (bool(int(row[name])) if row[name] else None for name in ("success", "as_expected"))
    measured = {name: float(row[name]) if row[name] else None for name in measures}
    reached = row["epochs_to_success"]
    return Judged(int(row["seed"]), measured, success, expected, int(reached) if reached else None)
