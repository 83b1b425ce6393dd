"""The BLAS that SciPy brings along: loading it, its ``sgemm``, and its threads."""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

UNUSED = "numpy.f2py"


def load_scipy_linalg() -> None:
    """Import ``scipy.linalg`` without NumPy's Fortran wrapper generator.

    SciPy's array compatibility layer touches every attribute of NumPy, which loads ``numpy.f2py``:
    a tenth of a second for something that nobody here uses. While SciPy is being imported an empty
    module stands in for it; afterwards it can be imported as always.
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
def sgemm_address() -> int:
    """Address of the Fortran ``sgemm``."""
    from numba.extending import get_cython_function_address

    return int(get_cython_function_address("scipy.linalg.cython_blas", "sgemm"))


@functools.cache
def _libraries() -> Any:
    """The BLAS libraries of this process; made after SciPy's is loaded, or it would be missed."""
    import threadpoolctl

    sgemm_address()
    return threadpoolctl.ThreadpoolController()


@contextlib.contextmanager
def single_threaded(needed: bool) -> Iterator[None]:
    """Our threads each call BLAS on their own block; a BLAS with threads of its own would fight them."""
    if not needed:
        yield
        return
    with _libraries().limit(limits=1, user_api="blas"):
        yield
