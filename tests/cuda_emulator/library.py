"""The library that stands in for the driver: built from `driver` once for each state of its files, and loaded."""

from __future__ import annotations

import ctypes
import fcntl
import functools
import hashlib
import importlib.util
import platform
import shutil
import subprocess
from pathlib import Path

from neurosim.backends.cache import cache_folder

SOURCES = Path(__file__).parent / "driver"
# As the driver's own file is called: whoever asks the system for it is given what is loaded already.
NAME = "libcuda.so.1"
FLAGS = ["-std=c++17", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror"]


def missing() -> str | None:
    """What the emulator needs and does not find here; None if all is there."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return "the emulator of a GPU is for Linux on x86-64"
    if importlib.util.find_spec("numba_cuda") is None:
        return "the emulator of a GPU needs numba-cuda: pip install 'neurosim-edu[cuda13]' 'cuda-toolkit==13.0.*'"
    if compiler() is None:
        return "the emulator of a GPU needs a C++ compiler"
    if headers() is None:
        return "the emulator of a GPU needs cuda.h, which nvidia-cuda-runtime brings"
    return None


def compiler() -> str | None:
    """The system's C++ compiler."""
    return next((found for name in ("g++", "clang++", "c++") if (found := shutil.which(name))), None)


def headers() -> Path | None:
    """The folder of cuda.h, from the packages of the toolkit."""
    spec = importlib.util.find_spec("nvidia")
    folders = spec.submodule_search_locations if spec is not None else None
    return next((file.parent for folder in folders or () for file in Path(folder).glob("*/include/cuda.h")), None)


@functools.cache
def load() -> ctypes.CDLL:
    """The library, which is then the driver of this process."""
    return ctypes.CDLL(str(_built()), mode=ctypes.RTLD_GLOBAL)


def _built() -> Path:
    files = sorted(SOURCES.iterdir())
    command = [str(compiler()), *FLAGS, f"-I{headers()}", f"-Wl,-soname,{NAME}"]
    digest = hashlib.sha256("\n".join([*command, *(file.read_text() for file in files)]).encode()).hexdigest()
    root = cache_folder() or Path(__file__).parent / "__pycache__"
    folder = root / f"cuda-emulator-{digest[:16]}"
    library = folder / NAME
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the other workers wait
        if not library.exists():
            unfinished = folder / "unfinished.so"
            sources = [str(file) for file in files if file.suffix == ".cpp"]
            done = subprocess.run([*command, *sources, "-o", str(unfinished)], capture_output=True, text=True)
            if done.returncode != 0:
                raise RuntimeError(f"the emulator cannot be built:\n{done.stderr}")
            unfinished.rename(library)
    return library
