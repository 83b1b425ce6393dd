"""``neurosim run``: train a scenario, show progress, print a summary and the lesson."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurosim.cli.drawing import drawing
from neurosim.cli.given import RunPath, ScenarioPath, run_path, scenario_source
from neurosim.cli.options import (
    BACKENDS,
    DATA_DIR,
    JSON,
    NO_REPORT,
    PLUGIN,
    PLUGINS_DIR,
    SET,
    THREADS,
    FilePath,
    Told,
    offered,
    say_notes,
)
from neurosim.cli.values import SEED, Whole
from neurosim.process.interruption import kept

if TYPE_CHECKING:
    from neurosim.scenario import Scenario

DIVERGED, MISSED = 4, 5


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
    help="Use this seed in place of the scenario's: other start weights and another order of the rows, but the same "
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
@PLUGIN
@PLUGINS_DIR
@DATA_DIR
@click.option(
    "--resume",
    type=RunPath(found=False),
    metavar="RUN",
    help="Go on with a run that was stopped or killed: its folder, or a checkpoint.",
)
@click.option(
    "--force",
    is_flag=True,
    help="With --resume: go on even if scenario, data, plugins, versions or the kind of processor have changed. What "
    "is trained to its end stays what it is.",
)
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
    plugins: tuple[Path, ...],
    plugin_folders: tuple[Path, ...],
    data_dir: Path | None,
    resume: Path | None,
    force: bool,
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
    _check(scenarios, variant, seeds, out, resume, force=force)
    scenario = scenarios[0] if scenarios else None
    if resume is not None:
        resume = run_path(resume, quiet=quiet)
    told = Told.JSON if as_json else Told.NOTHING if quiet else Told.ALL
    if len(scenarios) > 1:
        from neurosim.cli.several import Wishes, run_several
        from neurosim.plugin.host import build_registry
        from neurosim.scenario.overrides import parse_overrides

        registry = build_registry(plugins, plugin_folders=plugin_folders)
        wishes = Wishes(backend or "cpu", seed, threads, data_dir, changed=bool(settings), report=not no_report)
        return run_several(scenarios, parse_overrides(settings), registry, wishes, out, told)
    with drawing(silent=seeds is not None) as studio, ExitStack() as claims:
        from neurosim.cli.resuming import about_to_resume, scenario_there, seeds_there
        from neurosim.cli.what_is_kept import what_is_kept
        from neurosim.plugin.host import build_registry
        from neurosim.runs.folder import folder_for
        from neurosim.runs.resuming import backend_there, is_of_run, run_folder_of, scenario_file
        from neurosim.scenario import load_scenario
        from neurosim.scenario.overrides import parse_overrides

        many = None
        if resume is not None:
            # Before anything is said of the run in a folder that has none.
            scenario_file(resume)
            many = seeds_there(resume, seeds, seed)
        if scenario is not None:
            source, own = scenario_source(scenario, quiet=quiet)
            own = own or is_of_run(source, resume)
        else:
            source, own = scenario_there(resume or Path()), True
        registry = build_registry(plugins, plugin_folders=plugin_folders)
        loaded = load_scenario(source, overrides=parse_overrides(settings), registry=registry, own=own)
        if variant is not None:
            from neurosim.runs import one_variant

            loaded = one_variant(loaded, variant)
        say_notes(loaded, quiet=quiet)
        folder = run_folder_of(resume) if resume else claims.enter_context(folder_for(out, _name(loaded)))
        claims.enter_context(kept(lambda: what_is_kept(folder)))
        if resume is not None:
            about_to_resume(resume, is_study=loaded.is_study, many=many, force=force, report=not no_report, told=told)
            backend = backend or backend_there(resume)
        backend = backend or "cpu"
        if seeds is not None or many is not None:
            if loaded.variants:
                raise click.UsageError(f"--seeds trains one scenario; which --variant? {', '.join(loaded.variants)}")
            from neurosim.cli.seeds import train_seeds

            first = seed or 0
            chosen = many.seeds if many is not None else range(first, first + (seeds or 0))
            train_seeds(
                loaded, chosen, backend, threads, data_dir, folder,
                there=many, force=force, report=not no_report, told=told,
            )  # fmt: skip
            return 0

        if loaded.is_study:
            from neurosim.cli.studies import run_study

            found = run_study(
                loaded, backend, seed, threads, data_dir, folder,
                resume=resume is not None, force=force, changed=bool(settings), report=not no_report, told=told,
            )  # fmt: skip
            return DIVERGED if found.diverged else 0 if found.met else MISSED

        from neurosim.cli.single import run_single

        result = run_single(
            loaded, backend, seed, threads, data_dir, folder, studio,
            resume=resume, force=force, changed=bool(settings), report=not no_report, told=told,
        )  # fmt: skip
        return 0 if result.met else MISSED


def _name(scenario: Scenario) -> str:
    """What the run folder is called after."""
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
) -> None:
    """Raise UsageError for options that do not go together."""
    if not scenarios and resume is None:
        raise click.UsageError("which scenario? Try: neurosim run xor  (all of them: neurosim list scenarios)")
    if any("=" in scenario for scenario in scenarios):
        from neurosim.cli.suggesting import forgotten_set

        words = forgotten_set(scenarios)
        if words is not None:
            raise click.UsageError(words)
    if len(scenarios) > 1:
        for option, value in (("--seeds", seeds), ("--variant", variant), ("--resume", resume)):
            if value is not None:
                raise click.UsageError(f"{option} goes with one scenario, and {len(scenarios)} are given")
    if force and resume is None:
        raise click.UsageError("--force goes with --resume")
    if resume is not None and out is not None:
        raise click.UsageError("--resume goes on in the folder of the run: leave out --out")
