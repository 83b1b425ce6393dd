"""The ladder of matrix products (`kernels.products`): its rungs, their tiles, and how to launch one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neurosim.backends.cache import load_generated
from neurosim.backends.cuda.device import call
from neurosim.backends.cuda.generation import KERNELS, Tiles
from neurosim.backends.cuda.target import float32, simulated

# The line in the kernel file that stands for the sizes of tiles.
_BLANKS = "from neurosim.backends.cuda.blanks import ACROSS, COLUMNS, DEPTH, DOWN, ROWS, THREADS\n"


@dataclass(frozen=True)
class Rung:
    """A kernel of `kernels.products`, and how it divides the result."""

    name: str
    tiles: Tiles

    @property
    def kernel(self) -> Any:
        """The kernel, compiled when it is launched."""
        return getattr(load_generated("cuda_products", kernel_text(self.tiles)), self.name)

    def multiply(self, a: Any, b: Any, c: Any) -> None:
        """Launch C = A B for float32 matrices on the GPU, each a separate array; the host does not wait."""
        call(self.kernel, self.tiles.count(*c.shape), self.tiles.threads, a, b, c)


ON_GPU = (
    Rung("naive", Tiles(8, 32, 1, 1, 1)),
    Rung("tiled", Tiles(16, 16, 16, 1, 1)),
    Rung("register_tiled", Tiles(64, 64, 16, 4, 4)),
    Rung("vectorized", Tiles(128, 128, 8, 8, 8)),
)
# A few threads per block, tiles of odd shapes; in the last rung each thread loads one group of four per tile.
IN_SIMULATOR = (
    Rung("naive", Tiles(2, 3, 1, 1, 1)),
    Rung("tiled", Tiles(2, 3, 4, 1, 1)),
    Rung("register_tiled", Tiles(4, 6, 3, 2, 3)),
    Rung("vectorized", Tiles(16, 16, 4, 4, 4)),
)


def rungs() -> tuple[Rung, ...]:
    """The rungs from slow to fast, with tiles for a GPU or for the simulator."""
    return IN_SIMULATOR if simulated() else ON_GPU


def kernel_text(tiles: Tiles) -> str:
    """The module of all rungs for these tiles."""
    text = (KERNELS / "products.py").read_text(encoding="utf-8")
    before, found, after = text.partition(_BLANKS)
    assert found, "products.py names its blanks in one line"
    sizes = (
        f"ROWS, COLUMNS, DEPTH = {tiles.rows}, {tiles.columns}, {tiles.depth}\n"
        f"DOWN, ACROSS = {tiles.down}, {tiles.across}\n"
        f"THREADS = {tiles.threads}\n"
    )
    return before + sizes + after


def compilations() -> Sequence[tuple[Any, tuple[Any, ...], bool]]:
    """All kernels of the ladder with the types of their arguments, and whether the launch is cooperative."""
    matrix = float32[:, ::1]
    return [(rung.kernel, (matrix, matrix, matrix), False) for rung in ON_GPU]
