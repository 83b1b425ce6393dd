"""Gradients of row activations that neurosim works out, against those written by hand, for 10, 100 and 784 units.

    python benchmarks/derived_backwards.py [--rounds N] [--only NAME ...] [--units N ...]

Both are compiled, fill the gradients of the same rows and must agree; then they take turns. There are two ratios of the
smallest times: for ``backward`` alone, and for an epoch of training a dense layer with as many inputs as units.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neurosim.backends.cpu.kernels import activation_kernels
from neurosim.backends.select import make_backend
from neurosim.builtins.activations import softmax, softmax_backward
from neurosim.data.rows import Rows
from neurosim.network import layers
from neurosim.network.layers import Penalty, Stack, choose
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.plugin import RowActivation
from neurosim.plugin.host import build_registry

sys.path.append(str(Path(__file__).parents[1] / "plugins" / "neurosim-sparsemax"))
from neurosim_sparsemax import entmax15, entmax15_backward, sparsemax, sparsemax_backward

# What the ratios of one function and of a layer are to be, at most.
FUNCTION, LAYER = 1.5, 1.2
UNITS = (10, 100, 784)
# Numbers whose gradient one call works out.
ENTRIES = 200_000
# Rows of an epoch, and of a step.
ROWS, BATCH = 512, 64


def tempered(z, a, temperature):
    largest = max(z)
    total = sum(math.exp((v - largest) / temperature) for v in z)
    for k, v in enumerate(z):
        a[k] = math.exp((v - largest) / temperature) / total


def tempered_backward(z, a, da, dz, temperature):
    weighted = sum(p * d for p, d in zip(a, da, strict=True))
    for k, p in enumerate(a):
        dz[k] = p * (da[k] - weighted) / temperature


def log_softmax(z, a):
    largest = max(z)
    total = sum(math.exp(v - largest) for v in z)
    for k, v in enumerate(z):
        a[k] = v - largest - math.log(total)


def log_softmax_backward(z, a, da, dz):
    total = sum(da)
    for k, v in enumerate(a):
        dz[k] = da[k] - math.exp(v) * total


def standardized(z, a):
    mean = sum(z) / len(z)
    variance = sum((v - mean) ** 2 for v in z) / len(z)
    for k, v in enumerate(z):
        a[k] = (v - mean) / math.sqrt(variance + 1e-3)


def standardized_backward(z, a, da, dz):
    mean = sum(z) / len(z)
    variance = sum((v - mean) ** 2 for v in z) / len(z)
    deviation = math.sqrt(variance + 1e-3)
    total = 0.0
    weighted = 0.0
    for k, v in enumerate(a):
        total += da[k]
        weighted += v * da[k]
    for k, v in enumerate(a):
        dz[k] = (da[k] - total / len(a) - v * weighted / len(a)) / deviation


def spherical(z, a):
    total = sum(v * v for v in z) + 1e-6
    for k, v in enumerate(z):
        a[k] = v * v / total


def spherical_backward(z, a, da, dz):
    total = sum(v * v for v in z) + 1e-6
    weighted = sum(p * d for p, d in zip(a, da, strict=True))
    for k, v in enumerate(z):
        dz[k] = 2.0 * v * (da[k] - weighted) / total


@dataclass(frozen=True)
class Work:
    """An activation, its gradient by hand, and its parameters; `has_target` where that does no less work."""

    f: Callable[..., None]
    by_hand: Callable[..., None]
    params: dict[str, float] = field(default_factory=dict)
    has_target: bool = True


WORK = {
    "softmax": Work(softmax, softmax_backward),
    "tempered": Work(tempered, tempered_backward, {"temperature": 1.5}),
    "log_softmax": Work(log_softmax, log_softmax_backward),
    "standardized": Work(standardized, standardized_backward),
    "spherical": Work(spherical, spherical_backward),
    "sparsemax": Work(sparsemax, sparsemax_backward, has_target=False),
    "entmax15": Work(entmax15, entmax15_backward, has_target=False),
}


class Function:
    """The gradients of rows, by a compiled ``backward``."""

    def __init__(self, record: RowActivation, units: int) -> None:
        kernels = activation_kernels(record)
        self.kernel = kernels.module.backward.ctypes
        rows = max(1, ENTRIES // units)
        random = np.random.default_rng(units)
        self.z = random.normal(size=(rows, units)).astype(np.float32)
        self.a = np.empty_like(self.z)
        self.da = random.normal(size=(rows, units)).astype(np.float32)
        self.d = self.da.copy()
        self.params = np.array([*record.params.values(), 0.0], np.float32)
        bias = np.zeros(units, np.float32)
        self.shape = (units, 0, rows, 0, units, self.params.ctypes.data)
        kernels.module.forward.ctypes(*(array.ctypes.data for array in (self.z, bias, self.a)), *self.shape)

    def run(self) -> float:
        """Work them out; returns the seconds of the processor that it took."""
        np.copyto(self.d, self.da)
        addresses = [array.ctypes.data for array in (self.z, self.a, self.d)]
        start = time.process_time()
        self.kernel(*addresses, *self.shape)
        return time.process_time() - start

    @property
    def numbers(self) -> np.ndarray:
        """What they are to agree on."""
        return self.d


class Layer:
    """Epochs of training a dense layer."""

    def __init__(self, record: RowActivation, units: int) -> None:
        registry = build_registry(entry_points=False)
        stack = Stack((units,))
        initializer = registry.initializers.get("glorot_uniform")
        layers.Dense.put_on(stack, units, choose(record), choose(initializer), bias=True, penalty=Penalty(0.0, 0.0))
        network = Network.of(stack, choose(registry.losses.get("mse")))
        optimizer, schedule = registry.optimizers.get("sgd"), registry.schedules.get("constant")
        training = Training(choose(optimizer), BATCH, False, 3, choose(schedule))
        self.backend = make_backend("cpu", network, training, 0, 1)
        random = np.random.default_rng(units)
        x = random.normal(size=(ROWS, units)).astype(np.float32)
        classes = random.integers(0, units, ROWS).astype(np.int32)
        self.rows = Rows(x, np.eye(units, dtype=np.float32)[classes], classes, "argmax")
        self.epoch = 0

    def run(self) -> float:
        """Train for an epoch; returns the seconds of the processor that it took."""
        start = time.process_time()
        self.backend.train_epoch(self.rows, self.epoch)
        self.epoch += 1
        return time.process_time() - start

    @property
    def numbers(self) -> np.ndarray:
        """What they are to agree on."""
        return self.backend.parameters


def compare(
    make: Callable[[RowActivation, int], Function | Layer], name: str, units: int, rounds: int
) -> tuple[float, float]:
    """The seconds of the derived ``backward`` and of the one by hand, after a check that they agree."""
    work = WORK[name]
    derived = make(RowActivation(f"{name}_derived", work.f, params=work.params), units)
    by_hand = make(RowActivation(f"{name}_by_hand", work.f, work.by_hand, params=work.params), units)
    for one in (derived, by_hand):
        one.run()
    largest = float(np.max(np.abs(by_hand.numbers)))
    np.testing.assert_allclose(derived.numbers, by_hand.numbers, rtol=2e-5, atol=1e-5 * largest)
    seconds: dict[Function | Layer, list[float]] = {derived: [], by_hand: []}
    for number in range(rounds):
        for one in (derived, by_hand) if number % 2 else (by_hand, derived):
            seconds[one].append(one.run())
    return min(seconds[derived]), min(seconds[by_hand])


def main() -> int:
    """Measure and print a table; returns the exit status."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=101)
    options.add_argument("--only", nargs="+", choices=WORK, default=list(WORK))
    options.add_argument("--units", nargs="+", type=int, default=list(UNITS))
    chosen = options.parse_args()
    within = True
    for name in chosen.only:
        for units in chosen.units:
            ours, theirs = compare(Function, name, units, chosen.rounds)
            layer = compare(Layer, name, units, max(1, chosen.rounds // 5))
            each = 1e9 / (max(1, ENTRIES // units) * units)
            print(
                f"{name:<14}{units:>5} units  {ours * each:7.2f} ns  {theirs * each:7.2f} ns by hand  "
                f"{ours / theirs:5.2f}x  layer {layer[0] / layer[1]:5.2f}x",
                flush=True,
            )
            if WORK[name].has_target:
                within &= ours <= FUNCTION * theirs and layer[0] <= LAYER * layer[1]
    print(f"at most {FUNCTION}x, and {LAYER}x for the layer, are the targets; {'met' if within else 'missed'}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
