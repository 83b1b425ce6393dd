"""What is there: every activation, loss, optimizer, ... and the plugin it comes from.

`build_registry` is a factory, and nothing is kept globally: two registries never disturb each
other. A plugin that cannot be loaded is listed as broken and hurts nothing else.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from neurosim import builtins
from neurosim.errors import DataError, PluginError
from neurosim.formulas.source import LOADED_SOURCE
from neurosim.plugin import contracts, hookspecs
from neurosim.suggestions import did_you_mean, unknown

GROUP = "neurosim"
BUILTIN = "builtin"

# What each hook returns, under the name that `neurosim list` and the registry use for it.
HOOKS: dict[str, tuple[str, tuple[type, ...]]] = {
    "activations": ("neurosim_activations", (contracts.Activation, contracts.RowActivation)),
    "losses": ("neurosim_losses", (contracts.Loss,)),
    "optimizers": ("neurosim_optimizers", (contracts.Optimizer,)),
    "initializers": ("neurosim_initializers", (contracts.Initializer,)),
    "schedules": ("neurosim_schedules", (contracts.Schedule,)),
    "datasets": ("neurosim_datasets", (contracts.Dataset,)),
}


@dataclass(frozen=True)
class Plugin:
    """A plugin that was looked at, and what became of it."""

    name: str
    version: str = ""
    origin: str = ""
    sha256: str = ""
    error: str = ""


@dataclass(frozen=True)
class Entry:
    """One record and the plugin it comes from."""

    record: Any
    plugin: Plugin


class Catalog:
    """The records of one kind, by name; a name that two plugins give is asked for as ``plugin:name``."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._entries: dict[str, list[Entry]] = {}

    def add(self, entry: Entry) -> None:
        """Put in one more entry."""
        self._entries.setdefault(entry.record.name, []).append(entry)

    def __iter__(self) -> Iterator[Entry]:
        for name in sorted(self._entries):
            yield from self._entries[name]

    def names(self) -> list[str]:
        """All names that `entry` takes, without the ``plugin:`` spellings of unique ones."""
        found = []
        for name, entries in sorted(self._entries.items()):
            found += [name] if len(entries) == 1 else [f"{entry.plugin.name}:{name}" for entry in entries]
        return found

    def entry(self, name: str) -> Entry:
        """The entry called `name`.

        Raises
        ------
        PluginError
            For an unknown name (with the nearest one) and for a name that several plugins give.
        """
        plugin, _, bare = name.rpartition(":")
        entries = [entry for entry in self._entries.get(bare, []) if not plugin or entry.plugin.name == plugin]
        if not entries:
            raise PluginError(*unknown(self.what, name, self.names()))
        if len(entries) > 1:
            spellings = " or ".join(f'"{entry.plugin.name}:{bare}"' for entry in entries)
            raise PluginError(
                f'{self.what} "{bare}" is given by {len(entries)} plugins: '
                + ", ".join(entry.plugin.name for entry in entries),
                f"write {spellings}",
            )
        return entries[0]

    def get(self, name: str) -> Any:
        """The record called `name`; raises as `entry` does."""
        return self.entry(name).record


@dataclass
class Registry:
    """Everything that scenarios can name."""

    activations: Catalog = field(default_factory=lambda: Catalog("activation"))
    losses: Catalog = field(default_factory=lambda: Catalog("loss"))
    optimizers: Catalog = field(default_factory=lambda: Catalog("optimizer"))
    initializers: Catalog = field(default_factory=lambda: Catalog("initializer"))
    schedules: Catalog = field(default_factory=lambda: Catalog("schedule"))
    datasets: Catalog = field(default_factory=lambda: Catalog("data set"))
    plugins: list[Plugin] = field(default_factory=list)

    def broken(self) -> list[Plugin]:
        """Plugins that could not be loaded."""
        return [plugin for plugin in self.plugins if plugin.error]


def build_registry(plugin_files: Sequence[Path | str] = (), *, entry_points: bool = True) -> Registry:
    """Load the built-ins and the plugins, and collect what they give.

    Parameters
    ----------
    plugin_files : sequence of paths
        Python files to load as plugins, besides those that ``NEUROSIM_PLUGINS`` names.
    entry_points : bool
        Whether to load installed plugins; ``NEUROSIM_DISABLE_PLUGINS=1`` switches them off, and
        the files of ``NEUROSIM_PLUGINS`` too.

    Raises
    ------
    PluginError
        For a file named in `plugin_files` that is broken.
    DataError
        For a file named in `plugin_files` that cannot be read.
    """
    registry = Registry()
    for name in builtins.MODULES:
        _register(registry, importlib.import_module(name), Plugin(BUILTIN, origin=name))
    disabled = os.environ.get("NEUROSIM_DISABLE_PLUGINS", "") not in ("", "0")
    if entry_points and not disabled:
        _load_installed(registry)
    from_environment = [part for part in os.environ.get("NEUROSIM_PLUGINS", "").split(os.pathsep) if part]
    for file in dict.fromkeys([] if disabled else from_environment):
        plugin, module = _load_file(Path(file))
        if module is not None:
            plugin = _register(registry, module, plugin)
        registry.plugins.append(plugin)
    for file in dict.fromkeys(str(entry) for entry in plugin_files):
        if not Path(file).is_file():
            raise DataError(f"plugin file not found: {file}")
        plugin, module = _load_file(Path(file))
        if module is not None:
            plugin = _register(registry, module, plugin)
        if plugin.error:
            raise PluginError(f"plugin {file} is broken: {plugin.error}")
        registry.plugins.append(plugin)
    return registry


def _load_installed(registry: Registry) -> None:
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (point.dist.name if point.dist else "", point.name)):
        name = point.dist.name if point.dist else point.name
        plugin = Plugin(name, version=point.dist.version if point.dist else "", origin=point.value)
        try:
            module = point.load()
        except Exception as error:  # whatever a plugin raises on import is its own fault, not ours
            plugin = _broken(plugin, error)
        else:
            plugin = _register(registry, module, plugin)
        registry.plugins.append(plugin)


def _load_file(path: Path) -> tuple[Plugin, ModuleType | None]:
    plugin = Plugin(path.stem, origin=str(path))
    try:
        content = path.read_bytes()
        plugin = Plugin(path.stem, origin=str(path), sha256=hashlib.sha256(content).hexdigest())
        # Named by its content: an edited file is a new module, in this process and in any cache.
        name = f"neurosim_plugin_{plugin.sha256[:16]}"
        if name in sys.modules:
            return plugin, sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            # Compiled here rather than by the loader, which could take a stale .pyc for it. The text
            # is kept: backends translate it, and by then the file may say something else.
            module.__dict__[LOADED_SOURCE] = content.decode()
            exec(compile(content, str(path), "exec"), module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
    except Exception as error:
        return _broken(plugin, error), None
    return plugin, module


def _broken(plugin: Plugin, error: BaseException) -> Plugin:
    line = ""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == plugin.origin:
            line = f" (line {trace.tb_lineno})"
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.lineno:
        line = f" (line {error.lineno})"
    text = error.msg if isinstance(error, SyntaxError) else str(error).partition("\n")[0]
    return Plugin(plugin.name, plugin.version, plugin.origin, plugin.sha256, f"{type(error).__name__}: {text}{line}")


def _register(registry: Registry, module: ModuleType, plugin: Plugin) -> Plugin:
    """Add what `module` gives, all of it or (when something is wrong) nothing."""
    try:
        found = list(_collect(module))
    except Exception as error:  # a hook that raises is a broken plugin
        return _broken(plugin, error)
    for what, record in found:
        getattr(registry, what).add(Entry(record, plugin))
    return plugin


def _collect(module: ModuleType) -> Iterable[tuple[str, Any]]:
    manager = pluggy.PluginManager("neurosim")
    manager.add_hookspecs(hookspecs)
    hooks = [hook for hook, _ in HOOKS.values()]
    for name in vars(module):
        if manager.parse_hookimpl_opts(module, name) is not None and name not in hooks:
            raise PluginError(f"unknown hook {name!r}; " + (did_you_mean(name, hooks) or ", ".join(hooks)))
    manager.register(module)
    manager.check_pending()
    for what, (hook, types) in HOOKS.items():
        for records in getattr(manager.hook, hook)():
            if not isinstance(records, list | tuple):
                raise PluginError(f"{hook} must return a list of records, not {type(records).__name__}")
            for record in records:
                if not isinstance(record, types):
                    wanted = " or ".join(kind.__name__ for kind in types)
                    raise PluginError(f"{hook} must return {wanted} records, not {type(record).__name__}")
                yield what, record
