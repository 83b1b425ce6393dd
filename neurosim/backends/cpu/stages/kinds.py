"""How every kind of layer is laid out: a new kind is a module beside this one and a row here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neurosim.backends.cpu.stages import (
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
from neurosim.backends.cpu.stages.base import Stages
from neurosim.network import layers
from neurosim.network.layers import Layer
from neurosim.network.network import Network

KINDS: dict[type[Layer], Callable[[Stages, Any], None]] = {
    layers.Activate: activation.add,
    layers.AvgPool2d: avg_pool2d.add,
    layers.BatchNorm: batch_norm.add,
    layers.Concatenation: concatenation.add,
    layers.Conv2d: conv2d.add,
    layers.Dense: dense.add,
    layers.Dropout: dropout.add,
    layers.Flatten: flatten.add,
    layers.Gated: gated.add,
    layers.GlobalAvgPool2d: global_avg_pool2d.add,
    layers.LayerNorm: layer_norm.add,
    layers.MaxPool2d: max_pool2d.add,
    layers.Maxout: maxout.add,
    layers.Residual: residual.add,
}
# The kinds that `lanes` trains side by side.
IN_LANES = {layers.Dense, layers.Dropout, layers.Flatten}
# An elementwise stage may as well work on the rows that a flatten after it makes.
_EITHER_WAY = {layers.Dropout, layers.Activate}


def starts_on_maps(network: Network) -> bool:
    """Whether the first stages of a network work on maps; later ones never do so again."""
    # One that learns has numbers for each channel, which rows would mix.
    kinds = (type(layer) for layer in network.layers if type(layer) not in _EITHER_WAY or layer.parameters)
    return len(network.input_shape) == 3 and next(kinds, None) != layers.Flatten
