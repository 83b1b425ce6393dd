"""What a command says of pictures that could not be drawn."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

import click

from neurosim.cli.door import echo
from neurosim.cli.failures import failure_of


def say_failures(failures: Mapping[str, Exception]) -> None:
    """One line on standard error for each picture that has failed; with ``--debug`` the traceback as well."""
    options = click.get_current_context().obj or {}
    for name, error in failures.items():
        if options.get("debug"):
            traceback.print_exception(error)
        failure = failure_of(error)
        why = " ".join(part for part in (_sentence(failure.message), failure.hint) if part)
        echo(f"No picture {name}: {' '.join(why.split())}", fg="red", err=True)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
