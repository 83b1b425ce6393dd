"""Numba's cache files, made a help that can fail: what is damaged is compiled again, what cannot be kept is not.

By itself Numba raises where a file is cut short or the disk is full, and would run machine code with a bit flipped.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
from typing import Any

from numba import config
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

from neurosim.backends.cache import cache_folder, warn_not_kept

_SIZE = hashlib.sha256().digest_size


class _CheckedFiles(IndexDataCacheFile):
    """The files of one function, each with its SHA-256 behind what Numba writes and reads."""

    def _dump(self, obj: Any) -> bytes:
        content: bytes = super()._dump(obj)
        return content + hashlib.sha256(content).digest()

    def _load_index(self) -> Any:
        try:
            with open(self._index_path, "rb") as file:
                pickle.load(file)  # the version, which Numba writes before the rest
                _check(file.read(), self._index_name)
        except FileNotFoundError:
            pass
        return super()._load_index()

    def _load_data(self, name: str) -> Any:
        with open(self._data_path(name), "rb") as file:
            _check(file.read(), name)
        return super()._load_data(name)


def _check(content: bytes, name: str) -> None:
    """Raise ValueError unless the content ends with its own checksum."""
    if hashlib.sha256(content[:-_SIZE]).digest() != content[-_SIZE:]:
        raise ValueError(f"{name} is damaged")


class KernelCache(FunctionCache):
    """The cache of one function, as Numba uses it."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self._cache_file.__class__ = _CheckedFiles

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled before; None where there is nothing, or nothing that can be used."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # of any kind: the files are pickles
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, where that is possible."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            warn_not_kept(error.strerror or str(error))


def kernel_cache(function: Any) -> Any:
    """The cache of a function; one that keeps nothing where there is no folder for it, or no file of the function."""
    folder = cache_folder()
    if folder is None:
        return NullCache()
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        return KernelCache(function)
    except RuntimeError:  # its source is in no file
        return NullCache()
    finally:
        config.CACHE_DIR = before
