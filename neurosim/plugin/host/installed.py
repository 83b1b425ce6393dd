"""Installed plugins: every entry point of the group ``neurosim``."""

from __future__ import annotations

import functools
import importlib.metadata
import sys

from neurosim.plugin.host.catalogs import Plugin
from neurosim.plugin.host.registry import Registry
from neurosim.plugin.host.remembered import forget, keep, recall
from neurosim.plugin.host.sources import Source, source_of_module

GROUP = "neurosim"


def add_installed(registry: Registry, *, lazy: bool = True) -> None:
    """Add the plugin of each entry point, or list it as broken.

    With `lazy`, one whose records are known from an earlier time is loaded only when it is needed: some take seconds.
    """
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (distribution_of(point)[0], point.name)):
        load = functools.partial(_load, registry, point)
        plugin, source = _look(point)
        # What cannot be found is broken, and what is imported already costs nothing.
        wait = lazy and plugin.sha256 and module_of(point) not in sys.modules
        outlines = recall(point, plugin, source) if wait else None
        if outlines is None:
            load()
        else:
            registry.promise(plugin, outlines, load)


def _load(registry: Registry, point: importlib.metadata.EntryPoint) -> Plugin:
    """Add a plugin to the registry, and remember what it gives."""
    # Looked at again: it may have been edited since it was promised.
    plugin, source = _look(point)
    added = registry.add(plugin, point.load, source)
    if added.error:
        forget(point, source)
    else:
        keep(point, added, source, registry.outlines_of(added))
    return added


def _look(point: importlib.metadata.EntryPoint) -> tuple[Plugin, Source]:
    """What is known of a plugin before it is loaded, and its source."""
    name, version = distribution_of(point)
    source = source_of(point)
    return Plugin(name, version, point.value, source.sha256), source


def module_of(point: importlib.metadata.EntryPoint) -> str:
    """The module that an entry point names; empty where it names none, as ``my-module`` does."""
    try:
        return point.module
    except (AttributeError, AssertionError):  # which of them depends on Python's version
        return ""


def distribution_of(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    """Name and version; the name of the entry point where metadata lack one."""
    if point.dist is None:
        return point.name, ""
    return point.dist.name or point.name, point.dist.version or ""


def source_of(point: importlib.metadata.EntryPoint) -> Source:
    """The source of the module that an entry point names; nothing where there is none."""
    try:
        return source_of_module(module_of(point))
    except Exception:  # the cause shows when the plugin is loaded
        return Source()
