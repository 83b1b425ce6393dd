"""How busy a sweep keeps its processes, and how much memory their parent takes.

python benchmarks/sweep_processes.py [EPOCHS]

A sweep of 1,000 digits trials by two processes, on Linux. A process counts as busy while it computes and while it waits
for a processor that others have, so that the figure is right on a busy machine too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

TICK = 0.05


def busy_seconds(process: psutil.Process) -> float:
    """For how long its main thread has computed, or has waited for a processor."""
    running, waiting, _ = Path(f"/proc/{process.pid}/task/{process.pid}/schedstat").read_text().split()
    return (int(running) + int(waiting)) / 1e9


def main() -> None:
    """Measure, and print the figures."""
    epochs = sys.argv[1] if len(sys.argv) > 1 else "60"
    with tempfile.TemporaryDirectory() as out:
        words = ["--over", "optimizer.lr=0.01,0.02", "--seeds", "500", "--set", f"training.epochs={epochs}"]
        words += ["--set", "training.metrics=['f1']", "--set", "expect={}", "--jobs", "2", "--json", "--out", out]
        command = [sys.executable, "-m", "neurosim", "sweep", "digits", *words]
        begin = time.monotonic()
        parent = psutil.Popen(command, stdout=subprocess.DEVNULL)
        most = 0
        seen: dict[int, list[tuple[float, float]]] = {}
        while parent.poll() is None:
            try:
                most = max(most, parent.memory_info().rss)
                for child in parent.children():
                    # The first trial is the end of the start.
                    if "spawn_main" in str(child.cmdline()) and any(Path(out).glob("[!.]*")):
                        seen.setdefault(child.pid, []).append((time.monotonic(), busy_seconds(child)))
            except (psutil.Error, OSError):
                pass
            time.sleep(TICK)
        print(f"{time.monotonic() - begin:.1f} s, {most / 2**20:.0f} MB in the parent")
        for pid, each in seen.items():
            (first, before), (last, after) = each[0], each[-1]
            print(f"process {pid}: busy for {(after - before) / (last - first):.1%} of {last - first:.1f} s")


if __name__ == "__main__":
    main()
