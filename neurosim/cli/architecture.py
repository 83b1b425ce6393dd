"""What ``neurosim info SCENARIO`` prints: the network as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from neurosim.cli.columns import columns
from neurosim.cli.door import echo
from neurosim.network.memory import show_bytes

if TYPE_CHECKING:
    from neurosim.analysis.architecture import Architecture

_HEADINGS = ("layer", "kind", "output", "parameters", "multiply-adds", "memory")


def print_architecture(title: str, numbers: Architecture) -> None:
    """Title, one line for each layer, and the totals."""
    rows = [_HEADINGS, ("input", "", _shape(numbers.input_shape), "", "", "")]
    for layer in numbers.layers:
        name = "  " * layer.depth + layer.name.removeprefix("layers.")
        kind = f"{layer.kind} {layer.settings}".strip()
        rows.append(
            (
                name,
                kind,
                _shape(layer.output_shape),
                _count(layer.parameters),
                _count(layer.multiply_adds),
                show_bytes(layer.activation_bytes) if layer.activation_bytes else "",
            )
        )
    if numbers.frozen:
        rows.append(("frozen", "", "", f"{numbers.frozen:,}", "", ""))
    total = (f"{numbers.parameters:,}", f"{numbers.multiply_adds:,}", show_bytes(numbers.activation_bytes))
    rows.append(("total", "", "", *total))
    echo(title, bold=True)
    click.echo()
    for number, line in enumerate(columns(rows, (0, 1))):
        echo(line, bold=number in (0, len(rows) - 1))
    click.echo()
    click.echo("multiply-adds are for one row on its way forward; training takes about three times as many")
    click.echo(f"memory is that of the outputs, float32, for a batch of {numbers.batch_size:,} rows")
    click.echo()
    click.echo("training keeps")
    parts = {
        "parameters": numbers.parameter_bytes,
        "gradient": numbers.gradient_bytes,
        "optimizer": numbers.optimizer_bytes,
        "outputs": numbers.activation_bytes,
    }
    for name, size in {**parts, "total": sum(parts.values())}.items():
        click.echo(f"  {name:<11} {show_bytes(size):>10}")


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(str(size) for size in shape)


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
