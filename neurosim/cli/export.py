"""``neurosim export``: the network of a run as a script that needs no neurosim, or as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import click

from neurosim.cli.given import RunPath
from neurosim.cli.options import DATA_DIR, FORCE, FilePath
from neurosim.cli.sources import Sources, with_sources
from neurosim.cli.values import OneOf
from neurosim.printable import quoted

FORMATS = ("numpy", "torch", "onnx", "keras")


@click.command()
@click.argument("run", required=False, type=RunPath(path_type=str), metavar="RUN")
@click.option(
    "--to",
    type=OneOf(FORMATS, {"np": "numpy", "pytorch": "torch"}),
    help="A script in NumPy, from scratch, in PyTorch or in Keras; or an ONNX file.",
)
@click.option("--out", type=FilePath(), metavar="FILE", help="The script (.py) or ONNX file (.onnx) to write.")
@with_sources(DATA_DIR, FORCE)
def command(run: str | None, to: str | None, out: Path | None, sources: Sources) -> None:
    """Write the network of RUN for others: as a script of its own, or as an ONNX file.

    \b
    neurosim export last --to numpy --out xor.py
    python xor.py
    neurosim export last --to onnx --out xor.onnx

    RUN is the folder of a run, or "last" for the newest. A script trains the same network with the same batches from
    the same start, and gives the same losses. What does not fit into it lies beside it, in files of the same name. An
    ONNX file has the trained network alone, for whatever runs such files; raw rows go in, and the file scales them.
    """
    file = f"network.{'onnx' if to == 'onnx' else 'py'}"
    example = f"neurosim export {quoted(run or 'last')} --to {to or 'numpy'} --out {file}"
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
