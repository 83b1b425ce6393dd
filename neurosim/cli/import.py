"""``neurosim import``: the network in an ONNX file as a scenario and a model."""

from __future__ import annotations

from pathlib import Path

import click

from neurosim.cli.given import OnnxPath
from neurosim.cli.options import FilePath
from neurosim.cli.sources import Sources, with_sources
from neurosim.printable import quoted


@click.command()
@click.argument("file", required=False, type=OnnxPath(), metavar="MODEL.onnx")
@click.option("--out", type=FilePath(), metavar="FOLDER", help="The new folder for the scenario and the model.")
@with_sources()
def command(file: Path | None, out: Path | None, sources: Sources) -> None:
    """Make a scenario and a model of the network in an ONNX file.

    \b
    neurosim import flowers.onnx --out flowers
    neurosim info flowers/network.toml
    neurosim predict flowers/model.safetensors --data flowers.csv

    The network may come from PyTorch or any other program, as long as its layers follow each other, or are added to
    what skips them, and neurosim has all of them. Nothing but the file is read, and nothing in it is executed.
    """
    if file is None or out is None:
        what = "which file, and into which folder" if file is None else "into which folder"
        raise click.UsageError(f"{what}? Try: neurosim import {quoted(file or 'model.onnx')} --out imported")
    from neurosim.exchange.onnx_import import import_onnx

    found = import_onnx(file, out, registry=sources.registry)
    layers, size = len(found.network.layers), found.network.size
    click.echo(f"{layers} layer{'s' * (layers != 1)}, {size:,} parameters")
    for path in found.files:
        click.echo(str(path))
