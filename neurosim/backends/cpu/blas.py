"""The BLAS that comes with NumPy and SciPy: its ``sgemm``, and its threads."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

UNUSED = "numpy.f2py"
# Names of sgemm in the various builds of OpenBLAS: with 64-bit integers or not, renamed or not.
SYMBOLS = ("scipy_sgemm_64_", "sgemm_64_", "scipy_sgemm_", "sgemm_")


def load_scipy_linalg() -> None:
    """Import ``scipy.linalg`` without NumPy's Fortran wrapper generator.

    SciPy's array compatibility layer touches every attribute of NumPy, which loads ``numpy.f2py``: a tenth of a second
    for something that is not used here. While SciPy is being imported, an empty module stands in for it; afterwards it
    can be imported as usual.
    """
    if "scipy.linalg" in sys.modules or UNUSED in sys.modules:
        return
    stand_in: Any = types.ModuleType(UNUSED)
    numpy: Any = np
    sys.modules[UNUSED] = numpy.f2py = stand_in
    try:
        import scipy.linalg.cython_blas  # noqa: F401
    finally:
        del sys.modules[UNUSED], numpy.f2py


@functools.cache
def libraries() -> Any:
    """The BLAS libraries of this process, NumPy's and SciPy's, as threadpoolctl sees them."""
    import threadpoolctl

    load_scipy_linalg()
    return threadpoolctl.ThreadpoolController().select(user_api="blas")


@functools.cache
def chosen_sgemm() -> tuple[int, str]:
    """The address of a Fortran ``sgemm``, and its library.

    NumPy and SciPy each come with an OpenBLAS, and these are not equally fast (0.3.31 is a quarter faster than 0.3.30
    on the products of a batch): the newest one is used. Its integers may have 32 or 64 bits; the caller passes 64, of
    which a library with 32 reads the lower half.
    """
    found = []
    for library in libraries().lib_controllers if sys.byteorder == "little" else ():
        if library.internal_api != "openblas" or library.version is None:
            continue
        symbol = next((name for name in SYMBOLS if hasattr(library.dynlib, name)), None)
        if symbol is not None:
            version = tuple(int(part) for part in library.version.split(".") if part.isdecimal())
            address = ctypes.cast(getattr(library.dynlib, symbol), ctypes.c_void_p).value
            found.append((version, address, _words(library)))
    if found:
        _, address, name = max(found)
        return int(address or 0), name
    from numba.extending import get_cython_function_address

    return int(get_cython_function_address("scipy.linalg.cython_blas", "sgemm")), "SciPy's BLAS"


@functools.cache
def numpy_blas() -> str:
    """The library with which NumPy multiplies matrices, and its kernel."""
    import threadpoolctl

    found = threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers
    # Wheels come with their own; otherwise it is the only one, or it cannot be determined.
    own = [library for library in found if "numpy" in library.filepath] or found
    if own:
        return ", ".join(sorted({_words(library) for library in own}))
    built = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return f"{built.get('name', 'unknown')} {built.get('version', '')}".strip()


def _words(library: Any) -> str:
    """A library as threadpoolctl describes it: name, version and kernel."""
    name = "OpenBLAS" if library.internal_api == "openblas" else library.internal_api
    kernel = getattr(library, "architecture", None)
    return f"{name} {library.version}" + (f" ({kernel})" if kernel else "")


def sgemm_address() -> int:
    """The address of the ``sgemm`` that the engine calls."""
    return chosen_sgemm()[0]


class _Limiter:
    """Keeps BLAS to one thread as long as anybody needs that: the limit is the process's, not that of a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: list[int] = []

    def enter(self) -> None:
        with self._lock:
            if not self._users:
                self._before = [library.num_threads for library in libraries().lib_controllers]
                _set_threads([1] * len(self._before))
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                _set_threads(self._before)


def _set_threads(counts: list[int]) -> None:
    for library, count in zip(libraries().lib_controllers, counts, strict=True):
        # Newer versions of threadpoolctl ignore every thread but the first that has set a limit: whoever enters or
        # leaves is that one, for as long as it takes.
        clear = getattr(library, "clear_controlling_thread", None)
        if clear is not None:
            clear(force=True)
        library.set_num_threads(count)
        if clear is not None:
            clear(force=True)


_limiter = _Limiter()


@contextlib.contextmanager
def single_threaded(needed: bool) -> Iterator[None]:
    """Limit BLAS to one thread: our own threads each call it on their blocks, and must not compete with its threads.

    With more threads it would also add up in another order. Networks that are trained side by side enter and leave in
    any order: the last one to leave gives BLAS its threads back.
    """
    if not needed:
        yield
        return
    _limiter.enter()
    try:
        yield
    finally:
        _limiter.leave()
