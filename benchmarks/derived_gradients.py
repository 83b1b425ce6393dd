"""Gradients of losses that neurosim works out, against those written by hand: compiled, for 10, 100 and 784 outputs.

    python benchmarks/derived_gradients.py [--rounds N] [--only NAME ...] [--outputs N ...]

Both fill the gradients of the same rows and must agree; then they take turns. The ratio of their median times must not
exceed 1.5. The exit status is 1 if it does.
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim.backends.cpu.kernels import loss_kernel
from neurosim.builtins import losses
from neurosim.formulas.derivatives import derive_gradient
from neurosim.plugin import Loss

MOST = 1.5
OUTPUTS = (10, 100, 784)
# Numbers whose gradient one call works out.
ENTRIES = 200_000


def log_cosh(a, y):
    total = 0.0
    for k in range(len(a)):
        e = abs(a[k] - y[k])
        total += e + math.log1p(math.exp(-2.0 * e)) - math.log(2.0)
    return total / len(a)


def log_cosh_gradient(a, y, da):
    for k in range(len(a)):
        da[k] = math.tanh(a[k] - y[k]) / len(a)


def brier(a, y):
    total = 0.0
    for k in range(len(a)):
        error = a[k] - 1.0 if k == y else a[k]
        total += error * error
    return total


def brier_gradient(a, y, da):
    for k in range(len(a)):
        da[k] = 2.0 * a[k]
    da[y] = 2.0 * (a[y] - 1.0)


def cosine(a, y):
    product = 0.0
    squares = 0.0
    for k in range(len(a)):
        product += a[k] * y[k]
        squares += a[k] * a[k]
    return 1.0 - product / math.sqrt(squares + 1e-6)


def cosine_gradient(a, y, da):
    product = 0.0
    squares = 0.0
    for k in range(len(a)):
        product += a[k] * y[k]
        squares += a[k] * a[k]
    length = math.sqrt(squares + 1e-6)
    for k in range(len(a)):
        da[k] = (product * a[k] / (length * length) - y[k]) / length


# Losses that take no time, so that only the gradient is measured.
def nothing(a, y):
    return 0.0


def nothing_delta(a, y, delta):
    return 0.0


def nothing_smoothed(a, y, label_smoothing):
    return 0.0


@dataclass(frozen=True)
class Work:
    """A loss, its gradient by hand, its parameters, and a loss with the same that takes no time."""

    value: Callable[..., float]
    by_hand: Callable[..., None]
    params: dict[str, float] = field(default_factory=dict)
    nothing: Callable[..., float] = nothing
    targets: Any = "values"


WORK = {
    "mse": Work(losses.mse, losses.mse_gradient),
    "mae": Work(losses.mae, losses.mae_gradient),
    "huber": Work(losses.huber, losses.huber_gradient, {"delta": 1.0}, nothing_delta),
    "binary_cross_entropy": Work(
        losses.binary_cross_entropy, losses.binary_cross_entropy_gradient, {"label_smoothing": 0.0}, nothing_smoothed
    ),
    "hinge": Work(losses.hinge, losses.hinge_gradient),
    "log_cosh": Work(log_cosh, log_cosh_gradient),
    "cosine": Work(cosine, cosine_gradient),
    "brier": Work(brier, brier_gradient, targets="classes"),
}


class Filling:
    """The gradients of rows, by a compiled function."""

    def __init__(self, name: str, gradient: Callable[..., None], work: Work, outputs: int) -> None:
        loss = Loss(name, work.nothing, gradient, work.targets, work.params)
        self.kernel = loss_kernel(loss, None).module.loss.ctypes
        rows = max(1, ENTRIES // outputs)
        random = np.random.default_rng(outputs)
        self.a = random.uniform(0.05, 0.95, (rows, outputs)).astype(np.float32)
        self.y = random.integers(0, 2, (rows, outputs)).astype(np.float32)
        self.classes = random.integers(0, outputs, rows).astype(np.int32)
        self.params = np.array([*work.params.values(), 0.0], np.float32)
        self.da = np.full((rows, outputs), np.nan, np.float32)
        self.rows, self.outputs = rows, outputs

    def run(self) -> float:
        """Fill them; returns the seconds of the processor that it took."""
        addresses = [array.ctypes.data for array in (self.a, self.a, self.y, self.classes, self.da)]
        start = time.process_time()
        self.kernel(*addresses, self.outputs, 0, self.rows, self.params.ctypes.data, 1.0)
        return time.process_time() - start


def compare(name: str, outputs: int, rounds: int) -> float:
    """The time of the derived gradient relative to the one by hand, after a check that they agree."""
    work = WORK[name]
    derived = Filling(f"{name}_derived", derive_gradient(work.value), work, outputs)
    by_hand = Filling(f"{name}_by_hand", work.by_hand, work, outputs)
    for filling in (derived, by_hand):
        filling.run()
    largest = float(np.max(np.abs(by_hand.da)))
    np.testing.assert_allclose(derived.da, by_hand.da, rtol=2e-5, atol=2e-6 * largest)
    seconds: dict[Filling, list[float]] = {derived: [], by_hand: []}
    for number in range(rounds):
        for filling in (derived, by_hand) if number % 2 else (by_hand, derived):
            seconds[filling].append(filling.run())
    ours, theirs = (statistics.median(seconds[filling]) for filling in (derived, by_hand))
    each = 1e9 / by_hand.a.size
    print(
        f"{name:<22}{outputs:>5} outputs  {ours * each:7.2f} ns  {theirs * each:7.2f} ns by hand  {ours / theirs:5.2f}x"
    )
    return ours / theirs


def main() -> int:
    """Measure and print a table; returns the exit status."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=101)
    options.add_argument("--only", nargs="+", choices=WORK, default=list(WORK))
    options.add_argument("--outputs", nargs="+", type=int, default=list(OUTPUTS))
    chosen = options.parse_args()
    ratios = [compare(name, outputs, chosen.rounds) for name in chosen.only for outputs in chosen.outputs]
    print(f"at most {MOST}x is the target; the slowest is {max(ratios):.2f}x")
    return 0 if max(ratios) <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
