"""What a benchmark found, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# A larger spread than this is named.
STEADY = 0.2


@dataclass(frozen=True)
class Peak:
    """What this machine's BLAS reaches in a large float32 matrix product, in its best round."""

    threads: int
    gflops: float
    spread: float


@dataclass(frozen=True)
class Compilation:
    """What it took to have machine code: `cold` when something was compiled, else all was in the cache."""

    seconds: float
    cold: bool


@dataclass(frozen=True)
class Agreement:
    """Largest relative differences from the naive loops, over all other ways; and what is allowed."""

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
        Also "numpy_threads", which stands beside the ladder.
    threads : int
        How many it used.
    rows : int
        How many were timed; rates of the naive loops are extrapolated from few.
    samples_per_second, gflops : float
        Medians.
    peak_share : float
        GFLOP/s over those of the peak on as many threads.
    over_previous, over_naive : float or None
        How many times as fast as the line before, and as the first line.
    spread : float
        Interquartile range of the rounds / median.
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
    """The matrix products of one batch alone, in NumPy on one thread."""

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
        """Names of figures of the ladder whose rounds lie far apart: something else was using the machine."""
        peaks = [f"peak, {entry.threads} threads" for entry in self.peak if entry.spread > STEADY]
        return peaks + [way.name for way in (*self.training, *self.beside) if way.spread > STEADY]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``: the fields by name."""
        return {**asdict(self), "unsteady": self.unsteady}
