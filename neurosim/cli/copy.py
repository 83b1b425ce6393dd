"""``neurosim copy``: a shipped scenario as a file of one's own."""

from __future__ import annotations

import os
from pathlib import Path

import click

from neurosim.cli.given import ShippedName
from neurosim.cli.options import FilePath
from neurosim.printable import quoted

SCHEMA = "scenario.schema.json"
_SCHEMA_LINE = "#:schema "


@click.command()
@click.argument("name", required=False, type=ShippedName(), metavar="NAME")
@click.argument("target", required=False, type=FilePath(), metavar="[FILE]")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def command(name: str | None, target: Path | None, force: bool) -> None:
    """Copy the shipped scenario NAME here, to be edited: to NAME.toml in the current folder, or to FILE.

    The copy runs as it is. The names are those of "neurosim list scenarios".
    """
    if name is None:
        raise click.UsageError("which scenario? Try: neurosim copy xor  (all of them: neurosim list scenarios)")
    from neurosim.errors import UsageError
    from neurosim.files.atomic import make_folder, write_atomically
    from neurosim.scenario import by_name
    from neurosim.suggestions import did_you_mean

    scenarios = by_name()
    if name not in scenarios:
        if Path(name).is_file():
            raise UsageError(f"{name} is a file already", "neurosim copy takes the name of a shipped scenario.")
        near = did_you_mean(name.removesuffix(".toml"), scenarios)
        every = "The shipped scenarios are " + ", ".join(scenarios)
        raise UsageError(f'no shipped scenario is called "{name}"', near or every)
    path = _file(name, target)
    if os.path.lexists(path) and not force:
        raise UsageError(f"{path} is there already", "Name another FILE, or overwrite it with --force.")
    make_folder(path.parent)
    write_atomically(path, _own(scenarios[name].read_text(encoding="utf-8"), path.parent))
    _say(path)


def _file(name: str, target: Path | None) -> Path:
    if target is None:
        return Path(f"{name}.toml")
    return target / f"{name}.toml" if target.is_dir() else target


def _own(text: str, folder: Path) -> str:
    """The text without the line that leads an editor to the schema in neurosim's own folder.

    Where the schema lies beside the copy, the line leads there.
    """
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith(_SCHEMA_LINE)]
    if (folder / SCHEMA).is_file():
        lines.insert(0, f"{_SCHEMA_LINE}{SCHEMA}\n")
    return "".join(lines)


def _say(path: Path) -> None:
    file = quoted(path)
    # A bare word is the name of a shipped scenario.
    typed = file if path.suffix or os.sep in str(path) else quoted(f".{os.sep}{path}")
    click.echo(f"wrote {path}")
    click.echo("\nNext: change something in it, such as epochs, lr or units, and then")
    click.echo(f"  neurosim run {typed}")
    click.echo(f"  neurosim info {typed}    what the network is made of")
    click.echo(
        f"An editor that knows TOML checks it while you type: neurosim schema > {SCHEMA}  in this folder,\n"
        f"and as its first line:  {_SCHEMA_LINE}{SCHEMA}"
    )
