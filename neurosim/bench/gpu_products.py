"""The ladder of matrix products on a GPU: checked against NumPy, then timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cuda import ladder, probes
from neurosim.backends.cuda.device import Memory
from neurosim.bench.gpu_report import Checked, Rate
from neurosim.bench.measure import Clock, Work, interleaved
from neurosim.bench.problem import SEED
from neurosim.errors import BackendError
from neurosim.randomness import Stream

# Sums of a few thousand float32 products are accurate to about 1e-6 of the largest.
TOLERANCE = 1e-5
CHECKED_ROWS = 32
# Least number of operations in a measurement: some milliseconds of work.
OPERATIONS = 4e10
CUBLAS = "cublas"

Shape = tuple[int, int, int]


class Operands:
    """Random matrices A (m, depth) and B (depth, n), on the host and on the GPU, and memory for C."""

    def __init__(self, shape: Shape) -> None:
        m, depth, n = shape
        self.shape = shape
        self.left = Stream(SEED, "bench", "left").normal(shape=(m, depth)).astype(np.float32)
        self.right = Stream(SEED, "bench", "right").normal(shape=(depth, n)).astype(np.float32)
        self._memory = Memory(1, 0)
        self.a, self.b = self._memory.upload(self.left), self._memory.upload(self.right)
        self.forget()

    def forget(self) -> None:
        """Replace C by a new one, filled with NaN."""
        self.c = self._memory.upload(np.full((self.shape[0], self.shape[2]), np.nan, np.float32))

    def error(self) -> float:
        """The error of C against NumPy in float64, relative to the largest number; of a large C, only in some rows."""
        rows = np.unique(np.linspace(0, self.shape[0] - 1, CHECKED_ROWS * 8).astype(int))
        rows = rows if self.shape[0] <= CHECKED_ROWS * 8 else rows[::8]
        expected = self.left[rows].astype(np.float64) @ self.right.astype(np.float64)
        actual: NDArray[np.float32] = Memory.download(self.c)
        return float(np.abs(actual[rows] - expected).max() / np.abs(expected).max())


def kernels(operands: Operands) -> dict[str, Callable[[], None]]:
    """A launch of each rung for these operands, and of cuBLAS if available; the host does not wait."""

    def launch(rung: ladder.Rung) -> Callable[[], None]:
        return lambda: rung.multiply(operands.a, operands.b, operands.c)

    launches = {rung.name: launch(rung) for rung in ladder.rungs()}
    theirs = probes.cublas_product(operands.a, operands.b, operands.c)
    return launches if theirs is None else {**launches, CUBLAS: theirs}


def check(shapes: Sequence[Shape], tolerance: float = TOLERANCE) -> Checked:
    """Compute products of these shapes with every rung.

    Raises
    ------
    BackendError
        If one differs by more than `tolerance`, relative to the largest number.
    """
    worst, count = 0.0, 0
    for shape in shapes:
        operands = Operands(shape)
        for rung in ladder.rungs():
            operands.forget()
            rung.multiply(operands.a, operands.b, operands.c)
            error = operands.error()
            if not error <= tolerance:
                raise BackendError(
                    f"nothing was timed: the {rung.name} product of shape {shape} and NumPy's differ by {error:.1e}, "
                    f"more than the {tolerance:.0e} allowed",
                    "A bug in neurosim, in a library, or in the GPU. Please report it.",
                )
            worst, count = max(worst, error), count + 1
    return Checked(count, worst, tolerance)


def measure(sizes: Sequence[int], rounds: int, peak: float, clock: Clock, operations: float = OPERATIONS) -> list[Rate]:
    """Time every rung for square matrices of these sizes; `peak` is in GFLOP/s."""
    rates = []
    for size in sizes:
        operands = Operands((size, size, size))
        flops = 2 * size**3
        repeats = max(1, round(operations / flops))
        launches = kernels(operands)
        works = {name: Work(repeated(launch, repeats)) for name, launch in launches.items()}
        for work in works.values():
            work.run()
        for name, timing in interleaved(works, rounds, clock).items():
            gflops = flops * repeats / timing.median / 1e9
            rates.append(Rate(name, size, gflops, gflops / peak, timing.spread))
    return rates


def repeated(launch: Callable[[], None], times: int) -> Callable[[], None]:
    """The given number of launches, followed by a wait for all of them."""

    def run() -> None:
        for _ in range(times):
            launch()
        probes.synchronize()

    return run
