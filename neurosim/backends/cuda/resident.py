"""Whether a network can be trained by `kernels.resident`, and where everything is then: constants of its kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, auto

from neurosim.backends.cuda.fields import NONE, Field, Kind
from neurosim.backends.cuda.generation import Tiles
from neurosim.backends.cuda.table import Table

# Pieces of a product in shared memory, of which one is used while the others are on their way.
RING = 4
# Bytes of shared memory that any GPU gives a block.
MOST_SHARED = 48 * 1024
# Of a layer: more units of a block take too many registers.
MOST_OWN = 8
# A stack of more layers than this has barriers rather than work.
MOST_LAYERS = 8


class Place(IntEnum):
    """Of a stage, beside its row in the table. Offsets are into the kernel's shared arrays or its work space."""

    OWN = 0  # units of each block
    AT = auto()  # offset of the weights among the block's own: unit after unit
    BIAS_AT = auto()
    KEPT = auto()  # of the block's weighted sums and activations, unit after unit
    GRADIENT = auto()  # of their gradients
    TALL = auto()  # offset of the inputs in the work space, one input after the other, each with all rows
    FLAT = auto()  # of the same, row after row; twice, for even and odd steps
    WIDTH = auto()  # numbers of such a row: the inputs, and what makes them a multiple of four
    TALL_OUT = auto()  # the same for the outputs
    FLAT_OUT = auto()
    WIDTH_OUT = auto()
    BACK = auto()  # offset of the gradients in the work space, unit after unit
    OUTGOING = auto()  # offset of the weights from the block's units of the layer below
    FIRST = auto()  # the thread with which learning begins
    FROM_LAST = auto()  # whether the last block has the first units


@dataclass(frozen=True)
class Residence:
    """A network laid out for blocks that own its units.

    Attributes
    ----------
    tiles : Tiles
        Rows of a batch, units and terms that are computed at the same time.
    blocks : int
        Blocks among which the units are divided.
    places : list of list of int
        `Place` of each stage.
    work : int
        Size of the work space.
    shared : int
        Bytes of shared memory of a block.
    text : str
        The part of the generated module that is its own.
    """

    tiles: Tiles
    blocks: int
    places: list[list[int]]
    work: int
    shared: int
    text: str


def tiles_of(batch: int, threads: int, rows: int) -> Tiles | None:
    """How products of a batch are divided among so many threads: at least so many `rows`; None if it has too many."""
    while rows < batch:
        rows *= 2
    if rows > threads:
        return None
    return Tiles(rows, threads // rows, 4 * threads // rows, 1, 1)


def lay_out(table: Table, tiles: Tiles, slots: int, blocks: int) -> Residence | None:
    """Divide a network among `blocks`; None for one that is no stack of dense layers, or does not fit."""
    if not is_stack(table):
        return None
    stages = [[int(number) for number in stage] for stage in table.stages]
    for stage in stages:
        # As the unsigned number that it is.
        stage[Field.DROP_BELOW] %= 2**32
    place = _Places(stages, tiles, blocks)
    units = stages[-1][Field.UNITS]
    # Odd, so that threads with neighboring rows find them in different banks.
    wide = units | 1
    numbers = {
        "BLOCKS": blocks,
        "MOST_OWN": max(here[Place.OWN] for here in place.stages),
        "MOST_SUMS": -(-max(units, *(here[Place.OWN] for here in place.stages)) // tiles.columns),
        "OWN_NUMBERS": place.own,
        "OWN_SLOTS": max(slots, 1),
        "KEPT_NUMBERS": place.kept,
        "POOL_NUMBERS": max(RING * tiles.rows * tiles.depth, 3 * tiles.rows * wide),
        "OUTGOING_NUMBERS": max(place.outgoing, 4),
        "LAST_NUMBERS": stages[-1][Field.INPUTS] * units,
        "LAST_UNITS": units,
        "WIDE": wide,
        "PIECES": -(-tiles.rows * place.stages[0][Place.WIDTH] // (blocks * tiles.threads)),
        "FROM_LOGITS": int(table.from_logits),
        "MEETINGS": meetings(len(stages)),
    }
    arrays = ("KEPT_NUMBERS", "POOL_NUMBERS", "OUTGOING_NUMBERS", "LAST_NUMBERS")
    shared = 4 * (sum(numbers[name] for name in arrays) + numbers["OWN_NUMBERS"] * (1 + numbers["OWN_SLOTS"]))
    shared += 4 * 2 * numbers["MOST_OWN"]
    if shared > MOST_SHARED or numbers["MOST_OWN"] > MOST_OWN:
        return None
    lines = [f"{name} = {number}" for name, number in numbers.items()]
    lines.append("STAGES = (")
    lines += [f"    ({_tuple(stage)}, {_tuple(here)})," for stage, here in zip(stages, place.stages, strict=True)]
    lines += [")", f"LOSS = {_tuple([int(number) for number in table.loss])}", "", "", _program(len(stages))]
    return Residence(tiles, blocks, place.stages, place.work, shared, "\n".join(lines))


def meetings(layers: int) -> int:
    """Barriers of all blocks in a step."""
    return layers - 1 + max(layers - 2, 1)


def is_stack(table: Table) -> bool:
    """Whether a network is dense layers one after the other that learn by themselves, each weight by its gradient."""
    stages = table.stages
    last = len(stages) - 1
    return bool(
        1 <= last < MOST_LAYERS
        and not table.updates
        and not table.clips_norm
        and (stages[:, Field.KIND] == Kind.DENSE).all()
        and (stages[:, Field.LEARNED] == NONE).all()
        and (stages[:, Field.FROZEN] == NONE).all()
        and (stages[:last, Field.WHOLE_ROWS] == 0).all()
        and stages[last, Field.DROP] == NONE
        and stages[0, Field.X] == NONE
        and (stages[1:, Field.X] == stages[:last, Field.OUT]).all()
    )


class _Places:
    """Places of all stages, one after the other."""

    def __init__(self, stages: Sequence[Sequence[int]], tiles: Tiles, blocks: int) -> None:
        self.own = self.kept = self.outgoing = self.work = 0
        self.stages: list[list[int]] = []
        self._tiles = tiles
        self._blocks = blocks
        self._units = [stage[Field.UNITS] for stage in stages]
        first = 0
        for s, stage in enumerate(stages):
            inputs, units = stage[Field.INPUTS], stage[Field.UNITS]
            here = [NONE] * len(Place)
            self.stages.append(here)
            is_last = s == len(stages) - 1
            here[Place.FROM_LAST] = int(is_last)
            own = here[Place.OWN] = -(-units // (self._idle() if is_last else blocks))
            if s == 0:
                here[Place.TALL], here[Place.FLAT], here[Place.WIDTH] = self._rows_of(inputs)
            else:
                here[Place.TALL : Place.WIDTH + 1] = self.stages[-2][Place.TALL_OUT : Place.WIDTH_OUT + 1]
            if not is_last:
                here[Place.AT], here[Place.BIAS_AT] = self.own, self.own + own * inputs
                self.own += _up(own * inputs + own, 4)
                here[Place.KEPT], self.kept = self.kept, self.kept + 2 * own * tiles.rows
                here[Place.TALL_OUT], here[Place.FLAT_OUT], here[Place.WIDTH_OUT] = self._rows_of(units)
                if s > 0:
                    here[Place.BACK] = self._space(_up(units, tiles.depth) * tiles.rows)
                    here[Place.OUTGOING] = self.outgoing
                    self.outgoing += _up(self.stages[s - 1][Place.OWN] * units, 4)
            here[Place.GRADIENT], self.kept = self.kept, self.kept + own * tiles.rows
            here[Place.FIRST] = first
            # The next layer begins with the next whole warp.
            first = (first + _up(here[Place.WIDTH] // 4, 32)) % tiles.threads

    def _idle(self) -> int:
        """Blocks that own nothing of the hidden layers, if there are enough of them for the last one; else all."""
        busy = max(-(-self._units[s] // here[Place.OWN]) for s, here in enumerate(self.stages[:-1]))
        idle = self._blocks - busy
        return idle if idle * MOST_OWN >= self._units[-1] else self._blocks

    def _space(self, numbers: int) -> int:
        self.work += _up(numbers, 4)
        return self.work - _up(numbers, 4)

    def _rows_of(self, units: int) -> tuple[int, int, int]:
        """Space for what a layer puts out."""
        rows, width = self._tiles.rows, _up(units, 4)
        return self._space(_up(units, self._tiles.depth) * rows), self._space(2 * rows * width), width


def _up(number: int, multiple: int) -> int:
    return math.ceil(number / multiple) * multiple


def _tuple(numbers: Sequence[int]) -> str:
    return f"({', '.join(str(number) for number in numbers)})"


def _program(layers: int) -> str:
    """The functions that go through all layers."""
    last = layers - 1
    hidden = range(last)
    step = [
        "constants, step, shifted = learner",
        "half = step % 2",
        "cuda.syncthreads()",
        "if shifted != 0:",
        "    find_starts(STAGES[0][0], STAGES[0][1], near, data[4][2])",
    ]
    met = 0

    def meet(*meanwhile: str) -> list[str]:
        """A barrier of all blocks, and what threads do that need not wait."""
        nonlocal met
        met += 1
        helping = ["if can_help():", *(f"    {line}" for line in meanwhile)] if meanwhile else []
        return ["cuda.syncthreads()", f"arrive_and_wait(counter, met + {met})", *helping, "cuda.syncthreads()"]

    # Weights that have been learned can be seen after the first barrier of a step.
    weights = [f"take_outgoing(STAGES[{k}], STAGES[{k - 1}], net, near)" for k in range(1, last)]
    weights.append(f"take_last(STAGES[{last}][0], net, near)")
    for s in hidden:
        step.append(f"forward(STAGES[{s}], {s}, net, near, rows, first, half, shifted)")
        step += meet(*(weights if s == 1 else ()))
        if s == 0:
            step.append("fetch(data, ahead, first + rows, coming)")
    if last == 1:
        step += ["if can_help():", *(f"    {line}" for line in weights)]
    step += [
        f"finish(STAGES[{last}], {last}, net, near, data, rows, first)",
        f"backward_last(STAGES[{last}], STAGES[{last - 1}], {last}, net, near, rows, first)",
        "put(net[3], ahead, coming, 1 - half)",
        *meet(f"measure(STAGES[{last}][0], net, near, data, rows, first, measures)"),
    ]
    for s in range(last - 1, 0, -1):
        step.append(f"backward(STAGES[{s}], STAGES[{s - 1}], {s}, net, near, rows, first)")
        step += meet() if s > 1 else ["cuda.syncthreads()"]
    step += ["if shifted != 0:", "    find_gradient_starts(STAGES[0][1], near, rows, data[4][2])"]
    step += [f"learn(STAGES[{s}], {s}, net, near, rows, half, learner)" for s in range(layers)]
    arguments = "net, near, data, rows, first, coming, learner, measures, ahead, counter, met"
    return "\n\n\n".join(
        [
            _function(f"run_resident_step({arguments})", step),
            _function("take_along(net, near)", [f"take(STAGES[{s}], net, near)" for s in hidden]),
            _function("bring_home(net, near)", [f"bring(STAGES[{s}], net, near)" for s in hidden]),
        ]
    )


def _function(head: str, lines: Sequence[str]) -> str:
    return "\n".join(["@inlined", f"def {head}:", *(f"    {line}" for line in lines)])
