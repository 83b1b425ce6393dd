"""How long a step should take on a GPU, from what is counted: instructions, trips to memory, barriers.

Nothing here is measured on a GPU. The instructions for each multiply-add follow from the machine code (see
`machine_code`), the rest from how the kernels divide their work (`kernels.phases`) and from what NVIDIA says of its
GPUs. For each phase the block with the most work counts: its instructions as fast as the multiprocessor can start them,
and its trips to memory, which the kernels do not overlap with anything, one after the other; or, if that takes longer,
all that is read, as fast as the cache gives it. A prediction that misses by far shows that something is not as
it was thought to be. Small networks are different, and have a model of their own (`small_model`); so do those whose
units are divided among blocks (`resident_model`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neurosim.backends.base import JUDGES
from neurosim.backends.cuda.fields import Field, Kind, Phase
from neurosim.backends.cuda.generation import Tiles, activations_of
from neurosim.backends.cuda.layout import build_table
from neurosim.backends.cuda.probes import DeviceFacts
from neurosim.backends.cuda.resident_launches import layout_for
from neurosim.backends.cuda.resident_model import ResidentStep, barrier_seconds
from neurosim.backends.cuda.small_model import TeamStep
from neurosim.backends.cuda.strategy import Sizes, Strategy, choose_strategy, sizes
from neurosim.backends.cuda.table import Table
from neurosim.backends.cuda.teams import team_for
from neurosim.data.rows import Rows
from neurosim.network.network import Network
from neurosim.network.training import Training

# Instructions that a thread carries out for each multiply-add of a product: kernels with tiles of one result a thread,
# and of many; before sm_100, whose kernels are given to another version of LLVM, and from there on.
INSTRUCTIONS = {False: (8.0, 3.6), True: (6.5, 2.8)}
# ... and around each tile, and for each other number, most of it for finding its place.
AROUND_TILE, AROUND_NUMBER = 300, 60
# Clock cycles until a number comes from the cache of all multiprocessors, and how many such trips follow one another:
# for a pair of tiles, for any other number, and at the start of a phase, whose place in the table is read first.
TRIP = 250
TRIPS_OF_TILES, TRIPS_OF_NUMBER, TRIPS_OF_PHASE = 2, 2, 6
# Warps of instructions that a multiprocessor starts, and bytes that the cache gives it, in each clock cycle.
STARTS, CACHE_BYTES = 4, 32
# Blocks of each kind of kernel that are on a multiprocessor at once: as many as have enough registers.
RESIDENT = {Strategy.PERSISTENT: 2, Strategy.SEPARATE: 2}
# Seconds of a launch in a graph, where they are not measured.
NODE = 1.5e-6
_WARP = 32


@dataclass(frozen=True)
class Part:
    """The phases of one name in a step, and the seconds of which they consist."""

    name: str
    instructions: float
    trips: float
    barriers: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.instructions + self.trips + self.barriers


@dataclass(frozen=True)
class Prediction:
    """A step of training, and how many of them an epoch has, one after another."""

    parts: list[Part]
    steps: int

    @property
    def step(self) -> float:
        """Seconds of a step."""
        return sum(part.seconds for part in self.parts)

    @property
    def epoch(self) -> float:
        """Seconds of an epoch."""
        return self.step * self.steps


def predict(
    network: Network,
    training: Training,
    rows: Rows,
    facts: DeviceFacts,
    *,
    networks: int = 1,
    barrier: float | None = None,
    given_sizes: Sizes | None = None,
) -> Prediction:
    """A step of this training on a GPU; of so many small networks side by side.

    `barrier` is the time of a barrier of the whole grid, where it has been measured.
    """
    strategy, given = choose_strategy(network), given_sizes or sizes()
    batch = min(training.batch_size, max(rows.count, 1))
    judge = JUDGES[rows.accuracy]
    steps = -(-rows.count // batch)
    if strategy is Strategy.SINGLE_BLOCK:
        team = team_for(network, training, batch, rows.count, judge, given.single_block, given.terms)
        step = TeamStep(team, networks, rows.count, facts)
        return Prediction(_by_name(Part(*part) for part in step.parts()), steps * step.waves)
    table = build_table(network, batch, activations_of(network), judge=judge, training=training, terms=given.terms)
    if strategy is Strategy.RESIDENT:
        found = _resident(table, training, given, facts, barrier)
        if found is not None:
            return Prediction(found, steps)
        strategy = Strategy.PERSISTENT
    tiles: Tiles = getattr(given, strategy.value)
    resident = RESIDENT[strategy]
    meet = barrier_seconds(facts, facts.processors * resident) if barrier is None else barrier
    wait = meet if strategy is Strategy.PERSISTENT else NODE
    one = _Step(table, tiles, batch, facts, facts.processors * resident, resident, wait)
    return Prediction(one.parts(), steps)


def _resident(
    table: Table, training: Training, given: Sizes, facts: DeviceFacts, barrier: float | None
) -> list[Part] | None:
    """A step of blocks that own units; None if the network cannot be divided so on this GPU."""
    layout = layout_for(table, training, given, facts.processors, facts.capability >= (8, 0))
    if layout is None:
        return None
    wait = barrier_seconds(facts, layout.blocks) if barrier is None else barrier
    step = ResidentStep(layout, table, table.capacity, facts, wait)
    return _by_name(Part(*times) for times in step.parts())


def _by_name(parts: Iterable[Part]) -> list[Part]:
    """Parts of the same name added up."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(part.name, []).append(part)
    fields = ("instructions", "trips", "barriers")
    return [
        Part(name, *(sum(getattr(part, field) for part in same) for field in fields)) for name, same in found.items()
    ]


@dataclass(frozen=True)
class _Step:
    table: Table
    tiles: Tiles
    rows: int
    facts: DeviceFacts
    blocks: int
    resident: int
    wait: float

    def parts(self) -> list[Part]:
        """The phases, added up by their names."""
        return _by_name(self.phase(kind, self.table.stages[s]) for kind, s in self.table.step())

    def phase(self, kind: Phase, stage: Sequence[int]) -> Part:
        """One phase."""
        inputs, units = int(stage[Field.INPUTS]), int(stage[Field.UNITS])
        products = {Phase.FORWARD: [(self.rows, inputs, units)], Phase.BACKWARD: [(self.rows, units, inputs)]}
        products[Phase.LEARN] = products[Phase.GATHER] = [
            (int(entry[Field.INPUTS]), self.rows, int(entry[Field.UNITS]))
            for entry in self.table.stages
            if entry[Field.KIND] == Kind.DENSE
        ]
        if kind in products:
            instructions, trips = self.product(products[kind])
        elif kind in (Phase.FINISH_ROWS, Phase.JUDGE_ROWS):
            instructions, trips = self.numbers(self.rows, units)
        else:
            instructions, trips = self.numbers(self.rows * max(inputs, units), 1)
        trips += TRIPS_OF_PHASE * TRIP
        return Part(kind.name.lower().replace("_", " "), instructions / self.clock, trips / self.clock, self.wait)

    @property
    def clock(self) -> float:
        return self.facts.clock

    def product(self, shapes: Sequence[tuple[int, int, int]]) -> tuple[float, float]:
        """Cycles of instructions and of trips for products of (rows, terms) and (terms, columns)."""
        tiles = self.tiles
        each = INSTRUCTIONS[self.facts.capability >= (10, 0)][tiles.down * tiles.across > 1]
        count = sum(tiles.count(rows, columns) for rows, _, columns in shapes)
        busiest = -(-count // self.blocks)
        # Tiles of one phase have the same number of terms.
        deep = -(-shapes[0][1] // tiles.depth)
        terms = deep * tiles.depth * tiles.down * tiles.across
        instructions = busiest * (terms * each + AROUND_TILE * tiles.down * tiles.across)
        # Where there are few tiles, only some of the blocks on a multiprocessor have one.
        busy = min(self.resident, -(-count // self.facts.processors))
        read = busiest * deep * tiles.depth * (tiles.rows + tiles.columns) * 4 * busy
        trips = busiest * deep * TRIPS_OF_TILES * TRIP
        started = self.started(instructions, busy)
        return started, max(trips, read / CACHE_BYTES - started)

    def numbers(self, count: int, each: int) -> tuple[float, float]:
        """Cycles of instructions and of trips for numbers of which a thread has `each` one after another."""
        turns = -(-count // (self.blocks * self.tiles.threads)) * each
        return self.started(turns * AROUND_NUMBER, 1), turns * TRIPS_OF_NUMBER * TRIP

    def started(self, instructions: float, busy: int) -> float:
        """Cycles until all warps of so many blocks of a multiprocessor have started so many instructions each."""
        warps = busy * -(-self.tiles.threads // _WARP)
        return instructions * max(warps / STARTS, 1.0)
