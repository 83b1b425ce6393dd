"""Plugins of one file: read, compiled and run afresh each time, so that an edited file is never stale."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType

from neurosim.errors import PluginError
from neurosim.formulas.source import LOADED_SOURCE
from neurosim.plugin.host.catalogs import Plugin
from neurosim.plugin.host.registry import Registry
from neurosim.plugin.host.sources import Source

MODULE_PREFIX = "neurosim_plugin_"
ONE_FILE = "make a package of several files: neurosim plugins new NAME"


def add_file(registry: Registry, path: Path) -> Plugin:
    """Add the plugin in a file, or list it as broken.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    content = path.read_bytes()
    plugin = Plugin(path.stem, origin=str(path), sha256=hashlib.sha256(content).hexdigest())
    return registry.add(plugin, lambda: _execute(path, content), Source({str(path): ""}, plugin.sha256))


def add_file_or_fault(registry: Registry, path: Path) -> None:
    """As `add_file`, and a file that cannot be read is listed as broken too."""
    try:
        # A pipe would have us wait for ever.
        problem = "is a folder" if path.is_dir() else "" if path.is_file() else "there is no such file"
        if not problem:
            add_file(registry, path)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    if problem:
        registry.plugins.append(Plugin(path.stem, origin=str(path), error=problem))


def plugin_files(folder: Path) -> list[Path]:
    """The plugin files of a folder, by name; those whose names start with ``_`` or ``.`` are none.

    Raises
    ------
    OSError
        When there is no such folder, or it cannot be read.
    """
    return sorted(path for path in folder.iterdir() if path.suffix == ".py" and path.name[0] not in "_.")


def _execute(path: Path, content: bytes) -> ModuleType:
    if path.suffix != ".py":
        raise PluginError("the name of a plugin file must end in .py")
    # Compiled here rather than by the import system, which could take a stale .pyc for it.
    text = _text(path, content)
    code = compile(text, str(path), "exec", dont_inherit=True)
    key = hashlib.sha256(os.fsencode(path.resolve()) + b"\0" + content).hexdigest()
    # A name that no import statement finds by accident, and that no other version of the file has.
    name = f"{MODULE_PREFIX}{key[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    # The text is kept: backends translate it, and by then the file may say something else.
    module.__dict__[LOADED_SOURCE] = text
    # Libraries look up the module that a class was defined in.
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, ImportError) and _wants_a_neighbor(error, path):
            fault = PluginError(f"a plugin file cannot import its neighbors ({error.msg})", ONE_FILE)
            raise fault.with_traceback(error.__traceback__) from error
        raise
    return module


def _text(path: Path, content: bytes) -> str:
    """The text of a file as Python reads it; a SyntaxError with the line where that is none."""
    try:
        text = importlib.util.decode_source(content)
    except UnicodeDecodeError as error:
        raise _fault(path, f"byte 0x{content[error.start]:02x} is not text in UTF-8", content, error.start) from error
    except SyntaxError as error:  # about the encoding that is declared, or should be
        place = re.search(rb"coding|[^\x00-\x7f]", content)
        raise _fault(path, error.msg, content, place.start() if place else 0) from error
    if "\0" in text:
        raise _fault(path, "null byte in the text", content, content.index(b"\0"))
    return text


def _fault(path: Path, message: str, content: bytes, offset: int) -> SyntaxError:
    fault = SyntaxError(message)
    fault.filename, fault.lineno = str(path), content.count(b"\n", 0, offset) + 1
    return fault


def _wants_a_neighbor(error: ImportError, path: Path) -> bool:
    """Whether the import was of a file beside the plugin; its folder is on no import path."""
    if not isinstance(error, ModuleNotFoundError):
        return "relative import" in str(error)
    name = (error.name or "").partition(".")[0]
    return bool(name) and ((path.parent / name).is_dir() or (path.parent / f"{name}.py").is_file())
