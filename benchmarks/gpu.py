"""Measure neurosim on a GPU against PyTorch on the same one; see README.md beside this file.

python benchmarks/gpu.py [--only NAME...] [--rounds N] [--threads N] [--json FILE]

(This file cannot be called cuda.py: NVIDIA's own Python package is called cuda.)
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gpu_pieces
import report
from machine import describe_machine
from outcome import DisagreementError, Outcome

LIBRARIES = ("numba-cuda", "cuda-core", "torch", "triton", "cupy-cuda12x", "cupy-cuda13x")
PIECES: Mapping[str, Callable[[gpu_pieces.Settings], Outcome]] = {
    "mnist": gpu_pieces.mnist,
    "accuracy": gpu_pieces.accuracy,
    "xor": gpu_pieces.xor,
    "ensemble": gpu_pieces.ensemble,
    "product": gpu_pieces.product,
    "wide": gpu_pieces.wide,
}
LEAST_ROUNDS = 5


def parser() -> argparse.ArgumentParser:
    description = "Measure neurosim on a GPU side by side with PyTorch, and print the ratios."
    options = argparse.ArgumentParser(prog="benchmarks/gpu.py", description=description)
    options.add_argument("--only", nargs="+", choices=PIECES, metavar="NAME", help=f"of {', '.join(PIECES)}")
    options.add_argument("--rounds", type=int, default=7, help="how often each contender is timed (7, at least 5)")
    options.add_argument("--threads", type=int, default=2, help="threads of neurosim on the CPU (2)")
    options.add_argument("--json", type=Path, default=Path("gpu.json"), metavar="FILE", help="figures (gpu.json)")
    return options


def missing() -> str:
    """What this machine lacks for measuring; empty if it has everything."""
    from neurosim.errors import BackendError

    try:
        from neurosim.backends.cuda.target import find_device

        find_device()
    except BackendError as error:
        return f"{error.message}. {error.hint}"
    try:
        import torch
    except ImportError:
        return "PyTorch, the peer, is not installed: pip install torch (a build with CUDA)."
    if not torch.cuda.is_available():
        return f"PyTorch {torch.__version__} sees no GPU: install a build with CUDA."
    return ""


def machine() -> dict[str, Any]:
    from neurosim.backends.cuda.probes import device_facts

    gpu = device_facts()
    facts = {
        **describe_machine(),
        "GPU": f"{gpu.name} ({gpu.processors} x {gpu.cores} cores, {gpu.clock / 1e9:.2f} GHz)",
    }
    for name in LIBRARIES:
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {name: value for name, value in facts.items() if value != "not installed"}


def main() -> int:
    options = parser().parse_args()
    if options.rounds < LEAST_ROUNDS or options.threads < 1:
        parser().error(f"--rounds must be at least {LEAST_ROUNDS}, --threads at least 1")
    lacking = missing()
    if lacking:
        print(f"nothing is measured: {lacking}", file=sys.stderr)
        return 2
    chosen = options.only or list(PIECES)
    command = f"python benchmarks/gpu.py --rounds {options.rounds} --threads {options.threads}"
    if options.only:
        command += f" --only {' '.join(chosen)}"
    outcomes: dict[str, Outcome] = {}
    failures = []
    for name in chosen:
        settings = gpu_pieces.Settings(options.rounds, options.threads, lambda text, name=name: say(name, text))
        try:
            outcomes[name] = PIECES[name](settings)
            print(report.plain_table({name: outcomes[name]}), flush=True)
        except DisagreementError as error:
            failures.append(f"{name}: no figures: {error}")
        except Exception as error:  # an hour of measurements must not be lost because of one benchmark
            failures.append(f"{name}: no figures: {type(error).__name__}: {error}")
    facts = machine()
    print()
    print(report.markdown(outcomes, facts, command))
    print()
    print(report.details(outcomes))
    print("\n".join(failures))
    found = {**report.as_json(outcomes, facts, command), "failures": failures}
    options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 1 if failures else 0


def say(piece: str, text: str) -> None:
    print(f"[{piece}] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
