"""The whole benchmark: prepare, check, measure, report."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable

import numpy as np

from neurosim.backends.base import Backend
from neurosim.backends.select import make_backend, on_compilation
from neurosim.bench import parts, training
from neurosim.bench.measure import Clock, blas_threads, interleaved
from neurosim.bench.problem import BUDGET, FULL, QUICK, SEED, Size, make_problem
from neurosim.bench.report import Compilation, Report
from neurosim.errors import BackendError, UsageError
from neurosim.plugin.host import build_registry

# The parts are short, so more rounds of them cost little.
PART_ROUNDS = 3
Say = Callable[[str], None]


def run_benchmark(
    backend: str = "cpu",
    threads: int | None = None,
    *,
    quick: bool = False,
    size: Size | None = None,
    clock: Clock = time.perf_counter,
    say: Say = lambda words: None,
) -> Report:
    """Train the same network in every way and compare.

    Parameters
    ----------
    backend : str
        The compiled backend.
    threads : int, optional
        Number of threads to use at most; by default the number of processors.
    quick : bool
        Whether to use a smaller network and fewer rounds.
    size : Size, optional
        Overrides `quick`.
    clock : function
        Returns seconds.
    say : function
        Called with a few words about what is being done.

    Raises
    ------
    BackendError
        For a backend that is missing or has nothing to measure, and if results disagree.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, not {threads}")
    if backend == "reference":
        raise BackendError(
            "the reference backend is made to be right, not fast: nothing to measure", 'Use backend="cpu".'
        )
    begun = clock()
    registry = build_registry(entry_points=False, environment=False)
    size = size or (QUICK if quick else FULL)
    problem = make_problem(size, registry)

    def backend_of(count: int) -> Backend:
        made = make_backend(backend, problem.network, problem.training, SEED, count)
        made.prepare()
        return made

    cold = False

    def compiling() -> None:
        nonlocal cold
        cold = True
        say("compiling kernels: only the first time, the result is kept")

    start = clock()
    # Before anything that needs the compiler: a missing backend says so at once.
    make_backend(backend, problem.network, problem.training, SEED, 1)
    with on_compilation(compiling):
        backend_of(1)
        pairs = parts.kernel_pairs(problem.network.size, registry)
    compilation = Compilation(clock() - start, cold)

    count = threads if threads is not None else _available_threads()
    entered = training.contestants(problem, backend_of, count)
    say("checking that all compute the same")
    agreement = training.check(problem, entered)
    parts.check_pairs(pairs, training.TOLERANCE)

    works = training.works(problem, entered, count)
    for name, work in works.items():
        # The first run of anything is slower: memory is allocated, caches are cold. Python loops are too slow to
        # notice.
        if name != "naive":
            work.run()

    def on_round(number: int) -> None:
        say(f"measuring, round {number} of {size.rounds}")

    timings = interleaved(works, size.rounds, clock, on_round, BUDGET)
    peak = training.peaks(problem, timings, count)
    ways, beside = training.ladder(problem, entered, timings, peak)

    say("measuring parts")
    product_works, flops = parts.product_works(size)
    kernel_works = parts.kernel_works(pairs)
    with blas_threads(1):
        for work in (*product_works.values(), *kernel_works.values()):
            work.run()
        part_timings = interleaved({**product_works, **kernel_works}, PART_ROUNDS * size.rounds, clock)
    return Report(
        backend=backend,
        threads=count,
        quick=quick,
        machine={
            "system": f"{platform.system()} {platform.machine()}",
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        widths=size.widths,
        batch=size.batch,
        rows=size.rows,
        rounds=max(len(timing.seconds) for timing in timings.values()),
        flops_per_sample=size.flops_per_sample,
        peak=peak,
        compilation=compilation,
        agreement=agreement,
        training=ways,
        beside=beside,
        products=parts.products(flops, part_timings, peak[0].gflops),
        kernels=parts.kernels(pairs, part_timings),
        seconds=clock() - begun,
    )


def _available_threads() -> int:
    from neurosim.backends.cpu.team import available_threads

    return available_threads()
