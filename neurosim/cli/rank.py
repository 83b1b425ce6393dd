"""``neurosim rank``: a table of finished runs, the best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurosim.cli.columns import columns
from neurosim.cli.door import echo
from neurosim.cli.given import RunPath
from neurosim.cli.options import JSON, FilePath, print_json
from neurosim.cli.sources import Sources, with_sources

if TYPE_CHECKING:
    from neurosim.sweeps.ranking import Place, Table

LONGEST = 48
# So many reasons that are too long for the table are given in full below it, and folders named in a title.
FEW = 3


@click.command()
@click.argument("folders", nargs=-1, type=RunPath(path_type=Path), metavar="[FOLDER]...")
@click.option("--by", metavar="MEASURE", help="The measure that decides, such as test_accuracy.")
@click.option("--page", type=FilePath(), metavar="FILE", help="Write a page about the ranking to this file (.html).")
@click.option("--open", "opened", is_flag=True, help="Open the page in your browser.")
@click.option(
    "--csv", "csv_file", type=FilePath(), metavar="FILE", help="Write the trials to this file: a row for each."
)
@click.option("--parquet", type=FilePath(), metavar="FILE", help="Write them as Parquet.")
@with_sources()
@JSON
def command(
    folders: tuple[Path, ...],
    by: str | None,
    page: Path | None,
    opened: bool,
    csv_file: Path | None,
    parquet: Path | None,
    sources: Sources,
    as_json: bool,
) -> None:
    """Rank the runs in each FOLDER: that of a sweep, or of a run.

    Runs that differ only in their seed are one row: their mean, the half width of its 95% interval, and whether the
    difference to the best is more than chance, by a paired t-test on the seeds that both have; beside it the same with
    Holm's correction for the number of rows.
    """
    if not folders:
        raise click.UsageError("which runs? Try: neurosim rank runs/xor-sweep  (the folder of a sweep)")
    if opened and page is None:
        raise click.UsageError("--open opens a page. Give its file, too: --page ranking.html --open")
    from neurosim.report.ranking_page import ranking_page
    from neurosim.sweeps.directions import rises_by
    from neurosim.sweeps.entries import entries_in
    from neurosim.sweeps.importance import importance
    from neurosim.sweeps.leaderboard import page_data
    from neurosim.sweeps.ranking import rank
    from neurosim.sweeps.records import as_csv, as_parquet, records

    table = rank(entries_in(folders), by, rises_by(lambda: sources.registry))
    trials = records(table)
    found = importance(table) if page is not None or as_json else None
    written: dict[Path, str | bytes] = {}
    if page is not None and found is not None:
        written[page] = ranking_page(_title(folders), page_data(table, found, page.parent))
    if csv_file is not None:
        written[csv_file] = as_csv(trials)
    if parquet is not None:
        written[parquet] = as_parquet(trials)
    _write(written)
    if as_json and found is not None:
        print_json({**table.as_json(), "importance": found.as_json(), "trials": trials})
        return
    for path in written:
        click.echo(str(path))
    if opened and page is not None and click.launch(str(page)):
        click.echo("No browser could be started here; open the file above in one.", err=True)
    if not written:
        print_table(table)


def _title(folders: Sequence[Path]) -> str:
    """What the page is about: a few names, and how many more."""
    from neurosim.printable import headline

    names = [folder.resolve().name or str(folder) for folder in folders]
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return headline(f"Ranking of {', '.join(names[:FEW])}{more}")


def _write(files: Mapping[Path, str | bytes]) -> None:
    from neurosim.files.atomic import make_folder, write_atomically

    for path, content in files.items():
        make_folder(path.parent)
        write_atomically(path, content)


def print_table(table: Table, most: int | None = None) -> None:
    """Print the rows of a table, or the first so many."""
    from neurosim.markup import measure_words
    from neurosim.runs.results import counted
    from neurosim.sweeps.ranking import going_along

    shown = table.places[:most]
    words = "nothing to rank by" if table.measure is None else f"the best {measure_words(table.measure)} first"
    several = len(shown) < len(table.places)
    title = f"{counted(len(table.places), 'network')}, {words}" + (f": the first {len(shown)}" if several else "")
    echo(title, bold=True)
    click.echo()
    header = ["", "settings", "mean", "95%", "n", "p", "p (Holm)", "parameters", "multiply-adds", "seconds", ""]
    along = going_along(table)
    rows = [header, *(_row(number, place, table.measure, along) for number, place in enumerate(shown, 1))]
    # Columns in which nothing stands are left out.
    kept = [place for place in range(len(header)) if place == 1 or any(row[place] for row in rows[1:])]
    for line in columns([[row[place] for place in kept] for row in rows], [kept.index(1), len(kept) - 1]):
        click.echo(line)
    cut = dict.fromkeys(reason for place in shown for reason in _reasons(place)[:1] if len(reason) > LONGEST)
    for reason in list(cut)[:FEW]:
        click.echo(f"In full: {reason}")
    if along:
        more = f" and {len(along) - FEW} more" if len(along) > FEW else ""
        click.echo(f"Not shown, since they go with another setting: {', '.join(along[:FEW])}{more}")
    for remark in table.remarks:
        click.echo(remark)


def _row(number: int, place: Place, name: str | None, along: Sequence[str]) -> list[str]:
    from neurosim.markup import measure
    from neurosim.sweeps.ranking import words_of

    settings = (
        words_of({key: value for key, value in place.settings.items() if key not in along})
        or "as the scenario has them"
    )
    reasons = _reasons(place)
    return [
        str(number),
        settings,
        "" if place.mean is None or name is None else measure(name, place.mean),
        "" if place.half is None or name is None else f"± {measure(name, place.half)}",
        str(len(place.finished)),
        "" if place.p is None else f"{place.p:.2g}",
        "" if place.adjusted is None else f"{place.adjusted:.2g}",
        "" if place.parameters is None else f"{place.parameters:,}",
        "" if place.multiply_adds is None else f"{place.multiply_adds:,}",
        "" if place.seconds is None else f"{place.seconds:.2g}",
        _failures(place, reasons),
    ]


def _failures(place: Place, reasons: Sequence[str]) -> str:
    """How many have failed, and why; of what was stopped early, that alone."""
    from neurosim.sweeps.journal import STOPPED

    if not reasons:
        return ""
    if all(reason.startswith(STOPPED) for reason in reasons):
        return reasons[0]
    return f"{len(place.failed)} failed: {_short(reasons[0])}"


def _reasons(place: Place) -> list[str]:
    return sorted({entry.reason for entry in place.failed})


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
