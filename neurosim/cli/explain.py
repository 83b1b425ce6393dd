"""``neurosim explain``: one training step as a worksheet with all its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurosim.cli.given import ScenarioPath, scenario_source
from neurosim.cli.options import (
    DATA_DIR,
    FORCE,
    SET,
    FilePath,
    offered,
    say_mixed,
    say_notes,
)
from neurosim.cli.sources import Sources, with_sources
from neurosim.cli.values import SEED, OneOf, Whole

if TYPE_CHECKING:
    from neurosim.scenario import Scenario

SUFFIXES = {"text": ".txt", "markdown": ".md", "html": ".html"}


@click.command()
@click.argument("scenario", required=False, type=ScenarioPath(path_type=str), metavar="[SCENARIO]")
@click.option(
    "--sample", type=Whole(0), metavar="I", help="The training row, counted from 0; an instructive one by default."
)
@click.option("--step", "steps", type=Whole(0), default=0, metavar="K", help="Train K steps first.")
@click.option("--path", is_flag=True, help="Follow a single path through the network and back, in about twenty lines.")
@click.option(
    "--unit",
    "units",
    type=Whole(1),
    multiple=True,
    metavar="N",
    help="With --path: go through this hidden unit, counted from 1; once for each hidden layer. By default, the path "
    "follows the largest gradient.",
)
@click.option("--format", "kind", type=OneOf(list(SUFFIXES)), default="text", show_default=True)
@click.option("--blank", is_flag=True, help="Leave gaps, for homework: writes a worksheet and a file with the answers.")
@click.option(
    "--variant",
    metavar="NAME",
    shell_complete=offered("variants"),
    help="The variant to explain, if the scenario has some; the first one by default.",
)
@click.option("--seed", type=SEED, metavar="N", help="Use this seed in place of the scenario's.")
@SET
@click.option(
    "--out",
    type=FilePath(),
    metavar="PATH",
    help="Write to this file; with --blank, to this folder (the current one by default).",
)
@with_sources(DATA_DIR, FORCE)
def command(
    scenario: str | None,
    sample: int | None,
    steps: int,
    path: bool,
    units: tuple[int, ...],
    kind: str,
    blank: bool,
    variant: str | None,
    seed: int | None,
    settings: tuple[str, ...],
    out: Path | None,
    sources: Sources,
) -> None:
    """Show one training step of SCENARIO for one sample: forward, loss, backward and update, with the numbers.

    \b
    neurosim explain xor --path
    neurosim explain xor --step 100

    To begin with, --path shows a short piece of it: one path through the network, and back. SCENARIO is the name of a
    shipped scenario, a TOML file, or a run ("last" for the newest), whose scenario is explained from its start.
    """
    if scenario is None:
        raise click.UsageError("which scenario? Try: neurosim explain xor  (all of them: neurosim list scenarios)")
    from neurosim.files.atomic import make_folder, write_atomically
    from neurosim.training.simulator import Simulator
    from neurosim.worksheet import explain

    if units and not path:
        raise click.UsageError("--unit goes with --path")
    source, own = scenario_source(scenario)
    if own:
        from neurosim.runs.reading import changes_of_scenario

        since = changes_of_scenario(Path(source).parent, sources.registry, sources.data_dir, variant)
        since.refuse(force=sources.force)
        say_mixed(since.remark)
    loaded = sources.scenario(source, settings, own=own, quiet=True)
    chosen = _one(loaded, variant)
    say_notes(chosen)
    sheet = explain(Simulator(chosen, seed=seed, data_dir=sources.data_dir), sample, steps, path=path, units=units)
    if blank:
        folder = make_folder(out or Path())
        for what, gaps in (("worksheet", True), ("answers", False)):
            file = folder / f"{sheet.name}-{what}{SUFFIXES[kind]}"
            write_atomically(file, sheet.printed(kind, blank=gaps, part=what))
            click.echo(f"{what.capitalize():<10} {file}")
    elif out is not None:
        make_folder(out.parent)
        write_atomically(out, sheet.printed(kind))
        click.echo(f"Worksheet: {out}")
    else:
        click.echo(sheet.printed(kind), nl=False)


def _one(scenario: Scenario, variant: str | None) -> Scenario:
    """The network to explain: of several variants, the one asked for, or else the first."""
    from neurosim.runs import one_variant

    if variant is not None:
        return one_variant(scenario, variant)
    if not scenario.variants:
        return scenario
    first = next(iter(scenario.variants))
    others = ", ".join(name for name in scenario.variants if name != first)
    click.echo(f"This is variant {first}; --variant explains another one: {others}", err=True)
    return scenario.variants[first]
