"""Whole processes: how long they take, how much memory, and what they compile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# A process inherits the peak memory of the one that starts it, so a small process is started in between.
MEASURE_CHILD = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
sys.stderr.write(done.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""

COUNT_COMPILATIONS = """
import json, sys
from numba.core import event
from neurosim.cli.application import execute
with event.install_recorder("numba:compile") as recorder:
    status = execute(sys.argv[1:], helper_processes=True)
assert status == 0, status
print(json.dumps(sum(record.is_start for _, record in recorder.buffer)), file=sys.stderr)
"""


class ProcessError(Exception):
    """A measured process failed."""


def run_process(arguments: list[str], cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python with some arguments until it ends."""
    # Installed packages come with their bytecode; from a clone, the first run has to be able to keep it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if cache is not None:
        environment["NEUROSIM_CACHE"] = str(cache)
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise ProcessError(f"exit status {done.returncode}: {last}")
    return done


def run_scenario(name: str, *options: str, cache: Path | None = None) -> str:
    """Run ``neurosim run NAME``, including pictures, in a temporary folder; returns what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["-m", "neurosim", "run", name, "--out", f"{folder}/run", *options]
        done = run_process(arguments, cache)
        return done.stdout + done.stderr


def count_compilations(name: str, cache: Path | None = None) -> int:
    """The number of functions that Numba compiles in ``neurosim run NAME``, rather than loading them from its cache."""
    with tempfile.TemporaryDirectory() as folder:
        done = run_process(["-c", COUNT_COMPILATIONS, "run", name, "--out", f"{folder}/run"], cache)
    return int(json.loads(done.stderr.splitlines()[-1]))


def peak_memory(name: str, *options: str) -> float:
    """Peak resident size of ``neurosim run NAME``, in MB (10**6 bytes)."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "neurosim", "run", name, "--out", f"{folder}/run", *options]
        done = run_process(["-c", MEASURE_CHILD, *command])
    unit = 1 if sys.platform == "darwin" else 1024
    return int(done.stdout.split()[-1]) * unit / 1e6


def import_torch() -> None:
    run_process(["-c", "import torch"])


def has_torch() -> bool:
    try:
        import_torch()
    except ProcessError:
        return False
    return True
