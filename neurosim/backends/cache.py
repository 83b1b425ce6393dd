"""Where compiled code is kept between processes, and how generated code gets there.

Numba's own cache does not notice when a function called by a cached one changes. So nothing here is
cached under a name that could be reused: generated modules are named by the hash of their text, and the cache folder
of every kernel is named by a hash of everything that it could depend on (the versions of Python, numba, llvmlite and
neurosim, and our own kernel sources).

The folder is private to the user, since it contains pickles with machine code. If it is not private or cannot be
written, everything is compiled again in memory, after one warning.
"""

from __future__ import annotations

import functools
import hashlib
import linecache
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import platformdirs

from neurosim.backends.own_numba import VERSIONS
from neurosim.files.private import PrivateFolder
from neurosim.version import __version__

KERNEL_SOURCES = ("*.py", "cpu/**/*.py", "../elementary/*.py", "../formulas/*.py")


@functools.cache
def fingerprint() -> str:
    """Hash of everything that compiled code depends on besides its own text."""
    digest = hashlib.sha256()
    for part in (sys.version, *VERSIONS, __version__):
        digest.update(part.encode())
    here = Path(__file__).parent
    for pattern in KERNEL_SOURCES:
        for file in sorted(here.glob(pattern)):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path | None:
    """The folder for compiled code (``NEUROSIM_CACHE``, else the per-user cache), or None if it cannot be used."""
    folder = kernel_folder()
    return None if folder is None else folder.path


def kernel_folder() -> PrivateFolder | None:
    """The same folder, for reading and writing files; if it has been removed since, it is created again."""
    folder = _opened(_wanted())
    if folder is not None and not folder.is_there():
        _opened.cache_clear()
        folder = _opened(_wanted())
    return folder


def _wanted() -> Path:
    root = os.environ.get("NEUROSIM_CACHE") or platformdirs.user_cache_dir("neurosim")
    return Path(root) / "kernels" / fingerprint()


@functools.lru_cache(maxsize=1)
def _opened(path: Path) -> PrivateFolder | None:
    try:
        return PrivateFolder(path)
    except OSError as error:
        _warn_not_kept(path, error.strerror or str(error))
        return None


def warn_not_kept(reason: str) -> None:
    """Say, once per process, that something could not be kept in the cache folder."""
    folder = cache_folder()
    if folder is not None:
        _warn_not_kept(folder, reason)


_told: set[Path] = set()


def _warn_not_kept(folder: Path, reason: str) -> None:
    if folder in _told:
        return
    _told.add(folder)
    warnings.warn(
        f"compiled kernels cannot be kept in {folder} ({reason}); they are compiled again in each run. "
        "Set NEUROSIM_CACHE to a folder of your own, on a disk with free space.",
        RuntimeWarning,
        stacklevel=3,
    )


def _kept(name: str, text: str) -> Path | None:
    """Write a generated text into the cache folder, for people to read; None if that fails."""
    folder = kernel_folder()
    if folder is None:
        return None
    try:
        if folder.read(name) != text.encode():
            folder.write(name, text.encode())
    except OSError as error:
        warn_not_kept(error.strerror or str(error))
        return None
    return folder.path / name


_tellers: list[Callable[[str], None]] = []


@contextmanager
def telling(tell: Callable[[str], None]) -> Iterator[None]:
    """Inside this, call `tell` with the name, in words, of each kernel that is about to be compiled."""
    _tellers.append(tell)
    try:
        yield
    finally:
        _tellers.remove(tell)


def tell_what_is_compiled(what: str) -> None:
    """Tell who wants to know; `what` is the name of a kernel in words."""
    for tell in _tellers:
        tell(what)


_GENERATED: set[str] = set()


def source_stamp(function: Callable[..., Any]) -> str | None:
    """A stamp that stands for the source of a function and of everything it calls; None if that is not known.

    Generated modules are named by their text, and our own sources are part of the folder's name.
    """
    module = function.__module__
    if module in _GENERATED or module.startswith(f"{__package__}."):
        return ""
    try:
        return hashlib.sha256(Path(function.__code__.co_filename).read_bytes()).hexdigest()
    except OSError:
        return None


def load_generated(stem: str, text: str) -> ModuleType:
    """A module made from generated source text; the file in the cache folder with the same text is never executed.

    Parameters
    ----------
    stem : str
        What the module is, for people who look into the folder.
    text : str
        Its source.
    """
    name = f"neurosim_{stem}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    file = str(_kept(f"{name}.py", text) or f"<{name}>")
    module = ModuleType(name)
    module.__file__ = file
    # For messages and for Numba, which quote lines from it.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    _GENERATED.add(name)
    return _executed(module, lambda: exec(compile(text, file, "exec"), module.__dict__))


def _executed(module: ModuleType, execute: Callable[[], None]) -> ModuleType:
    """`module`, executed under its name, under which Numba looks up the module of a cached function."""
    sys.modules[module.__name__] = module
    try:
        execute()
    except BaseException:
        del sys.modules[module.__name__]
        raise
    return module
