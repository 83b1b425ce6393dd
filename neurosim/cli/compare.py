"""``neurosim compare``: finished runs beside each other."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurosim.cli.options import DATA_DIR, JSON, PLUGIN, PLUGINS_DIR, print_json

if TYPE_CHECKING:
    from neurosim.analysis.comparison import Compared, Comparison

NARROW = 80
LONGEST = 28


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder for the pictures.")
@PLUGIN
@PLUGINS_DIR
@DATA_DIR
@JSON
def command(
    runs: tuple[str, ...],
    out: Path | None,
    plugins: tuple[Path, ...],
    plugin_folders: tuple[Path, ...],
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Compare several RUNs, folders that neurosim run has written, or the variants of one study."""
    if not runs:
        raise click.UsageError("which runs? Try: neurosim compare runs/first runs/second")
    from neurosim.analysis.comparison import compare, comparison_facts
    from neurosim.files import make_folder
    from neurosim.plots.studies import write_comparison
    from neurosim.registry import build_registry
    from neurosim.training.folder import default_folder
    from neurosim.training.reading import read_run

    registry = build_registry(plugins, plugin_folders=plugin_folders)
    read = [read_run(run, registry, data_dir=data_dir) for run in runs]
    results = [result for run in read for result in run.results]
    if len(results) < 2:
        raise click.UsageError(f"{runs[0]} is a single run; name another one to compare it with")
    found = compare(results, of_one_study=len(read) == 1)
    folder = make_folder(out or default_folder("comparison"))
    titles = dict.fromkeys(result.scenario.scenario.title for result in results)
    title = next(iter(titles)) if len(titles) == 1 else f"{len(results)} runs compared"
    pictures = write_comparison(comparison_facts(found, title), folder)
    if as_json:
        print_json(_as_json(found, folder, pictures))
        return
    for line in _tables(found):
        click.echo(line)
    for remark in found.remarks:
        click.echo(remark)
    click.echo("Pictures: " + ", ".join(str(picture) for picture in pictures))


def _results(runs: Sequence[Compared]) -> dict[str, str]:
    """What came of a run, in words; of several from different seeds mean and standard deviation."""
    results = [run.result for run in runs]
    cells = {}
    for name in results[0].metrics:
        known = [value for result in results if (value := result.metrics[name]) is not None]
        if known:
            cells[name.replace("_", " ")] = _measure(known, percent=name.endswith("_accuracy"))
    seconds = [value for result in results for value in result.history.seconds if value]
    epochs = sorted({len(result.history) for result in results})
    cells["epochs"] = str(epochs[0]) if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
    cells["s/epoch"] = f"{sum(seconds) / len(seconds):.2g}" if seconds else "-"
    cells["parameters"] = str(results[0].simulator.network.size)
    promises = [expectation for result in results for expectation in result.expectations]
    if promises:
        cells["promises met"] = f"{sum(promise.met for promise in promises)} of {len(promises)}"
    if len(runs) > 1:
        cells["seeds"] = str(len(runs))
    return cells


def _measure(values: Sequence[float], *, percent: bool) -> str:
    mean = sum(values) / len(values)
    words = f"{mean:.2%}" if percent else f"{mean:.4g}"
    if len(values) == 1:
        return words
    deviation = statistics.stdev(values)
    return f"{words} ± {100 * deviation:.2f}" if percent else f"{words} ± {deviation:.2g}"


def _tables(found: Comparison) -> list[str]:
    """Settings that differ, then results: a column for each run where they fit, else a row for each."""
    from neurosim.analysis.comparison import by_label

    groups = by_label(found)
    results = [_results(runs) for runs in groups.values()]
    names = list(dict.fromkeys(name for cells in results for name in cells))
    labels = [_short(label) for label in groups]
    firsts = [runs[0] for runs in groups.values()]
    settings = [[key, *(_short(run.settings.get(key, "-")) for run in firsts)] for key in found.differing]
    outcome = [[name, *(cells.get(name, "-") for cells in results)] for name in names]
    width = max(shutil.get_terminal_size((NARROW, 24)).columns, NARROW)
    lines = [*_columns([["differs", *labels], *settings])] if settings else ["All settings are the same."]
    lines += ["", *_columns([["result", *labels], *outcome]), ""]
    if max(map(len, lines)) <= width:
        return lines
    across = [["run", *(_last(key) for key in found.differing)]]
    across += [[label, *(row[place + 1] for row in settings)] for place, label in enumerate(labels)]
    down = [["run", *names], *([label, *(row[place + 1] for row in outcome)] for place, label in enumerate(labels))]
    return [*(_columns(across) if settings else lines[:1]), "", *_columns(down), ""]


def _last(key: str) -> str:
    """The end of a key path, with the layer where it is of one."""
    words = key.split(".")
    return ".".join(words[-2:]) if words[-2:-1] and words[-2].isdigit() else words[-1]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _as_json(found: Comparison, folder: Path, pictures: Sequence[Path]) -> dict[str, Any]:
    return {
        "differing": {key: [run.settings.get(key) for run in found.runs] for key in found.differing},
        "runs": [{"label": run.label, **run.result.as_json()} for run in found.runs],
        "remarks": list(found.remarks),
        "pictures": [str(picture) for picture in pictures],
        "dir": str(folder),
    }
