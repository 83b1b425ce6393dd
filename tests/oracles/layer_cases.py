"""Small networks of every kind of layer, with every penalty and bound, and the rows that PyTorch and we train them on.

Inputs, parameters and running statistics are hashes of whole numbers (fractions of powers of two, exact in float32), so
that what PyTorch computes for a case depends on nothing but its arithmetic in float64.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import support
from support import (
    Activation,
    BatchNorm,
    Concatenation,
    Conv2d,
    Dense,
    Flatten,
    Frozen,
    Gated,
    GlobalAvgPool,
    LayerNorm,
    Maxout,
    Pool,
    Residual,
)

EPOCHS = 3
CCE = "categorical_cross_entropy"


@dataclass(frozen=True)
class Case:
    """A network, and a short training with batches in order, the last one incomplete."""

    inputs: Any
    layers: tuple[Any, ...]
    loss: str = "mse"
    rows: int = 11
    batch: int = 4
    lr: float = 0.05
    clip_value: float | None = None
    clip_norm: float | None = None

    @property
    def network(self):
        return support.network(self.inputs, self.layers, self.loss)

    @property
    def training(self):
        clips = {"clip_value": self.clip_value, "clip_norm": self.clip_norm}
        return support.training(("sgd", {"lr": self.lr}), batch=self.batch, **clips)


FIRST = Conv2d(2, (1, 1), "tanh")
LAST = (Flatten(), Dense(3, "softmax"))
# An activation with learned parameters of each unit's own.
OWN_PRELU, OWN_SWISH = ("prelu", {}, "unit"), ("learnable_swish", {}, "unit")


def _layer(*layers, inputs=(5, 6, 2), last=LAST, **how):
    """Layers on a map, between others: that before has gradients of its own only through them."""
    return Case(inputs, (FIRST, *layers, *last), CCE, **how)


def _vector(*layers, **how):
    return Case(4, (Dense(6, "tanh"), *layers, Dense(3, "softmax")), CCE, **how)


def _conv(*conv, inputs=(5, 6, 2), **how):
    return _layer(Conv2d(*conv, **how), inputs=inputs)


def _block(channels, stride=(1, 1)):
    """The basic block of He et al. 2016."""
    conv = {"padding": "same", "bias": False}
    return Residual(
        (
            Conv2d(channels, (3, 3), stride=stride, **conv),
            BatchNorm(),
            Activation("relu"),
            Conv2d(channels, (3, 3), **conv),
            BatchNorm(),
        )
    )


CASES = {
    "conv": _conv(3, (3, 3), "tanh"),
    "conv, same": _conv(3, (3, 3), "gelu", padding="same"),
    "conv, same, even kernel": _conv(3, (2, 4), "tanh", padding="same"),
    "conv, stride 2": _conv(3, (3, 3), "relu", stride=(2, 2)),
    "conv, same, stride 2": _conv(3, (3, 3), "relu", stride=(2, 2), padding="same"),
    "conv, same, stride 2 of an odd map": _conv(3, (3, 2), stride=(2, 2), padding="same", inputs=(7, 5, 1)),
    "conv, stride larger than the kernel": _conv(2, (1, 2), "tanh", stride=(2, 4)),
    "conv, same, stride larger than the kernel": _conv(2, (2, 1), "tanh", stride=(3, 2), padding="same"),
    "conv, kernel of the map's size": _conv(4, (5, 6), "tanh"),
    "conv, kernel larger than the map": _conv(2, (5, 7), "tanh", padding="same", inputs=(2, 3, 2)),
    "conv, no bias": _conv(3, (3, 2), "swish", bias=False),
    "conv, one channel": _conv(1, (3, 3), "tanh", inputs=(4, 4, 1)),
    "conv, map of one cell": _conv(3, (3, 3), "tanh", padding="same", inputs=(1, 1, 2)),
    "conv, map of one column": _conv(3, (3, 1), "tanh", inputs=(6, 1, 2)),
    "conv, many channels": Case((4, 4, 5), (Conv2d(17, (3, 3), "relu"), Conv2d(9, (2, 2), "tanh"), *LAST), CCE),
    "conv first and last": Case((5, 4, 2), (Conv2d(3, (3, 3), "tanh"), Conv2d(2, (2, 2), "sigmoid"))),
    "conv last, from logits": Case((3, 4, 2), (Conv2d(1, (3, 4), "sigmoid"),), "binary_cross_entropy"),
    "conv, padding": _conv(3, (3, 3), "tanh", padding=1, stride=(2, 1)),
    "conv, padding of one axis, wider than the kernel": _conv(3, (2, 3), "tanh", padding=[0, 4]),
    "conv, padding of each side": _conv(3, (3, 3), "relu", stride=(2, 2), padding=[0, 1, 2, 0]),
    "conv, dilation": _conv(3, (3, 2), "tanh", dilation=(2, 3)),
    "conv, dilation, same": _conv(3, (3, 2), "tanh", dilation=(1, 4), padding="same"),
    "conv, dilation and stride": _conv(9, (3, 3), "tanh", dilation=(2, 3), stride=(3, 2), padding=[3, 2, 1, 4]),
    "conv, groups": _conv(6, (3, 2), "tanh", groups=2, stride=(2, 1), padding=1),
    "conv, many groups, no bias": _layer(Conv2d(12), Conv2d(18, (2, 2), "relu", groups=6, bias=False)),
    "depthwise": _layer(Conv2d(9, (1, 1)), Conv2d(9, (3, 3), "relu", groups=9, padding=1), Conv2d(3, (1, 1), "tanh")),
    "depthwise, three each, stride, dilation": _conv(6, (2, 3), groups=2, stride=(2, 2), dilation=(3, 2), padding=2),
    "depthwise of the images": Case((7, 6, 3), (Conv2d(6, (3, 3), "tanh", (2, 2), 1, groups=3, l2=0.1), *LAST), CCE),
    "max pool, padding of each side": _layer(Pool("max", (3, 3), (2, 2), [1, 0, 0, 1])),
    "max pool, ceil": _layer(Pool("max", (2, 3), (2, 4), ceil=True)),
    "max pool, ceil and padding": _layer(Pool("max", (3, 3), (2, 2), 1, ceil=True)),
    "max pool, dilation": _layer(Pool("max", (3, 2), (1, 2), [1, 1], ceil=True, dilation=(2, 3))),
    "avg pool, padding of each side": _layer(Pool("avg", (3, 3), (2, 2), [1, 0, 0, 1])),
    "avg pool, padding, ceil": _layer(Pool("avg", (2, 4), (3, 3), [1, 2], ceil=True)),
    "avg pool, padding counted": _layer(Pool("avg", (3, 2), (2, 1), 1, count_padding=True)),
    "avg pool, padding counted, ceil": _layer(Pool("avg", (2, 4), (3, 3), [1, 2], ceil=True, count_padding=True)),
    "avg pool, padding of each side counted": _layer(Pool("avg", (3, 3), (1, 2), [1, 0, 0, 1], count_padding=True)),
    "max pool": _layer(Pool("max")),
    "max pool, overlapping": _layer(Pool("max", (3, 3), (2, 2))),
    "max pool, stride larger than the window": _layer(Pool("max", (2, 1), (3, 2))),
    "max pool, same": _layer(Pool("max", (3, 3), (1, 1), "same")),
    "max pool, same, stride 2": _layer(Pool("max", (3, 2), (2, 2), "same")),
    "avg pool": _layer(Pool("avg", (2, 3))),
    "avg pool, overlapping": _layer(Pool("avg", (3, 3), (2, 1))),
    "avg pool, same": _layer(Pool("avg", (3, 3), (1, 1), "same")),
    "avg pool, same, stride 2": _layer(Pool("avg", (2, 3), (2, 2), "same")),
    "global avg pool": _layer(Conv2d(4, (2, 2), "relu"), last=(GlobalAvgPool(), Dense(3, "softmax"))),
    "global avg pool last": Case((4, 3, 2), (Conv2d(3, (2, 2), "tanh"), GlobalAvgPool())),
    "batch norm": _vector(BatchNorm()),
    "batch norm, momentum 1": _vector(BatchNorm(1.0)),
    "batch norm, momentum 0.3, on a map": _layer(BatchNorm(0.3)),
    "batch norm on a map": _layer(BatchNorm()),
    "batch norm on a map, one row": _layer(BatchNorm(), batch=10),
    "batch norm first": Case((3, 4, 2), (BatchNorm(), *LAST), CCE),
    "batch norm last": Case(4, (Dense(3, "tanh"), BatchNorm())),
    "layer norm": _vector(LayerNorm()),
    "layer norm on a map": _layer(Conv2d(4, (2, 2)), LayerNorm(), Activation("relu")),
    "layer norm, one row": _vector(LayerNorm(), batch=1, rows=4),
    "layer norm last": Case(4, (Dense(3, "tanh"), LayerNorm())),
    **{
        f"gated, {gate}": _vector(Gated(gate)) for gate in ("glu", "bilinear", "reglu", "geglu", "swiglu", "gated_tanh")
    },
    "gated, wide": Case(4, (Dense(140, "tanh"), Gated("glu"), Dense(3, "softmax")), CCE),
    "gated first, maxout last": Case(4, (Gated("glu"), Dense(6), Maxout(2))),
    "gated in a residual, projection": _vector(Residual((Dense(8), Gated("swiglu")))),
    "maxout": _vector(Maxout(3)),
    "maxout of two": _vector(Maxout(), Dense(4), Maxout()),
    "activation": _layer(Conv2d(3), BatchNorm(), Activation("swish")),
    "activation of vectors": _vector(Activation("softmax")),
    "activation last, from logits": Case(4, (Dense(3), Activation("softmax")), CCE),
    "prelu": _vector(Dense(6, OWN_PRELU), Activation("prelu"), Dense(5, "prelu")),
    "prelu on a map": _layer(
        Conv2d(3, (3, 3), OWN_PRELU), BatchNorm(), Activation("prelu"), Conv2d(2, (1, 1), "prelu")
    ),
    "learnable swish": _vector(Dense(5, "learnable_swish"), LayerNorm(), Activation(OWN_SWISH), Dense(4, OWN_SWISH)),
    "learnable swish on a map": _layer(Conv2d(3, (2, 2), "learnable_swish"), Pool("avg"), Activation(OWN_SWISH)),
    "learned activations first and last": Case(4, (Activation(OWN_PRELU), Dense(3), Activation("learnable_swish"))),
    "learned activation of images": Case((3, 4, 2), (Activation(OWN_PRELU), Flatten(), Dense(3, "learnable_swish"))),
    "residual with learned activations": _vector(Residual((Dense(6, OWN_SWISH),)), Activation(OWN_PRELU)),
    "residual": _vector(Residual((Dense(6, "tanh"),))),
    "residual, two layers and norms": _vector(Residual((BatchNorm(), Dense(4, "relu"), LayerNorm(), Dense(6)))),
    "residual, projection": _vector(Residual((Dense(5, "tanh"), Dense(7, "relu")))),
    "residual in a residual": _vector(Residual((Dense(5, "tanh"), Residual((Dense(5, "tanh"), LayerNorm()))))),
    "residual first": Case(4, (Residual((Dense(4, "tanh"),)), Dense(3, "softmax")), CCE),
    "residual last": Case(4, (Dense(3, "tanh"), Residual((Dense(3, "tanh"),)))),
    "residual on a map": _layer(_block(2), Activation("relu")),
    "residual on a map, projection": _layer(_block(3), Activation("relu")),
    "residual on a map, stride": _layer(_block(3, (2, 2)), Activation("relu")),
    "shortcut": _vector(Residual((Dense(5, "tanh"), Dense(4)), (LayerNorm(), Dense(4, "relu"), BatchNorm()))),
    "shortcut first": Case(4, (Residual((Activation("tanh"),), (Dense(4, "relu"), BatchNorm())), *LAST[1:]), CCE),
    "shortcut in a shortcut": _vector(
        Residual((Dense(5, "tanh"),), (Residual((Dense(5),), (Dense(5, "tanh"), BatchNorm())),))
    ),
    "shortcut on a map": _layer(
        Residual(
            (Conv2d(3, (3, 3), "relu", (2, 2), "same", bias=False), BatchNorm(), Conv2d(3, (3, 3), padding="same")),
            (Conv2d(3, (1, 1), stride=(2, 2), bias=False), BatchNorm()),
        ),
        Activation("relu"),
    ),
    "shortcut through a pool": _layer(
        Residual((Conv2d(3, (3, 3), "tanh", (2, 2), "same"),), (Pool("avg", padding="same"), Conv2d(3, (1, 1), "relu")))
    ),
    "concatenation": _vector(Concatenation(((), (Dense(3, "tanh"), Dense(2)), (Activation("tanh"),), (BatchNorm(),)))),
    "concatenation first": Case(4, (Concatenation(((), (Dense(3, "tanh"),))), *LAST[1:]), CCE),
    "concatenation last": Case(4, (Dense(4, "tanh"), Concatenation(((Dense(2),), (Dense(1, "tanh"),))))),
    "concatenations and residual layers in each other": _vector(
        Concatenation(((Residual((Dense(6, "tanh"),)),), (Dense(2), LayerNorm()), (Dense(2, "softmax"),))),
        Residual((Concatenation(((Dense(3, "tanh"),), (Dense(7),))), LayerNorm())),
    ),
    "concatenations on a map": _layer(
        Concatenation(((Pool("max", (3, 3), (1, 1), "same"), Conv2d(2, (1, 1), "relu")), ())),
        Concatenation(((), (BatchNorm(), Activation("relu"), Conv2d(2, (3, 3), padding="same")))),
        Pool("avg"),
    ),
    "frozen": Case(
        4,
        (
            Frozen(Dense(6, "tanh")),
            Dense(5, "tanh", bias=False),
            Frozen(BatchNorm()),
            Frozen(Dense(5, "prelu", l2=0.2)),
            Frozen(LayerNorm()),
            Frozen(Activation(OWN_PRELU)),
            Residual((Frozen(Dense(4)), Dense(4)), (Frozen(Dense(4, "relu")), BatchNorm())),
            Frozen(Concatenation(((Dense(3),), (BatchNorm(),)))),
            Dense(3, "softmax"),
        ),
        CCE,
        clip_norm=0.1,
        lr=0.5,
    ),
    "frozen on a map": _layer(
        Frozen(Conv2d(3, (2, 2), "relu")),
        Frozen(BatchNorm()),
        Conv2d(3, (2, 2), "tanh"),
        Frozen(BatchNorm()),
        Frozen(Conv2d(4, (2, 2), OWN_PRELU)),
        Frozen(LayerNorm()),
        BatchNorm(),
        Frozen(Conv2d(2, (1, 1), bias=False)),
    ),
    "frozen behind": Case(4, (Dense(5, "tanh"), Frozen(Dense(4, "relu")), Frozen(Dense(3, "softmax"))), CCE),
    "residual around a pool": _layer(
        Residual((Conv2d(3, (3, 3), "tanh", padding="same"), Pool("avg", padding="same")))
    ),
    "l1": Case(4, (Dense(5, "tanh", l1=0.02), Dense(3, "softmax", l1=0.01)), CCE),
    "l2 with a learned activation": Case(4, (Dense(5, OWN_PRELU, l2=0.3), Dense(3, "softmax")), CCE),
    "l2": Case(4, (Dense(5, "tanh", l2=0.3), Dense(3, "softmax")), CCE),
    "l1 and l2 in a conv net": Case(
        (5, 5, 1),
        (Conv2d(3, l1=0.01, l2=0.1), BatchNorm(), Residual((Conv2d(3, (1, 1), "tanh", l2=0.2),)), *LAST),
        CCE,
    ),
    "clip value": _vector(clip_value=0.02, lr=0.5),
    "clip norm": _vector(clip_norm=0.1, lr=0.5),
    "clip norm of learned activations": _vector(Dense(6, OWN_PRELU), clip_norm=0.1, lr=0.5),
    "clip norm above the gradient": _vector(clip_norm=100.0, lr=0.5),
    "clip value of a penalized conv net": Case(
        (5, 5, 1), (Conv2d(3, l2=0.5), BatchNorm(), *LAST), CCE, clip_value=0.05, lr=0.5
    ),
    "clip norm of a penalized conv net": Case(
        (5, 5, 1), (Conv2d(3, l1=0.1), BatchNorm(), *LAST), CCE, clip_norm=0.2, lr=0.5
    ),
    "lenet": Case(
        (12, 12, 1),
        (
            Conv2d(3, (3, 3), "relu", padding="same"),
            Pool("max"),
            Conv2d(5, (3, 3), "relu"),
            Pool("max"),
            Flatten(),
            Dense(7, "relu"),
            Dense(3, "softmax"),
        ),
        CCE,
    ),
    "resnet": Case(
        (8, 8, 1),
        (
            Conv2d(3, (3, 3), padding="same", bias=False),
            BatchNorm(),
            Activation("relu"),
            _block(3),
            Activation("relu"),
            _block(4, (2, 2)),
            Activation("relu"),
            GlobalAvgPool(),
            Dense(3, "softmax"),
        ),
        CCE,
    ),
}


def _hashed(count, start):
    """Numbers from -1 to 1 that look like chance: 12 bits of a multiplicative hash."""
    k = np.arange(start, start + count, dtype=np.uint64) + np.uint64(1)
    bits = (k * np.uint64(2654435761) * (k + np.uint64(7)) >> np.uint64(13)) & np.uint64(0xFFF)
    return bits.astype(np.float64) / 2048.0 - 1.0 + 1.0 / 4096.0


def start_values(net):
    """Parameters and running statistics by name: weights as large as their inputs' number allows."""
    values, start = {}, 0
    for entry in (*net.parameters, *net.statistics):
        numbers = _hashed(entry.size, start).reshape(entry.shape)
        start += entry.size
        what = entry.name.rpartition(".")[2]
        if what == "weight":
            # A power of two, so that the products are exact.
            fan = int(np.prod(entry.shape[:-1]))
            numbers = numbers * 2.0 ** -round(np.log2(fan) / 2 - 0.5)
        elif what in ("gamma", "variance"):
            numbers = 1.0 + numbers / 2.0
        else:
            numbers = numbers / 4.0
        values[entry.name] = numbers
    return values


def rows(case, span=slice(None)):
    """The rows of a case: inputs, values and classes."""
    net = case.network
    features = 2.0 * _hashed(case.rows * net.inputs, 10_000).reshape(case.rows, net.inputs)
    classes = (np.arange(case.rows) * 2 % 3).astype(np.int32)
    values = _hashed(case.rows * net.outputs, 50_000).reshape(case.rows, net.outputs)
    if case.loss == "binary_cross_entropy":
        values = np.round(2.0 * values + 2.0) / 4.0
    return support.Rows(features[span], values[span], classes[span], "none")


def spans(case):
    """The batches of an epoch."""
    return [slice(start, min(start + case.batch, case.rows)) for start in range(0, case.rows, case.batch)]
