"""Measure neurosim against its peers; see README.md beside this file.

python benchmarks/run.py [--only NAME...] [--rounds N] [--threads N] [--json FILE] [--write-readme]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import deep_pieces
import pieces
import quick
import report
import whole_processes
from crew import Settings
from machine import describe_machine
from outcome import DisagreementError, Outcome
from process import ProcessError
from worker import WorkerError

PIECES = {
    "mnist": pieces.mnist,
    "activations": pieces.activations,
    "evaluation": pieces.evaluation,
    "xor": pieces.xor,
    "ensemble": pieces.ensemble,
    "matrices": pieces.matrices,
    "lenet": deep_pieces.lenet,
    "keras": deep_pieces.keras,
    "resnet": deep_pieces.resnet,
    "batchnorm": deep_pieces.batchnorm,
    "residual": deep_pieces.residual,
    "augmentation": deep_pieces.augmentation,
    "memory": whole_processes.memory,
    "startup": whole_processes.startup,
    "quick": quick.quick,
}


def parser() -> argparse.ArgumentParser:
    description = "Measure neurosim side by side with PyTorch and JAX, and print the ratios."
    options = argparse.ArgumentParser(prog="benchmarks/run.py", description=description)
    options.add_argument("--only", nargs="+", choices=PIECES, metavar="NAME", help=f"of {', '.join(PIECES)}")
    options.add_argument("--rounds", type=int, default=7, help="how often each contender is timed (7)")
    options.add_argument("--threads", type=int, default=2, help="threads and processors for every contender (2)")
    options.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    options.add_argument("--write-readme", action="store_true", help="put the table into benchmarks/README.md")
    return options


def main() -> int:
    options = parser().parse_args()
    if options.rounds < 1 or options.threads < 1:
        parser().error("--rounds and --threads must be at least 1")
    chosen = options.only or list(PIECES)
    command = f"python benchmarks/run.py --rounds {options.rounds} --threads {options.threads}"
    if options.only:
        command += f" --only {' '.join(chosen)}"
    outcomes: dict[str, Outcome] = {}
    failures = []
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(options.rounds, options.threads, Path(folder), lambda text, name=name: say(name, text))
            try:
                outcomes[name] = PIECES[name](settings)
                # Written at once: an hour of measurements must not be lost because of a later failure.
                print(report.plain_table({name: outcomes[name]}), flush=True)
            except (DisagreementError, WorkerError, ProcessError) as error:
                failures.append(f"{name}: no figures: {error}")
    machine = describe_machine()
    print(report.plain_table(outcomes))
    print()
    print(report.details(outcomes))
    print("\n".join(failures))
    if options.json is not None:
        facts = {**report.as_json(outcomes, machine, command), "failures": failures}
        options.json.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    if options.write_readme and failures:
        print("README.md is left as it was: not all could be measured", file=sys.stderr)
    elif options.write_readme:
        readme = Path(__file__).with_name("README.md")
        report.write_readme(readme, report.markdown(outcomes, machine, command))
    return 1 if failures else 0


def say(piece: str, text: str) -> None:
    print(f"[{piece}] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
