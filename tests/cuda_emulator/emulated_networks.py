"""Networks that together have every kind of layer, every loss and every strategy, with the tiles of a GPU."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import support
from support import (
    Activation,
    BatchNorm,
    Concatenation,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    Frozen,
    Gated,
    GlobalAvgPool,
    LayerNorm,
    Maxout,
    Pool,
    Residual,
)

from neurosim.backends.cuda.backend import CudaBackend
from neurosim.backends.cuda.strategy import ON_GPU, Strategy
from neurosim.backends.select import make_backend
from neurosim.data.rows import Rows
from neurosim.network.network import Network


@dataclass(frozen=True)
class Case:
    """A network and how it is trained."""

    inputs: Any
    layers: list[Any]
    loss: str
    optimizer: Any
    strategy: Strategy
    bounds: dict[str, float] = field(default_factory=dict)

    @property
    def network(self) -> Network:
        """The network."""
        return support.network(self.inputs, self.layers, self.loss)

    def make(self, **settings: Any) -> tuple[CudaBackend, Any]:
        """The backend, and the reference with the same initial numbers, which are 0 or 1 nowhere."""
        net = self.network
        training = support.training(self.optimizer, batch=20, shuffle=True, **self.bounds)
        sizes = replace(ON_GPU, resident_blocks=RESIDENT_BLOCKS)
        bench = CudaBackend(net, training, 3, strategy=self.strategy, given_sizes=sizes, **settings)
        return support.scattered(bench), support.scattered(support.REFERENCE.make(net, training, 3))

    def make_cpu(self) -> Any:
        """The CPU backend with the same initial numbers."""
        training = support.training(self.optimizer, batch=20, shuffle=True, **self.bounds)
        return support.scattered(make_backend("cpu", self.network, training, 3))

    @property
    def rows(self) -> Rows:
        """More than two batches, the last one of a single row; rows have weights, some of them none."""
        net = self.network
        each = net.loss.record.outputs_per_target
        rows = support.rows(41, net.inputs, net.outputs // each, spread=0.8)
        return replace(rows, weights=(np.arange(41) % 4 / 2.0).astype(np.float32))


SINGLE, PERSISTENT, SEPARATE = Strategy.SINGLE_BLOCK, Strategy.PERSISTENT, Strategy.SEPARATE
RESIDENT = Strategy.RESIDENT
# Among how many blocks the units of a resident network are divided: the widest layer has 8 for each, and not for all.
RESIDENT_BLOCKS = 9
OWN, SHARED = ("prelu", {}, "unit"), ("learnable_swish", {}, "layer")


def vectors(first: Any, last: Any) -> list[Any]:
    """Of everything that vectors can have, with these activations."""
    return [
        Dropout(0.2),
        Residual((Dense(12, "tanh", l2=0.1), BatchNorm(), Dropout(0.3))),
        # A bias before batch norm has no gradient but what rounding makes of 0.
        Concatenation(((), (Dense(3, bias=False), BatchNorm()))),
        LayerNorm(),
        Dense(20, first),
        Gated("swiglu"),
        Dense(18),
        Maxout(3),
        Activation(last),
    ]


def maps(first: Any) -> list[Any]:
    """Of everything that maps can have; sides, channels and steps are no multiples of anything."""
    return [
        Conv2d(5, (3, 2), first, padding="same", l1=0.01),
        BatchNorm(0.3),
        Pool("max", (3, 3), (2, 2), "same"),
        Residual((Conv2d(5, (2, 2), "gelu", padding="same"), Dropout(0.2), BatchNorm())),
        LayerNorm(),
        Residual((Conv2d(3, (1, 1), stride=(2, 1), padding="same", bias=False),)),
        Concatenation(((Frozen(Conv2d(3, (1, 1))), Frozen(BatchNorm())), (Conv2d(2, (1, 1), bias=False), BatchNorm()))),
        Pool("avg", (2, 2), (1, 1), [0, 1, 1, 0], ceil=True, count_padding=True),
        Conv2d(10, (2, 2), groups=5, dilation=(1, 2), padding=1),
        Conv2d(18, (1, 1)),
    ]


LEARNED = vectors(OWN, SHARED)
CCE = "categorical_cross_entropy"
SIGMOID = [Dense(7, "leaky_relu"), Dropout(0.3), Dense(1, "sigmoid")]
STACK = [Dense(65, "elu", l1=0.01), Dropout(0.4), Dense(10, "selu"), Dense(17, "relu", bias=False), Dense(3, "softmax")]
WIDE = [Dense(130, "swish"), Dense(66, "hard_sigmoid"), Dense(2)]
AVERAGED = [*maps(OWN), GlobalAvgPool(), Dense(3)]
FLAT = [*maps("tanh"), Flatten(), Dense(9, "gelu_tanh"), Dense(17, "softmax"), Dense(3, "softplus")]
IMAGE = (7, 6, 2)
VALUE, NORM = {"clip_value": 0.1}, {"clip_norm": 0.5}
CASES = {
    "one block: sigmoid": Case(9, SIGMOID, "binary_cross_entropy", "adam", SINGLE),
    "one block: vectors": Case(12, [*vectors("leaky_relu", "gelu"), Dense(3)], "hinge", "nadam", SINGLE, VALUE),
    "one block: learned": Case(12, [*LEARNED, Dense(3)], "hinge", "adafactor", SINGLE, NORM),
    "one block: step": Case(5, [Dense(1, "step", bias=False)], "perceptron", "sgd", SINGLE),
    "resident": Case(33, STACK, CCE, "adamw", RESIDENT, VALUE),
    "persistent: vectors": Case(12, [*LEARNED, Dense(6)], "gaussian_nll", "lamb", PERSISTENT, VALUE),
    "persistent: maps": Case(IMAGE, AVERAGED, "huber", "centered_rmsprop", PERSISTENT, NORM),
    "separate: dense": Case(70, WIDE, "mse", "lars", SEPARATE),
    "separate: maps": Case(IMAGE, FLAT, "mae", "radam", SEPARATE),
}
# Those that have the bits of the CPU backend: not what looks at whole arrays, bounds the length of the gradient, or
# learns activations.
SAME_BITS = ("one block: sigmoid", "one block: vectors", "one block: step", "resident", "separate: maps")
