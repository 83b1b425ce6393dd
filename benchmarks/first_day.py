"""The parts of first_day.sh: each is a process of its own with a time limit, and leaves a JSON file in a folder.

python benchmarks/first_day.py --out FOLDER [--limit SECONDS] [--quick]
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import first_day_parts as parts

Facts = dict[str, Any]
PEERS = ("mnist", "accuracy", "xor", "ensemble", "product", "wide")


@dataclass(frozen=True)
class Part:
    """What is done in a process of its own, in so many seconds at most; the ways to train are tried at once."""

    name: str
    seconds: float
    run: Callable[[bool], Facts]
    at_once: bool = False
    quick: bool = True


PARTS = {
    part.name: part
    for part in (
        Part("environment", 60, parts.environment),
        *(Part(f"right: {name}", 200, check, at_once=True, quick=quick) for name, check, quick in parts.CHECKS),
        Part("launches", 60, parts.launches),
        Part("small networks", 60, parts.small_networks),
        Part("epoch", 120, parts.epoch, quick=False),
        Part("products", 60, parts.products, quick=False),
        Part("wide", 90, parts.wide, quick=False),
    )
}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", type=Path, required=True, help="where results go")
    options.add_argument("--limit", type=float, default=570, help="seconds for all of it (570)")
    options.add_argument("--quick", action="store_true", help="next to nothing, to try it out")
    options.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.part:
        return alone(PARTS[given.part], given.out, given.quick)
    end = time.monotonic() + given.limit
    day = Day(given.out, end, given.quick)
    first, *others = (part for part in PARTS.values() if part.quick or not given.quick)
    if not day.go([first]):
        print(f"the GPU cannot be used: {day.found(first.name)['failed']}", file=sys.stderr)
        return 2
    # Correctness first.
    day.go([part for part in others if part.at_once])
    for part in others:
        if not part.at_once:
            day.go([part])
    if not given.quick:
        for name in PEERS:
            day.peer(name)
    text, right = day.table()
    print(text)
    (given.out / "first_day.txt").write_text(text + "\n", encoding="utf-8")
    (given.out / "first_day.json").write_text(json.dumps(day.all(), indent=1) + "\n", encoding="utf-8")
    return 0 if right else 1


def alone(part: Part, out: Path, quick: bool) -> int:
    """Do one part in this process."""
    begun = time.monotonic()
    try:
        found, code = part.run(quick), 0
    except Exception as error:  # whatever it is, the others go on
        cause = getattr(error, "message", f"{type(error).__name__}: {error}")
        found = {"failed": " ".join(cause.split()), "traceback": traceback.format_exc()}
        code = 1
    write(out, part.name, {**found, "seconds": round(time.monotonic() - begun, 1)})
    return code


def write(out: Path, name: str, found: Facts) -> None:
    file_of(out, name).write_text(json.dumps(found, indent=1, default=str) + "\n", encoding="utf-8")


def file_of(out: Path, name: str) -> Path:
    return out / f"{re.sub('[^a-z0-9]+', '-', name)}.json"


class Day:
    """What has been found so far in a folder, and when all must end."""

    def __init__(self, out: Path, end: float, quick: bool) -> None:
        self.out, self.end, self.quick = out, end, quick
        self.names = [part.name for part in PARTS.values() if part.quick or not quick]

    def found(self, name: str) -> Facts:
        """What a part has found; empty if it has not been done."""
        try:
            facts = json.loads(file_of(self.out, name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if isinstance(facts, dict) and facts.get("failures"):  # of gpu.py
            return {**facts, "failed": "; ".join(facts["failures"])}
        return facts if isinstance(facts, dict) else {}

    def done(self, name: str) -> bool:
        """Whether a part was done before, without a failure."""
        facts = self.found(name)
        return bool(facts) and "failed" not in facts

    def go(self, chosen: Sequence[Part]) -> bool:
        """Do these parts at the same time, but for those that were done before; whether none has failed."""
        with ThreadPoolExecutor(max(len(chosen), 1)) as pool:
            return all(list(pool.map(self._one, chosen)))

    def _one(self, part: Part) -> bool:
        words = ["--out", str(self.out), "--part", part.name, *(["--quick"] if self.quick else [])]
        return self._process(part.name, part.seconds, [str(Path(__file__).resolve()), *words])

    def _process(self, name: str, most: float, words: Sequence[str]) -> bool:
        if self.done(name):
            print(f"{name}: done before", flush=True)
            return True
        left = min(most, self.end - time.monotonic())
        if left < 1:
            write(self.out, name, {"failed": "no time was left"})
            return False
        begun = time.monotonic()
        try:
            code = subprocess.run([sys.executable, *words], timeout=left, check=False).returncode
        except subprocess.TimeoutExpired:
            write(self.out, name, {"failed": f"not done after {left:.0f} s"})
            code = 1
        if code and not self.found(name):
            write(self.out, name, {"failed": f"ended with status {code}"})
        print(f"{name}: {'done' if code == 0 else 'FAILED'}, {time.monotonic() - begun:.0f} s", flush=True)
        return code == 0

    def peer(self, name: str) -> None:
        """A line of the table in README.md: neurosim beside PyTorch, by the official command."""
        place = f"peer {name}"
        self.names.append(place)
        script = str(Path(__file__).with_name("gpu.py").resolve())
        file = str(file_of(self.out, place))
        self._process(place, 150, [script, "--only", name, "--rounds", "5", "--json", file])

    def all(self) -> dict[str, Facts]:
        """Everything."""
        return {name: self.found(name) for name in self.names}

    def table(self) -> tuple[str, bool]:
        """The results for people, and whether all that was done is right."""
        found = self.all()
        lines = ["", "Is what the GPU computes right? Each network was trained on it and on the CPU."]
        right = True
        for name, facts in found.items():
            if name.startswith("right: "):
                good = facts.get("right", False)
                right &= good
                lines.append(f"  {name.removeprefix('right: '):<34}{'yes' if good else 'NO':<5}{verdict(facts)}")
        lines += ["", f"{'How long it takes':<36}{'measured':>14}{'predicted':>14}{'of predicted':>14}"]
        for facts in found.values():
            for what, measured, predicted in facts.get("predictions", []):
                beside = f"{predicted:>14.4g}{measured / predicted:>13.2f}x" if predicted else f"{'-':>14}{'-':>14}"
                lines.append(f"  {what:<34}{measured:>14.4g}{beside}")
        if any("pieces" in facts for facts in found.values()):
            lines += ["", "Beside PyTorch, and what was aimed at"]
        for facts in found.values():
            for piece in facts.get("pieces", {}).values():
                for row in piece["rows"]:
                    reached = "not measured" if row["value"] is None else f"{row['value']}{row['unit']}"
                    aim = "no target" if row["target"] is None else f"target {row['target']}{row['unit']}"
                    lines.append(f"  {row['work']}: {reached}, {aim}")
        undone = [name for name in found if not self.done(name)]
        if undone:
            lines += ["", "Not done", *(f"  {name}: {found[name].get('failed', 'not begun')}" for name in undone)]
        return "\n".join(lines), right and not undone


def verdict(facts: Mapping[str, Any]) -> str:
    """In a few words, how near the CPU the GPU has come."""
    if "failed" in facts or not facts:
        return str(facts.get("failed", "not done"))
    if facts["same bits"]:
        return "the same bits as on the CPU"
    return f"losses differ by {facts['loss differs']:.1e}, parameters by {facts['parameters differ']:.1e}"


if __name__ == "__main__":
    sys.exit(main())
