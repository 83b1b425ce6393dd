"""What ``neurosim plugins check`` does: choose records, check them, draw them, print the verdicts."""

from __future__ import annotations

import os
import sys
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from neurosim.cli.columns import text_width
from neurosim.cli.door import style
from neurosim.cli.plugin_lists import entries_of, load_plugins
from neurosim.errors import DataError, NeurosimError, PluginError, UsageError
from neurosim.plugin import Activation, Dataset
from neurosim.plugin.host import BUILTIN, Entry, Plugin, Registry, suspects
from neurosim.printable import quoted
from neurosim.scenario.overrides import parse_overrides
from neurosim.suggestions import unknown
from neurosim.testing import Verdict, check_many
from neurosim.testing.derived import derived_source

COLORS = {"passed": "green", "failed": "red", "skipped": "yellow", "noted": "cyan", "drawn": "cyan"}


@dataclass(frozen=True)
class Chosen:
    """Records to check, and the registry they are in."""

    registry: Registry
    entries: list[Entry]


@dataclass(frozen=True)
class Checked:
    """A record with its verdicts.

    Attributes
    ----------
    entry : Entry
        The record and its plugin.
    verdicts : list of Verdict
        The verdicts, in order.
    derived : str
        The text of the derivative, if neurosim worked it out.
    picture : Path or None
        The file with the picture of an activation.
    """

    entry: Entry
    verdicts: list[Verdict]
    derived: str
    picture: Path | None


@dataclass(frozen=True)
class Report:
    """Everything that was checked."""

    checked: list[Checked]

    @property
    def counts(self) -> Counter[str]:
        """The number of verdicts with each outcome."""
        return Counter(verdict.outcome for entry in self.checked for verdict in entry.verdicts)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.counts["failed"]

    def as_json(self) -> dict[str, Any]:
        """The object of ``--json``."""
        records = [
            {
                "plugin": entry.entry.plugin.name,
                "kind": entry.entry.record.kind,
                "name": entry.entry.record.name,
                "verdicts": [vars(verdict) for verdict in entry.verdicts],
                "derived": entry.derived or None,
                "picture": str(entry.picture) if entry.picture else None,
            }
            for entry in self.checked
        ]
        outcomes = ("passed", "noted", "skipped", "failed")
        return {"passed": self.passed, "counts": {name: self.counts[name] for name in outcomes}, "records": records}


def choose_records(what: str, files: Sequence[Path], folders: Sequence[Path]) -> Chosen:
    """The records that a name or a file stands for.

    Raises
    ------
    PluginError
        If the plugin is broken.
    UsageError
        For an unknown name (suggesting the nearest one), and for a folder.
    DataError
        For a file that does not exist.
    """
    path = Path(what)
    is_file = path.suffix == ".py" or path.is_file() or (len(path.parts) > 1 and not path.is_dir())
    if is_file and not path.is_file():
        raise DataError(f"plugin file not found: {what}", "Check how the path is written.")
    registry = load_plugins([*files, path] if is_file else files, folders)
    entries = entries_of(registry)
    if is_file:
        plugin = next(p for p in registry.plugins if os.path.realpath(p.origin) == os.path.realpath(path))
        return Chosen(registry, _of_plugin(plugin, entries))
    if what == BUILTIN:
        return Chosen(registry, [entry for entry in entries if entry.plugin.name == BUILTIN])
    named = [plugin for plugin in registry.plugins if plugin.name == what]
    if named:
        return Chosen(registry, [entry for plugin in named for entry in _of_plugin(plugin, entries)])
    owner, _, bare = what.rpartition(":")
    matching = [entry for entry in entries if entry.record.name == bare and owner in ("", entry.plugin.name)]
    if not matching and path.is_dir():
        hint = f"Install the package in it (pip install -e {quoted(what)}), then check it by its name."
        raise UsageError(f"{what} is a folder", hint)
    if not matching:
        names = {BUILTIN, *(plugin.name for plugin in registry.plugins), *(entry.record.name for entry in entries)}
        message, hint = unknown("plugin or record", what, names)
        if not hint.startswith("did you mean"):
            hint = "neurosim plugins  lists the plugins, and  neurosim list  everything they provide."
        raise UsageError(message, "\n".join(part for part in (hint, suspects(registry.plugins)) if part))
    return Chosen(registry, matching)


def _of_plugin(plugin: Plugin, entries: Sequence[Entry]) -> list[Entry]:
    if plugin.error:
        raise PluginError(f"plugin {plugin.label} is broken: {plugin.error}")
    return [entry for entry in entries if entry.plugin is plugin]


def data_options(settings: Sequence[str]) -> dict[str, Any]:
    """Options of data sets, from texts such as ``data.file=my.csv``.

    Raises
    ------
    UsageError
        For a text that is something else.
    """
    options = {}
    for path, value in parse_overrides(settings).items():
        section, _, option = path.partition(".")
        if section != "data" or not option or "." in option:
            raise UsageError(
                f"--set {path}: there is no scenario here, only options of data sets can be set",
                "For example:  --set data.file=my.csv",
            )
        options[option] = value
    return options


def check_chosen(chosen: Chosen, folder: Path | None, options: Mapping[str, Any]) -> Report:
    """Check all records, data sets with these options, and draw the activations into `folder`, if given."""
    if sys.stderr.isatty():
        click.echo(f"checking {', '.join(dict.fromkeys(entry.record.name for entry in chosen.entries))} ...", err=True)
    results = check_many([entry.record for entry in chosen.entries], registry=chosen.registry, options=options)
    names = Counter(entry.record.name for entry in chosen.entries if isinstance(entry.record, Activation))
    checked = []
    for entry, verdicts in zip(chosen.entries, results, strict=True):
        record = entry.record
        picture = None
        if folder is not None and isinstance(record, Activation):
            stem = record.name if names[record.name] == 1 else f"{entry.plugin.name}-{record.name}"
            picture = _draw(record, folder / f"{stem}.png")
        checked.append(Checked(entry, verdicts, derived_source(record), picture))
    return Report(checked)


def _draw(record: Activation, path: Path) -> Path | None:
    """The picture of an activation; None if its functions fail."""
    from neurosim.analysis.activations import activation_curves
    from neurosim.files.atomic import make_folder
    from neurosim.plots.activations import activation_figure
    from neurosim.plots.style import save

    try:
        curves = activation_curves(record)
    except (NeurosimError, ArithmeticError, LookupError, NameError, TypeError, ValueError):
        # Raised by the author's functions; the verdicts report it.
        return None
    make_folder(path.parent)
    return save(activation_figure(curves), path, curves.name)


def print_checks(report: Report, what: str) -> None:
    """Print a heading and one or more lines for each verdict of each record, and the counts; `what` was checked."""
    for entry in report.checked:
        _print_record(entry)
        click.echo()
    counts = report.counts
    order = ("passed", "noted", "skipped", "failed")
    parts = [style(f"{counts[name]} {name}", fg=COLORS[name]) for name in order if counts[name]]
    click.echo(", ".join(parts) or "nothing to check")
    missing = [name for entry in report.checked for name in _required(entry)]
    if missing:
        given = " ".join(f"--set data.{name}=VALUE" for name in dict.fromkeys(missing))
        click.echo(f"To check it too, give what is required:  neurosim plugins check {quoted(what)} {given}")


def _required(entry: Checked) -> list[str]:
    """The options without which a data set was not loaded."""
    record = entry.entry.record
    if not isinstance(record, Dataset) or entry.verdicts[0].outcome != "skipped":
        return []
    return [name for name, default in record.options.items() if default is None]


def _print_record(entry: Checked) -> None:
    record, plugin = entry.entry.record, entry.entry.plugin
    origin = " ".join(part for part in (plugin.name, plugin.version) if part)
    click.echo(style(f"{record.kind} {record.name}", bold=True) + f"  ({origin})")
    rows: list[tuple[str, str, str]] = [(verdict.item, verdict.outcome, verdict.detail) for verdict in entry.verdicts]
    if entry.picture is not None:
        rows.append(("picture", "drawn", str(entry.picture)))
    item_width = max(len(item) for item, _, _ in rows)
    column = 2 + item_width + 2 + 7 + 2
    width = max(text_width() - column, 30)
    for item, outcome, detail in rows:
        wrapped = textwrap.wrap(detail, width, break_long_words=False, break_on_hyphens=False) or [""]
        click.echo(f"  {item:<{item_width}}  " + style(f"{outcome:<7}", fg=COLORS[outcome]) + f"  {wrapped[0]}")
        for line in wrapped[1:]:
            click.echo(" " * column + line)
    if entry.derived:
        click.echo("  The derivative, as neurosim has worked it out:")
        click.echo()
        click.echo(textwrap.indent(entry.derived.rstrip(), "      "))
