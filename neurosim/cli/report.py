"""``neurosim report``: one page about a run, or about several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurosim.cli.given import RunPath
from neurosim.cli.options import DATA_DIR, FORCE, FilePath
from neurosim.cli.sources import Sources, with_sources
from neurosim.printable import quoted

if TYPE_CHECKING:
    from neurosim.runs.reading import ReadRun


@click.command()
@click.argument("runs", nargs=-1, type=RunPath(path_type=str), metavar="[RUN]...")
@click.option("--open", "opened", is_flag=True, help="Open the page in your browser.")
@click.option("--out", type=FilePath(), metavar="DIR", help="Folder to write to; the run's own by default.")
@with_sources(DATA_DIR, FORCE)
def command(
    runs: tuple[str, ...],
    opened: bool,
    out: Path | None,
    sources: Sources,
) -> None:
    """Write report.html for RUN, the folder of a run, or "last" for the newest.

    For several runs, write one page that compares them.
    """
    if not runs:
        raise click.UsageError("which run? Try: neurosim report last  or, to compare, several of them")
    if out is not None and out.suffix.lower() in (".html", ".htm") and not out.is_dir():
        folder = out.with_suffix("")
        raise click.UsageError(
            f"--out takes a folder, into which report.html is written, such as: --out {quoted(folder)}"
        )

    read = sources.runs(runs)
    path = _of_one(read[0], out) if len(read) == 1 else _of_several(read, out)
    click.echo(str(path))
    if opened and click.launch(str(path)):
        click.echo("No browser could be started here; open the file above in one.", err=True)


def _of_one(run: ReadRun, out: Path | None) -> Path:
    from neurosim.analysis.failures import Failures
    from neurosim.cli.pictures import draw_study, say_failures
    from neurosim.files.atomic import make_folder, sweep

    failures = Failures()
    folder = make_folder(out or run.drawn_to)
    sweep(folder)
    if run.scenario.is_study and len(run.results) > 1:
        from neurosim.report.comparison_page import write_study_page

        pictures = draw_study(run.scenario, run.results, folder, failures)
        say_failures(failures)
        return write_study_page(run.scenario, run.results, pictures, folder)
    from neurosim.analysis.catalog import usual_pictures
    from neurosim.analysis.facts import run_facts
    from neurosim.cli.both_futures import PICTURE, draw_missing_futures
    from neurosim.plots.pictures import write_pictures
    from neurosim.report.run import prepare_run_page, write_run_page
    from neurosim.scenario.pictures import PICTURES

    result, formats = run.results[0], run.scenario.plots.formats
    there = [run.folder / f"{name}.{kind}" for name in (PICTURE, *PICTURES) for kind in formats]
    # The pictures that the run drew show it as it was.
    pictures = [path for path in there if not run.mixed and path.is_file()]
    asked = run.scenario.plots.pictures
    drawn = {path.stem for path in pictures}
    # A run that was killed may have only some of them.
    left = [name for name in (usual_pictures(result.simulator) if asked is None else asked) if name not in drawn]
    if left:
        pictures += write_pictures(run_facts(result.simulator, left, formats, failures), folder, failures)
    if PICTURE not in drawn and not run.mixed:
        pictures = draw_missing_futures(result, folder, failures) + pictures
    say_failures(failures)
    return write_run_page(prepare_run_page(result), pictures, folder)


def _of_several(read: list[ReadRun], out: Path | None) -> Path:
    from neurosim.cli.pictures import draw_comparison
    from neurosim.report.comparison import common_title, compare
    from neurosim.report.comparison_page import write_comparison_page
    from neurosim.runs.folder import folder_for

    found = compare([result for run in read for result in run.results])
    title = common_title(found)
    with folder_for(out, "comparison") as folder:
        pictures = draw_comparison(found, title, folder)
        return write_comparison_page(found, title, pictures, folder)
