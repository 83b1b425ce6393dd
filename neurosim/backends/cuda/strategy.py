"""Which kernels train a network, and how its products are cut up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from neurosim.backends.cuda.fields import Terms
from neurosim.backends.cuda.generation import Tiles
from neurosim.backends.cuda.stages.kinds import is_wide, works_on_maps
from neurosim.backends.cuda.target import simulated
from neurosim.network.network import Network

# Up to this many parameters a network is trained by one block of threads, as it is side by side with others on the CPU.
SMALL_NETWORK = 4096


class Strategy(Enum):
    """The three ways to train; see `neurosim.backends.cuda.kernels`."""

    SINGLE_BLOCK = "single_block"
    PERSISTENT = "persistent"
    SEPARATE = "separate"


def choose_strategy(network: Network) -> Strategy:
    """By the sizes in the network alone.

    A network that works on maps has much to do however few its parameters are: a block is not enough.
    """
    if network.size <= SMALL_NETWORK and not works_on_maps(network):
        return Strategy.SINGLE_BLOCK
    return Strategy.SEPARATE if is_wide(network) else Strategy.PERSISTENT


@dataclass(frozen=True)
class Sizes:
    """How work is cut up.

    Attributes
    ----------
    single_block, persistent, separate : Tiles
        Tiles of each kind of kernels.
    evaluation_rows, evaluation_numbers : int
        Rows that are evaluated at a time at most, and numbers of the work space that they may take.
    most_blocks : int
        Blocks of a launch at most.
    terms : Terms
        How long sums are cut.
    """

    single_block: Tiles
    persistent: Tiles
    separate: Tiles
    evaluation_rows: int
    evaluation_numbers: int
    most_blocks: int
    terms: Terms

    def tiles_for(self, strategy: Strategy) -> dict[str, Tiles]:
        """The kinds of kernels that a strategy needs, with their tiles; evaluation needs ``separate``."""
        kinds = {"separate": self.separate}
        if strategy is not Strategy.SEPARATE:
            kinds[strategy.value] = self.single_block if strategy is Strategy.SINGLE_BLOCK else self.persistent
        return kinds


ON_GPU = Sizes(
    # 64 threads: two warps wait for each other quickly, and thousands of blocks fit at once.
    single_block=Tiles(8, 8, 16, 1, 1),
    # Small tiles: a batch of 64 rows and a layer of 256 units are then work for 64 blocks.
    persistent=Tiles(16, 16, 16, 1, 1),
    separate=Tiles(64, 64, 16, 4, 4),
    evaluation_rows=8192,
    # 1 GiB; a network of dense layers stays far below.
    evaluation_numbers=2**28,
    most_blocks=65_535,
    terms=Terms(),
)
# A thread of the simulator costs a tenth of a millisecond: few threads, few blocks, odd shapes to find mistakes.
IN_SIMULATOR = Sizes(
    single_block=Tiles(2, 2, 3, 1, 1),
    persistent=Tiles(4, 2, 5, 2, 1),
    separate=Tiles(4, 6, 3, 2, 3),
    evaluation_rows=64,
    evaluation_numbers=2**28,
    most_blocks=2,
    terms=Terms(convolution=7, channel=5, norm=3),
)


def sizes() -> Sizes:
    """Those of a GPU, or those of the simulator."""
    return IN_SIMULATOR if simulated() else ON_GPU
