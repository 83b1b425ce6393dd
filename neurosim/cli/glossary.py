"""``neurosim glossary``: what the terms of the subject mean."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from neurosim.cli.columns import text_width
from neurosim.cli.door import echo
from neurosim.cli.options import JSON, offered, print_json

if TYPE_CHECKING:
    from neurosim.report.glossary import Entry


@click.command()
@click.argument("words", nargs=-1, metavar="[WORD]", shell_complete=offered("words"))
@JSON
def command(words: tuple[str, ...], as_json: bool) -> None:
    """Explain a WORD of the subject in plain sentences, such as: neurosim glossary learning rate

    Without a WORD, all of them are listed.
    """
    from neurosim.report.glossary import entries, find, spellings
    from neurosim.suggestions import did_you_mean

    asked = " ".join(words)
    if not asked:
        if as_json:
            print_json([_json(entry) for entry in entries()])
        else:
            _list(entries())
        return
    entry = find(asked)
    if entry is None:
        near = did_you_mean(asked.lower(), spellings())
        raise click.UsageError(f'the glossary has no entry "{asked}"; {near or "to list them all: neurosim glossary"}')
    if as_json:
        print_json(_json(entry))
    else:
        _explain(entry)


def _json(entry: Entry) -> dict[str, Any]:
    also = [*entry.forms, *entry.asked]
    return {
        "word": entry.word, "also": also, "group": entry.group, "text": entry.text, "example": entry.example,
        "see": list(entry.see),
    }  # fmt: skip


def _explain(entry: Entry) -> None:
    echo(entry.word, bold=True)
    click.echo(_filled(entry.text))
    click.echo(_filled(f"For example: {entry.example}"))
    click.echo(_filled(f"See also: {', '.join(entry.see)}"))


def _filled(text: str) -> str:
    return textwrap.fill(text, text_width(), initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _list(found: tuple[Entry, ...]) -> None:
    groups: dict[str, list[str]] = {}
    for entry in found:
        groups.setdefault(entry.group, []).append(entry.word)
    for group, words in groups.items():
        echo(group, bold=True)
        # A word of several parts stays on one line.
        joined = ", ".join(word.replace(" ", "\0") for word in words)
        for line in textwrap.wrap(joined, text_width() - 2, break_on_hyphens=False):
            click.echo("  " + line.replace("\0", " "))
    click.echo()
    click.echo("neurosim glossary WORD explains one of them, such as: neurosim glossary epoch")
