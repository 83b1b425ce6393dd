"""``neurosim plugins new``: write a plugin to start from."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import click

from neurosim.cli.options import FilePath
from neurosim.cli.values import OneOf
from neurosim.printable import quoted

DISTRIBUTION = "neurosim-edu"
# Those of the scaffold, which is imported when it is used.
KINDS = (
    "activation", "row-activation", "gate", "loss", "optimizer", "initializer", "schedule", "metric", "observer",
    "dataset",
)  # fmt: skip


@click.command("new")
@click.argument("name", required=False, metavar="NAME")
@click.option(
    "--kind",
    type=OneOf(KINDS),
    default="activation",
    show_default=True,
    help="What the plugin provides.",
)
@click.option(
    "--author", metavar="NAME", help='Who writes it: a name, or "Name <address>"; by default the name that Git has.'
)
@click.option("--url", default="", metavar="URL", help="Where its source will be.")
@click.option("--single-file", is_flag=True, help="Write NAME.py, for --plugin, instead of a package.")
@click.option(
    "--out", type=FilePath(), default=Path(), metavar="DIR", help="Folder to write into; the current one by default."
)
def command(name: str | None, kind: str, author: str | None, url: str, single_file: bool, out: Path) -> None:
    """Write a plugin called NAME to start from: it works as it is, and is meant to be changed.

    Without --single-file it is an installable package, neurosim-NAME, with tests, a README, a license and a file for
    hosted tests.
    """
    if name is None:
        raise click.UsageError("what is it called? Try: neurosim plugins new soft-step")
    if url and not re.fullmatch(r"https?://[^\s/]+/\S*", url):
        raise click.UsageError(
            f"--url {url} is no address; for example --url https://example.org/me/neurosim-soft-step"
        )
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
    paths = scaffold.write_files(folder, scaffold.package_files(names, what, scaffold.author(author), url))
    steps = [
        *_install_neurosim(),
        f"cd {quoted(folder)}",
        'pip install -e ".[test]"',
        "python -m pytest",
        f"neurosim plugins check {names.record}",
        what.run_command(names.record),
    ]
    _report(paths, steps)


def _install_neurosim() -> list[str]:
    """How to install neurosim where it only lies in a folder: pip would look for it in a package index."""
    try:
        importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return [f"pip install -e {quoted(Path(__file__).parents[2])}"]
    return []


def _report(paths: list[Path], steps: list[str]) -> None:
    for path in paths:
        click.echo(f"wrote {path}")
    click.echo("\nNext:")
    for step in steps:
        click.echo(f"  {step}")
