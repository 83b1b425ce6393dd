"""Records by name, each with the plugin it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from neurosim.errors import PluginError
from neurosim.suggestions import did_you_mean, unknown

BUILTIN = "builtin"
# What still fits on a screen.
MOST_SUSPECTS = 10


@dataclass(frozen=True)
class Plugin:
    """A plugin that was looked at, and what became of it.

    Attributes
    ----------
    name : str
        Name of the distribution, or of the file without ``.py``.
    version : str
        Version of the distribution; a file has none.
    origin : str
        The file, or what the entry point names.
    sha256 : str
        Hash of its source: of the file, or of all Python files of a package.
    error : str
        Why it is broken, in one line with the line number where there is one; empty when it works.
    """

    name: str
    version: str = ""
    origin: str = ""
    sha256: str = ""
    error: str = ""

    @property
    def label(self) -> str:
        """Its name and where it is from."""
        return f"{self.name} ({self.origin})" if self.origin else self.name


@dataclass(frozen=True)
class Entry:
    """One record and the plugin it comes from."""

    record: Any
    plugin: Plugin

    @property
    def built_in(self) -> bool:
        """Whether it comes with neurosim."""
        return self.plugin.name == BUILTIN

    def is_builtin(self, name: str) -> bool:
        """Whether it is the built-in record of this name."""
        return self.built_in and self.record.name == name


# Of a name that nobody gives, in what a run has left.
NEEDED_AGAIN = 'A run that was trained with a plugin needs it again: plugins=["FILE.py"]'


def suspects(plugins: Iterable[Plugin]) -> str:
    """A sentence about the broken ones, any of which may be where a missing name would come from."""
    broken = [plugin for plugin in plugins if plugin.error]
    if not broken:
        return ""
    if len(broken) == 1:
        return f"It may come from the plugin {broken[0].label}, which is broken: {broken[0].error}"
    lines = [f"  {plugin.label}: {plugin.error}" for plugin in broken[:MOST_SUSPECTS]]
    if len(broken) > MOST_SUSPECTS:
        lines.append(f"  ... and {len(broken) - MOST_SUSPECTS} more; neurosim list shows all")
    return "\n".join(["It may come from one of the plugins that are broken:", *lines])


class Catalog:
    """The records of one kind, by name; a name that two plugins give is asked for as ``plugin:name``.

    A name that a built-in record has means that one, whatever plugins give: scenarios keep their meaning.

    Parameters
    ----------
    what : str
        What kind of record, in messages.
    plugins : sequence of Plugin
        All that were looked at; broken ones are named when a name is unknown.
    """

    def __init__(self, what: str, plugins: Sequence[Plugin] = ()) -> None:
        self.what = what
        self._plugins = plugins
        self._entries: dict[str, list[Entry]] = {}

    def add(self, entry: Entry) -> None:
        """Put in one more entry."""
        self._entries.setdefault(entry.record.name, []).append(entry)

    def __iter__(self) -> Iterator[Entry]:
        for name in sorted(self._entries):
            yield from self._entries[name]

    def names(self) -> list[str]:
        """All names that `entry` takes, each record once, without its plugin where it need not be named."""
        return [self.spelling(entry) for entry in self]

    def spelling(self, entry: Entry) -> str:
        """How a scenario has to write the name of an entry."""
        name: str = entry.record.name
        return name if self.candidates(name) == [entry] else f"{entry.plugin.name}:{name}"

    def candidates(self, name: str) -> list[Entry]:
        """The entries that `name` may mean: one where it is clear, none where it is unknown."""
        plugin, _, bare = name.rpartition(":")
        entries = self._entries.get(bare, [])
        if plugin:
            return [entry for entry in entries if entry.plugin.name == plugin]
        return [entry for entry in entries if entry.built_in] or entries

    def namesakes(self, name: str) -> list[Entry]:
        """The records of plugins that a name would mean if the built-in one did not have it."""
        entries = self._entries.get(name, [])
        return [entry for entry in entries if not entry.built_in] if any(entry.built_in for entry in entries) else []

    def misspelled(self, name: str) -> str:
        """``did you mean "..."?`` for a name that is unknown and nearly a known one; else empty."""
        return "" if self.candidates(name) else did_you_mean(name, self.known(name))

    def entry(self, name: str) -> Entry:
        """The entry called `name`.

        Raises
        ------
        PluginError
            For an unknown name (with the nearest one) and for a name that several plugins give, and no built-in has.
        """
        entries = self.candidates(name)
        if not entries:
            message, near = unknown(self.what, name, self.known(name))
            raise PluginError(message, "\n".join(part for part in (near, suspects(self._plugins)) if part))
        if len(entries) > 1:
            raise self._clash(entries)
        return entries[0]

    def get(self, name: str) -> Any:
        """The record called `name`; raises as `entry` does."""
        return self.entry(name).record

    def meant_by(self, plugin: Plugin, name: str) -> Entry:
        """The entry that code of `plugin` means by `name`: its own, else the built-in one, else any.

        So what a record says of another one stays true, whatever other plugins give. Raises as
        `entry` does.
        """
        for owner in (plugin.name, BUILTIN):
            entries = self.candidates(f"{owner}:{name}")
            if len(entries) == 1:
                return entries[0]
        return self.entry(name)

    def known(self, name: str) -> list[str]:
        """Names to suggest in place of an unknown one, with the plugin where that is given too."""
        if ":" in name:
            return sorted({f"{entry.plugin.name}:{entry.record.name}" for entry in self})
        return self.names()

    def _clash(self, entries: Sequence[Entry]) -> PluginError:
        name = entries[0].record.name
        owners = [entry.plugin.name for entry in entries]
        message = f'{self.what} "{name}" is given by {len(entries)} plugins: ' + ", ".join(
            entry.plugin.label for entry in entries
        )
        if len(set(owners)) < len(owners):
            return PluginError(message, "plugins of one name cannot be told apart; rename one, or leave one out")
        return PluginError(message, "write " + " or ".join(f'"{owner}:{name}"' for owner in owners))
