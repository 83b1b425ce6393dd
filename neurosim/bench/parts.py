"""The parts of a training step separately, on one thread: matrix products, activations, Adam."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.bench import plain_numpy
from neurosim.bench.measure import Timing, Work
from neurosim.bench.problem import RATE, SEED, Size
from neurosim.bench.report import Kernel, Product
from neurosim.errors import BackendError
from neurosim.plugin.host import Registry
from neurosim.randomness import Stream

Array = NDArray[Any]

# 16,384 numbers.
SHAPE = (64, 256)
ACTIVATION_REPEATS = 100
UPDATE_REPEATS = 20
PRODUCT_REPEATS = 10


def _relu(z: Array) -> Array:
    return np.maximum(z, 0.0)


def _sigmoid(z: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-z))


def _gelu(z: Array) -> Array:
    # NumPy has no erf.
    from scipy.special import erf

    return 0.5 * z * (1.0 + erf(z / np.float32(np.sqrt(2.0))))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"relu": _relu, "tanh": np.tanh, "sigmoid": _sigmoid, "gelu": _gelu}


@dataclass(frozen=True)
class Pair:
    """The same function in NumPy and compiled; `result` returns what the compiled one has written."""

    name: str
    numbers: int
    numpy: Callable[[], Array]
    compiled: Callable[[], object]
    result: Callable[[], Array]
    repeats: int


def activation_pair(name: str, registry: Registry) -> Pair:
    """Adding a bias to sums, and applying an activation."""
    from neurosim.backends.cpu.kernels import activation_kernels

    kernels = activation_kernels(registry.activations.get(name))
    forward = ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * 9)(kernels.forward)
    function = ACTIVATIONS[name]
    rows, columns = SHAPE
    z = Stream(SEED, "bench", "sums").normal(0.0, 2.0, SHAPE).astype(np.float32)
    # Zeros, since the compiled kernel stores the sum including the bias.
    bias = np.zeros(columns, np.float32)
    a = np.zeros(SHAPE, np.float32)
    arguments = (z.ctypes.data, bias.ctypes.data, a.ctypes.data, columns, 0, rows, 0, columns, 0)

    def compiled() -> None:
        # This keeps code and arrays alive: the call has only their addresses.
        assert all(kept is not None for kept in (kernels, z, bias, a))
        forward(*arguments)

    return Pair(name, z.size, lambda: function(z + bias), compiled, lambda: a, ACTIVATION_REPEATS)


def adam_pair(count: int, registry: Registry) -> Pair:
    """One update of `count` parameters."""
    from neurosim.backends.cpu.kernels import optimizer_kernels

    record = registry.optimizers.get("adam")
    kernels = optimizer_kernels(record)
    update = ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * 6)(kernels.update)
    word, number = ctypes.c_ssize_t, ctypes.c_double
    step_constants = ctypes.CFUNCTYPE(None, word, word, number, number)(kernels.constants)
    params = np.array(list({**record.params, "lr": RATE}.values()), np.float64)
    constants = np.zeros(kernels.count, np.float32)
    step_constants(params.ctypes.data, constants.ctypes.data, 1.0, RATE)
    g = Stream(SEED, "bench", "gradient").normal(0.0, 0.01, count).astype(np.float32)
    ours, theirs = np.zeros(count, np.float32), np.zeros(count, np.float32)
    state = np.zeros((2, count), np.float32)
    mean, square = np.zeros(count, np.float32), np.zeros(count, np.float32)
    arguments = (ours.ctypes.data, g.ctypes.data, state.ctypes.data, count, count, constants.ctypes.data)

    def numpy_update() -> Array:
        plain_numpy.adam(theirs, g, mean, square, 1, RATE)
        return theirs

    def compiled() -> None:
        assert all(kept is not None for kept in (kernels, ours, g, state, constants))
        update(*arguments)

    return Pair("adam", count, numpy_update, compiled, lambda: ours, UPDATE_REPEATS)


def kernel_pairs(parameters: int, registry: Registry) -> list[Pair]:
    """All pairs, compiled now or taken from the cache."""
    return [*(activation_pair(name, registry) for name in ACTIVATIONS), adam_pair(parameters, registry)]


def check_pairs(pairs: list[Pair], tolerance: float) -> None:
    """Run each pair once and compare.

    Raises
    ------
    BackendError
        If two differ by more than `tolerance`, relative to the largest number.
    """
    for pair in pairs:
        expected = pair.numpy().astype(np.float64)
        pair.compiled()
        error = float(np.abs(pair.result() - expected).max()) / float(np.abs(expected).max())
        if not error <= tolerance:
            raise BackendError(
                f"nothing was timed: the compiled {pair.name} and NumPy's differ by {error:.1e}, "
                f"more than the {tolerance:.0e} allowed"
            )


def kernel_works(pairs: list[Pair]) -> dict[str, Work]:
    """Both sides of every pair."""
    works = {}
    for pair in pairs:
        works[f"{pair.name} numpy"] = Work(pair.numpy, repeats=pair.repeats)
        works[f"{pair.name} compiled"] = Work(pair.compiled, repeats=pair.repeats)
    return works


def kernels(pairs: list[Pair], timings: Mapping[str, Timing]) -> list[Kernel]:
    """Microseconds of both sides and their ratio, from medians."""
    measured = []
    for pair in pairs:
        ours, theirs = timings[f"{pair.name} compiled"], timings[f"{pair.name} numpy"]
        measured.append(
            Kernel(
                name=pair.name,
                numbers=pair.numbers,
                numpy_microseconds=theirs.median * 1e6,
                compiled_microseconds=ours.median * 1e6,
                speedup=theirs.median / ours.median,
                numpy_spread=theirs.spread,
                compiled_spread=ours.spread,
            )
        )
    return measured


def product_works(size: Size) -> tuple[dict[str, Work], dict[str, int]]:
    """The products of one batch by kind (layers together), and the floating-point operations of each."""
    calls: dict[str, list[tuple[Array, Array, Array]]] = {"forward": [], "weight_gradients": [], "input_gradients": []}
    stream = Stream(SEED, "bench", "products")
    for number, (inputs, units) in enumerate(size.weights):
        x = stream.normal(shape=(size.batch, inputs)).astype(np.float32)
        weight = stream.normal(shape=(inputs, units)).astype(np.float32)
        d = stream.normal(shape=(size.batch, units)).astype(np.float32)
        calls["forward"].append((x, weight, np.empty_like(d)))
        calls["weight_gradients"].append((x.T, d, np.empty_like(weight)))
        if number > 0:
            calls["input_gradients"].append((d, weight.T, np.empty_like(x)))
    # Each entry of a product takes one multiplication and one addition for each factor in its row.
    flops = {name: sum(2 * out.size * left.shape[1] for left, _, out in entries) for name, entries in calls.items()}
    works = {name: Work(_multiply_all(entries), repeats=PRODUCT_REPEATS) for name, entries in calls.items()}
    return works, flops


def _multiply_all(entries: list[tuple[Array, Array, Array]]) -> Callable[[], None]:
    def run() -> None:
        for left, right, out in entries:
            np.matmul(left, right, out=out)

    return run


def products(flops: Mapping[str, int], timings: Mapping[str, Timing], peak: float) -> list[Product]:
    """GFLOP/s of each kind, then of all together; `peak` is the peak of one thread."""
    together = Timing(tuple(sum(round_) for round_ in zip(*(timings[name].seconds for name in flops), strict=True)))
    measured = []
    for name, timing in [*((name, timings[name]) for name in flops), ("all", together)]:
        gflops = (flops[name] if name in flops else sum(flops.values())) / timing.median / 1e9
        measured.append(Product(name, gflops, gflops / peak, timing.spread))
    return measured
