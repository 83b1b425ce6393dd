"""``neurosim run``: train a scenario, show progress, print a summary and the lesson."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurosim.cli.drawing import drawing
from neurosim.cli.given import RunPath, ScenarioPath, run_path
from neurosim.cli.options import (
    BACKENDS,
    DATA_DIR,
    JSON,
    NO_REPORT,
    SET,
    THREADS,
    FilePath,
    Output,
    Presentation,
    offered,
    say_notes,
)
from neurosim.cli.sources import Sources, with_sources
from neurosim.cli.values import SEED, Whole
from neurosim.process.interruption import kept
from neurosim.suggestions import listed

if TYPE_CHECKING:
    from neurosim.scenario import Scenario


@click.command()
@click.argument("scenarios", nargs=-1, type=ScenarioPath(path_type=str), metavar="[SCENARIO]...")
@SET
@click.option(
    "--backend",
    type=BACKENDS,
    help="Where to compute: compiled on the CPU, in plain NumPy (slow and exact), or on a GPU; cpu by default, and "
    "with --resume what the run was begun with.",
)
@click.option(
    "--variant",
    metavar="NAME",
    shell_complete=offered("variants"),
    help="Train only this variant of a scenario that has some; all by default.",
)
@click.option(
    "--seed",
    type=SEED,
    metavar="N",
    help="Use this seed in place of the scenario's: other initial weights and another order of the rows, but the same "
    "rows (data.seed decides which).",
)
@click.option(
    "--seeds",
    type=Whole(1, 1_000_000),
    metavar="N",
    help="Train N networks that differ only in their seed, and say how often it works.",
)
@THREADS
@click.option(
    "--out",
    type=FilePath(),
    metavar="DIR",
    help="Folder to write to (of several scenarios: a folder for each in it); runs/<name>-<time> by default.",
)
@with_sources(DATA_DIR)
@click.option(
    "--resume",
    type=RunPath(resolved=False),
    metavar="RUN",
    help="Resume a run that was stopped or killed: its folder, or a checkpoint.",
)
@click.option(
    "--force",
    is_flag=True,
    help="With --resume: resume even if scenario, data, plugins, versions or the kind of processor have changed. What "
    "is trained to its end stays what it is.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="NAME",
    shell_complete=offered("logs"),
    help="Write each epoch into the run's folder for other programs too: csv (log.csv), tensorboard, or the log of a "
    "plugin; may be given more than once.",
)
@click.option("--live", is_flag=True, help="Show the network in the browser while it trains.")
@NO_REPORT
@JSON
@click.option("--quiet", is_flag=True, help="Print only errors and missed expectations.")
def command(
    scenarios: tuple[str, ...],
    settings: tuple[str, ...],
    backend: str | None,
    variant: str | None,
    seed: int | None,
    seeds: int | None,
    threads: int | None,
    out: Path | None,
    sources: Sources,
    resume: Path | None,
    logs: tuple[str, ...],
    live: bool,
    no_report: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Train SCENARIO: one that came with neurosim, by its name, or a TOML file of your own.

    \b
    neurosim run xor
    neurosim run xor --set training.epochs=50 --seed 3
    neurosim run mine.toml other.toml
    neurosim run --resume last

    A scenario with variants or repeats is several networks: all of them are trained and compared. Several scenarios
    are trained one after the other and ranked. The folder of a run, or "last" for the newest one, stands for the
    scenario of that run: it is run again.
    """
    _check(scenarios, variant, seeds, out, resume, force=sources.force, live=live)
    if resume is not None:
        resume = run_path(resume, quiet=quiet)
    output = Output.JSON if as_json else Output.NOTHING if quiet else Output.ALL
    shown = Presentation(output, report=not no_report, changed=bool(settings), live=live)
    several = len(scenarios) > 1
    with drawing(silent=seeds is not None or several) as studio, ExitStack() as claims:
        from neurosim.runs import RunOptions, logged, one_variant

        options = RunOptions(
            backend=backend or "cpu",
            seed=seed,
            threads=threads,
            out=out,
            data_dir=sources.data_dir,
            resume=resume,
            force=sources.force,
            for_report=not no_report,
            log=logs,
        )
        if several:
            from neurosim.cli.several import run_several

            return run_several(scenarios, settings, sources, options, shown)
        from neurosim.cli.resuming import about_to_resume, scenario_there, seeds_there
        from neurosim.cli.what_is_kept import what_is_kept
        from neurosim.runs.folder import folder_for
        from neurosim.runs.resuming import backend_there, is_of_run, run_folder_of, scenario_file

        many = None
        if resume is not None:
            # A folder without a run is refused before anything is said about its run.
            scenario_file(resume)
            many = seeds_there(resume, seeds, seed)
        source = scenarios[0] if scenarios else scenario_there(resume or Path())
        own = not scenarios or is_of_run(source, resume)
        loaded = sources.scenario(source, settings, own=own, quiet=quiet)
        if variant is not None:
            loaded = one_variant(loaded, variant)
        loaded = logged(loaded, logs)
        say_notes(loaded, quiet=quiet)
        if live and (loaded.is_study or seeds is not None or many is not None):
            which = f" Which --variant? {listed(loaded.variants)}" if loaded.variants else ""
            raise click.UsageError(f"--live shows one network, and this trains several.{which}")
        folder = run_folder_of(resume) if resume else claims.enter_context(folder_for(out, _name(loaded)))
        claims.enter_context(kept(lambda: what_is_kept(folder)))
        if resume is None:
            options = replace(options, out=folder)
        else:
            about_to_resume(resume, shown, many, is_study=loaded.is_study, force=sources.force)
            options = replace(options, backend=backend or backend_there(resume) or "cpu")
        if seeds is not None or many is not None:
            if loaded.variants:
                raise click.UsageError(f"--seeds trains one scenario; which --variant? {listed(loaded.variants)}")
            from neurosim.cli.seeds import train_seeds

            first = seed or 0
            chosen = many.seeds if many is not None else range(first, first + (seeds or 0))
            train_seeds(loaded, chosen, options, shown, many)
            return 0
        from neurosim.cli.training import train

        return train(loaded, options, shown, studio)[1]


def _name(scenario: Scenario) -> str:
    """What the run folder is named after."""
    name = scenario.scenario.name
    return f"{name}-{scenario.variant}" if scenario.variant else name


def _check(
    scenarios: tuple[str, ...],
    variant: str | None,
    seeds: int | None,
    out: Path | None,
    resume: Path | None,
    *,
    force: bool,
    live: bool,
) -> None:
    """Raise UsageError for options that cannot be combined."""
    if not scenarios and resume is None:
        raise click.UsageError("which scenario? Try: neurosim run xor  (all of them: neurosim list scenarios)")
    if any("=" in scenario for scenario in scenarios):
        from neurosim.cli.suggesting import forgotten_set

        words = forgotten_set(scenarios)
        if words is not None:
            raise click.UsageError(words)
    if len(scenarios) > 1:
        one = {"--seeds": seeds, "--variant": variant, "--resume": resume, "--live": live or None}
        for option, value in one.items():
            if value is not None:
                raise click.UsageError(f"{option} goes with one scenario, and {len(scenarios)} are given")
    if force and resume is None:
        raise click.UsageError("--force goes with --resume")
    if resume is not None and out is not None:
        raise click.UsageError("--resume writes to the run's own folder: leave out --out")
