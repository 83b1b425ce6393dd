"""How long a step of `kernels.resident` should take on a GPU, from counts of its machine code and of its bytes.

The block with the most units counts. Of a product over units, a piece takes as long as the longest of these: to start
the instructions of all warps; one thread's sums, of which each term waits for the one before; to read the next piece.
Learning takes as long as to start its instructions and to wait for the numbers that they ask for, or as to read all of
them. One thread judges a row: its instructions wait for one another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neurosim.backends.cuda.fields import Field
from neurosim.backends.cuda.probes import DeviceFacts
from neurosim.backends.cuda.resident import Place, Residence, meetings
from neurosim.backends.cuda.table import Table

# Counted on sm_90, for rectifiers, softmax, cross-entropy and Adam. Instructions of a thread around a piece of a
# product, and of one without a sum; for each of its terms, and each sum of that: loads and multiply-adds.
AROUND_PIECE, WITHOUT_SUM, TERM, TERM_OF_SUM = 40, 25, 1.0, 1.25
# ... around a unit's output or gradient; for four numbers of a row that is learned from, and each unit of that; around
# an update; for each output that is judged.
AROUND_UNIT, LEARNED_FROM, LEARNED_UNIT, UPDATED, JUDGED = 60, 8, 6.4, 80, 100
# Rows that learning asks for at the same time.
AHEAD = 8
# Cycles from a multiply-add to one that needs it; of a load from shared memory; of an instruction in a warp that is
# alone.
NEXT_SUM, SHARED_LOAD, ALONE = 4, 30, 3.8
# Assumed, in cycles: of a trip to the cache of all multiprocessors and back, and of a barrier of a block; bytes that a
# multiprocessor is given by the cache, and warps of instructions that it starts, in each.
TRIP, BLOCK_BARRIER, CACHE_BYTES, STARTS = 250, 30, 32, 4
# Assumed, of a barrier of all blocks, where it is not measured: trips until what was written can be seen, until the
# block is counted, and until it sees that all are, for which it has asked half a trip too early at the mean; and cycles
# in which the cache counts one block.
BARRIER_TRIPS, COUNTED = 3.5, 2
_WARP, _BYTES = 32, 4

Times = tuple[str, float, float, float]


def barrier_seconds(facts: DeviceFacts, blocks: int) -> float:
    """A barrier of all blocks."""
    return (BARRIER_TRIPS * TRIP + COUNTED * blocks + 2 * BLOCK_BARRIER) / facts.clock


@dataclass(frozen=True)
class ResidentStep:
    """A step with batches of `rows`; `barrier` is in seconds."""

    layout: Residence
    table: Table
    rows: int
    facts: DeviceFacts
    barrier: float

    def parts(self) -> Iterator[Times]:
        """The parts of a step: name, and seconds of instructions, of what they wait for, and of barriers."""
        *hidden, last = range(len(self.table.stages))
        for s in hidden:
            yield self._part("forward", *self._product(self._inputs(s), self._own(s)))
        outputs = self._units(last)
        yield self._part("last layer", *self._product(self._inputs(last), outputs, TRIP))
        # Outputs, loss and gradient of a row.
        judged = JUDGED * outputs * max(ALONE, -(-self.rows // _WARP) / STARTS)
        yield self._part("judge rows", judged, 2 * TRIP)
        yield self._part("backward", *self._one_by_one(outputs, self._own(last - 1)))
        for s in range(last - 1, 0, -1):
            yield self._part("backward", *self._product(self._units(s), self._own(s - 1)))
        yield self._part("learn", *self._learning())
        yield "meet", 0.0, 0.0, self.barrier * meetings(len(self.table.stages))

    def _part(self, name: str, instructions: float, waits: float) -> Times:
        return name, instructions / self.facts.clock, waits / self.facts.clock, 0.0

    def _inputs(self, s: int) -> int:
        return int(self.table.stages[s][Field.INPUTS])

    def _units(self, s: int) -> int:
        return int(self.table.stages[s][Field.UNITS])

    def _own(self, s: int) -> int:
        return self.layout.places[s][Place.OWN]

    def _product(self, terms: int, columns: int, waits: float = 0.0) -> tuple[float, float]:
        """Cycles to start the instructions of a product, and to wait beside that."""
        tiles = self.layout.tiles
        pieces = -(-terms // tiles.depth)
        warps = tiles.threads // _WARP
        busy = min(columns, tiles.columns) * warps / tiles.columns
        sums = -(-columns // tiles.columns)
        each = AROUND_PIECE + tiles.depth * (TERM + TERM_OF_SUM * sums)
        started = (busy * each + (warps - busy) * WITHOUT_SUM) / STARTS
        added = tiles.depth * max(NEXT_SUM, sums) + SHARED_LOAD
        read = tiles.depth * tiles.rows * _BYTES / CACHE_BYTES
        longest = max(max(started, added) + BLOCK_BARRIER, read)
        instructions = pieces * started + sums * AROUND_UNIT * ALONE
        # The first pieces are on their way before anything is computed.
        return instructions, pieces * (longest - started) + TRIP + waits

    def _one_by_one(self, terms: int, columns: int) -> tuple[float, float]:
        """Sums of a few terms, whose numbers are in shared memory."""
        sums = -(-columns // self.layout.tiles.columns)
        return sums * (terms * 3 + AROUND_UNIT) * ALONE, SHARED_LOAD

    def _learning(self) -> tuple[float, float]:
        """The same for the weights of the first block, and for those of the last one: whichever takes longer."""
        *hidden, last = range(len(self.table.stages))
        blocks = [[*hidden, *([] if self._last_is_apart() else [last])], [last]]
        return max((self._learned(layers) for layers in blocks), key=sum)

    def _last_is_apart(self) -> bool:
        """Whether no block has units of the last layer and of others."""
        *hidden, last = range(len(self.table.stages))
        blocks = [-(-self._units(s) // self._own(s)) for s in (*hidden, last)]
        return max(blocks[:-1]) + blocks[-1] <= self.layout.blocks

    def _learned(self, layers: list[int]) -> tuple[float, float]:
        started = read = threads = 0.0
        for s in layers:
            width, own = self.layout.places[s][Place.WIDTH], self._own(s)
            each = self.rows * (LEARNED_FROM + LEARNED_UNIT * own) + 4 * own * UPDATED
            started += -(-width // (4 * _WARP)) * each / STARTS
            read += self.rows * self._inputs(s) * _BYTES / CACHE_BYTES
            threads += width // 4
        # Each thread has a turn in one of the layers, or two if there are not enough of them.
        turns = -(-threads // self.layout.tiles.threads)
        waits = turns * -(-self.rows // AHEAD) * TRIP
        return started, max(waits, read - started) + BLOCK_BARRIER
