"""What decides the last bits of a result besides the scenario, the rows and the formulas.

As measured on the CPU, it is whether multiplications and additions are fused, and which kernel of BLAS multiplies
matrices; vector width and the rest of a processor do not matter, since no sum is reordered. NumPy's own exp, log and
tanh, which the reference backend uses, differ with the vectors they are made for. Sine, cosine and powers come from the
C library.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import platform

# By NumPy's names for what its functions were made for, the widest first; older versions use other names.
_VECTORS = (("AVX-512", {"X86_V4", "AVX512_SKX"}), ("AVX2", {"X86_V3", "AVX2"}))


@functools.cache
def arithmetic_of(backend: str) -> dict[str, str]:
    """What the backend of this name computes with here, in words; the same words give the same bits."""
    if backend == "cuda":
        from neurosim.backends.cuda.target import device_words

        return {"device": device_words()}
    from neurosim.backends.cpu.blas import chosen_sgemm, numpy_blas

    if backend == "cpu":
        from neurosim.backends.cpu.jit import fuses

        own = {"fused multiply-add": "yes" if fuses() else "no", "BLAS": chosen_sgemm()[1]}
    else:
        own = {"BLAS": numpy_blas(), "NumPy's functions": _numpy_functions()}
    return {**own, "C library": _c_library()}


@functools.cache
def compiler_of(backend: str) -> dict[str, str]:
    """Versions of what compiles for the backend of this name; empty if nothing does."""
    if backend == "reference":
        return {}
    import numba

    found = {"numba": numba.__version__}
    if backend == "cuda":
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # numba has a target of its own for GPUs
            found["numba-cuda"] = importlib.metadata.version("numba-cuda")
    return found


def _numpy_functions() -> str:
    """The vectors that NumPy's functions use here."""
    import numpy as np

    found = np.show_config(mode="dicts")
    names = set(found.get("SIMD Extensions", {}).get("found", ()))
    widest = next((words for words, any_of in _VECTORS if names & any_of), None)
    return widest or " ".join(sorted(names)) or "plain"


def _c_library() -> str:
    name = " ".join(platform.libc_ver()).strip()
    return name or f"{platform.system()} {platform.mac_ver()[0] or platform.win32_ver()[1]}".strip()
