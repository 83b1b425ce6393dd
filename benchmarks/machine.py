"""The machine on which the figures were measured; no host names."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from neurosim.version import __version__

LIBRARIES = ("numba", "llvmlite", "numpy", "scipy", "torch", "jax", "optax")


def describe_machine() -> dict[str, str]:
    """Processor, cores, system and versions."""
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:
        usable = os.cpu_count() or 1
    facts = {
        "processor": _processor(),
        "cores": str(usable),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "neurosim": __version__,
    }
    for name in LIBRARIES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = "not installed"
    return facts


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            lines = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        lines = []
    if not lines:
        return platform.processor() or platform.machine()
    wide = " with AVX-512" if _has_avx512() else ""
    return lines[0] + wide


def _has_avx512() -> bool:
    with open("/proc/cpuinfo") as file:
        return "avx512f" in file.read()
