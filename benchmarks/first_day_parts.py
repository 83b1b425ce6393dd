"""What first_day.py does on a GPU: facts, launches, the same training as on the CPU, and times beside predictions.

Each function takes whether next to nothing is to be measured, and returns facts as plain data.
"""

from __future__ import annotations

import functools
import importlib.metadata
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

Facts = dict[str, Any]
LIBRARIES = (
    "numba", "numba-cuda", "llvmlite", "numpy", "cuda-bindings", "cuda-core", "cuda-pathfinder", "cuda-toolkit",
    "nvidia-nvvm", "nvidia-nvjitlink", "nvidia-cuda-nvrtc", "torch", "triton", "cupy-cuda12x", "cupy-cuda13x",
)  # fmt: skip
# What two trainings in float32 may differ by, which round their sums in another order.
TOLERANCE = 3e-3
EPOCHS = 2


def environment(quick: bool) -> Facts:
    """What is there; fails with what is missing."""
    from neurosim.backends.cuda import probes, toolkit
    from neurosim.version import __version__

    versions = {"neurosim": __version__}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    facts = probes.device_facts()
    return {"versions": versions, "gpu": vars(facts), "peak": facts.peak, "toolkit": toolkit.facts()[:-1]}


def launches(quick: bool) -> Facts:
    """What a launch costs, a barrier of the grid, and a launch in a graph, which must do what launches do."""
    from neurosim.backends.cuda import model, probes, resident_model
    from neurosim.backends.cuda.device import call
    from neurosim.backends.cuda.graphs import Replay
    from neurosim.backends.cuda.target import cuda

    times = 20 if quick else 1000
    found: Facts = {"microseconds of a launch": {}}
    for arrays in probes.LAUNCH_ARRAYS:
        launch = probes.empty_launch(arrays)
        launch()
        found["microseconds of a launch"][arrays] = each(launch, times) * 1e6
    blocks, meet = probes.barriers(times)
    _, once = probes.barriers(1)
    for run in (meet, once):
        run()
    barrier = (median(waited(meet)) - median(waited(once))) / (times - 1)
    kernel, numbers = _adding(), cuda.to_device(np.zeros(64, np.float32))
    replay = Replay(lambda: [call(kernel, 1, 64, numbers) for _ in range(10)])
    for _ in range(3):
        replay()
    right = bool((numbers.copy_to_host() == 30.0).all())
    node = each(replay, times) / 10
    if not right:
        raise ValueError("a graph does not do what the launches in it do")
    modelled = resident_model.barrier_seconds(probes.device_facts(), blocks)
    return {
        **found,
        "blocks": blocks,
        "barrier": barrier,
        "predictions": [
            ["barrier of the grid, us", barrier * 1e6, modelled * 1e6],
            ["launch in a graph, us", node * 1e6, model.NODE * 1e6],
        ],
    }


def _adding() -> Any:
    from neurosim.backends.cuda.target import cuda, jit

    @jit
    def add_one(numbers):  # type: ignore[no-untyped-def]
        numbers[cuda.threadIdx.x] += 1.0

    return add_one


# Right? ---------------------------------------------------------------------------------------------------------


def check(name: str, way: str, quick: bool) -> Facts:
    """A shipped scenario in one of the ways to train, for two epochs, beside the CPU."""
    from neurosim.backends.cuda.backend import CudaBackend
    from neurosim.backends.cuda.strategy import Strategy
    from neurosim.backends.select import make_backend
    from neurosim.problem.assembly import assemble
    from neurosim.scenario.load import load_scenario

    problem = assemble(load_scenario(name))
    rows = problem.splits["train"]
    gpu = CudaBackend(problem.network, problem.training, 0, strategy=Strategy(way))
    cpu = make_backend("cpu", problem.network, problem.training, 0)
    pairs = [[backend.train_epoch(rows, epoch).mean_loss for backend in (gpu, cpu)] for epoch in range(EPOCHS)]
    pairs.append([backend.evaluate(rows).mean_loss for backend in (gpu, cpu)])
    differs = max(abs(ours / theirs - 1.0) for ours, theirs in pairs)
    return {
        "losses": pairs,
        "loss differs": differs,
        "parameters differ": float(np.abs(gpu.parameters - cpu.parameters).max()),
        "same bits": gpu.parameters.tobytes() == cpu.parameters.tobytes(),
        "right": differs <= TOLERANCE,
    }


def _checks() -> Iterator[tuple[str, Callable[[bool], Facts], bool]]:
    ways = [("xor", "single_block"), ("digits", "persistent"), ("digits", "separate")]
    ways += [("digits-cnn", "persistent"), ("digits-cnn", "separate")]
    for name, way in ways:
        yield f"{name}, {way.replace('_', ' ')}", functools.partial(check, name, way), name == "xor"


CHECKS = tuple(_checks())

# How long, and what was expected ----------------------------------------------------------------------------------


def median(run: Callable[[], object], rounds: int = 5) -> float:
    """Seconds of the median round."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def waited(run: Callable[[], object]) -> Callable[[], None]:
    """`run`, until the GPU has done it."""
    from neurosim.backends.cuda import probes

    def call() -> None:
        run()
        probes.synchronize()

    return call


def each(run: Callable[[], object], times: int) -> float:
    """Seconds of one of many runs for which the host does not wait."""
    return median(waited(lambda: [run() for _ in range(times)])) / times


def small_networks(quick: bool) -> Facts:
    """Networks like that of xor: one, and many side by side."""
    from neurosim.backends.cuda import model, probes
    from neurosim.backends.select import make_backend, make_small_ensemble
    from neurosim.problem.assembly import assemble
    from neurosim.scenario.load import load_scenario

    problem, facts = assemble(load_scenario("xor")), probes.device_facts()
    network, training, rows = problem.network, replace(problem.training, shuffle=False), problem.splits["train"]
    gpu = make_backend("cuda", network, training, 0)
    predictions = []
    for count, steps in ((2, 3),) if quick else ((1, 20_000), (132, 2000), (10_000, 2000)):
        team = make_small_ensemble(gpu, range(count), [rows])
        assert team is not None
        team.train(1)
        taken = median(lambda team=team, steps=steps: team.train(steps), 3) / steps
        expected = model.predict(network, training, rows, facts, networks=count).epoch
        predictions.append([f"step of {count:,} xor networks, us", taken * 1e6, expected * 1e6])
    return {"predictions": predictions}


def _epochs(widths: tuple[int, ...], batch: int, rows: int) -> Facts:
    from neurosim.backends.cuda import model, probes
    from neurosim.backends.select import make_backend
    from neurosim.bench.gpu import FULL
    from neurosim.bench.problem import make_problem
    from neurosim.plugin.host import build_registry

    size = replace(FULL.network, widths=widths, batch=batch, rows=rows)
    problem = make_problem(size, build_registry(entry_points=False, environment=False))
    gpu = make_backend("cuda", problem.network, problem.training, 0)
    gpu.train_epoch(problem.first(2 * batch), 0)
    numbers = iter(range(1, 1000))
    seconds = median(lambda: gpu.train_epoch(problem.rows, next(numbers)))
    expected = model.predict(problem.network, problem.training, problem.rows, probes.device_facts())
    steps = -(-rows // batch)
    name = "-".join(map(str, widths))
    return {
        "teraflops": size.flops_per_sample * rows / seconds / 1e12,
        "parts": [[part.name, part.instructions, part.trips, part.barriers] for part in expected.parts],
        "predictions": [
            [f"epoch of {name}, ms", seconds * 1e3, expected.epoch * 1e3],
            ["... a step of it, us", seconds / steps * 1e6, expected.step * 1e6],
        ],
    }


def epoch(quick: bool) -> Facts:
    """The network of mnist, with as many rows made up."""
    return _epochs((784, 256, 128, 10), 64, 60_000)


def wide(quick: bool) -> Facts:
    """A network whose products are work for all of a GPU."""
    return _epochs((784, 4096, 4096, 10), 1024, 16 * 1024)


def products(quick: bool) -> Facts:
    """The ladder of products, checked, in TFLOP/s beside the peak of the GPU."""
    from neurosim.backends.cuda import probes
    from neurosim.bench import gpu_products

    checked = gpu_products.check([(301, 131, 277), (128, 1024, 256)])
    rates = gpu_products.measure((1024, 4096), 3, probes.device_facts().peak / 1e9, time.perf_counter)
    return {
        "error": checked.error,
        "predictions": [[f"product, {rate.name} {rate.size}, GFLOP/s", rate.gflops, None] for rate in rates],
    }
