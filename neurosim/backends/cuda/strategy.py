"""Which kernels train a network, and how its products are cut up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from neurosim.backends.cuda.generation import Tiles
from neurosim.backends.cuda.target import simulated
from neurosim.network import Dense, Network

# Up to this many parameters a network is trained by one block of threads, as it is side by side with others on the CPU.
SMALL_NETWORK = 4096
# Up to this many units a layer's tiles keep a GPU busy for less time than a launch takes.
WIDE_LAYER = 1024


class Strategy(Enum):
    """The three ways to train; see `neurosim.backends.cuda.kernels`."""

    SINGLE_BLOCK = "single_block"
    PERSISTENT = "persistent"
    SEPARATE = "separate"


def choose_strategy(network: Network) -> Strategy:
    """By the size of the network alone."""
    if network.size <= SMALL_NETWORK:
        return Strategy.SINGLE_BLOCK
    widest = max(layer.units for layer in network.layers if isinstance(layer, Dense))
    return Strategy.PERSISTENT if widest <= WIDE_LAYER else Strategy.SEPARATE


@dataclass(frozen=True)
class Sizes:
    """Tiles of each kind of kernels, rows that are evaluated at a time, and blocks of a launch at most."""

    single_block: Tiles
    persistent: Tiles
    separate: Tiles
    evaluation_rows: int
    most_blocks: int

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
    most_blocks=65_535,
)
# A thread of the simulator costs a tenth of a millisecond: few threads, few blocks, odd shapes to find mistakes.
IN_SIMULATOR = Sizes(
    single_block=Tiles(2, 2, 3, 1, 1),
    persistent=Tiles(4, 2, 5, 2, 1),
    separate=Tiles(4, 6, 3, 2, 3),
    evaluation_rows=64,
    most_blocks=2,
)


def sizes() -> Sizes:
    """Those of a GPU, or those of the simulator."""
    return IN_SIMULATOR if simulated() else ON_GPU
