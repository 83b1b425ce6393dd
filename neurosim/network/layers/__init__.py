"""The kinds of layers, a module each: how a scenario writes it, its shapes, its parameters, and what it costs."""

from neurosim.network.layers.activation import Activate
from neurosim.network.layers.avg_pool2d import AvgPool2d
from neurosim.network.layers.base import (
    Chosen,
    ChosenActivation,
    Layer,
    Pair,
    Parameter,
    SameShape,
    Shape,
    as_kind,
    choose,
    in_order,
    of_kind,
    walk,
)
from neurosim.network.layers.batch_norm import BatchNorm
from neurosim.network.layers.combination import Combination
from neurosim.network.layers.concatenation import Concatenation
from neurosim.network.layers.conv2d import Conv2d
from neurosim.network.layers.dense import Dense
from neurosim.network.layers.dropout import Dropout
from neurosim.network.layers.flatten import Flatten
from neurosim.network.layers.gated import Gated
from neurosim.network.layers.global_avg_pool2d import GlobalAvgPool2d
from neurosim.network.layers.layer_norm import LayerNorm
from neurosim.network.layers.max_pool2d import MaxPool2d
from neurosim.network.layers.maxout import Maxout
from neurosim.network.layers.normalization import Normalization
from neurosim.network.layers.residual import Residual
from neurosim.network.layers.stack import Stack
from neurosim.network.layers.weighted import Activated, Penalty, Weighted, learned_names
from neurosim.network.layers.window import Pool2d, Window, Windowed

__all__ = [
    "Activate",
    "Activated",
    "AvgPool2d",
    "BatchNorm",
    "Chosen",
    "ChosenActivation",
    "Combination",
    "Concatenation",
    "Conv2d",
    "Dense",
    "Dropout",
    "Flatten",
    "Gated",
    "GlobalAvgPool2d",
    "Layer",
    "LayerNorm",
    "MaxPool2d",
    "Maxout",
    "Normalization",
    "Pair",
    "Parameter",
    "Penalty",
    "Pool2d",
    "Residual",
    "SameShape",
    "Shape",
    "Stack",
    "Weighted",
    "Window",
    "Windowed",
    "as_kind",
    "choose",
    "in_order",
    "learned_names",
    "of_kind",
    "walk",
]
