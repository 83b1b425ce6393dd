"""``neurosim play``: a scenario as a page that trains in the browser."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from neurosim.cli.given import ScenarioPath
from neurosim.cli.options import DATA_DIR, SET, FilePath, say_notes
from neurosim.cli.sources import Sources, with_sources

USUAL = "spirals"


@click.command()
@click.argument("scenario", default=USUAL, type=ScenarioPath(path_type=str), metavar="[SCENARIO]")
@SET
@click.option("--page", type=FilePath(), metavar="FILE", help="Write the page to this file (.html), and open nothing.")
@with_sources(DATA_DIR)
def command(scenario: str, settings: tuple[str, ...], page: Path | None, sources: Sources) -> None:
    """Open SCENARIO as a page that trains in the browser; by default the spirals.

    \b
    neurosim play moons
    neurosim play spirals --page spirals.html

    On the page you change the data, the network and how it is trained, watch each unit, go back in time, and download
    what you have found as a scenario. The file needs no server and no network: hand it to a class.
    """
    from neurosim.files.atomic import make_folder, write_atomically
    from neurosim.problem.assembly import assemble
    from neurosim.report.playground import playground

    loaded = sources.scenario(scenario, settings)
    say_notes(loaded)
    text = playground(loaded, assemble(loaded, sources.data_dir))
    if page is not None:
        make_folder(page.parent)
        write_atomically(page, text)
        click.echo(str(page))
        return
    import webbrowser

    path = Path(tempfile.mkdtemp(prefix="neurosim-")) / f"{loaded.scenario.name}.html"
    path.write_text(text, encoding="utf-8")
    click.echo(path.as_uri())
    webbrowser.open(path.as_uri())
