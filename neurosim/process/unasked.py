"""What would change results or pictures without anybody asking for it: files beside a scenario, and variables.

Matplotlib and Numba read settings from the working folder as they load, and Numba again whenever it compiles. Such a
file may have come with a downloaded scenario. Both libraries look for it by name; here they find none.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_NUMBA, _MATPLOTLIB = ".numba_config.yaml", "matplotlibrc"
# How machine code is made. NUMBA_CPU_NAME and NUMBA_CPU_FEATURES, which say what processor it is for, are obeyed: that
# is part of a run's identity.
NUMBA_SETTINGS = (
    "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "ENABLE_AVX", "BOUNDSCHECK", "DEBUGINFO", "EXTEND_VARIABLE_LIFETIMES",
    "DISABLE_INTEL_SVML", "LLVM_REFPRUNE_PASS", "LLVM_REFPRUNE_FLAGS", "ENABLE_PROFILING",
)  # fmt: skip
_NUMBA_VARIABLES = tuple(f"NUMBA_{name}" for name in NUMBA_SETTINGS)
# A window for pictures, and the user's own style: neither applies to pictures of ours.
_MATPLOTLIB_VARIABLES = ("MPLBACKEND", "MATPLOTLIBRC")

# Names of what was hidden, and of what the user has been told is.
_hidden: set[str] = set()
_told: set[str] = set()


@contextmanager
def unseen() -> Iterator[None]:
    """Hide all of it from libraries that are loaded here; a process of neurosim's own is inside from its start."""
    _hidden.update(_present())
    hidden = {name: os.environ.pop(name) for name in _variables() if name in os.environ}
    exists = os.path.exists
    os.path.exists = lambda path: not _is_hidden(path) and exists(path)
    try:
        yield
    finally:
        os.path.exists = exists
        os.environ.update(hidden)


def _present() -> list[str]:
    files = [name for name in (_NUMBA, _MATPLOTLIB) if os.path.lexists(name)]
    return files + [name for name in _variables() if name in os.environ and not _is_usual(name, os.environ[name])]


def _is_usual(variable: str, value: str) -> bool:
    """Whether a variable of matplotlib says nothing, or what our pictures are drawn with, or is set by a notebook."""
    if variable == "MPLBACKEND":
        return value.lower() in ("", "agg", "inline") or value.startswith("module://")
    return variable == "MATPLOTLIBRC" and not value


def _variables() -> tuple[str, ...]:
    return _NUMBA_VARIABLES + _MATPLOTLIB_VARIABLES


def _is_hidden(path: object) -> bool:
    """Whether the libraries look for one of the files here; that in ``mpl-data`` is matplotlib's own defaults."""
    if not isinstance(path, str):
        return False
    folder, name = os.path.split(path)
    return (name == _NUMBA and not folder) or (name == _MATPLOTLIB and os.path.basename(folder) != "mpl-data")


def say_what_is_ignored(*, drawing: bool) -> None:
    """Warn of what is there and not used, once in a process for each; of matplotlib's settings alone when `drawing`."""
    new = sorted(_hidden - _told)
    if not new or (not drawing and {_MATPLOTLIB, *_MATPLOTLIB_VARIABLES}.issuperset(new)):
        return
    _told.update(new)
    warnings.warn(
        f"not used, so that numbers and pictures are the same everywhere: {', '.join(new)}",
        RuntimeWarning,
        stacklevel=2,
    )
