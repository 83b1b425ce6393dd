"""Where compiled code is kept between processes, and how generated code gets there.

Numba's own cache does not notice when a function called by a cached one changes. So nothing here is
cached under a name that could be reused: generated modules are files named by the hash of their
text, and the cache folder of every kernel is named by a hash of all that it could depend on
(the versions of Python, numba, llvmlite and neurosim, and our own kernel sources).

The folder is private to the user, since Numba's cache files are pickles. Where it cannot be
written, everything is compiled afresh in memory, after one warning.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import linecache
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import llvmlite
import numba
import platformdirs

from neurosim.version import __version__

KERNEL_SOURCES = ("*.py", "cpu/*.py")


@functools.cache
def fingerprint() -> str:
    """Hash of everything that compiled code depends on besides its own text."""
    digest = hashlib.sha256()
    for part in (sys.version, numba.__version__, llvmlite.__version__, __version__):
        digest.update(part.encode())
    here = Path(__file__).parent
    for pattern in KERNEL_SOURCES:
        for file in sorted(here.glob(pattern)):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def cache_folder() -> Path | None:
    """The folder for compiled code (``NEUROSIM_CACHE``, else the per-user cache), or None if unwritable."""
    root = Path(os.environ.get("NEUROSIM_CACHE") or platformdirs.user_cache_dir("neurosim"))
    folder = root / "kernels" / fingerprint()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if os.name == "posix" and (folder.stat().st_uid != os.geteuid() or folder.stat().st_mode & 0o022):
            _warn_not_kept(folder, "others may write there")
            return None
    except OSError as error:
        _warn_not_kept(folder, error.strerror or str(error))
        return None
    return folder


def warn_not_kept(reason: str) -> None:
    """Say, once in a process, that something could not be kept in the cache folder."""
    folder = cache_folder()
    if folder is not None:
        _warn_not_kept(folder, reason)


@functools.cache
def _warn_not_kept(folder: Path, reason: str) -> None:
    warnings.warn(
        f"compiled kernels cannot be kept in {folder} ({reason}); they are compiled again in each run. "
        "Set NEUROSIM_CACHE to a folder that can be written.",
        RuntimeWarning,
        stacklevel=3,
    )


def _kept(name: str, text: str) -> Path | None:
    """The file of the cache folder with this text; None where it cannot be kept."""
    folder = cache_folder()
    if folder is None:
        return None
    path = folder / name
    try:
        if not path.exists() or path.read_bytes() != text.encode():
            _write_once(path, text)
    except OSError as error:
        warn_not_kept(error.strerror or str(error))
        return None
    return path


def _write_once(path: Path, text: str) -> None:
    """Write a file that another process may be writing too; the first one stays.

    Numba takes a newer file for another one, so replacing it by its like would cost a compilation.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
        try:
            os.link(temporary, path)
        except FileExistsError:
            if path.read_bytes() != text.encode():
                Path(temporary).replace(path)
        except OSError:  # no hard links here
            Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def load_generated(stem: str, text: str) -> ModuleType:
    """Import generated source text as a module, from a file named by its content where possible.

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
    path = _kept(f"{name}.py", text)
    if path is None:
        module = ModuleType(name)
        module.__file__ = f"<{name}>"
        linecache.cache[module.__file__] = (len(text), None, text.splitlines(keepends=True), module.__file__)
        return _executed(module, lambda: exec(compile(text, module.__file__ or "", "exec"), module.__dict__))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    loader = spec.loader
    return _executed(module, lambda: loader.exec_module(module))


def _executed(module: ModuleType, execute: Callable[[], None]) -> ModuleType:
    """`module`, executed under its name, by which Numba finds a cached function's module again."""
    sys.modules[module.__name__] = module
    try:
        execute()
    except BaseException:
        del sys.modules[module.__name__]
        raise
    return module
