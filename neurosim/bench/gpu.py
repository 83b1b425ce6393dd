"""The benchmark of a GPU: its properties, its overheads, the ladder of products, training compared with the CPU."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from neurosim.backends.cuda import ladder, probes
from neurosim.backends.cuda.model import predict
from neurosim.backends.cuda.probes import DeviceFacts
from neurosim.backends.cuda.target import find_device, simulated
from neurosim.bench import gpu_products, gpu_training
from neurosim.bench.gpu_report import Cost, Crossover, Gpu, GpuReport, Predicted
from neurosim.bench.measure import Clock, Work, interleaved
from neurosim.bench.problem import Problem, Size, make_problem
from neurosim.errors import UsageError
from neurosim.plugin.host import Registry, build_registry

Say = Callable[[str], None]


@dataclass(frozen=True)
class GpuSize:
    """How much is measured.

    Attributes
    ----------
    rounds : int
        How many times everything is timed.
    launches, barriers : int
        How many of them make one measurement of their cost.
    odd_shape : tuple of int
        Shape of a product that fits no tile, for checking.
    squares : tuple of int
        Sizes of the products that are timed.
    operations : float
        Least number of operations in one measurement of a product.
    network : Size
        The network that is trained epoch by epoch.
    batches, widths : tuple of int
        Batch sizes, and units of two hidden layers, from small to large.
    varied_rows : int
        Rows of an epoch when batches or widths are varied.
    networks : tuple of int
        Numbers of XOR networks that are trained side by side.
    xor_steps : int
        Steps of each.
    """

    rounds: int
    launches: int
    barriers: int
    odd_shape: tuple[int, int, int]
    squares: tuple[int, ...]
    operations: float
    network: Size
    batches: tuple[int, ...]
    widths: tuple[int, ...]
    varied_rows: int
    networks: tuple[int, ...]
    xor_steps: int


def _network(rows: int) -> Size:
    return Size((784, 256, 128, 10), batch=64, rows=rows, checked_rows=0, peak=0, rounds=0, slow_every=1)


FULL = GpuSize(
    rounds=7,
    launches=1000,
    barriers=1000,
    odd_shape=(301, 131, 277),
    squares=(512, 1024, 2048, 4096),
    operations=gpu_products.OPERATIONS,
    network=_network(60_000),
    batches=(16, 64, 256, 1024, 4096),
    widths=(32, 128, 512, 2048),
    varied_rows=16_384,
    networks=(1, 100, 10_000),
    xor_steps=2000,
)
QUICK = GpuSize(
    rounds=3,
    launches=200,
    barriers=200,
    odd_shape=(301, 131, 277),
    squares=(512, 2048),
    operations=gpu_products.OPERATIONS / 4,
    network=_network(6400),
    batches=(16, 256, 4096),
    widths=(32, 512),
    varied_rows=4096,
    networks=(1, 1000),
    xor_steps=500,
)


def run_gpu_benchmark(
    threads: int | None = None,
    *,
    quick: bool = False,
    size: GpuSize | None = None,
    clock: Clock = time.perf_counter,
    say: Say = lambda words: None,
    simulator: bool = False,
) -> GpuReport:
    """Measure the GPU, alone and compared with this machine's processors.

    Parameters
    ----------
    threads : int, optional
        Threads of the CPU; by default all processors.
    quick : bool
        Whether to measure less of everything.
    size : GpuSize, optional
        Overrides `quick`.
    clock : function
        Returns seconds.
    say : function
        Called with a few words about what is being done.
    simulator : bool
        Allow the simulator, where figures mean nothing.

    Raises
    ------
    BackendError
        If there is no GPU, saying what is missing; or if a result is wrong.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, not {threads}")
    if not (simulator and simulated()):
        find_device()
    begun = clock()
    size = size or (QUICK if quick else FULL)
    count = threads if threads is not None else _available_threads()
    registry = build_registry(entry_points=False, environment=False)
    facts = probes.device_facts()
    peak = facts.peak / 1e9

    say("compiling the ladder of products")
    start = clock()
    tiny = gpu_products.Operands((4, 4, 4))
    for rung in ladder.rungs():
        rung.multiply(tiny.a, tiny.b, tiny.c)
    probes.synchronize()
    compilation = {"products": clock() - start}
    say("checking the ladder of products")
    checked = gpu_products.check([size.odd_shape, *((edge, edge, edge) for edge in size.squares)])

    say("measuring launches and barriers")
    launches, barrier = _costs(size, clock)
    say("measuring the ladder of products")
    products = gpu_products.measure(size.squares, size.rounds, peak, clock, size.operations)

    say("compiling the training")
    problem = make_problem(size.network, registry)
    start = clock()
    gpu_training.compile_training(problem)
    compilation["training"] = clock() - start
    say("measuring an epoch on the CPU and on the GPU")
    epoch = gpu_training.epoch_duel(problem.training.batch_size, problem, count, size.rounds, clock)
    crossovers = _crossovers(size, registry, count, clock, say)
    return GpuReport(
        quick=quick,
        machine={
            "system": f"{platform.system()} {platform.machine()}",
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        threads=count,
        gpu=Gpu(facts.name, facts.capability, facts.processors, facts.cores, facts.clock / 1e6, facts.memory, peak),
        compilation=compilation,
        launches=launches,
        barrier=barrier,
        checked=checked,
        products=products,
        widths=size.network.widths,
        epoch_rows=problem.rows.count,
        epoch=epoch,
        xor_steps=size.xor_steps,
        crossovers=crossovers,
        predicted=_predicted(size, problem, registry, facts, barrier),
        rounds=size.rounds,
        seconds=clock() - begun,
    )


def _predicted(size: GpuSize, problem: Problem, registry: Registry, facts: DeviceFacts, barrier: Cost) -> Predicted:
    """What is expected of what has been measured, with the cost of a barrier that was measured."""
    found = predict(problem.network, problem.training, problem.rows, facts, barrier=barrier.microseconds * 1e-6)
    small = gpu_training.xor_problem(registry)
    networks = [(count, size.xor_steps * predict(*small, facts, networks=count).epoch) for count in size.networks]
    return Predicted(
        found.epoch, [(part.name, part.instructions, part.trips, part.barriers) for part in found.parts], networks
    )


def _costs(size: GpuSize, clock: Clock) -> tuple[list[Cost], Cost]:
    """The costs of launches with some arrays, and of a barrier across the grid."""
    works = {
        f"launch {arrays}": Work(gpu_products.repeated(probes.empty_launch(arrays), size.launches))
        for arrays in probes.LAUNCH_ARRAYS
    }
    blocks, meet = probes.barriers(size.barriers)
    _, meet_once = probes.barriers(1)
    works["barriers"] = Work(gpu_products.repeated(meet, 1))
    works["barrier"] = Work(gpu_products.repeated(meet_once, 1))
    for work in works.values():
        work.run()
    timings = interleaved(works, size.rounds, clock)
    launches = []
    for arrays in probes.LAUNCH_ARRAYS:
        timing = timings[f"launch {arrays}"].per(size.launches)
        launches.append(Cost(arrays, timing.median * 1e6, timing.spread))
    # Minus the launch itself, with its one barrier.
    many, one = timings["barriers"], timings["barrier"]
    seconds = (many.median - one.median) / max(size.barriers - 1, 1)
    return launches, Cost(blocks, seconds * 1e6, many.spread)


def _crossovers(size: GpuSize, registry: Registry, threads: int, clock: Clock, say: Say) -> list[Crossover]:
    varied = replace(size.network, rows=size.varied_rows)
    say("measuring batches of many sizes")
    crossovers = [gpu_training.by_batch(varied, size.batches, registry, threads, size.rounds, clock)]
    say("measuring networks of many widths")
    crossovers.append(gpu_training.by_width(varied, size.widths, registry, threads, size.rounds, clock))
    say("measuring many networks")
    crossovers.append(gpu_training.by_networks(size.networks, size.xor_steps, registry, threads, size.rounds, clock))
    return crossovers


def _available_threads() -> int:
    from neurosim.backends.cpu.team import available_threads

    return available_threads()
