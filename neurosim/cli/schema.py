"""``neurosim schema``: the JSON Schema of scenario files."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Print the JSON Schema of scenario files.

    An editor with TOML support uses it when a scenario's first line is  #:schema PATH
    """
    from neurosim.scenario.json_schema import render

    click.echo(render(), nl=False)
