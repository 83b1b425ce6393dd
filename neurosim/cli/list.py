"""``neurosim list``: everything that scenarios can name, and which plugin it comes from."""

from __future__ import annotations

from typing import Any

import click

from neurosim.cli.door import echo
from neurosim.cli.options import JSON, print_json
from neurosim.cli.sources import Sources, with_sources
from neurosim.cli.values import OneOf
from neurosim.printable import headline

RECORDS = (
    "activations",
    "losses",
    "optimizers",
    "gates",
    "datasets",
    "initializers",
    "schedules",
    "metrics",
    "observers",
)
KINDS = (*RECORDS[:3], "layers", *RECORDS[3:], "scenarios")


@click.command()
@click.argument("what", required=False, type=OneOf(KINDS), metavar="[KIND]")
@with_sources()
@JSON
def command(what: str | None, sources: Sources, as_json: bool) -> None:
    """List everything that scenarios can name, or only one KIND.

    \b
    activations  losses     optimizers  layers     datasets  gates
    initializers schedules  metrics     observers  scenarios
    """
    registry = sources.registry
    listed: dict[str, list[dict[str, Any]]] = {}
    for kind in (what,) if what else KINDS:
        listed[kind] = _rows(kind, registry)
    if as_json:
        print_json(listed)
    else:
        _print(listed, titles=what is None)
        if what == "scenarios":
            click.echo("\nneurosim run NAME trains one; neurosim copy NAME copies it to a file that you can edit.")
    for plugin in registry.broken():
        echo(f"broken plugin {plugin.label}: {plugin.error}", fg="red", err=True)


def _print(listed: dict[str, list[dict[str, Any]]], *, titles: bool) -> None:
    for number, (kind, rows) in enumerate(listed.items()):
        if number:
            click.echo()
        if titles:
            echo(kind, bold=True)
        width = max((len(row["name"]) for row in rows), default=0)
        chapter = ""
        for row in rows:
            if row.get("chapter", "") != chapter:
                chapter = row["chapter"]
                click.echo(f"  {chapter}")
            details = [row["params"], row["about"], "" if row["plugin"] in ("", "builtin") else f"from {row['plugin']}"]
            indent = "    " if chapter else "  "
            click.echo(f"{indent}{row['name']:<{width}}  " + "; ".join(headline(part) for part in details if part))


def _rows(kind: str, registry: Any) -> list[dict[str, Any]]:
    if kind == "scenarios":
        return _scenarios()
    if kind == "layers":
        return _layers()
    rows = []
    catalog = getattr(registry, kind)
    for spelling, outline, plugin in catalog.outlines():
        rows.append(
            {
                "name": spelling,
                "params": ", ".join(
                    f"{name} = {_value(value)}{' (learned)' if name in outline.learned else ''}"
                    for name, value in outline.settings.items()
                ),
                "about": outline.about,
                "plugin": plugin.name,
            }
        )
    return rows


def _value(value: Any) -> str:
    from neurosim.cli.data import option

    return f"{value:g}" if isinstance(value, float) else option(value)


def _layers() -> list[dict[str, Any]]:
    from neurosim.network.layers.kinds import layer_kinds

    return [
        {"name": name, "params": ", ".join(keys), "about": about, "plugin": "builtin"}
        for name, keys, about in layer_kinds()
    ]


def _scenarios() -> list[dict[str, Any]]:
    """The shipped scenarios, in the order of the course, and behind them those for ``neurosim info``."""
    import tomllib

    from neurosim.scenario import by_name
    from neurosim.scenario.course import PUBLISHED, chapter_of

    return [
        {
            "name": name,
            "params": "",
            "about": tomllib.loads(path.read_text(encoding="utf-8"))["scenario"]["title"],
            "plugin": "",
            "chapter": chapter_of(name) or PUBLISHED,
        }
        for name, path in by_name().items()
    ]
