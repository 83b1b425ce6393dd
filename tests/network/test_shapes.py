"""Stacking layers: shapes, the layout of parameters, and what is said where shapes do not fit."""

import numpy as np
import pytest
import support
from support import (
    Activation,
    BatchNorm,
    Concatenation,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    Pool,
    Residual,
)

from neurosim.errors import ShapeError
from neurosim.network import layers as kinds

IMAGE = (6, 5, 2)
# inputs, layers -> parts of the message: the layer, what came in, what it needs; and of the hint
FAULTS = {
    "dense on a map": (
        IMAGE,
        [Dense(3)],
        ["network.layers.0 (dense)", "needs a vector", "a map (6, 5, 2) comes in"],
        "flatten",
    ),
    "dense behind a conv": (
        IMAGE,
        [Conv2d(4), Pool(), Dense(3)],
        ["network.layers.2 (dense)", "needs a vector", "a map (2, 1, 4) comes in"],
        "global_avg_pool2d",
    ),
    "conv on a vector": (
        7,
        [Dense(5), Conv2d(4)],
        ["network.layers.1 (conv2d)", "needs a map (height, width, channels)", "a vector of 5 comes in"],
        "images",
    ),
    "conv behind flatten": (
        IMAGE,
        [Flatten(), Conv2d(4)],
        ["network.layers.1 (conv2d)", "needs a map", "a vector of 60 comes in"],
        "flatten",
    ),
    "conv on a picture without channels": (
        (6, 5),
        [Conv2d(4)],
        ["network.layers.0 (conv2d)", "needs a map (height, width, channels)", "a map (6, 5) comes in"],
        "images",
    ),
    "max pool on a vector": (
        7,
        [Pool("max")],
        ["network.layers.0 (max_pool2d)", "needs a map", "a vector of 7 comes in"],
        "images",
    ),
    "avg pool on a vector": (
        7,
        [Pool("avg")],
        ["network.layers.0 (avg_pool2d)", "needs a map", "a vector of 7 comes in"],
        "images",
    ),
    "global avg pool on a vector": (
        7,
        [GlobalAvgPool()],
        ["network.layers.0 (global_avg_pool2d)", "needs a map", "a vector of 7 comes in"],
        "images",
    ),
    "kernel higher than the map": (
        IMAGE,
        [Conv2d(4, (7, 1))],
        ["network.layers.0 (conv2d)", "7 x 1", "does not fit", "the map (6, 5, 2) that comes in"],
        'padding = "same"',
    ),
    "kernel wider than the map": (
        IMAGE,
        [Conv2d(4, (1, 6))],
        ["network.layers.0 (conv2d)", "1 x 6", "does not fit", "the map (6, 5, 2)"],
        "smaller window",
    ),
    "one pool too many": (
        IMAGE,
        [Pool(), Pool(), Pool()],
        ["network.layers.2 (max_pool2d)", "2 x 2", "does not fit", "the map (1, 1, 2)"],
        "fewer pools",
    ),
    "kernel whose cells are too far apart": (
        IMAGE,
        [Conv2d(4, (2, 2), dilation=(2, 5))],
        ["network.layers.0 (conv2d)", "3 x 6", "does not fit", "the map (6, 5, 2)"],
        "smaller window",
    ),
    "groups that the channels coming in cannot form": (
        IMAGE,
        [Conv2d(6, groups=3)],
        ["network.layers.0 (conv2d): 2 channels come in, which 3 groups cannot share equally"],
        "a number of groups that divides 2",
    ),
    "groups that the channels going out cannot form": (
        IMAGE,
        [Conv2d(5, groups=2)],
        ["network.layers.0 (conv2d): 5 channels go out, which 2 groups cannot share equally"],
        "a number of groups that divides 5",
    ),
    "pool of nothing but padding": (
        IMAGE,
        [Pool("max", padding=[0, 0, 2, 0])],
        ["network.layers.0 (max_pool2d): with this padding some windows see no cell of the map (6, 5, 2)"],
        "half of the window",
    ),
    "pool that reaches around the map": (
        (1, 5, 2),
        [Pool("max", padding=[1, 0], dilation=(2, 1))],
        ["network.layers.0 (max_pool2d): with this padding some windows see no cell of the map (1, 5, 2)"],
        "half of the window",
    ),
    "softmax of a conv": (
        IMAGE,
        [Conv2d(4, activation="softmax")],
        ["network.layers.0 (conv2d)", "softmax", "whole row", "not on a map"],
        "activation",
    ),
    "softmax of a map": (
        IMAGE,
        [Conv2d(4), Activation("softmax")],
        ["network.layers.1 (activation)", "softmax needs a vector", "a map (4, 3, 4) comes in"],
        "flatten",
    ),
    "residual without layers": (7, [Residual(())], ["network.layers.0 (residual)", "no layers inside"], ""),
    "residual from a map to a vector": (
        IMAGE,
        [Residual((Flatten(),))],
        ["network.layers.0 (residual)", "a map (6, 5, 2) goes in", "a vector of 60 comes out", "no projection"],
        "",
    ),
    "shortcut to another shape": (
        IMAGE,
        [Residual((Conv2d(4, padding="same"),), (Conv2d(3, (1, 1)), BatchNorm()))],
        [
            "network.layers.0 (residual)",
            "a map (6, 5, 4) comes out of its layers",
            "a map (6, 5, 3) out of its shortcut",
        ],
        "",
    ),
    "shortcut from a map to a vector": (
        IMAGE,
        [Residual((GlobalAvgPool(),), (GlobalAvgPool(),))],
        ["network.layers.0 (residual)", "its branches make a vector of 2 of a map (6, 5, 2)", "maps have to stay maps"],
        "behind it",
    ),
    "dense in a shortcut": (
        IMAGE,
        [Residual((Conv2d(2, padding="same"),), (Dense(4),))],
        ["network.layers.0.shortcut.0 (dense)", "needs a vector"],
        "flatten",
    ),
    "branches of several sizes": (
        IMAGE,
        [Concatenation(((), (Conv2d(3),)))],
        [
            "network.layers.0 (concatenation)",
            "a map (6, 5, 2) comes out of branch 0",
            "a map (4, 3, 3) out of branch 1",
        ],
        'padding = "same"',
    ),
    "a branch from a map to a vector": (
        IMAGE,
        [Concatenation(((), (Conv2d(3), Flatten())))],
        ["network.layers.0 (concatenation)", "branch 1 makes a vector of 36 of a map (6, 5, 2)"],
        "behind it",
    ),
    "branches of an image without channels": (
        (6, 5),
        [Concatenation(((), (BatchNorm(),)))],
        ["network.layers.0 (concatenation)", "needs a map (height, width, channels)"],
        "",
    ),
    "dense in a branch": (
        IMAGE,
        [Concatenation(((), (Dropout(0.1), Dense(4))))],
        ["network.layers.0.branches.1.1 (dense)", "needs a vector"],
        "flatten",
    ),
    "residual that cuts the border": (
        IMAGE,
        [Residual((Conv2d(2),))],
        ["network.layers.0 (residual)", "a map (6, 5, 2) goes in", "a map (4, 3, 2) comes out", "no stride"],
        'padding = "same"',
    ),
    "dense in a residual": (
        IMAGE,
        [Conv2d(3), Residual((Conv2d(3, padding="same"), Dense(4)))],
        ["network.layers.1.layers.1 (dense)", "needs a vector", "a map (4, 3, 3) comes in"],
        "flatten",
    ),
    "conv in a residual in a residual": (
        IMAGE,
        [Residual((Dropout(0.1), Residual((Conv2d(2, (9, 9)),))))],
        ["network.layers.0.layers.1.layers.0 (conv2d)", "9 x 9", "does not fit", "the map (6, 5, 2)"],
        "smaller window",
    ),
}


@pytest.mark.parametrize(("inputs", "layers", "parts", "hint"), FAULTS.values(), ids=FAULTS.keys())
def test_a_shape_that_does_not_fit_is_told(inputs, layers, parts, hint):
    """The layer by its place, what came in, what it needs, and what to do."""
    with pytest.raises(ShapeError) as found:
        support.network(inputs, layers)
    for part in parts:
        assert part in found.value.message
    assert hint in found.value.hint


def test_a_skip_without_a_projection_adds_equal_shapes_only():
    identity = support.chosen(support.BUILTINS.activations, "identity")
    init = support.chosen(support.BUILTINS.initializers, "zeros")
    stack = kinds.Stack((4,))
    told = r"layers\.0 \(residual\): a vector of 4 goes in and a vector of 3 comes out"
    with pytest.raises(ShapeError, match=told), kinds.Residual.put_around(stack):
        kinds.Dense.put_on(stack, 3, identity, init)


# layers on a map (7, 6, 2), the shape that leaves them: by the formulas of PyTorch's and TensorFlow's manuals
SHAPES = [
    ([Conv2d(3, (3, 2))], (5, 5, 3)),
    ([Conv2d(3, (3, 2), padding="same")], (7, 6, 3)),
    ([Conv2d(3, (3, 3), stride=(2, 2))], (3, 2, 3)),
    ([Conv2d(3, (3, 3), stride=(2, 2), padding="same")], (4, 3, 3)),
    ([Conv2d(3, (1, 1), stride=(3, 5))], (3, 2, 3)),
    ([Conv2d(3, (1, 1), stride=(9, 9), padding="same")], (1, 1, 3)),
    ([Conv2d(3, (3, 3), padding=1)], (7, 6, 3)),
    ([Conv2d(4, (3, 2), stride=(2, 3), padding=[2, 0], groups=2)], (5, 2, 4)),
    ([Conv2d(3, (3, 3), stride=(2, 2), padding=[0, 1, 2, 0])], (3, 3, 3)),
    ([Conv2d(3, (3, 2), dilation=(2, 4), padding=[1, 0])], (5, 2, 3)),
    ([Conv2d(3, (3, 2), dilation=(3, 4), padding="same")], (7, 6, 3)),
    ([Pool("max", ceil=True)], (4, 3, 2)),
    ([Pool("max", (1, 3), (3, 2), ceil=True)], (3, 3, 2)),
    ([Pool("avg", (2, 3), (3, 2), 1, ceil=True)], (3, 4, 2)),
    ([Pool("max", (2, 2), (2, 1), 1, dilation=(3, 2))], (3, 6, 2)),
    ([Pool("max")], (3, 3, 2)),
    ([Pool("max", padding="same")], (4, 3, 2)),
    ([Pool("avg", (3, 3), (1, 2))], (5, 2, 2)),
    ([Pool("avg", (7, 6))], (1, 1, 2)),
    ([GlobalAvgPool()], (2,)),
    ([Flatten()], (84,)),
    ([BatchNorm()], (7, 6, 2)),
    ([LayerNorm(), Activation("relu"), Dropout(0.5)], (7, 6, 2)),
    ([Residual((Conv2d(5, stride=(2, 2), padding="same"), BatchNorm()))], (4, 3, 5)),
    ([Residual((Pool("max", (3, 3), (2, 3), "same"),))], (4, 2, 2)),
]


@pytest.mark.parametrize(("layers", "shape"), SHAPES, ids=[repr(shape) for _, shape in SHAPES])
def test_shapes(layers, shape):
    """As declared, and as the reference computes them."""
    net = support.network((7, 6, 2), layers)
    assert net.layers[-1].output_shape == shape
    assert net.outputs == np.prod(shape)
    bench = support.REFERENCE.make(net, support.training())
    assert bench.forward(np.ones((2, 84))).shape == (2, net.outputs)


def test_parameters_lie_one_behind_the_other():
    """In the order of the layers, a projection behind the layers it goes around; statistics by themselves."""
    layers = [
        Conv2d(3, (2, 2), bias=False),
        BatchNorm(),
        Residual((Conv2d(4, padding="same"), LayerNorm(), Residual((BatchNorm(),)))),
        GlobalAvgPool(),
        Residual((Dense(2),)),
        Dense(5),
    ]
    net = support.network(IMAGE, layers)
    expected = {
        "layers.0.weight": (2, 2, 2, 3),
        "layers.1.gamma": (3,),
        "layers.1.beta": (3,),
        "layers.2.layers.0.weight": (3, 3, 3, 4),
        "layers.2.layers.0.bias": (4,),
        "layers.2.layers.1.gamma": (4,),
        "layers.2.layers.1.beta": (4,),
        "layers.2.layers.2.layers.0.gamma": (4,),
        "layers.2.layers.2.layers.0.beta": (4,),
        "layers.2.projection.weight": (1, 1, 3, 4),
        "layers.4.layers.0.weight": (4, 2),
        "layers.4.layers.0.bias": (2,),
        "layers.4.projection.weight": (4, 2),
        "layers.5.weight": (2, 5),
        "layers.5.bias": (5,),
    }
    for entries, wanted in (
        (net.parameters, expected),
        (
            net.statistics,
            {
                "layers.1.mean": (3,),
                "layers.1.variance": (3,),
                "layers.2.layers.2.layers.0.mean": (4,),
                "layers.2.layers.2.layers.0.variance": (4,),
            },
        ),
    ):
        assert {entry.name: entry.shape for entry in entries} == wanted
        end = 0
        for entry in entries:
            assert entry.offset == end
            end += entry.size
    assert net.size == end_of(net.parameters)
    assert net.start_statistics().tolist() == [0.0] * 3 + [1.0] * 3 + [0.0] * 4 + [1.0] * 4


def end_of(entries):
    return entries[-1].offset + entries[-1].size


def test_start_values_of_norms_and_convolutions():
    """gamma 1, beta 0; a convolution's fans count the cells of its kernel (He et al. 2015)."""
    net = support.network((9, 9, 50), [Conv2d(200, (3, 3), init="he_normal"), BatchNorm(), LayerNorm()])
    values = net.named(net.start_values(0))
    for name in ("layers.1", "layers.2"):
        assert (values[f"{name}.gamma"] == 1.0).all()
        assert (values[f"{name}.beta"] == 0.0).all()
    assert values["layers.0.weight"].std() == pytest.approx(np.sqrt(2.0 / (9 * 50)), rel=0.02)


def test_the_fans_of_a_convolution_are_those_of_a_group():
    """An output sees the channels of its group, and an input takes part in those of its own."""
    (conv,) = support.network((9, 9, 8), [Conv2d(24, (3, 2), groups=4)]).layers
    assert conv.weight.shape == (3, 2, 2, 24)
    assert conv.fans == (6 * 2, 6 * 6)


def test_multiply_adds():
    """Of a convolution: each of its outputs sees every cell under the kernel, of the channels of its group."""
    net = support.network((7, 6, 2), [Conv2d(3, (3, 2)), Flatten(), Dense(4)])
    assert [layer.multiply_adds for layer in net.layers] == [5 * 5 * 3 * 3 * 2 * 2, 0, 75 * 4]
    net = support.network((7, 6, 4), [Conv2d(6, (3, 2), groups=2, dilation=(1, 2)), Conv2d(6, (1, 1), groups=6)])
    assert [layer.multiply_adds for layer in net.layers] == [5 * 4 * 6 * 3 * 2 * 2, 5 * 4 * 6]


def test_the_skip_has_the_strides_of_the_layers_it_goes_around():
    """6 cells at strides of 4 and 2 x 2: strides of 3 and 6 would give as many, of other cells."""
    inside = (Conv2d(3, (3, 3), stride=(4, 2), padding="same"), Pool("max", (1, 2), (1, 2), "same"))
    (layer,) = support.network((6, 6, 2), [Residual(inside)]).layers
    (projection,) = layer.shortcut
    assert projection.window.stride == (4, 4)
    assert projection.output_shape == layer.output_shape == (2, 2, 3)


def test_channels_of_branches_follow_each_other():
    inside = Concatenation(((Conv2d(3, padding="same"), BatchNorm()), (), (Pool("max", (3, 3), (1, 1), "same"),)))
    layer, _ = support.network((6, 6, 2), [inside, Conv2d(5)]).layers
    assert (layer.widths, layer.starts, layer.output_shape) == ((3, 2, 2), (0, 3, 5), (6, 6, 7))
    assert [part.name for part in layer.parts] == [
        "layers.0.branches.0.0", "layers.0.branches.0.1", "layers.0.branches.2.0",
    ]  # fmt: skip
