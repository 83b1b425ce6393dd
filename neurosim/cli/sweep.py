"""``neurosim sweep``: a scenario with many settings and seeds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurosim.cli.given import ScenarioPath, scenario_source
from neurosim.cli.options import BACKENDS, DATA_DIR, JSON, SET, FilePath, offered, print_json
from neurosim.cli.sources import Sources, with_sources
from neurosim.cli.values import Value, Whole
from neurosim.printable import command as typed
from neurosim.printable import quoted
from neurosim.process.interruption import kept

if TYPE_CHECKING:
    from neurosim.sweeps.ranking import Place

SHOWN = 10
MISSED = 5
# As `neurosim.scenario.sweep_section.Search`, without loading it for the help.
SEARCHES = ("grid", "random", "sobol", "tpe", "cmaes")
PRUNERS = ("median", "hyperband")


class Shard(Value):
    """Which part of how many: ``3/10``."""

    name = "part"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Both numbers."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", str(value))
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            self.fail(f"{value!r} is not a part such as 3/10: the third of ten", param, ctx)
        return int(match[1]), int(match[2])


@click.command()
@click.argument("scenario", required=False, type=ScenarioPath(path_type=str))
@click.option(
    "--over",
    multiple=True,
    metavar="KEY.PATH=VALUES",
    shell_complete=offered("settings"),
    help="Vary a setting: a list such as 4,8,16, or a range: log(1e-4,1,5), lin(0,0.5,3), int(4,64,6); can be given "
    "several times. All combinations are tried, unless points are drawn.",
)
@click.option("--seeds", type=Whole(1, 1_000_000), metavar="N", help="Train each from the seeds 0 to N-1.")
@click.option(
    "--search",
    type=click.Choice(SEARCHES),
    help="How points are found: all combinations (grid); or as many as --trials says, drawn (random, sobol) or chosen "
    "by Optuna by what came out so far (tpe, cmaes).",
)
@click.option("--trials", type=Whole(1, 1_000_000), metavar="N", help="How many points to try, unless it is a grid.")
@click.option(
    "--random",
    type=Whole(1, 1_000_000),
    metavar="N",
    help="The same as --search random --trials N.",
)
@click.option("--sobol", type=Whole(1, 1_000_000), metavar="N", help="The same as --search sobol --trials N.")
@click.option(
    "--prune",
    type=click.Choice(PRUNERS),
    help="For tpe and cmaes: stop a trial early that is behind the others in the same epoch.",
)
@SET
@click.option("--backend", type=BACKENDS, default="cpu", show_default=True, help="Where to compute.")
@click.option(
    "--out",
    type=FilePath(),
    metavar="DIR",
    help="Folder of the trials; runs/<name>-sweep by default. What is there stays.",
)
@click.option("--shard", type=Shard(), default=(1, 1), metavar="3/10", help="Train only the third of ten parts.")
@click.option("--jobs", type=Whole(1, 1024), metavar="N", help="Processes; one for each processor by default.")
@click.option(
    "--on",
    metavar="ADDRESS",
    help="Train on the workers of a Dask cluster: dask://HOST:PORT of its scheduler, or tls://HOST:PORT.",
)
@click.option("--by", metavar="MEASURE", help="The measure that decides, such as validation_accuracy.")
@with_sources(DATA_DIR)
@JSON
def command(
    scenario: str | None,
    over: tuple[str, ...],
    seeds: int | None,
    search: str | None,
    trials: int | None,
    random: int | None,
    sobol: int | None,
    prune: str | None,
    settings: tuple[str, ...],
    backend: str,
    out: Path | None,
    shard: tuple[int, int],
    jobs: int | None,
    on: str | None,
    by: str | None,
    sources: Sources,
    as_json: bool,
) -> int:
    """Train SCENARIO with many settings and seeds, and rank what comes out.

    \b
    neurosim sweep xor --over 'optimizer.lr=log(1e-3,1,4)' --over network.layers.0.units=2,4,8 --seeds 10
    neurosim sweep digits --over 'optimizer.lr=log(1e-4,1e-1)' --sobol 32 --seeds 3

    What varies may stand in the scenario, in its section [sweep]; what is given here has the last word.

    Each trial is named after all that decides its numbers. The same command again trains only what is missing, whatever
    has ended it. Many seeds of a small network are kept in one file; commands find each by its name all the same.
    """
    if scenario is None:
        raise click.UsageError("which scenario? Try: neurosim sweep xor --over optimizer.lr=0.1,0.3,1 --seeds 5")
    ways = {"--search": search, "--random": random, "--sobol": sobol}
    if sum(way is not None for way in ways.values()) > 1:
        named = [name for name, way in ways.items() if way is not None]
        raise click.UsageError(f"{' and '.join(named)} are two ways to choose points: give one of them")
    if trials is not None and (random or sobol):
        raise click.UsageError("--random and --sobol say how many points themselves: leave out --trials")
    from neurosim.cli.sweep_progress import sweep_display
    from neurosim.scenario.overrides import parse_overrides
    from neurosim.scenario.run_folders import RUNS
    from neurosim.scenario.varied import parse_over
    from neurosim.sweeps.plan import plan_of
    from neurosim.sweeps.space import RANDOM, SOBOL
    from neurosim.sweeps.sweep import sweep
    from neurosim.sweeps.trials import Recipe

    connect = None
    if on is not None:
        from neurosim.sweeps.cluster import on as at

        if jobs is not None:
            raise click.UsageError("--jobs is for this machine, and --on trains on as many workers as there are")
        connect = at(on)
    dimensions = [parse_over(text) for text in over]
    path, is_run = scenario_source(scenario, quiet=as_json)
    recipe = Recipe(
        path, parse_overrides(settings), sources.plugins, sources.plugin_folders, sources.data_dir, backend, is_run
    )
    loaded = recipe.scenario()
    plan = plan_of(
        loaded.sweep,
        dimensions,
        seeds=seeds,
        search=search or (RANDOM if random else SOBOL if sobol else None),
        trials=trials or random or sobol,
        by=by,
        prune=prune,
    )
    folder = out or RUNS / f"{loaded.scenario.name}-sweep"
    what = f"what has been trained is in {quoted(folder)}; the same command trains what is missing"
    with kept(lambda: what), sweep_display(silent=as_json) as tell:
        swept = sweep(
            recipe,
            plan,
            folder,
            shard=shard,
            jobs=jobs,
            on=connect,
            tell=tell,
        )
    missed = swept.best is not None and _has_missed(swept.best, expects=bool(loaded.expect))
    if as_json:
        print_json(
            {"trials": swept.trials, "trained": swept.trained, "run_dir": str(swept.folder), **swept.table.as_json()}
        )
    else:
        from neurosim.cli.rank import print_table

        click.echo()
        print_table(swept.table, SHOWN)
        click.echo()
        click.echo(f"Trials: {swept.folder}    all of them: {typed('rank', swept.folder)}")
    if missed:
        click.echo("expectation missed: no seed of the best has met what the scenario expects", err=True)
        return MISSED
    return 0


def _has_missed(best: Place, *, expects: bool) -> bool:
    """Whether something is expected of the best, and no seed of it has done that; `expects`: by the scenario."""
    met = [entry.met for entry in best.entries]
    return (expects or any(one is not None for one in met)) and not any(met)
