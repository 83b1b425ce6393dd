"""Which kernels train a network, and how its products are divided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from neurosim.backends.cuda.fields import Terms
from neurosim.backends.cuda.generation import Tiles
from neurosim.backends.cuda.stages.kinds import is_stack, is_wide, works_on_maps
from neurosim.backends.cuda.target import simulated
from neurosim.backends.cuda.teams import Teams
from neurosim.network.network import Network

# Networks with up to this many parameters are trained by a team of threads each, like those side by side on the CPU.
SMALL_NETWORK = 4096


class Strategy(Enum):
    """The four ways to train; see `neurosim.backends.cuda.kernels`."""

    SINGLE_BLOCK = "single_block"
    RESIDENT = "resident"
    PERSISTENT = "persistent"
    SEPARATE = "separate"


def choose_strategy(network: Network) -> Strategy:
    """The strategy for a network, which depends only on its sizes.

    A network that works on maps has a lot of work, however few its parameters: a team is not enough.
    """
    if network.size <= SMALL_NETWORK and not works_on_maps(network):
        return Strategy.SINGLE_BLOCK
    if is_wide(network):
        return Strategy.SEPARATE
    return Strategy.RESIDENT if is_stack(network) else Strategy.PERSISTENT


@dataclass(frozen=True)
class Sizes:
    """How work is divided.

    Attributes
    ----------
    single_block : Teams
        How small networks are divided among threads.
    persistent, separate : Tiles
        Tiles of each other kind of kernels.
    resident_threads, resident_rows : int
        Of kernels whose blocks own units: threads of a block, and the least number of rows next to each other.
    resident_blocks : int or None
        How many blocks own units; as many as the GPU has multiprocessors when left out.
    evaluation_rows, evaluation_numbers : int
        Greatest number of rows evaluated at a time, and of numbers in the work space for them.
    most_blocks : int
        Greatest number of blocks in a launch.
    terms : Terms
        How long sums are divided.
    """

    single_block: Teams
    persistent: Tiles
    separate: Tiles
    evaluation_rows: int
    evaluation_numbers: int
    most_blocks: int
    terms: Terms
    resident_threads: int = 256
    resident_rows: int = 32
    resident_blocks: int | None = None

    def tiles_for(self, strategy: Strategy) -> dict[str, Tiles]:
        """The kinds of kernels with tiles that a strategy needs, with these; evaluation needs ``separate``."""
        kinds = {"separate": self.separate}
        if strategy is Strategy.PERSISTENT:
            kinds[strategy.value] = self.persistent
        return kinds


ON_GPU = Sizes(
    # With less work, threads would mostly find their places and wait. A block may have 48 KiB of shared memory without
    # being asked for as such, of which CUDA takes 1 on newer GPUs.
    single_block=Teams(work=32, warp=32, most_threads=256, shared=46 * 1024),
    # Small tiles, so that a batch of 64 rows and a layer of 256 units are work for 64 blocks.
    persistent=Tiles(16, 16, 16, 1, 1),
    separate=Tiles(64, 64, 16, 4, 4),
    evaluation_rows=8192,
    # 1 GiB; networks of dense layers stay far below.
    evaluation_numbers=2**28,
    most_blocks=65_535,
    terms=Terms(),
)
# A thread of the simulator costs a tenth of a millisecond: few threads, few blocks, odd shapes to find mistakes.
IN_SIMULATOR = Sizes(
    single_block=Teams(work=300, warp=4, most_threads=4, shared=1500),
    persistent=Tiles(4, 2, 5, 2, 1),
    separate=Tiles(4, 6, 3, 2, 3),
    evaluation_rows=64,
    evaluation_numbers=2**28,
    most_blocks=2,
    terms=Terms(channel=5, norm=3),
    resident_threads=8,
    resident_rows=4,
)


def sizes() -> Sizes:
    """The sizes for a GPU, or for the simulator."""
    return IN_SIMULATOR if simulated() else ON_GPU
