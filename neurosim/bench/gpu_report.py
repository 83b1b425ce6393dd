"""The results of a benchmark on a GPU, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from neurosim.bench.measure import Timing


@dataclass(frozen=True)
class Gpu:
    """The GPU in numbers; `peak_gflops` is what its cores could do at their highest clock rate."""

    name: str
    capability: tuple[int, int]
    processors: int
    cores: int
    clock_mhz: float
    memory_bytes: int
    peak_gflops: float


@dataclass(frozen=True)
class Cost:
    """The microseconds that something without any computation takes, for a number of arrays or blocks."""

    count: int
    microseconds: float
    spread: float


@dataclass(frozen=True)
class Rate:
    """A matrix product (size, size) @ (size, size) by one kernel."""

    name: str
    size: int
    gflops: float
    peak_share: float
    spread: float


@dataclass(frozen=True)
class Checked:
    """The largest difference of `products` products from NumPy in float64, relative to the largest number."""

    products: int
    error: float
    tolerance: float


@dataclass(frozen=True)
class Duel:
    """The same training on this machine's processors and on the GPU.

    Attributes
    ----------
    value : int
        Batch size, width or number of networks.
    cpu_seconds, gpu_seconds : float
        Medians.
    cpu_spread, gpu_spread : float
        Interquartile range of the rounds, divided by the median.
    flops : int
        Floating-point operations of its matrix products.
    difference : float
        Relative difference between the results of both.
    """

    value: int
    cpu_seconds: float
    gpu_seconds: float
    cpu_spread: float
    gpu_spread: float
    flops: int
    difference: float

    @classmethod
    def of(cls, value: int, cpu: Timing, gpu: Timing, flops: int, difference: float) -> Duel:
        """From the rounds of both."""
        return cls(value, cpu.median, gpu.median, cpu.spread, gpu.spread, flops, difference)

    @property
    def speedup(self) -> float:
        """How many times as fast the GPU is."""
        return self.cpu_seconds / self.gpu_seconds

    @property
    def gpu_gflops(self) -> float:
        """GFLOP/s on the GPU."""
        return self.flops / self.gpu_seconds / 1e9

    def as_json(self) -> dict[str, Any]:
        """The fields by name, with figures derived from them."""
        return {**asdict(self), "speedup": self.speedup, "gpu_gflops": self.gpu_gflops}


@dataclass(frozen=True)
class Crossover:
    """A series of trainings, each larger in one respect than the one before."""

    what: str
    duels: list[Duel]

    @property
    def overtakes_at(self) -> int | None:
        """The smallest value from which on the GPU is always faster; None if the CPU is faster in the last one."""
        value = None
        for duel in reversed(self.duels):
            if duel.speedup <= 1.0:
                break
            value = duel.value
        return value

    def as_json(self) -> dict[str, Any]:
        """What was varied, where the GPU overtakes the CPU, and each training."""
        return {
            "what": self.what,
            "overtakes_at": self.overtakes_at,
            "duels": [duel.as_json() for duel in self.duels],
        }


@dataclass(frozen=True)
class Predicted:
    """What `neurosim.backends.cuda.model` expects of this GPU, in seconds.

    Attributes
    ----------
    epoch : float
        The epoch that is compared.
    step : list of (str, float, float, float)
        The phases of one of its steps: instructions, trips to memory, barriers.
    networks : list of (int, float)
        For numbers of XOR networks side by side, all steps that are measured.
    """

    epoch: float
    step: list[tuple[str, float, float, float]]
    networks: list[tuple[int, float]]


@dataclass(frozen=True)
class GpuReport:
    """Everything."""

    quick: bool
    machine: dict[str, Any]
    threads: int
    gpu: Gpu
    compilation: dict[str, float]
    launches: list[Cost]
    barrier: Cost
    checked: Checked
    products: list[Rate]
    widths: tuple[int, ...]
    epoch_rows: int
    epoch: Duel
    xor_steps: int
    crossovers: list[Crossover]
    predicted: Predicted
    rounds: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """For ``--json``: the fields by name."""
        nested = {"epoch": self.epoch.as_json(), "crossovers": [entry.as_json() for entry in self.crossovers]}
        return {"backend": "cuda", **asdict(self), **nested}
