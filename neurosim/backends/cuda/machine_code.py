"""What stands in the machine code of a kernel: its shared memory, and the loops that multiply matrices."""

from __future__ import annotations

import importlib
import re
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# In the disassembler's text: a place to which a branch leads, and the place that a branch names.
LABEL = re.compile(r"(\.L_x_\d+):")
TARGET = re.compile(r"`\((\.L_x_\d+)\)")
_INSTRUCTION = re.compile(r"\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)([^;]*)")
_SECTION = re.compile(r"\.text\.(\S+):")


@dataclass(frozen=True)
class Loop:
    """A loop that multiplies tiles in shared memory: its instructions, and how many of them multiply and add.

    Of two ways, one of which is taken, both are counted.
    """

    instructions: int
    multiply_adds: int
    barriers: int

    @property
    def each(self) -> float:
        """Instructions for each multiply-add."""
        return self.instructions / self.multiply_adds


def shared_memory(code: bytes, kernel: str) -> int:
    """Bytes of shared memory that a block of a kernel takes, from the sections of its machine code (ELF of 64 bits)."""
    (table,) = struct.unpack_from("<Q", code, 40)
    size, count, names = struct.unpack_from("<HHH", code, 58)
    # Offset of the name, type, flags, address, offset and size of each section.
    heads = [struct.unpack_from("<IIQQQQ", code, table + k * size) for k in range(count)]
    for head in heads:
        begin = heads[names][4] + head[0]
        if code[begin : code.index(b"\0", begin)] == f".nv.shared.{kernel}".encode():
            return int(head[5])
    return 0


def disassembler() -> str | None:
    """The path of NVIDIA's disassembler; None if it is not installed."""
    found = importlib.import_module("cuda.pathfinder").find_nvidia_binary_utility("nvdisasm")
    return None if found is None else str(found)


def disassembled(code: bytes) -> str:
    """Machine code as text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "code")
        file.write_bytes(code)
        return subprocess.run(
            [str(disassembler()), "-c", "-hex", str(file)], capture_output=True, text=True, check=True
        ).stdout


def product_loops(text: str, kernel: str, together: int, terms: int) -> list[Loop]:
    """The loops of a kernel that go from one pair of tiles to the next, with a barrier in between.

    A thread adds up `terms` products for a pair of tiles, of which so many as `together` stand next to each other at
    least: the loop over them may be unrolled.
    """
    code, loops = _loops(section(text, kernel))
    loops.sort(key=lambda loop: loop[1] - loop[0])
    found: list[tuple[int, int]] = []
    for begin, end in loops:
        if any(begin <= inner[0] and inner[1] <= end for inner in found):
            continue
        if _count(code[begin:end], "BAR") and _count(code[begin:end], "FFMA") >= together:
            found.append((begin, end))
    return [_product_loop(code, outer, loops, terms) for outer in sorted(found)]


def count(text: str, kernel: str, name: str) -> int:
    """How many instructions of a kernel have a name that begins so."""
    code, _ = _loops(section(text, kernel))
    return _count(code, name)


def _product_loop(code: Sequence[str], outer: tuple[int, int], loops: Sequence[tuple[int, int]], terms: int) -> Loop:
    """`outer`, with the loop in it over the terms of a pair of tiles, if that is not unrolled, as often as it runs."""
    body = code[slice(*outer)]
    within = (code[slice(*loop)] for loop in loops if loop != outer and outer[0] <= loop[0] and loop[1] <= outer[1])
    inner = next((loop for loop in within if _count(loop, "FFMA") and _count(loop, "LDS")), None)
    instructions, multiply_adds = len(body), _count(body, "FFMA")
    if inner is not None:
        again = terms // _count(inner, "FFMA") - 1
        instructions, multiply_adds = instructions + again * len(inner), multiply_adds + again * _count(inner, "FFMA")
    return Loop(instructions, multiply_adds, _count(body, "BAR"))


def _count(code: Sequence[str], name: str) -> int:
    return sum(instruction.startswith(name) for instruction in code)


def section(text: str, kernel: str) -> list[str]:
    """The lines of a kernel, without the functions that it calls."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if match := _SECTION.match(line):
            inside = match[1] == kernel
        elif inside:
            lines.append(line)
    return lines


def _loops(lines: Sequence[str]) -> tuple[list[str], list[tuple[int, int]]]:
    """The names of the instructions, and where each loop begins and ends: at a branch back."""
    labels: dict[str, int] = {}
    code: list[str] = []
    branches: list[tuple[int, str]] = []
    for line in lines:
        if match := LABEL.match(line):
            labels[match[1]] = len(code)
        elif match := _INSTRUCTION.match(line):
            code.append(match[1])
            if match[1].startswith("BRA") and (target := TARGET.search(match[2])):
                branches.append((len(code), target[1]))
    return code, [(labels[name], end) for end, name in branches if labels.get(name, end) < end]
