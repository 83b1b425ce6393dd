"""The toolkit that compiles kernels: where it is, and which."""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Where installers put it. numba-cuda looks there only if the system's loader does, or if CUDA_HOME says so.
FOLDERS = ("/usr/local/cuda", "/opt/cuda")
# Our own part of it: what kernels are made from, besides the text that is generated for a network.
_SOURCES = Path(__file__).parent


def locate(folders: Iterable[str] = FOLDERS) -> None:
    """Set CUDA_HOME, unless it is set, or libNVVM is found without it, or is not in these folders either."""
    if os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH"):
        return
    try:
        _load("nvvm")
    except Exception:  # of several classes
        found = (folder for folder in folders if any(Path(folder, "nvvm").glob("lib*/libnvvm*")))
        if home := next(found, None):
            os.environ["CUDA_HOME"] = home


@functools.cache
def facts() -> tuple[Any, ...]:
    """All that machine code depends on besides the kernel and the GPU; raises if a part of the toolkit is missing."""
    locate()
    names = ("numba_cuda", "cuda.core", "cuda.bindings")
    versions = [importlib.import_module(name).__version__ for name in names]
    driver = importlib.import_module("numba.cuda.cudadrv.driver").get_version()
    libdevice = importlib.import_module("numba.cuda.cudadrv.libs").get_libdevice()
    files = [(path, os.stat(path)) for path in (libdevice, _load("nvvm"), _load("nvJitLink"))]
    digest = hashlib.sha256()
    for file in sorted(_SOURCES.rglob("*.py")):
        digest.update(file.read_bytes())
    return (*versions, driver, *((path, at.st_size, at.st_mtime_ns) for path, at in files), digest.hexdigest())


def _load(library: str) -> str:
    """The path of a library of the toolkit."""
    return str(importlib.import_module("cuda.pathfinder").load_nvidia_dynamic_lib(library).abs_path)
