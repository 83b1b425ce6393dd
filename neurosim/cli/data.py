"""``neurosim data``: the available data sets, where their files are, and how to get them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurosim.cli.options import DATA_DIR, JSON, offered, print_json
from neurosim.printable import quoted

if TYPE_CHECKING:
    from neurosim.data import Download
    from neurosim.plugin.host import Entry


@click.group()
def data() -> None:
    """List data sets, and download those that are too large to ship."""


@data.command("list")
@DATA_DIR
@JSON
def list_command(data_dir: Path | None, as_json: bool) -> None:
    """List the data sets, and whether their files are present."""
    from neurosim.data import data_root
    from neurosim.plugin.host import build_registry
    from neurosim.scenario.schema import DataSection

    described = [describe(entry, data_dir) for entry in build_registry().datasets]
    if as_json:
        print_json({"data_folder": str(data_root(data_dir)), "datasets": described})
        return
    for dataset in described:
        click.echo(f"{dataset['name']:<14} {dataset['description']}")
        if dataset["options"]:
            options = (f"{name} = {option(value)}" for name, value in dataset["options"].items())
            click.echo(f"{'':<14} options: {', '.join(options)}")
        if dataset["download"]:
            click.echo(f"{'':<14} {_state(dataset)}")
    click.echo(f"\nEvery data set also takes {', '.join(key for key in DataSection.model_fields if key != 'source')}.")


def option(value: Any) -> str:
    """The default of an option, as a scenario would write it."""
    from neurosim.scenario.faults import show

    return "(required)" if value is None else show(value)


@data.command("fetch")
@click.argument("name", required=False, metavar="NAME", shell_complete=offered("downloads"))
@DATA_DIR
def fetch_command(name: str | None, data_dir: Path | None) -> None:
    """Download the data set NAME from a public mirror, and verify it.

    Files that are present and intact are left alone; damaged ones are replaced.
    """
    if name is None:
        raise click.UsageError("which data set? Try: neurosim data fetch mnist  (all of them: neurosim data list)")
    from neurosim.data import DOWNLOADS, data_root, dataset_folder
    from neurosim.errors import UsageError
    from neurosim.plugin.host import build_registry

    if name not in DOWNLOADS and name in build_registry().datasets.names():
        raise UsageError(f"{name} needs no download", f"neurosim data fetch knows {', '.join(DOWNLOADS)}.")
    folder = dataset_folder(name, data_dir)
    with_progress(name, folder)
    click.echo(f"{name} is in {folder}, verified")
    if data_dir is not None:
        click.echo(f"use it with  --data-dir {quoted(data_root(data_dir))}  or NEUROSIM_DATA")


def _state(dataset: dict[str, Any]) -> str:
    """Where the files of a data set are, or how to get them."""
    if not dataset["present"]:
        return f"not here yet: run  {dataset['how']}"
    here = f"files in {dataset['folder']}"
    return f"{here}; damaged: {', '.join(dataset['damaged'])}: run  {dataset['how']}" if dataset["damaged"] else here


def describe(entry: Entry, data_dir: Path | None) -> dict[str, Any]:
    """The entry of one data set in ``data list --json``.

    `download` says whether it needs files that `fetch` gets; `present` whether they are in `folder` (None if it needs
    none); `damaged` which of them are not the published ones (checked only in neurosim's own folder; elsewhere other
    files are allowed); `how` is the command that gets or replaces them.
    """
    from neurosim.data import DOWNLOADS, damaged_files, dataset_folder, is_own, missing_files

    record = entry.record
    needs_files = entry.plugin.name == "builtin" and record.name in DOWNLOADS
    folder = dataset_folder(record.name, data_dir)
    present = not missing_files(record.name, folder) if needs_files else None
    damaged = damaged_files(record.name, folder) if needs_files and is_own(folder) else []
    return {
        "name": record.name,
        "plugin": entry.plugin.name,
        "description": record.description,
        "source": record.source,
        "options": dict(record.options),
        "download": needs_files,
        "present": present,
        "damaged": damaged,
        "folder": str(folder) if needs_files else None,
        "how": f"neurosim data fetch {quoted(record.name)}" if present is False or damaged else None,
    }


def with_progress(name: str, folder: Path, downloads: dict[str, Download] | None = None) -> None:
    """Fetch a data set, with a live line on a terminal, otherwise one line for each file."""
    from rich.console import Console
    from rich.markup import escape

    from neurosim.cli.door import behind
    from neurosim.data import DOWNLOADS, fetch
    from neurosim.printable import printable

    console = Console(stderr=True)
    known = DOWNLOADS if downloads is None else downloads
    if not console.is_terminal:
        started: set[str] = set()

        def announce(file: str, done: int) -> None:
            if file not in started:
                started.add(file)
                click.echo(f"downloading {file}", err=True)

        fetch(name, folder, announce, known)
        return
    console.file = behind(console.file)  # it moves the cursor itself
    with console.status(f"checking {escape(printable(str(folder)))}") as status:

        def show(file: str, done: int) -> None:
            status.update(f"downloading {file}: {done / 1e6:.1f} MB")

        fetch(name, folder, show, known)


command = data
