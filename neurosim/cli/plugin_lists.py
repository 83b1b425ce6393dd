"""What ``neurosim plugins`` lists: each plugin, what it provides, and its health."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from neurosim.backends.health import formula_fault
from neurosim.cli.door import style
from neurosim.plugin.host import BUILTIN, HOOKS, Entry, Registry, build_registry
from neurosim.plugin.host.files import add_file_or_fault
from neurosim.version import __version__

WIDTH = 80
COLORS = {"ok": "green", "fault": "red", "broken": "red"}


def load_plugins(files: Sequence[Path], folders: Sequence[Path]) -> Registry:
    """All plugins; broken ones, the given files included, are listed as broken rather than refused."""
    registry = build_registry(plugin_folders=folders, lazy=False)
    known = {os.path.realpath(plugin.origin) for plugin in registry.plugins}
    for file in files:
        if os.path.realpath(file) not in known:
            known.add(os.path.realpath(file))
            add_file_or_fault(registry, file)
    return registry


def entries_of(registry: Registry) -> list[Entry]:
    """Every record with its plugin, by kind and name."""
    return [entry for kind in HOOKS for entry in getattr(registry, kind)]


def describe_plugins(registry: Registry) -> list[dict[str, Any]]:
    """The objects of ``plugins --json``: one for each plugin, the built-ins first.

    `health` is ``ok``, ``broken`` (it cannot be loaded; `error` says why) or ``fault`` (something it provides cannot
    be compiled; see `fault` of its records).
    """
    entries = entries_of(registry)
    described = [_described(BUILTIN, __version__, "neurosim", "", "", [e for e in entries if e.plugin.name == BUILTIN])]
    for plugin in registry.plugins:
        own = [entry for entry in entries if entry.plugin is plugin]
        described.append(_described(plugin.name, plugin.version, plugin.origin, plugin.sha256, plugin.error, own))
    return described


def _described(
    name: str, version: str, origin: str, sha256: str, error: str, entries: Sequence[Entry]
) -> dict[str, Any]:
    records = []
    for entry in entries:
        fault = formula_fault(entry.record)
        text = f"{fault.message}; {fault.hint[:1].lower()}{fault.hint[1:].rstrip('.')}" if fault else None
        records.append({"kind": entry.record.kind, "name": entry.record.name, "fault": text})
    faulty = any(record["fault"] for record in records)
    return {
        "name": name,
        "version": version or None,
        "origin": origin,
        "sha256": sha256 or None,
        "health": "broken" if error else "fault" if faulty else "ok",
        "error": error or None,
        "records": records,
    }


def print_plugins(described: Sequence[dict[str, Any]]) -> None:
    """Print one or a few lines for each plugin."""
    titles = [" ".join(part for part in (plugin["name"], plugin["version"]) if part) for plugin in described]
    width = min(max(map(len, titles)), 32)
    for plugin, title in zip(described, titles, strict=True):
        health = style(f"{plugin['health']:<6}", fg=COLORS[plugin["health"]])
        indent = " " * 8
        click.echo(f"{health}  {title:<{width}}  ", nl=False)
        given = _summary(plugin["records"]) if plugin["name"] == BUILTIN else _names(plugin["records"])
        column = len(indent) + width + 2
        lines = textwrap.wrap(given, max(WIDTH - column, 30)) or [""]
        click.echo(f"\n{' ' * column}".join(lines))
        details = [] if plugin["name"] == BUILTIN else [f"from {plugin['origin']}"]
        details += [plugin["error"]] if plugin["error"] else []
        faulty = [record for record in plugin["records"] if record["fault"]]
        details += [f"{record['kind']} {record['name']}: {record['fault']}" for record in faulty]
        for detail in details:
            wrapped = textwrap.wrap(detail, WIDTH - len(indent), break_long_words=False, break_on_hyphens=False)
            click.echo("\n".join(indent + line for line in wrapped))
    if len(described) == 1:
        click.echo()
        if os.environ.get("NEUROSIM_DISABLE_PLUGINS", "") not in ("", "0"):
            click.echo("NEUROSIM_DISABLE_PLUGINS turns off all plugins that are not named on the command line.")
        click.echo("There are no others. Start one:  neurosim plugins new NAME")


def _names(records: Sequence[dict[str, Any]]) -> str:
    return ", ".join(f"{record['kind']} {record['name']}" for record in records) or "provides nothing"


def _summary(records: Sequence[dict[str, Any]]) -> str:
    plural = {"loss": "losses", "dataset": "data sets"}
    counts = Counter(record["kind"] for record in records)
    return ", ".join(f"{count} {plural.get(kind, f'{kind}s')}" for kind, count in counts.items())
