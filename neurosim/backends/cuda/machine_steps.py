"""What a step of a small network takes, from its machine code: instructions, multiply-adds, barriers, clock cycles.

Such a step is nearly a straight line: of each fork in it the usual way is followed, which leaves out what divisions and
roots do for extreme numbers, and takes turns that a thread may not have.

NVIDIA's assembler writes into each instruction of 128 bits after how many cycles the next one may start, which of six
scoreboards says that its result is there, and which of them it waits for (Jia, Maggioni, Staiger and Scarpazza 2018,
arXiv:1804.06826). So one can add up when each instruction starts in a warp that is alone; only how long the
scoreboards take is assumed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from neurosim.backends.cuda.machine_code import LABEL, TARGET, section

# Cycles until the result of an instruction of no fixed duration is there: of shared and of global memory, which is
# nearly always in the closest cache, and of others. Assumed, near what has been measured for other GPUs.
SHARED_CYCLES, GLOBAL_CYCLES, OTHER_CYCLES = 30, 40, 24
# ... and until its operands have been read.
OPERAND_CYCLES = 12
_SCOREBOARDS = 6
# A way around a call is taken if it is this short: the call is of a function for extreme numbers.
_SHORT = 8
_INSTRUCTION = re.compile(r"\s+/\*[0-9a-f]{4,}\*/\s+(@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)([^;]*);\s+/\* 0x[0-9a-f]{16} \*/")
_CONTROL = re.compile(r"\s+/\* 0x([0-9a-f]{16}) \*/")


@dataclass(frozen=True)
class Step:
    """What a thread does in a step, and the cycles that it takes if its warp is alone."""

    instructions: int
    multiply_adds: int
    barriers: int
    cycles: int


@dataclass
class _Instruction:
    name: str
    conditional: bool
    target: str | None
    control: int = 0

    @property
    def is_barrier(self) -> bool:
        """Of the block, or of a warp: there it asks whether all are together already."""
        return self.name.startswith(("BAR.", "BRA.DIV", "BRA.CONV"))

    @property
    def jumps(self) -> bool:
        return self.name == "BRA" and self.target is not None

    @property
    def cycles(self) -> int:
        """Until its result is there."""
        if self.name.startswith("LDS"):
            return SHARED_CYCLES
        return GLOBAL_CYCLES if self.name.startswith("LDG") else OTHER_CYCLES


def step_of(text: str, kernel: str) -> Step | None:
    """The step in the machine code of a kernel, as `disassembled` gives it; None if there is no such loop."""
    code, labels = _read(text, kernel)
    loops = [
        (labels[one.target], number + 1)
        for number, one in enumerate(code)
        if one.jumps and one.target is not None and labels.get(one.target, number + 1) <= number
    ]
    steps = [loop for loop in loops if sum(one.is_barrier for one in code[slice(*loop)]) > 1]
    if not steps:
        return None
    way = _way(code, labels, *min(steps, key=lambda loop: loop[1] - loop[0]))
    return Step(
        len(way),
        sum(one.name.startswith("FFMA") for one in way),
        sum(one.is_barrier for one in way),
        _cycles(way),
    )


def _read(text: str, kernel: str) -> tuple[list[_Instruction], dict[str, int]]:
    """The instructions of a kernel, and the labels in it."""
    code: list[_Instruction] = []
    labels: dict[str, int] = {}
    for line in section(text, kernel):
        if match := LABEL.match(line):
            labels[match[1]] = len(code)
        elif match := _INSTRUCTION.match(line):
            target = TARGET.search(match[3])
            code.append(_Instruction(match[2], match[1] is not None, target[1] if target else None))
        elif (match := _CONTROL.match(line)) and code:
            code[-1].control = int(match[1], 16) >> 41
    return code, labels


def _way(code: Sequence[_Instruction], labels: dict[str, int], first: int, end: int) -> list[_Instruction]:
    """The instructions from `first` on in the usual order."""
    way: list[_Instruction] = []
    at = first
    while at < end:
        one = code[at]
        way.append(one)
        to = labels.get(one.target or "", at) if one.jumps else at
        around = to - at < _SHORT and any(other.name.startswith("CALL") for other in code[at:to])
        at = to if to > at and (around or not one.conditional) else at + 1
    return way


def _cycles(way: Sequence[_Instruction]) -> int:
    """The cycles of these instructions in a warp that is alone."""
    now, ready = 0, [0] * _SCOREBOARDS
    for one in way:
        stall, result, operands, waits = (
            one.control >> shift & mask for shift, mask in ((0, 15), (5, 7), (8, 7), (11, 63))
        )
        now = max([now, *(ready[k] for k in range(_SCOREBOARDS) if waits >> k & 1)])
        for scoreboard, cycles in ((result, one.cycles), (operands, OPERAND_CYCLES)):
            if scoreboard < _SCOREBOARDS:
                ready[scoreboard] = max(ready[scoreboard], now + cycles)
        now += max(stall, 1)
    return now
