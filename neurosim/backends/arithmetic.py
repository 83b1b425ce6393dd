"""What determines the last bits of a result, besides the scenario, the rows and the formulas.

The CPU backend has the same bits on every processor of an architecture: no sum is reordered, what is fused is written
as fused, and its functions are its own, as are those that schedules and optimizers use. Architectures differ in what
they do with numbers too small for a normal float32. The CUDA backend is meant to have the same bits, but for what
`neurosim.backends.cuda` names. The reference backend multiplies matrices with NumPy's BLAS, NumPy's exp, log and tanh
depend on the vector instructions they use, and sine, cosine and powers are the C library's.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import platform
from typing import Any

# NumPy's names for the vector instructions of its functions, widest first; older versions use other names.
_VECTORS = (("AVX-512", {"X86_V4", "AVX512_SKX"}), ("AVX2", {"X86_V3", "AVX2"}))

# Of architectures that systems call differently.
_OTHER_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}


@functools.cache
def arithmetic_of(backend: str) -> dict[str, str]:
    """A description of what the named backend computes with on this machine; equal descriptions mean equal bits."""
    if backend == "cuda":
        from neurosim.backends.cuda.target import device_words

        return {"device": device_words()}
    if backend == "cpu":
        machine = platform.machine().lower()
        return {"architecture": _OTHER_NAMES.get(machine, machine)}
    return {"BLAS": numpy_blas(), "NumPy's functions": _numpy_functions(), "C library": _c_library()}


@functools.cache
def compiler_of(backend: str) -> dict[str, str]:
    """Versions of the compiler packages of the named backend; empty if it is not compiled."""
    if backend == "reference":
        return {}
    import numba

    found = {"numba": numba.__version__}
    if backend == "cuda":
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # the CUDA target may be a separate package
            found["numba-cuda"] = importlib.metadata.version("numba-cuda")
    return found


@functools.cache
def numpy_blas() -> str:
    """The library with which NumPy multiplies matrices, and its kernel."""
    import numpy as np
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


def _numpy_functions() -> str:
    """The vector instructions that NumPy's functions use on this machine."""
    import numpy as np

    found = np.show_config(mode="dicts")
    names = set(found.get("SIMD Extensions", {}).get("found", ()))
    widest = next((words for words, any_of in _VECTORS if names & any_of), None)
    return widest or " ".join(sorted(names)) or "plain"


def _c_library() -> str:
    name = " ".join(platform.libc_ver()).strip()
    return name or f"{platform.system()} {platform.mac_ver()[0] or platform.win32_ver()[1]}".strip()
