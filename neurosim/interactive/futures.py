"""Replaying a run from one of its epochs with something changed, and comparing runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neurosim.errors import UsageError
from neurosim.interactive.given import is_path, read_folder, result_of_run, run_folder, warn_mixed
from neurosim.report.comparison import Comparison
from neurosim.report.comparison import compare as compare_results
from neurosim.runs import Observer, Result, RunOptions, Study
from neurosim.runs.belonging import Trained
from neurosim.runs.folder import SCENARIO, keep_rows, portable
from neurosim.runs.identity import identity_of
from neurosim.runs.replay import Origin, Replay, read_origin, run_replay
from neurosim.scenario import load_scenario
from neurosim.training.history import Record


def replay(
    run: Any,
    *,
    epoch: int | None = None,
    step: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    out: Path | str | None = None,
    threads: int | None = None,
    data_dir: Path | str | None = None,
    observer: Observer | Callable[[Record], Any] | None = None,
    force: bool = False,
) -> Replay:
    """Go back to an epoch or a step of a run and train on from there: the same weights, the same batches.

    Parameters
    ----------
    run : Result, Simulator, run folder, or "last"
        The run; of a folder also one that diverged.
    epoch, step : int
        One of them: after how many epochs or steps it forks, 0 for before the first.
    overrides : mapping, optional
        Values to put in place of the scenario's, such as ``{"optimizer.lr": 0.5}``; with none the same future comes
        out, to the bit.
    out, threads, data_dir, observer
        As for `neurosim.run`.
    force : bool
        Go on even where the run's scenario, its rows, a plugin or a version have changed since it was trained; a
        warning then says so.

    Returns
    -------
    Replay
        ``origin`` is the run as it was, ``branch`` the result with the changes; ``neurosim.plot`` draws both.

    Raises
    ------
    UsageError
        When there is no such step, with these settings there are no longer the same weights or batches, or something
        has changed since the run was trained.
    NeurosimError
        As `neurosim.run` does.
    """
    if (epoch is None) == (step is None):
        raise UsageError(
            "neurosim.replay needs epoch or step, one of them: where to fork",
            'For example neurosim.replay(result, epoch=20, overrides={"optimizer.lr": 0.5}).',
        )
    place = ("step", step) if step is not None else ("epoch", epoch or 0)
    options = RunOptions(out=out, threads=threads, data_dir=data_dir, observer=observer, force=force)
    with _origin(run) as origin:
        replayed = run_replay(origin, place, overrides or {}, options)
    warn_mixed(replayed.mixed)
    return replayed


@contextmanager
def _origin(run: Any) -> Iterator[Origin]:
    """The run to replay, while there is a folder with its scenario."""
    if is_path(run):
        yield read_origin(run_folder(run, "neurosim.replay"))
        return
    result = result_of_run(run, "neurosim.replay")
    if result.folder is not None:
        yield read_origin(result.folder, result.scenario.registry)
        return
    # A replay starts from a run folder; of this one it needs the scenario alone.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / SCENARIO).write_text(portable(keep_rows(result.scenario, folder), folder).to_toml(), encoding="utf-8")
        scenario = load_scenario(folder / SCENARIO, registry=result.scenario.registry, own=True)
        yield Origin(folder, scenario, result.backend, result.history, Trained(identity_of(result.simulator)))


def compare(*runs: Any, force: bool = False) -> Comparison:
    """Compare runs: which settings differ, and how the outcomes do.

    Parameters
    ----------
    *runs : Result, Simulator, run folder, Study, or a list of them
        Two networks or more; a study is all of its networks.
    force : bool
        Read a run folder even where its scenario, its rows or a plugin have changed since it was trained; a warning
        then says so.

    Returns
    -------
    Comparison
        In a notebook two tables; ``neurosim.plot`` draws the curves together.

    Raises
    ------
    UsageError
        When there are fewer than two networks, something is not a run, they were measured on different rows, or
        something has changed since one of them was trained.
    DataError
        When there is no such run folder, or the run in it is not finished.
    """
    given = list(runs[0]) if len(runs) == 1 and isinstance(runs[0], list | tuple) else list(runs)
    groups = [_results(run, force=force) for run in given]
    results = [result for group in groups for result in group]
    if len(results) < 2:
        raise UsageError(
            f"neurosim.compare takes two runs or more, and this is {len(results)}",
            "For example neurosim.compare(first, second), or the folders of both.",
        )
    return compare_results(results, of_one_study=len(groups) == 1)


def _results(run: Any, *, force: bool) -> list[Result]:
    if isinstance(run, Study):
        return list(run.results)
    if is_path(run):
        return list(read_folder(run, "neurosim.compare", force=force).results)
    return [result_of_run(run, "neurosim.compare")]
