"""Finding the plugins and filling a registry with them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from neurosim.errors import DataError, PluginError, UsageError
from neurosim.plugin.host.catalogs import Plugin
from neurosim.plugin.host.files import add_file, add_file_or_fault
from neurosim.plugin.host.files import plugin_files as files_of
from neurosim.plugin.host.installed import add_installed
from neurosim.plugin.host.registry import Registry
from neurosim.printable import arguments

# What neurosim brings along: plugins like any other. By name, since they import the contract that is beside this.
MODULES = (
    "neurosim.builtins.activations",
    "neurosim.builtins.gates",
    "neurosim.builtins.losses",
    "neurosim.builtins.optimizers",
    "neurosim.builtins.initializers",
    "neurosim.builtins.schedules",
    "neurosim.builtins.metrics",
    "neurosim.builtins.observers",
    "neurosim.builtins.logs",
    "neurosim.builtins.toy_datasets",
    "neurosim.builtins.function_datasets",
    "neurosim.builtins.placeholder",
    "neurosim.data.file_datasets",
)


def build_registry(
    plugin_files: Sequence[Path | str] = (),
    *,
    plugin_folders: Sequence[Path | str] = (),
    entry_points: bool = True,
    environment: bool = True,
    builtins: bool = True,
    lazy: bool = True,
) -> Registry:
    """Load the built-ins and the plugins, and collect what they give.

    A plugin that was asked for by its file must work. Any other one that is broken is listed as
    broken and hurts nothing else. ``NEUROSIM_DISABLE_PLUGINS=1`` leaves out all plugins that are
    not asked for here by file or folder.

    Parameters
    ----------
    plugin_files : sequence of paths
        Python files to load as plugins.
    plugin_folders : sequence of paths
        Folders whose Python files are plugins, but for those whose names start with ``_`` or ``.``.
    entry_points : bool
        Whether to load installed plugins.
    environment : bool
        Whether to load the files and folders that ``NEUROSIM_PLUGINS`` names.
    builtins : bool
        Whether to load what neurosim brings along.
    lazy : bool
        Whether to load an installed plugin only when something that it gives is asked for, if that is known from an
        earlier time.

    Raises
    ------
    PluginError
        For a file named in `plugin_files` that is broken.
    DataError
        For a file or a folder named here that is not there or cannot be read.
    UsageError
        For a folder among the files.
    """
    asked = _unique(_existing_file(Path(file)) for file in plugin_files)
    listed: list[Path] = []
    for folder in map(Path, plugin_folders):
        with _reading("folder", folder):
            listed += files_of(folder)
    enabled = os.environ.get("NEUROSIM_DISABLE_PLUGINS", "") in ("", "0")

    registry = Registry()
    if builtins:
        for name in MODULES:
            registry.add_builtins(importlib.import_module(name))
    if enabled and entry_points:
        add_installed(registry, lazy=lazy)
    if enabled and environment:
        listed = _environment_files(registry) + listed
    for file in _unique(listed, besides=asked):
        add_file_or_fault(registry, file)
    for file in asked:
        with _reading("file", file):
            plugin = add_file(registry, file)
        if plugin.error:
            raise PluginError(f"plugin {file} is broken: {plugin.error}")
    return registry


def _existing_file(path: Path) -> Path:
    with _reading("file", path):
        if path.is_file():
            return path
        if path.is_dir():
            raise UsageError(
                f"plugin {path} is a folder", f"For all plugin files in it: {arguments(plugin_folders=[str(path)])}"
            )
    raise DataError(f"plugin file not found: {path}", "Check how the path is written.")


@contextmanager
def _reading(what: str, path: Path) -> Iterator[None]:
    """Raise DataError where a plugin's file or folder cannot be read."""
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot read plugin {what} {path}: {error.strerror}") from error


def _environment_files(registry: Registry) -> list[Path]:
    """Files that ``NEUROSIM_PLUGINS`` names; folders that cannot be read are listed as broken."""
    found = []
    for text in os.environ.get("NEUROSIM_PLUGINS", "").split(os.pathsep):
        path = Path(text)
        if not text:
            continue
        try:
            found += files_of(path) if path.is_dir() else [path]
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
            registry.plugins.append(Plugin(path.name, origin=text, error=problem))
    return found


def _unique(paths: Iterable[Path], besides: Iterable[Path] = ()) -> list[Path]:
    """Each file once, by whatever paths it is named, and none of those in `besides`."""
    kept = {os.path.realpath(path): path for path in besides}
    others = len(kept)
    for path in paths:
        kept.setdefault(os.path.realpath(path), path)
    return list(kept.values())[others:]
