"""``neurosim export``: the network of a run as a script that needs no neurosim."""

from __future__ import annotations

from pathlib import Path

import click

from neurosim.cli.given import RunPath
from neurosim.cli.options import DATA_DIR, FORCE, FilePath
from neurosim.cli.sources import Sources, with_sources
from neurosim.cli.values import OneOf
from neurosim.printable import quoted

FORMATS = ("numpy", "torch")


@click.command()
@click.argument("run", required=False, type=RunPath(path_type=str), metavar="RUN")
@click.option(
    "--to",
    type=OneOf(FORMATS, {"np": "numpy", "pytorch": "torch"}),
    help="What the script is written in: NumPy, from scratch, or PyTorch.",
)
@click.option("--out", type=FilePath(), metavar="FILE.py", help="The script to write.")
@with_sources(DATA_DIR, FORCE)
def command(run: str | None, to: str | None, out: Path | None, sources: Sources) -> None:
    """Write the network of RUN as a script of its own: data, initial weights, training and evaluation.

    \b
    neurosim export last --to numpy --out xor.py
    python xor.py

    RUN is the folder of a run, or "last" for the newest. The script trains the same network with the same batches from
    the same start, and gives the same losses. What does not fit into it lies beside it, in files of the same name.
    """
    example = f"neurosim export {quoted(run or 'last')} --to {to or 'numpy'} --out network.py"
    if run is None:
        raise click.UsageError(f"which run? Try: {example}")
    if to is None:
        raise click.UsageError(f"to what? Try: {example}")
    if out is None:
        raise click.UsageError(f"into which file? Try: {example}")
    from neurosim.exchange import export

    (read,) = sources.runs([run])
    if len(read.results) > 1:
        one = f"neurosim export {quoted(read.results[0].folder)} --to {to} --out {quoted(out)}"
        raise click.UsageError(f"{run} is a study of {len(read.results)} networks; export one of them: {one}")
    for path in export(read.results[0].simulator, to, out):
        click.echo(str(path))
