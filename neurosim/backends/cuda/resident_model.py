"""How long a step of `kernels.resident` should take on a GPU, from counts of its machine code and of its bytes.

The block with the most units counts. Few of its warps compute at the same time, so what an instruction waits for counts
as much as how many there are. Of a product over units, a piece takes as long as the longest of these: to start the
instructions of all warps; those of a warp that is alone; to read the next piece. Learning takes as long as to start its
instructions, or as to read all numbers, and then the last update. One thread judges a row, alone.
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
AROUND_PIECE, WITHOUT_SUM, TERM, TERM_OF_SUM = 26, 30, 1.0, 1.25
# ... for four numbers of a row that is learned from, each unit of that, and an update.
LEARNED_FROM, LEARNED_UNIT, UPDATED = 8, 6.4, 80
# Cycles of a warp that is alone, as the assembler has written them into its instructions (see `machine_steps`): around
# a piece, and from a multiply-add to one that needs it; around a sum; of an update; for each output of a row that is
# judged, and each from which a gradient is carried back.
PIECE_ALONE, NEXT_SUM, SUM_ALONE, UPDATE_ALONE, JUDGED, CARRIED = 107, 4, 300, 240, 152, 60
# Rows that learning asks for at the same time.
AHEAD = 8
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
        yield self._part("judge rows", JUDGED * outputs, 2 * TRIP)
        sums = -(-self._own(last - 1) // self.layout.tiles.columns)
        yield self._part("backward", CARRIED * outputs * sums, 0.0)
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
        alone = PIECE_ALONE + tiles.depth * NEXT_SUM * sums
        read = tiles.depth * tiles.rows * _BYTES / CACHE_BYTES
        longest = max(max(started, alone) + BLOCK_BARRIER, read)
        # The first pieces are on their way before anything is computed.
        return pieces * started, pieces * (longest - started) + SUM_ALONE * sums + TRIP + waits

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
        started = read = threads = last = 0.0
        for s in layers:
            width, own = self.layout.places[s][Place.WIDTH], self._own(s)
            each = self.rows * (LEARNED_FROM + LEARNED_UNIT * own) + 4 * own * UPDATED
            started += -(-width // (4 * _WARP)) * each / STARTS
            read += self.rows * self._inputs(s) * _BYTES / CACHE_BYTES
            threads += width // 4
            last = max(last, 4 * own * UPDATE_ALONE)
        # Each thread has a turn in one of the layers, or two if there are not enough of them.
        turns = -(-threads // self.layout.tiles.threads)
        waits = turns * -(-self.rows // AHEAD) * TRIP
        return started, max(waits, read - started) + last + BLOCK_BARRIER
