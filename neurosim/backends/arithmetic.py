"""What determines the last bits of a result, besides the scenario, the rows and the formulas.

Measurements on the CPU show that it is whether multiplications and additions are fused, and which BLAS kernel
multiplies matrices; vector width and other properties of the processor do not matter, since no sum is reordered.
NumPy's own exp, log and tanh, which the reference backend uses, depend on the vector instructions they use. Sine,
cosine and powers come from the C library.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import platform

# NumPy's names for the vector instructions of its functions, widest first; older versions use other names.
_VECTORS = (("AVX-512", {"X86_V4", "AVX512_SKX"}), ("AVX2", {"X86_V3", "AVX2"}))


@functools.cache
def arithmetic_of(backend: str) -> dict[str, str]:
    """A description of what the named backend computes with on this machine; equal descriptions mean equal bits."""
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
    """Versions of the compiler packages of the named backend; empty if it is not compiled."""
    if backend == "reference":
        return {}
    import numba

    found = {"numba": numba.__version__}
    if backend == "cuda":
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # the CUDA target may be a separate package
            found["numba-cuda"] = importlib.metadata.version("numba-cuda")
    return found


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
