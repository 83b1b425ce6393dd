"""What installed plugins give, remembered from one process to the next: a plugin may take seconds to import.

Only what lists show is kept, as JSON, and only as long as nothing has changed that it could depend on: the plugin's
own source, the files of its distribution, what that requires, the modules beside it that it imports, neurosim and
Python. A plugin that is broken is not remembered, and what is remembered never takes the place of loading a plugin
that is used.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import platformdirs

from neurosim.files.private import PrivateFolder
from neurosim.plugin.host.catalogs import Outline, Plugin
from neurosim.plugin.host.hooks import HOOKS
from neurosim.plugin.host.sources import Source
from neurosim.plugin.record import is_vector
from neurosim.version import __version__

Outlines = Sequence[tuple[str, Outline]]
_PLAIN = (str, int, float, bool, type(None))


def recall(point: EntryPoint, plugin: Plugin, source: Source) -> Outlines | None:
    """The catalog of each record that a plugin gives, and what lists show of it; None if it has to be loaded."""
    folder = _folder()
    if folder is None or not plugin.sha256:
        return None
    try:
        content = json.loads(folder.read(_name(point, source)) or b"null")
        if content is None or content["key"] != _key(point, plugin):
            return None
        if any(_stamp(path) != stamp for path, stamp in content["beside"].items()):
            return None
        return [_outline(*entry) for entry in content["records"]]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):  # damaged, or not readable
        return None


def _outline(what: str, name: str, settings: dict[str, Any], about: str, learned: Sequence[str]) -> tuple[str, Outline]:
    texts = isinstance(learned, list) and all(isinstance(text, str) for text in (name, about, *learned))
    if what not in HOOKS or not (texts and isinstance(settings, dict)):
        raise ValueError(what)
    return what, Outline(name, settings, about, tuple(learned))


def keep(point: EntryPoint, plugin: Plugin, source: Source, outlines: Outlines) -> None:
    """Remember what a plugin gives, if that is possible."""
    folder = _folder()
    values = (value for _, outline in outlines for value in outline.settings.values())
    plain = all(isinstance(part, _PLAIN) for value in values for part in (value if is_vector(value) else [value]))
    if folder is None or not plugin.sha256 or not plain:
        forget(point, source)
        return
    content = {
        "key": _key(point, plugin),
        "beside": {path: _stamp(path) for path in _beside(source)},
        "records": [(what, one.name, one.settings, one.about, list(one.learned)) for what, one in outlines],
    }
    text = json.dumps(content).encode()
    with contextlib.suppress(OSError):
        if folder.read(_name(point, source)) != text:
            folder.write(_name(point, source), text)


def forget(point: EntryPoint, source: Source) -> None:
    """Remember nothing about a plugin any longer."""
    folder = _folder()
    if folder is not None:
        with contextlib.suppress(OSError):
            folder.remove(_name(point, source))


def _folder() -> PrivateFolder | None:
    """The folder of what is remembered, which no other user can write to; None if there is none."""
    root = os.environ.get("NEUROSIM_CACHE") or platformdirs.user_cache_dir("neurosim")
    folder = _opened(Path(root) / "plugins")
    return folder if folder is not None and folder.is_there() else None


@functools.lru_cache(maxsize=1)
def _opened(path: Path) -> PrivateFolder | None:
    try:
        return PrivateFolder(path)
    except OSError:
        return None


def _name(point: EntryPoint, source: Source) -> str:
    """The name of the file about a plugin; another one where it is installed elsewhere."""
    digest = hashlib.sha256(repr((sys.version, point.name, point.value, sorted(source.files))).encode())
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', point.value)[:80]}-{digest.hexdigest()[:24]}.json"


def _key(point: EntryPoint, plugin: Plugin) -> str:
    """A hash of everything that stays the same as long as a plugin gives the same; but for the modules beside it."""
    files, needed = "", []
    if point.dist is not None:
        files = point.dist.read_text("RECORD") or ""
        needed = [_version(text) for text in point.dist.requires or () if "extra ==" not in text]
    parts = (__version__, sys.version, plugin.name, plugin.version, plugin.sha256, files, needed)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _version(requirement: str) -> str:
    """The installed version of a distribution that is required; nothing where there is none."""
    name = re.match(r"[A-Za-z0-9._-]*", requirement)
    try:
        return importlib.metadata.version(name[0]) if name else ""
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""


def _beside(source: Source) -> Iterable[str]:
    """Files of loaded modules in the folder that a plugin was found in, which may be edited there."""
    own = {os.path.realpath(path) for path in source.files}
    if not own:
        return
    folder = os.path.commonpath([os.path.dirname(path) for path in own])
    if os.path.isfile(os.path.join(folder, "__init__.py")):
        folder = os.path.dirname(folder)
    if any(folder == os.path.realpath(place) for place in map(sysconfig.get_path, ("stdlib", "purelib", "platlib"))):
        return  # the files of a distribution change with its RECORD
    for module in list(sys.modules.values()):
        file: Any = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py"):
            path = os.path.realpath(file)
            if path not in own and path.startswith(folder + os.sep):
                yield path


def _stamp(path: str) -> list[int] | None:
    """What changes when a file is edited; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_mtime_ns, status.st_size]
