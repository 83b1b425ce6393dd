"""Source text of the kernels of an optimizer for networks side by side of which each has numbers of its own.

They are called as those of `optimizer_templates` are, and compute the same for each network. What they find:

* at `params`, a row for each network: the optimizer's parameters, and the three numbers of the average if there is one;
* at `constants`, a line of words: how many networks there are, whether what does not depend on the step is there by
  now, and whether parameters change from step to step. Behind it, `WIDTH` numbers for each constant.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from neurosim.backends.cpu.optimizer_templates import AVERAGE, AVERAGE_SHARE
from neurosim.backends.cpu.templates import HEADER, indented
from neurosim.backends.invariants import SplitUpdate, split_update
from neurosim.formulas.float32 import Generated, own_name
from neurosim.plugin import Optimizer

# The most networks side by side.
WIDTH = 64
# Words of the line before the constants.
LANES, IS_THERE, CHANGES = range(3)
HEAD = 16

_TEXT = """\
CONSTANT_COUNT = {count}


{functions}


@kernel(UPDATE)
def update(w_address, g_address, state_address, state_stride, count, constants):
    lanes = words(constants, 1)[0]
    # Copied, so that it is known to overlap with nothing.
    c = floats(stack_lines({lines}), {numbers})
    given = floats(constants + 4 * {head}, {numbers})
    for k in range({numbers}):
        c[k] = given[k]
    for first in range(0, count, lanes):
        w = floats(w_address + 4 * first, lanes)
        g = floats(g_address + 4 * first, lanes)
{slots}
        for i in range(lanes):
            {results} = {update}({values}{arguments}){average}


@kernel(CONSTANTS)
def step_constants(params, constants, t, learning_rate):
    head = words(constants, 3)
    lanes, everything = head[{LANES}], head[{IS_THERE}] == 0 or head[{CHANGES}] != 0
    out = floats(constants + 4 * {head}, {numbers})
    {step} = t
{parts}
    head[{IS_THERE}] = 1
"""
# Constants that depend on the same parameters: of a network whose parameters are those of the one before, they are too.
_LOOP = """
    for k in range({networks}):
        p = doubles(params + {bytes} * k, {columns})
        now, before = words(params + {bytes} * k, {columns}), words(params + {bytes} * max(k - 1, 0), {columns})
        if k > 0{same}:
{copies}
        else:
{lines}
"""


def lane_optimizer_source(optimizer: Optimizer, averages: bool = False) -> Generated:
    """Module with the kernels ``update`` and ``step_constants`` for many networks; otherwise as `optimizer_source`."""
    split = split_update(optimizer)
    slots = [f"slot_{k}" for k in range(len(optimizer.slots))]
    count = split.count + averages
    kept = [*slots, "average"] if averages else slots
    elements = [f"{name}[i]" for name in ("w", "g", *slots)]
    share = f"c[{WIDTH * split.count} + i]"
    header = HEADER.format(what=f"kernels of the optimizer {optimizer.name} for many networks")
    header = header.replace("integers\n", "integers, words\n")
    header = header.replace("exact_math\n", "exact_math\nfrom neurosim.backends.cpu.vectors import stack_lines\n")
    text = header + _TEXT.format(
        functions=split.update,
        step=split.step,
        update=split.name,
        count=count,
        lines=max(1, count * WIDTH // 16),
        numbers=count * WIDTH,
        head=HEAD,
        LANES=LANES,
        IS_THERE=IS_THERE,
        CHANGES=CHANGES,
        slots=indented((f"{name} = floats({_place(k)}, lanes)" for k, name in enumerate(kept)), 2),
        results=", ".join([elements[0], *elements[2:]]),
        values=", ".join(elements),
        arguments="".join(f", c[{WIDTH * k} + i]" for k in range(split.count)),
        average=AVERAGE.replace("\n", "\n    ").replace("c_{last}", share) if averages else "",
        parts=_parts(optimizer, split, averages),
    )
    return Generated(text, split.translator)


def _place(slot: int) -> str:
    return f"state_address + 4 * ({slot} * state_stride + first)"


@dataclass
class _Part:
    """Constants that depend on the same parameters: the lines that fill them, and which they are."""

    by_step: bool
    columns: tuple[int, ...]
    lines: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def text(self, names: Sequence[str], columns: int) -> str:
        """Its loop over the networks, which have rows of so many `columns`."""
        reads = [f"{names[k]} = p[{k}]" for k in self.columns if k < len(names)]
        same = "".join(f" and now[{k}] == before[{k}]" for k in self.columns)
        outs = [f"out[{WIDTH * place} + k]" for place in self.places]
        return _LOOP.format(
            networks="lanes" if self.by_step else "lanes if everything else 0",
            bytes=8 * columns,
            columns=columns,
            same=same,
            copies=indented((f"{out} = {out[:-1]} - 1]" for out in outs), 3),
            lines=indented((*reads, *self.lines), 3),
        )


def _parts(optimizer: Optimizer, split: SplitUpdate, averages: bool) -> str:
    """The constants, those that depend on the same parameters together."""
    names = [own_name(name) for name in optimizer.params]
    columns = len(names) + 3 * averages
    parts: dict[tuple[bool, tuple[int, ...]], _Part] = {}

    def part_of(by_step: bool, needed: Sequence[int]) -> _Part:
        key = by_step, tuple(needed)
        return parts.setdefault(key, _Part(*key))

    # Lines that give a name to what constants are made of: the names in each, and that it gives.
    made: dict[str, tuple[str, set[str]]] = {}
    for line in split.constants:
        (assigned,) = ast.parse(line).body
        assert isinstance(assigned, ast.Assign)
        used = {node.id for node in ast.walk(assigned.value) if isinstance(node, ast.Name)}
        before: list[str] = []
        for name, (text, names_there) in reversed(made.items()):
            if name in used:
                used |= names_there
                before.insert(0, text)
        if isinstance(assigned.targets[0], ast.Name):
            made[assigned.targets[0].id] = (line, used)
            continue
        part = part_of(split.step in used, [k for k, name in enumerate(names) if name in used])
        place = sum(len(other.places) for other in parts.values())
        part.lines += [text for text in before if text not in part.lines]
        part.lines.append(line.replace(f"out[{place}]", f"out[{WIDTH * place} + k]"))
        part.places.append(place)
    if averages:
        part = part_of(True, range(len(names), columns))
        share = AVERAGE_SHARE.format(first=len(names), last=split.count).replace(
            f"out[{split.count}]", f"out[{WIDTH * split.count} + k]"
        )
        part.lines += [line.strip() for line in share.strip().splitlines()]
        part.places.append(split.count)
    return "".join(part.text(names, columns) for part in parts.values())
