"""The registry: a catalog for each kind of record, and the plugins that filled them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from neurosim.errors import PluginError
from neurosim.plugin.host.catalogs import BUILTIN, Catalog, Entry, Outline, Plugin, Promise
from neurosim.plugin.host.causes import cause
from neurosim.plugin.host.hooks import HOOKS, records
from neurosim.plugin.host.sources import Source, source_of_object

Loaded = TypeVar("Loaded")


class Registry:
    """Everything that scenarios can name; a new one is empty.

    Attributes
    ----------
    activations, gates, losses, optimizers, initializers, schedules, metrics, observers, datasets : Catalog
        The records of each kind.
    plugins : list of Plugin
        The plugins besides the built-ins, broken ones too.
    """

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.activations = Catalog("activation", self.plugins)
        self.gates = Catalog("gate", self.plugins)
        self.losses = Catalog("loss", self.plugins)
        self.optimizers = Catalog("optimizer", self.plugins)
        self.initializers = Catalog("initializer", self.plugins)
        self.schedules = Catalog("schedule", self.plugins)
        self.metrics = Catalog("metric", self.plugins)
        self.observers = Catalog("observer", self.plugins)
        self.datasets = Catalog("data set", self.plugins)

    def broken(self) -> list[Plugin]:
        """Plugins that could not be loaded."""
        return [plugin for plugin in self.plugins if plugin.error]

    def register(self, plugin: object, name: str | None = None) -> Plugin:
        """Add what a module, or an object with hooks as its methods, gives.

        Parameters
        ----------
        plugin : module or object
            Has functions marked with ``@hookimpl``.
        name : str, optional
            What to call it; else the name of the module or of the object's class.

        Raises
        ------
        PluginError
            When it is broken, or a plugin of this name is there already.
        """
        called = name or str(getattr(plugin, "__name__", type(plugin).__name__))
        if any(other.name == called for other in self.plugins):
            raise PluginError(f"there is a plugin called {called} already", "Give this one another name.")
        source = source_of_object(plugin)
        origin = str(getattr(plugin, "__file__", None) or next(iter(source.files), ""))
        added = self.add(Plugin(called, origin=origin, sha256=source.sha256), lambda: plugin, source)
        if added.error:
            self.plugins.remove(added)
            raise PluginError(f"plugin {called} is broken: {added.error}")
        return added

    def add(self, plugin: Plugin, load: Callable[[], object], source: Source) -> Plugin:
        """Load a plugin and add what it gives, or list it as broken; returns it as it is listed.

        Parameters
        ----------
        plugin : Plugin
            What is known before it is loaded.
        load : function
            Returns the module or the object with the hooks. Whatever it raises breaks the plugin,
            except an interruption by the user.
        source : Source
            Where lines are counted for the cause.
        """
        try:
            if plugin.name == BUILTIN:
                raise PluginError(f'a plugin cannot be called "{BUILTIN}"', "rename it")
            found = quietly(lambda: records(load()))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            plugin = replace(plugin, error=cause(error, source.files))
        else:
            for what, record in found:
                getattr(self, what).add(Entry(record, plugin))
        self.plugins.append(plugin)
        return plugin

    def promise(self, plugin: Plugin, outlines: Iterable[tuple[str, Outline]], load: Callable[[], Plugin]) -> None:
        """List a plugin and its records, and load it once one of them is asked for.

        Parameters
        ----------
        plugin : Plugin
            What is known of it.
        outlines : iterable of (str, Outline)
            The catalog of each of its records, and what lists show of it.
        load : function
            Adds the plugin to this registry, and returns it as it is listed then.
        """

        def fulfill() -> None:
            if any(other is plugin for other in self.plugins):
                loaded = load()
                # It equals what was promised, unless it was edited since.
                others = [other for other in self.plugins if other is not loaded]
                self.plugins[:] = [loaded if other is plugin else other for other in others]
                for catalog in HOOKS:
                    getattr(self, catalog).withdraw(plugin)

        self.plugins.append(plugin)
        for what, outline in outlines:
            getattr(self, what).add(Promise(outline, plugin, fulfill))

    def outlines_of(self, plugin: Plugin) -> list[tuple[str, Outline]]:
        """The catalog of each record that a loaded plugin gives, and what lists show of it."""
        return [(what, entry.outline) for what in HOOKS for entry in getattr(self, what).given_by(plugin)]

    def add_builtins(self, module: object) -> None:
        """Add a module of built-ins; these are not listed among the plugins."""
        for what, record in records(module):
            getattr(self, what).add(Entry(record, Plugin(BUILTIN)))


def quietly(work: Callable[[], Loaded]) -> Loaded:
    """Call `work` with what it prints sent to standard error: standard output is for results."""
    with contextlib.redirect_stdout(sys.stderr):
        return work()
