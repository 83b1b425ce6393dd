"""The results of a benchmark, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# A larger spread than this is pointed out.
STEADY = 0.2


@dataclass(frozen=True)
class Peak:
    """The speed of this machine's BLAS in a large float32 matrix product, in its best round."""

    threads: int
    gflops: float
    spread: float


@dataclass(frozen=True)
class Compilation:
    """The time it took to get machine code; `cold` if something was compiled, otherwise all of it was in the cache."""

    seconds: float
    cold: bool


@dataclass(frozen=True)
class Agreement:
    """The largest relative differences of all other ways from the naive loops, and the tolerance."""

    rows: int
    loss: float
    gradients: float
    loss_after_update: float
    tolerance: float


@dataclass(frozen=True)
class Way:
    """One way of training, measured.

    Attributes
    ----------
    name : {"naive", "numpy", "compiled", "compiled_threads"}
        Also "numpy_threads", which is beside the ladder.
    threads : int
        Number of threads used.
    rows : int
        Number of rows timed; rates of the naive loops are extrapolated from a few.
    samples_per_second, gflops : float
        Medians.
    peak_share : float
        GFLOP/s divided by the peak on as many threads.
    over_previous, over_naive : float or None
        Speed relative to the line before, and to the first line.
    spread : float
        Interquartile range of the rounds, divided by the median.
    """

    name: str
    threads: int
    rows: int
    samples_per_second: float
    gflops: float
    peak_share: float
    over_previous: float | None
    over_naive: float
    spread: float


@dataclass(frozen=True)
class Product:
    """Only the matrix products of one batch, in NumPy on one thread."""

    name: str
    gflops: float
    peak_share: float
    spread: float


@dataclass(frozen=True)
class Kernel:
    """One elementwise function over `numbers` numbers on one thread: NumPy, and compiled."""

    name: str
    numbers: int
    numpy_microseconds: float
    compiled_microseconds: float
    speedup: float
    numpy_spread: float
    compiled_spread: float


@dataclass(frozen=True)
class Report:
    """Everything."""

    backend: str
    threads: int
    quick: bool
    machine: dict[str, Any]
    widths: tuple[int, ...]
    batch: int
    rows: int
    rounds: int
    flops_per_sample: int
    peak: list[Peak]
    compilation: Compilation
    agreement: Agreement
    training: list[Way]
    beside: list[Way]
    products: list[Product]
    kernels: list[Kernel]
    seconds: float

    @property
    def unsteady(self) -> list[str]:
        """Names of figures of the ladder whose rounds differ a lot: something else was using the machine."""
        peaks = [f"peak, {entry.threads} threads" for entry in self.peak if entry.spread > STEADY]
        return peaks + [way.name for way in (*self.training, *self.beside) if way.spread > STEADY]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``: the fields by name."""
        return {**asdict(self), "unsteady": self.unsteady}
