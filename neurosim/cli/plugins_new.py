"""``neurosim plugins new``: write a plugin to start from."""

from __future__ import annotations

from pathlib import Path

import click

from neurosim.cli.options import FilePath
from neurosim.cli.values import OneOf
from neurosim.printable import quoted


@click.command("new")
@click.argument("name", required=False, metavar="NAME")
@click.option(
    "--kind",
    type=OneOf(["activation", "loss", "optimizer", "dataset"]),
    default="activation",
    show_default=True,
    help="What the plugin provides.",
)
@click.option("--single-file", is_flag=True, help="Write NAME.py, for --plugin, instead of a package.")
@click.option(
    "--out", type=FilePath(), default=Path(), metavar="DIR", help="Folder to write into; the current one by default."
)
def command(name: str | None, kind: str, single_file: bool, out: Path) -> None:
    """Write a plugin called NAME to start from: it works as it is, and is meant to be changed.

    Without --single-file it is an installable package, neurosim-NAME, with tests and a README.
    """
    if name is None:
        raise click.UsageError("what is it called? Try: neurosim plugins new soft-step")
    from neurosim.cli import scaffold
    from neurosim.plugin.host import build_registry

    what = scaffold.KINDS[kind]
    builtins = build_registry(entry_points=False, environment=False)
    names = scaffold.plugin_names(name, getattr(builtins, what.catalog).names(), file=single_file)
    if single_file:
        (path,) = scaffold.write_files(out, scaffold.single_file(names, what))
        file = quoted(path)
        _report([path], [f"neurosim plugins check {file}", what.run_command(names.record, file)])
        return
    folder = out / names.distribution
    paths = scaffold.write_files(folder, scaffold.package_files(names, what))
    steps = [
        f"cd {quoted(folder)}",
        'pip install -e ".[test]"',
        "python -m pytest",
        f"neurosim plugins check {names.record}",
        what.run_command(names.record),
    ]
    _report(paths, steps)


def _report(paths: list[Path], steps: list[str]) -> None:
    for path in paths:
        click.echo(f"wrote {path}")
    click.echo("\nNext:")
    for step in steps:
        click.echo(f"  {step}")
