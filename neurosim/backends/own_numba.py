"""Numba as neurosim uses it: it compiles with our settings here, and with the user's in the user's own code.

Numba is loaded here, before any other module of neurosim imports it.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager

from neurosim.process.unasked import say_what_is_ignored, unseen

_LOADED_BEFORE = "numba" in sys.modules

with unseen():
    import llvmlite
    import numba
    from numba.core import config
    from numba.core.compiler_lock import global_compiler_lock

VERSIONS = (numba.__version__, llvmlite.__version__)
# Whether other code may have configured Numba's code generator, of which there is one per process, differently. Code
# that is then compiled cannot be shared with other processes.
SET_UP_OTHERWISE = _LOADED_BEFORE and config.OPT != 3
# Numba's defaults for the settings that it reads whenever it compiles.
_OURS = {
    "OPT": config._OptLevel(3),
    "LOOP_VECTORIZE": 1,
    "SLP_VECTORIZE": 0,
    "BOUNDSCHECK": None,
    "DEBUGINFO_DEFAULT": 0,
    "EXTEND_VARIABLE_LIFETIMES": 0,
}

say_what_is_ignored(drawing=False)


def load_array_functions() -> None:
    """Import what Numba knows of arrays without ``scipy.linalg``, which takes a tenth of a second.

    Call this before anything is compiled, which is when Numba would import them, and would look for it: it is for
    matrix products in compiled code, of which there are none here. While Numba looks, empty modules stand in for it;
    afterwards it can be imported as usual.
    """
    if "numba.np.arraymath" in sys.modules or "scipy.linalg" in sys.modules:
        return
    stand_ins = {name: types.ModuleType(name) for name in ("scipy.linalg", "scipy.linalg.cython_blas")}
    sys.modules.update(stand_ins)
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        for name in stand_ins:
            del sys.modules[name]


@contextmanager
def our_settings() -> Iterator[None]:
    """Inside this, compile with our settings; other threads, which compile with the user's, wait."""
    with global_compiler_lock:
        before = {name: getattr(config, name) for name in _OURS}
        reload = config.reload_config
        # Otherwise Numba would read files and variables again before it compiles.
        config.reload_config = _nothing
        for name, value in _OURS.items():
            setattr(config, name, value)
        try:
            yield
        finally:
            config.reload_config = reload
            for name, value in before.items():
                setattr(config, name, value)


def _nothing() -> None:
    pass
