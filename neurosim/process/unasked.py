"""Settings that would change results or pictures unasked: files beside a scenario, and environment variables.

Matplotlib and Numba read settings from the working folder as they load, and Numba again whenever it compiles. Such a
file may have come with a downloaded scenario. Both libraries look for it by name; this module hides it from them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_NUMBA, _MATPLOTLIB = ".numba_config.yaml", "matplotlibrc"
# How machine code is generated. NUMBA_CPU_NAME and NUMBA_CPU_FEATURES, which name the processor, are respected: they
# are part of a run's identity.
NUMBA_SETTINGS = (
    "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "ENABLE_AVX", "BOUNDSCHECK", "DEBUGINFO", "EXTEND_VARIABLE_LIFETIMES",
    "DISABLE_INTEL_SVML", "LLVM_REFPRUNE_PASS", "LLVM_REFPRUNE_FLAGS", "ENABLE_PROFILING",
)  # fmt: skip
_NUMBA_VARIABLES = tuple(f"NUMBA_{name}" for name in NUMBA_SETTINGS)
# A window for pictures, and the user's own style: neither applies to neurosim's pictures.
_MATPLOTLIB_VARIABLES = ("MPLBACKEND", "MATPLOTLIBRC")

# Names of settings that were hidden, and of those that the user has been warned about.
_hidden: set[str] = set()
_warned: set[str] = set()


@contextmanager
def unseen() -> Iterator[None]:
    """Hide these settings from libraries loaded inside this; neurosim's own processes are inside from the start."""
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
    """Whether a variable of matplotlib is empty, matches how our pictures are drawn, or is set by a notebook."""
    if variable == "MPLBACKEND":
        return value.lower() in ("", "agg", "inline") or value.startswith("module://")
    return variable == "MATPLOTLIBRC" and not value


def _variables() -> tuple[str, ...]:
    return _NUMBA_VARIABLES + _MATPLOTLIB_VARIABLES


def _is_hidden(path: object) -> bool:
    """Whether this is one of the files; the one in ``mpl-data`` has matplotlib's own defaults."""
    if not isinstance(path, str):
        return False
    folder, name = os.path.split(path)
    return (name == _NUMBA and not folder) or (name == _MATPLOTLIB and os.path.basename(folder) != "mpl-data")


def say_what_is_ignored(*, drawing: bool) -> None:
    """Warn about settings that are ignored, once per process for each; if only matplotlib's, only when `drawing`."""
    new = sorted(_hidden - _warned)
    if not new or (not drawing and {_MATPLOTLIB, *_MATPLOTLIB_VARIABLES}.issuperset(new)):
        return
    _warned.update(new)
    warnings.warn(
        f"ignored, so that numbers and pictures are the same everywhere: {', '.join(new)}",
        RuntimeWarning,
        stacklevel=2,
    )
