"""``neurosim play``: a scenario as a page that trains in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurosim.cli.given import ScenarioPath
from neurosim.cli.options import BACKENDS, DATA_DIR, JSON, SET, FilePath, say_notes
from neurosim.cli.sources import Sources, with_sources
from neurosim.cli.values import Whole
from neurosim.errors import UsageError, add_hint
from neurosim.printable import quoted

if TYPE_CHECKING:
    from neurosim.problem.assembly import Problem
    from neurosim.scenario import Scenario

USUAL = "spirals"
LOOPBACK = "127.0.0.1"


@click.command()
@click.argument("scenario", default=USUAL, type=ScenarioPath(path_type=str), metavar="[SCENARIO]")
@SET
@click.option("--page", type=FilePath(), metavar="FILE", help="Write the page to this file (.html), and open nothing.")
@click.option(
    "--port",
    type=Whole(0, 65535),
    default=0,
    metavar="N",
    help="Serve the page at this port; by default at one that is free.",
)
@click.option(
    "--host",
    default=LOOPBACK,
    metavar="ADDRESS",
    help="Serve the page to other computers too: the address of this one, or 0.0.0.0 for all that it has. By default "
    "only this computer gets it.",
)
@click.option(
    "--engine",
    type=BACKENDS,
    help="Train here instead of in the page, for convolutions and all that is too large for a page: compiled on the "
    "CPU, in plain NumPy, or on a GPU.",
)
@click.option(
    "--collect",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Instead of a page, the table of the answers (.json) that students have downloaded into this folder.",
)
@click.option(
    "--check",
    is_flag=True,
    help="With --collect: train again what students say to have reached a goal with, and see whether it does.",
)
@with_sources(DATA_DIR)
@JSON
def command(
    scenario: str,
    settings: tuple[str, ...],
    page: Path | None,
    port: int,
    host: str,
    engine: str | None,
    collect: Path | None,
    check: bool,
    sources: Sources,
    as_json: bool,
) -> None:
    """Open SCENARIO as a page that trains in the browser; by default the spirals.

    \b
    neurosim play moons
    neurosim play spirals --page spirals.html
    neurosim play digits-cnn --engine cpu

    On the page you change the data, the network and how it is trained, watch each unit, go back in time, and download
    what you have found as a scenario. It is served until you press Ctrl-C or have closed it for a minute.

    The file that --page writes needs no server and no network: hand it to a class. A scenario may ask questions on its
    page; students download their answers as a file, and --collect judges the files of a class.
    """
    if page is not None and engine is not None:
        raise click.UsageError("--page writes a page that trains by itself: leave out --engine")
    if check and collect is None:
        raise click.UsageError("--check is for the answers of a class: add --collect FOLDER")
    from neurosim.problem.assembly import assemble
    from neurosim.report.playground import playground

    loaded = sources.scenario(scenario, settings)
    say_notes(loaded)
    if collect is not None:
        from neurosim.cli.class_answers import print_answers

        goals = None
        if check:
            from neurosim.play.goals import Goals
            from neurosim.report.twin import DATASETS

            goals = Goals(loaded, assemble(loaded, sources.data_dir), DATASETS)
        print_answers(loaded, collect, goals, as_json=as_json)
        return
    if as_json:
        raise click.UsageError(f"--json is for the answers of a class. Try: neurosim play {scenario} --collect FOLDER")
    problem = assemble(loaded, sources.data_dir)
    if page is not None:
        from neurosim.files.atomic import make_folder, write_atomically

        text = playground(loaded, problem)
        make_folder(page.parent)
        write_atomically(page, text)
        click.echo(str(page))
        return
    _serve(scenario, loaded, problem, engine, (host, port), sources)


def _serve(
    given: str, scenario: Scenario, problem: Problem, engine: str | None, place: tuple[str, int], sources: Sources
) -> None:
    from neurosim.play.serving import served
    from neurosim.play.visitors import Host, Visitors
    from neurosim.report.playground import playground

    attendant: Host
    if engine is None:
        from neurosim.play.formulas import Reader

        attendant = reader = Reader([entry.record.name for entry in scenario.registry.activations])

        def page() -> str:
            typed = [{"name": name, "text": text} for name, text in reader.texts.items()]
            return playground(scenario, problem, {"typed": typed}, reader.activations.values())

    else:
        from neurosim.play.school import School
        from neurosim.report.twin import DATASETS

        attendant = School(scenario, problem, engine, DATASETS, data_dir=sources.data_dir)

        def page() -> str:
            return playground(scenario, problem, {"engine": engine})

    try:
        page()
    except UsageError as error:
        add_hint(error, f"Or watch it here: neurosim play {quoted(given)} --engine cpu")
        raise
    visitors, host = Visitors(), place[0]
    with served(page, visitors, *place) as address:
        show(address, opens=host == LOOPBACK)
        visitors.attend(attendant)
    click.echo("The page has been closed for a minute.", err=True)


def show(address: str, *, opens: bool) -> None:
    """Say where the page is, and open it."""
    click.echo(address)
    click.echo("Ctrl-C ends it, and so does closing the page for a minute.", err=True)
    if opens and click.launch(address):
        click.echo("No browser could be started here; open the address above in one.", err=True)
