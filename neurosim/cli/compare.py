"""``neurosim compare``: finished runs side by side."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurosim.cli.columns import columns
from neurosim.cli.given import RunPath
from neurosim.cli.options import DATA_DIR, FORCE, JSON, FilePath, print_json
from neurosim.cli.sources import Sources, with_sources

if TYPE_CHECKING:
    from neurosim.report.comparison import Comparison

NARROW = 80
LONGEST = 28


@click.command()
@click.argument("runs", nargs=-1, type=RunPath(path_type=str), metavar="[RUN]...")
@click.option(
    "--out", type=FilePath(), metavar="DIR", help="Folder for the pictures; runs/comparison-<time> by default."
)
@with_sources(DATA_DIR, FORCE)
@JSON
def command(
    runs: tuple[str, ...],
    out: Path | None,
    sources: Sources,
    as_json: bool,
) -> None:
    """Compare several RUNs, or the variants of one study, side by side: settings, results and curves.

    A RUN is the folder of a run, or "last" for the newest.
    """
    if not runs:
        raise click.UsageError("which runs? Try: neurosim compare last runs/xor-...  (the folders of two runs)")
    from neurosim.cli.pictures import draw_comparison
    from neurosim.report.comparison import common_title, compare
    from neurosim.runs.folder import folder_for

    read = sources.runs(runs)
    results = [result for run in read for result in run.results]
    if len(results) < 2:
        raise click.UsageError(f"{runs[0]} is a single run; name another one to compare it with")
    found = compare(results, of_one_study=len(read) == 1)
    with folder_for(out, "comparison") as folder:
        pictures = draw_comparison(found, common_title(found), folder)
    if as_json:
        print_json(_as_json(found, folder, pictures))
        return
    for line in _tables(found):
        click.echo(line)
    for remark in found.remarks:
        click.echo(remark)
    names = ", ".join(picture.name for picture in pictures) or "none"
    click.echo(textwrap.fill(f"Pictures in {folder}: {names}", NARROW, break_long_words=False, break_on_hyphens=False))


def _tables(found: Comparison) -> list[str]:
    """Settings that differ, then results: a column for each run if they fit, otherwise a row for each."""
    from neurosim.report.comparison import by_label, outcome_rows, setting_rows

    labels = [_short(label) for label in by_label(found)]
    settings = [[key, *map(_short, values)] for key, *values in setting_rows(found)]
    results = outcome_rows(found)
    width = max(shutil.get_terminal_size((NARROW, 24)).columns, NARROW)
    lines = [*columns([["differs", *labels], *settings])] if settings else ["All settings are the same."]
    lines += ["", *columns([["result", *labels], *results]), ""]
    if max(map(len, lines)) <= width:
        return lines
    runs = ["run", *labels]
    across = list(zip(runs, *([_last(key), *values] for key, *values in settings), strict=True))
    return [*(columns(across) if settings else lines[:1]), "", *columns(list(zip(runs, *results, strict=True))), ""]


def _last(key: str) -> str:
    """The end of a key path, with its layer if it has one: ``layers.0.units``."""
    words = key.split(".")
    return ".".join(words[-3:]) if words[-2:-1] and words[-2].isdigit() else words[-1]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _as_json(found: Comparison, folder: Path, pictures: Sequence[Path]) -> dict[str, Any]:
    return {
        "differing": {key: [run.settings.get(key) for run in found.runs] for key in found.differing},
        "runs": [{"label": run.label, **run.result.as_json()} for run in found.runs],
        "remarks": list(found.remarks),
        "pictures": [str(picture) for picture in pictures],
        "dir": str(folder),
    }
