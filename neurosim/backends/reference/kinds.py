"""The passes of every kind of layer: a new kind is a module beside this one, and a row here."""

from __future__ import annotations

from neurosim.backends.reference import (
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
from neurosim.backends.reference.trace import Passes
from neurosim.network import layers
from neurosim.network.layers import Layer

PASSES: dict[type[Layer], Passes] = {
    layers.Activate: Passes(activation.forward, activation.backward),
    layers.AvgPool2d: Passes(avg_pool2d.forward, avg_pool2d.backward),
    layers.BatchNorm: Passes(batch_norm.forward, batch_norm.backward),
    layers.Concatenation: Passes(concatenation.forward, concatenation.backward),
    layers.Conv2d: Passes(conv2d.forward, conv2d.backward),
    layers.Dense: Passes(dense.forward, dense.backward),
    layers.Dropout: Passes(dropout.forward, dropout.backward),
    layers.Flatten: Passes(flatten.forward, flatten.backward),
    layers.Gated: Passes(gated.forward, gated.backward),
    layers.GlobalAvgPool2d: Passes(global_avg_pool2d.forward, global_avg_pool2d.backward),
    layers.LayerNorm: Passes(layer_norm.forward, layer_norm.backward),
    layers.MaxPool2d: Passes(max_pool2d.forward, max_pool2d.backward),
    layers.Maxout: Passes(maxout.forward, maxout.backward),
    layers.Residual: Passes(residual.forward, residual.backward),
}
