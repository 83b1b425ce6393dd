"""Records by name, each with the plugin it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neurosim.errors import PluginError
from neurosim.printable import arguments
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
class Outline:
    """What lists show of a record.

    Attributes
    ----------
    name : str
        Its name.
    settings : mapping
        Parameters or options, with their defaults.
    about : str
        Where it is from; of a data set, what it is.
    learned : tuple of str
        The parameters of an activation that are learned.
    """

    name: str
    settings: Mapping[str, Any]
    about: str
    learned: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One record and the plugin it comes from."""

    record: Any
    plugin: Plugin

    @property
    def name(self) -> str:
        """The name of the record."""
        return str(self.record.name)

    @property
    def built_in(self) -> bool:
        """Whether it comes with neurosim."""
        return self.plugin.name == BUILTIN

    def is_builtin(self, name: str) -> bool:
        """Whether it is the built-in record of this name."""
        return self.built_in and self.name == name

    @property
    def outline(self) -> Outline:
        """What lists show of the record."""
        record = self.record
        about = getattr(record, "description", record.source)
        return Outline(record.name, dict(record.defaults), about, tuple(getattr(record, "learn", ())))


@dataclass(frozen=True, eq=False)
class Promise:
    """A record that is known by name only: its plugin is loaded when somebody asks for the record.

    Attributes
    ----------
    outline : Outline
        What lists show of it.
    plugin : Plugin
        The plugin that gives it.
    load : function
        Loads the plugin, and puts its records in the place of all its promises.
    """

    outline: Outline
    plugin: Plugin
    load: Callable[[], None]
    built_in = False

    @property
    def name(self) -> str:
        """The name of the record."""
        return self.outline.name


Listed = Entry | Promise


def needed_again(trained: Iterable[tuple[str, str]] | None, loaded: Iterable[Plugin]) -> str:
    """What to do where a run needs plugins again that are not loaded; empty where it needs none.

    `trained` has name and version of those that it was trained with, None where that is not known; files have no
    version.
    """
    if trained is None:
        return f"A run that was trained with a plugin needs it again:  {arguments(plugins=['FILE.py'])}"
    there = {plugin.name for plugin in loaded}
    lines = []
    for name, version in dict.fromkeys(trained):
        if name not in there and version:
            lines.append(f'It was trained with the package {name} {version}:  pip install "{name}=={version}"')
        elif name not in there:
            lines.append(f"It was trained with the plugin {name}, a file:  {arguments(plugins=[f'{name}.py'])}")
    return "\n".join(lines)


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
        self._entries: dict[str, list[Listed]] = {}

    def add(self, entry: Listed) -> None:
        """Put in one more entry."""
        self._entries.setdefault(entry.name, []).append(entry)

    def withdraw(self, plugin: Plugin) -> None:
        """Take out what is promised by a plugin."""
        for name, entries in list(self._entries.items()):
            left = [entry for entry in entries if isinstance(entry, Entry) or entry.plugin is not plugin]
            if left:
                self._entries[name] = left
            else:
                del self._entries[name]

    def __iter__(self) -> Iterator[Entry]:
        """All entries by name, once all plugins are loaded."""
        for promise in [entry for entry in self._listed() if isinstance(entry, Promise)]:
            promise.load()
        yield from (entry for entry in self._listed() if isinstance(entry, Entry))

    def given_by(self, plugin: Plugin) -> list[Entry]:
        """The entries of a plugin that is loaded."""
        return [entry for entry in self._listed() if isinstance(entry, Entry) and entry.plugin is plugin]

    def _listed(self) -> list[Listed]:
        return [entry for name in sorted(self._entries) for entry in self._entries[name]]

    def names(self) -> list[str]:
        """All names that `entry` takes, each record once, without its plugin where it need not be named."""
        return [self.spelling(entry) for entry in self._listed()]

    def outlines(self) -> list[tuple[str, Outline, Plugin]]:
        """Of each record the spelling of its name, what lists show of it, and its plugin; nothing is loaded for it."""
        return [(self.spelling(entry), entry.outline, entry.plugin) for entry in self._listed()]

    def spelling(self, entry: Listed) -> str:
        """How a scenario has to write the name of an entry."""
        return entry.name if self._meant(entry.name) == [entry] else f"{entry.plugin.name}:{entry.name}"

    def candidates(self, name: str) -> list[Listed]:
        """The entries that `name` may mean: one, with its plugin loaded, where it is clear, none if it is unknown."""
        entries = self._meant(name)
        if len(entries) == 1 and isinstance(entries[0], Promise):
            entries[0].load()
            # It may have come to give something else.
            return self._meant(name)
        return entries

    def _meant(self, name: str) -> list[Listed]:
        plugin, _, bare = name.rpartition(":")
        entries = self._entries.get(bare, [])
        if plugin:
            return [entry for entry in entries if entry.plugin.name == plugin]
        return [entry for entry in entries if entry.built_in] or entries

    def namesakes(self, name: str) -> list[Listed]:
        """The records of plugins that a name would mean if the built-in one did not have it."""
        entries = self._entries.get(name, [])
        return [entry for entry in entries if not entry.built_in] if any(entry.built_in for entry in entries) else []

    def misspelled(self, name: str) -> str:
        """``did you mean "..."?`` for a name that is unknown and nearly a known one; else empty."""
        return "" if self._meant(name) else did_you_mean(name, self.known(name))

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
        (entry,) = entries
        assert isinstance(entry, Entry)  # the only candidate is loaded
        return entry

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
                return self.entry(f"{owner}:{name}")
        return self.entry(name)

    def known(self, name: str) -> list[str]:
        """Names to suggest in place of an unknown one, with the plugin where that is given too."""
        if ":" in name:
            return sorted({f"{entry.plugin.name}:{entry.name}" for entry in self._listed()})
        return self.names()

    def _clash(self, entries: Sequence[Listed]) -> PluginError:
        name = entries[0].name
        owners = [entry.plugin.name for entry in entries]
        message = f'{self.what} "{name}" is given by {len(entries)} plugins: ' + ", ".join(
            entry.plugin.label for entry in entries
        )
        if len(set(owners)) < len(owners):
            return PluginError(message, "plugins of one name cannot be told apart; rename one, or leave one out")
        return PluginError(message, "write " + " or ".join(f'"{owner}:{name}"' for owner in owners))
