"""Installed plugins: every entry point of the group ``neurosim``."""

from __future__ import annotations

import importlib.metadata

from neurosim.plugin.host.catalogs import Plugin
from neurosim.plugin.host.registry import Registry
from neurosim.plugin.host.sources import Source, source_of_module

GROUP = "neurosim"


def add_installed(registry: Registry) -> None:
    """Add the plugin of each entry point, or list it as broken."""
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (_distribution(point)[0], point.name)):
        name, version = _distribution(point)
        source = _source(point)
        plugin = Plugin(name, version, point.value, source.sha256)
        registry.add(plugin, point.load, source)


def _distribution(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    """Name and version; the name of the entry point where metadata lack one."""
    if point.dist is None:
        return point.name, ""
    return point.dist.name or point.name, point.dist.version or ""


def _source(point: importlib.metadata.EntryPoint) -> Source:
    try:
        return source_of_module(point.module)
    except Exception:  # the cause shows when the plugin is loaded
        return Source()
