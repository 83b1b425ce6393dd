"""Sweeps and rankings from Python."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from neurosim.data.arrays import write_rows
from neurosim.errors import UsageError
from neurosim.files.atomic import make_folder, write_atomically
from neurosim.problem.given import on_rows
from neurosim.runs.folder import SCENARIO, keep_rows, portable
from neurosim.runs.options import Source
from neurosim.scenario import Scenario
from neurosim.scenario.overrides import as_toml
from neurosim.scenario.run_folders import check_scenario_given, named_scenario
from neurosim.scenario.varied import dimension_of
from neurosim.sweeps import cluster, ranking
from neurosim.sweeps.entries import entries_in
from neurosim.sweeps.plan import plan_of
from neurosim.sweeps.ranking import Table
from neurosim.sweeps.sweep import Progress, Swept
from neurosim.sweeps.sweep import sweep as swept
from neurosim.sweeps.trials import Recipe, refuse_study

# Of a sweep's folder: the scenario and the rows that were given in Python, for the processes that train.
GIVEN = "given"


def sweep(
    scenario: Source,
    out: Path | str,
    *,
    over: Mapping[str, object] | None = None,
    seeds: int | None = None,
    search: str | None = None,
    trials: int | None = None,
    by: str | None = None,
    prune: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    data: object = None,
    validation: object = None,
    test: object = None,
    backend: str = "cpu",
    plugins: Sequence[Path | str] = (),
    data_dir: Path | str | None = None,
    shard: tuple[int, int] = (1, 1),
    jobs: int | None = None,
    on: str | None = None,
    observer: Callable[[Progress], Any] | None = None,
) -> Swept:
    """Train a scenario with many settings and seeds, what is missing of it, and rank all; as ``neurosim sweep``.

    What is left out is as the scenario's ``[sweep]`` has it.

    Parameters
    ----------
    scenario : Scenario, path, name of a shipped scenario, or folder of a run
        What to vary; of a run its scenario, "last" being the newest one.
    out : path
        Folder of the trials. What is there already is not trained again.
    over : mapping, optional
        Settings by key path, each with a list of values or a range such as ``"log(1e-4,1)"``:
        ``{"optimizer.lr": "log(1e-4,1,5)", "network.layers.0.units": [4, 8]}``.
    seeds : int, optional
        Train each from the seeds 0 to this number, less one; the scenario's own seed by default.
    search : {"grid", "random", "sobol", "tpe", "cmaes"}, optional
        How points are found; all combinations by default.
    trials : int, optional
        How many points, unless it is a grid.
    by : str, optional
        The measure that decides, such as ``"validation_accuracy"``.
    prune : {"median", "hyperband"}, optional
        For tpe and cmaes: stop trials early that are behind.
    overrides : mapping, optional
        Values to put in place of the scenario's, in all trials.
    data, validation, test
        Rows in place of the scenario's own, as for `neurosim.run`; they are kept in `out`.
    backend : {"cpu", "cuda", "reference"}
        Where to train.
    plugins : sequence of paths
        Plugin files to load, and folders of plugin files.
    data_dir : path, optional
        Folder with data sets.
    shard : (int, int)
        Which part of the trials to train, from 1, and of how many.
    jobs : int, optional
        How many processes; one for each processor by default.
    on : str, optional
        Train on the workers of a Dask cluster: ``"dask://HOST:PORT"`` of its scheduler, or ``"tls://HOST:PORT"``.
    observer : function, optional
        Called with a `neurosim.sweeps.sweep.Progress` whenever something has ended: ``lambda so_far:
        print(so_far.done, so_far.trials)``.

    Returns
    -------
    Swept
        The ranked table, and what has become of each trial.

    Raises
    ------
    NeurosimError
        When the scenario cannot be read, the folder not be written, or no trial at all fits. What is wrong with some
        of them is in the table.
    KeyboardInterrupt
        When the user stops it; what has been trained is kept.
    """
    rows = data is not None or validation is not None or test is not None
    if isinstance(scenario, Scenario) and (overrides or plugins):
        raise UsageError("overrides and plugins go with a path or a name", "Give them to load_scenario instead.")
    if data is None and rows:
        raise UsageError("validation and test rows go with data", "Give data=(X, y) too.")
    if on is not None and jobs is not None:
        raise UsageError("jobs is for this machine, and on trains on as many workers as there are", "Give one.")
    connect = None if on is None else cluster.on(on)
    folder = Path(out)
    recipe = _recipe(scenario, dict(overrides or {}), plugins, data_dir, backend)
    if isinstance(scenario, Scenario) or rows:
        chosen = scenario if isinstance(scenario, Scenario) else recipe.scenario()
        recipe = _written(on_rows(chosen, data, validation, test) if rows else chosen, recipe, folder)
    plan = plan_of(
        recipe.scenario().sweep,
        [dimension_of(key, as_toml(values)) for key, values in (over or {}).items()],
        seeds=seeds,
        search=search,
        trials=trials,
        by=by,
        prune=prune,
    )
    return swept(recipe, plan, folder, shard=shard, jobs=jobs, on=connect, tell=observer)


def rank(*folders: Path | str, by: str | None = None) -> Table:
    """Rank finished runs: each folder is a run, or holds runs, such as that of a sweep; as ``neurosim rank``.

    Runs that differ only in their seed are one row: ``table.places`` has their settings, mean, interval and tests.

    Parameters
    ----------
    folders : path
        The folders.
    by : str, optional
        The measure that decides; the first that all have by default.

    Raises
    ------
    DataError
        When a folder has no run that has ended, or a file is damaged.
    UsageError
        When there is no such measure.
    """
    if not folders:
        raise UsageError("which runs?", 'neurosim.rank("runs/xor-sweep") ranks those of a sweep.')
    return ranking.rank(entries_in([Path(folder) for folder in folders]), by)


def _recipe(
    scenario: Source,
    overrides: dict[str, Any],
    plugins: Sequence[Path | str],
    data_dir: Path | str | None,
    backend: str,
) -> Recipe:
    """How other processes make the scenario; of one that was made in Python, all but where it is."""
    paths = [Path(plugin) for plugin in plugins]
    path: Path | str = ""
    own = False
    if isinstance(scenario, Scenario):
        paths = [Path(plugin.origin) for plugin in scenario.plugins if plugin.origin.endswith(".py")]
    else:
        check_scenario_given(scenario)
        path, own = named_scenario(scenario)
    return Recipe(
        path,
        overrides,
        tuple(path for path in paths if not path.is_dir()),
        tuple(path for path in paths if path.is_dir()),
        None if data_dir is None else Path(data_dir),
        backend,
        own,
    )


def _written(scenario: Scenario, recipe: Recipe, out: Path) -> Recipe:
    """The recipe of a scenario that was made in Python: it is written to a file, with the rows that it was given."""
    refuse_study(scenario)
    rows = b"" if scenario.table is None else write_rows(scenario.table)
    # Other rows do not take the place of those that trials have been trained on.
    folder = out / GIVEN / hashlib.sha256(rows + scenario.to_toml().encode()).hexdigest()[:12]
    make_folder(folder)
    kept = keep_rows(scenario, folder)
    path = folder / SCENARIO
    write_atomically(path, portable(kept).to_toml())
    return Recipe(path, {}, recipe.plugins, recipe.plugin_folders, recipe.data_dir, recipe.backend, own=True)
