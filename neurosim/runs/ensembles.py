"""A run of many seeds: training, files, and the summary."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurosim.backends.select import on_compilation
from neurosim.files.atomic import write_atomically
from neurosim.markup import measure_words
from neurosim.runs.folder import ENSEMBLE, SUMMARY, RunFolder, provenance
from neurosim.runs.identity import identity_from
from neurosim.runs.observers import Observer
from neurosim.runs.promises import Known, warn_of_promises
from neurosim.runs.seeds import COLUMNS, check_unfinished, refuse_changed
from neurosim.training.ensemble import Ensemble


class EnsembleObserver(Observer):
    """Hears of an ensemble's progress."""

    def share(self, done: float) -> None:
        """This share of the work is done, from 0 to 1."""


def run_ensemble(
    ensemble: Ensemble,
    out: Path,
    observer: EnsembleObserver | None = None,
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
        As `neurosim.training.run` does; UsageError where there is no such run to go on with.
    """
    begin = time.perf_counter()
    watcher = observer or EnsembleObserver()
    folder = RunFolder(out, resume=resume)
    try:
        return _run(ensemble, folder, watcher, begin, resume=resume, force=force)
    finally:
        folder.close()


def _run(
    ensemble: Ensemble, folder: RunFolder, watcher: EnsembleObserver, begin: float, *, resume: bool, force: bool
) -> dict[str, Any]:
    """Train the networks and write the files."""
    if resume:
        check_unfinished(folder.path, ensemble)
    seeds, scenario = [ensemble.seeds[0], ensemble.seeds[-1]], ensemble.scenario
    with on_compilation(watcher.compiling):
        problem, _ = ensemble.prepare()
        identity = identity_from(ensemble.scenario, ensemble.rows_sha256, ensemble.backend)
        if resume and not force:
            refuse_changed(folder.path, ensemble.scenario, identity)
        # Only now is it known that they can be trained.
        begun = {"backend": ensemble.backend, "seeds": seeds, "identity": identity.as_json()}
        folder.begin(ensemble.scenario, begun)
        warn_of_promises(scenario, {"": Known(scenario, problem.splits, bool(problem.data.classes))})
        ensemble.train(watcher.share)
    total = time.perf_counter() - begin
    write_atomically(folder.path / ENSEMBLE, table(ensemble))
    result = {
        "scenario": ensemble.scenario.scenario.name,
        "backend": ensemble.backend,
        "seeds": seeds,
        **ensemble.summary(),
        "seconds": {"compile": ensemble.compile_seconds, "train": ensemble.seconds, "total": total},
        "rows_sha256": ensemble.rows_sha256,
        "remarks": ensemble.remarks,
        "run_dir": str(folder.path),
    }
    complete = {**result, "identity": identity.as_json(), **provenance(ensemble.scenario)}
    write_atomically(folder.path / SUMMARY, json.dumps(complete, indent=2, allow_nan=False) + "\n")
    folder.ended()
    return result


def table(ensemble: Ensemble) -> str:
    """One row for each seed, as CSV with a header; empty where there is no value."""
    rows = ensemble.records()
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS, *ensemble.members[0].measures], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: int(value) if isinstance(value, bool) else value for name, value in row.items()})
    return text.getvalue()


def verdict(summary: Mapping[str, Any]) -> str:
    """In a sentence, what came of the networks that a `summary` is about."""
    count, successes = summary["networks"], summary["successes"]
    if successes is None:
        return "not judged: the scenario has no [expect]"
    if summary["expects"] == "failure":
        best = ", ".join(f"{measure_words(name)} {shown(name, value)}" for name, value in summary["best"].items())
        told = f" (best {best})" if best else ""
        if not successes:
            return f"as expected, none of {count:,} networks learns it{told}"
        learn = "network does" if successes == 1 else "networks do"
        return f"against expectation, {successes:,} of {count:,} {learn} better than the scenario expects{told}"
    low, high = summary["success_interval"]
    rate = f"{summary['success_rate']:.1%} met every expectation ({successes:,} of {count:,} networks)"
    return f"{rate}, 95% interval {low:.1%} to {high:.1%}"


def shown(name: str, value: float) -> str:
    """A measure as it is written: an accuracy in percent."""
    return f"{100 * value:.4g}%" if name.endswith("accuracy") else f"{value:.4g}"
