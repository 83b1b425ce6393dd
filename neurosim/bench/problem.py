"""The problem: a small classification network and random synthetic data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.rows import Rows
from neurosim.network.layers import Dense, Stack, choose
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.plugin.host import Registry
from neurosim.randomness import Stream

SEED = 0
# On a busy machine the rounds take longer, and there are fewer of them.
BUDGET = 20.0
RATE = 0.001


@dataclass(frozen=True)
class Size:
    """The size of the problem, and of the measurement.

    Attributes
    ----------
    widths : tuple of int
        Inputs, hidden units, classes.
    batch : int
        Rows per update.
    rows : int
        Rows in one timed pass; the naive loops get only one batch.
    checked_rows : int
        Rows on which all ways must agree.
    peak : int
        Edge of the square matrices whose product measures the peak.
    rounds : int
        How many times everything is timed, at most.
    slow_every : int
        The naive loops, and the ways beside the ladder, take part in one of this many rounds.
    """

    widths: tuple[int, ...]
    batch: int
    rows: int
    checked_rows: int
    peak: int
    rounds: int
    slow_every: int

    @property
    def weights(self) -> tuple[tuple[int, int], ...]:
        """Shapes of the weights, (inputs, units) of each layer."""
        return tuple(zip(self.widths[:-1], self.widths[1:], strict=True))

    @property
    def flops_per_sample(self) -> int:
        """Floating-point operations of the matrix products that train on one sample.

        Two (multiply, add) for each weight, three times: forward, gradient of the weights, gradient
        of the layer's inputs; the last is not needed for the first layer.
        """
        weights = [inputs * units for inputs, units in self.weights]
        return 6 * sum(weights) - 2 * weights[0]


FULL = Size(widths=(784, 256, 128, 10), batch=64, rows=6400, checked_rows=16, peak=1536, rounds=9, slow_every=3)
QUICK = Size(widths=(196, 64, 32, 10), batch=32, rows=3200, checked_rows=8, peak=512, rounds=5, slow_every=1)


@dataclass(frozen=True)
class Problem:
    """A network with its data."""

    size: Size
    network: Network
    training: Training
    rows: Rows

    def layers(self) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Initial values as (weight, bias) of each layer."""
        named = self.network.named(self.network.start_values(SEED))
        return [(named[f"{layer.name}.weight"], named[f"{layer.name}.bias"]) for layer in self.network.layers]

    def first(self, count: int) -> Rows:
        """The first rows."""
        rows = self.rows
        return Rows(rows.features[:count], rows.values[:count], rows.classes[:count], rows.accuracy)


def make_problem(size: Size, registry: Registry) -> Problem:
    """ReLU layers and a softmax, cross-entropy, Adam; the rows are in order, and there is no dropout."""
    stack = Stack((size.widths[0],))
    for number, units in enumerate(size.widths[1:], 1):
        last = number == len(size.widths) - 1
        activation: Any = choose(registry.activations.get("softmax" if last else "relu"))
        Dense.put_on(stack, units, activation, choose(registry.initializers.get("he_uniform")))
    network = Network.of(stack, choose(registry.losses.get("categorical_cross_entropy")))
    training = Training(
        optimizer=choose(registry.optimizers.get("adam"), {"lr": RATE}),
        batch_size=size.batch,
        shuffle=False,
        epochs=1,
    )
    return Problem(size, network, training, make_rows(size))


def make_rows(size: Size) -> Rows:
    """Overlapping clouds of points, one around a random center for each class."""
    classes = size.widths[-1]
    centers = Stream(SEED, "bench", "centres").normal(0.0, 0.1, (classes, size.widths[0]))
    labels = np.arange(size.rows, dtype=np.int32) % classes
    noise = Stream(SEED, "bench", "noise").normal(shape=(size.rows, size.widths[0]))
    features = (centers[labels] + noise).astype(np.float32)
    values = np.eye(classes, dtype=np.float32)[labels]
    return Rows(features, values, labels, "argmax")
