"""Numba as neurosim uses it: loaded and made to compile with our settings; the user's own code keeps the user's.

Numba is loaded here, before any other module of ours imports it.
"""

from __future__ import annotations

import sys
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
# Whether somebody else may have set up Numba's code generator, of which a process has one, in another way. What is then
# compiled is no good for other processes.
SET_UP_OTHERWISE = _LOADED_BEFORE and config.OPT != 3
# Numba's defaults for the settings that it looks at whenever it compiles.
_OURS = {
    "OPT": config._OptLevel(3),
    "LOOP_VECTORIZE": 1,
    "SLP_VECTORIZE": 0,
    "BOUNDSCHECK": None,
    "DEBUGINFO_DEFAULT": 0,
    "EXTEND_VARIABLE_LIFETIMES": 0,
}

say_what_is_ignored(drawing=False)


@contextmanager
def our_settings() -> Iterator[None]:
    """Compile with our settings here; other threads, which compile with the user's, wait."""
    with global_compiler_lock:
        before = {name: getattr(config, name) for name in _OURS}
        reload = config.reload_config
        # Before it compiles, Numba would read files and variables again.
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
