"""The backend's support for every kind of layer: a new kind is a module beside this one and a row here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu.sparse_rows import FEWEST_UNITS
from neurosim.backends.cpu.stages.kinds import starts_on_maps
from neurosim.backends.cuda.fields import NONE, Field, Kind
from neurosim.backends.cuda.stages import (
    activation,
    avg_pool2d,
    batch_norm,
    concatenation,
    conv2d,
    dense,
    dropout,
    flatten,
    gated,
    global_avg_pool2d,
    layer_norm,
    max_pool2d,
    maxout,
    residual,
)
from neurosim.backends.cuda.stages.base import LayerKind
from neurosim.network import layers
from neurosim.network.layers import Layer, of_kind
from neurosim.network.network import Network

# From this many units on, a layer's tiles keep a GPU busy for longer than a launch takes.
WIDE_DENSE = 1025
# This many channels fill the columns of the larger tiles.
WIDE_CONVOLUTION = 64
# Parts of the kernels that a network may not need; see `neurosim.backends.cuda.generation`.
LAYERS, NORMS, MAPS, LEARNED, GATES, SPREAD = "layers", "norms", "maps", "learned", "gates", "spread"
_OTHERS, _NORMS, _OF_MAPS = frozenset({LAYERS}), frozenset({LAYERS, NORMS}), frozenset({LAYERS, MAPS})
_GATES = frozenset({LAYERS, GATES})

KINDS: dict[type[Layer], LayerKind] = {
    layers.Activate: LayerKind(activation.add, _OTHERS),
    layers.AvgPool2d: LayerKind(avg_pool2d.add, _OF_MAPS),
    layers.BatchNorm: LayerKind(batch_norm.add, _NORMS),
    layers.Concatenation: LayerKind(concatenation.add, _OTHERS),
    layers.Conv2d: LayerKind(conv2d.add, _OF_MAPS, WIDE_CONVOLUTION),
    layers.Dense: LayerKind(dense.add, wide=WIDE_DENSE),
    layers.Dropout: LayerKind(dropout.add),
    layers.Flatten: LayerKind(flatten.add),
    layers.Gated: LayerKind(gated.add, _GATES),
    layers.GlobalAvgPool2d: LayerKind(global_avg_pool2d.add, _OF_MAPS),
    layers.LayerNorm: LayerKind(layer_norm.add, _NORMS),
    layers.MaxPool2d: LayerKind(max_pool2d.add, _OF_MAPS),
    layers.Maxout: LayerKind(maxout.add, _GATES),
    layers.Residual: LayerKind(residual.add, _OTHERS),
}


def needs(network: Network) -> frozenset[str]:
    """The parts of the kernels that a network needs."""
    learning = {LAYERS, LEARNED} if any(layer.learned for layer in network.activated) else frozenset()
    spread = {SPREAD} if any(not layer.is_plain for layer in of_kind(network.parts, layers.Conv2d)) else frozenset()
    return frozenset(learning | spread).union(
        *(KINDS[type(layer)].needs for layer in network.parts if type(layer) in KINDS)
    )


def works_on_maps(network: Network) -> bool:
    """Whether there are convolutions or pools."""
    return MAPS in needs(network)


def reads_lists(network: Network, stages: NDArray[np.int32]) -> bool:
    """Whether the CPU engine can read rows of mostly zero bytes as lists: see `cpu.sparse_rows.can_read_lists`."""
    inputs = stages[1:, [Field.X, Field.SKIP]]
    return bool(
        stages[0, Field.KIND] == Kind.DENSE
        and not starts_on_maps(network)
        and stages[0, Field.UNITS] >= FEWEST_UNITS
        and not (inputs[:, 0] == NONE).any()
        and not ((stages[1:, Field.KIND] == Kind.JOIN) & (inputs[:, 1] == NONE)).any()
    )


def is_stack(network: Network) -> bool:
    """Whether there are at least two dense layers, and nothing else but dropout between them."""
    dense = [layer for layer in network.parts if isinstance(layer, layers.Dense)]
    others = (layers.Dense, layers.Dropout, layers.Flatten)
    return len(dense) > 1 and all(isinstance(layer, others) for layer in network.parts)


def is_wide(network: Network) -> bool:
    """Whether a layer is wide enough to be worth separate launches."""
    widths = ((layer.width, KINDS[type(layer)].wide) for layer in network.weighted if type(layer) in KINDS)
    return any(wide is not None and width >= wide for width, wide in widths)
