"""The source files of a plugin: how messages call them, and the hash that a run record keeps."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from neurosim.plugin.host.hooks import HOOKS


@dataclass(frozen=True)
class Source:
    """What a plugin was loaded from.

    Attributes
    ----------
    files : mapping of str to str
        Each of its files as tracebacks name it, and how messages call it: nothing for a plugin of
        one file.
    sha256 : str
        Hash of the one file, or of all Python files of a package with their names.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""


def source_of_module(name: str) -> Source:
    """The source of an installed module, without importing it: of the whole package that it is in."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        spec = importlib.util.find_spec(".".join(parts[:depth]))
        if spec is None:
            break
        folders = spec.submodule_search_locations
        if spec.has_location and spec.origin is not None:
            return source_of_package(Path(folders[0])) if folders else source_of_file(Path(spec.origin))
        # Part of several distributions (a namespace): the plugin is further down.
    return Source()


def source_of_object(plugin: object) -> Source:
    """The source of a module that is loaded, or of the hooks of an object."""
    if isinstance(plugin, ModuleType):
        file, folders = getattr(plugin, "__file__", None), getattr(plugin, "__path__", None)
        if folders and file:
            return source_of_package(Path(next(iter(folders))))
        return source_of_file(Path(file)) if file else Source()
    codes = (getattr(getattr(plugin, hook, None), "__code__", None) for hook, _ in HOOKS.values())
    files = {code.co_filename for code in codes if code is not None}
    return source_of_file(Path(files.pop())) if len(files) == 1 else Source({file: file for file in files})


def source_of_file(path: Path) -> Source:
    """The source of a plugin of one file; without a hash where it cannot be read."""
    files = {str(path): ""}
    try:
        return Source(files, hashlib.sha256(path.read_bytes()).hexdigest())
    except OSError:
        return Source(files)


def source_of_package(folder: Path) -> Source:
    """The source of a package; without a hash where it cannot be read."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.py")}
    files = {str(path): f"{folder.name}/{name}" for name, path in paths.items()}
    digest = hashlib.sha256()
    try:
        for name, path in sorted(paths.items()):
            content = path.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
    except OSError:
        return Source(files)
    return Source(files, digest.hexdigest())
