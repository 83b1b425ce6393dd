"""Settings and limits of the environment, checked before they make a library hang or crash without any message."""

from __future__ import annotations

import os
import re
from pathlib import Path

from neurosim.errors import BackendError, DataError

CORE_TYPE = "OPENBLAS_CORETYPE"
DISABLE_JIT = "NUMBA_DISABLE_JIT"
# Address space that ``run xor`` takes until it is trained, measured as 366 MiB with one BLAS thread and 406 MiB with
# two, with room for saying that there is not enough for more: below 388 MiB, libraries crash.
LIBRARIES = 360 << 20
THREAD = 40 << 20
_AVX512 = ("avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl")
# The processor features that OpenBLAS kernels need, by the name of the kernel, in the terms of /proc/cpuinfo.
_NEEDED = {
    **dict.fromkeys(("sandybridge", "bulldozer", "piledriver", "steamroller", "excavator"), ("avx",)),
    **dict.fromkeys(("haswell", "zen"), ("avx2", "fma")),
    **dict.fromkeys(("skylakex", "cooperlake", "sapphirerapids"), _AVX512),
    **dict.fromkeys(("neoversev1", "neoversen2", "armv8sve", "a64fx"), ("sve",)),
}


def check_core_type(processor: Path = Path("/proc/cpuinfo")) -> None:
    """Raise BackendError if OpenBLAS is told to use instructions that this processor lacks.

    It would do so, and the first matrix product would kill the process.
    """
    asked = os.environ.get(CORE_TYPE, "")
    needed = _NEEDED.get(asked.lower())
    if needed is None:
        return
    try:
        lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", processor.read_text(), re.MULTILINE)
    except OSError:  # not Linux: it cannot be determined
        return
    missing = [name for name in needed if lines and name not in lines[0].split()]
    if missing:
        raise BackendError(
            f"{CORE_TYPE}={asked} asks for a processor with {', '.join(missing)}, which this one lacks",
            f"Unset it, and OpenBLAS chooses what fits:  unset {CORE_TYPE}",
        )


def check_jit() -> None:
    """Raise BackendError if Numba is told not to compile: kernels do things that only compiled code can."""
    asked = os.environ.get(DISABLE_JIT, "")
    if asked not in ("", "0"):
        raise BackendError(
            f"{DISABLE_JIT}={asked} turns compilation off, and the cpu backend compiles its kernels",
            f'Unset it:  unset {DISABLE_JIT}  Or train in plain NumPy, slowly:  backend="reference"',
        )


def check_address_space() -> None:
    """Raise DataError if this process may have too little memory (``ulimit -v``) to load its libraries.

    OpenBLAS would wait forever for its threads' memory, and handle no signal meanwhile.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return
    needed = LIBRARIES + _blas_threads() * THREAD
    if limit < needed:
        raise DataError(
            f"this process may use {limit >> 20:,} MiB of memory (ulimit -v), and neurosim needs {needed >> 20:,} MiB "
            "to start",
            "Raise the limit:  ulimit -v unlimited  Fewer threads take less:  export OPENBLAS_NUM_THREADS=1",
        )


def _blas_threads() -> int:
    """The number of threads that BLAS will have."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        asked = os.environ.get(name, "")
        if asked.isdecimal() and int(asked) > 0:
            return min(own, int(asked))
    return own
