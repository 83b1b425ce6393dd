"""A scenario with nested layers, for tests to read and to break; on images of 8 x 8 pixels."""

HEAD = """\
[scenario]
name = "nested"
title = "Layers in layers"

[data]
source = "digits"

[network]
loss = "categorical_cross_entropy"

"""
TAIL = """
[optimizer]
name = "adam"

[training]
epochs = 1
"""
LAYERS = """\
[[network.layers]]
kind = "group"
repeat = 2

[[network.layers.layers]]
kind = "residual"
repeat = 3
activation = "relu"

[[network.layers.layers.layers]]
kind = "conv2d"
channels = 4
kernel = [3, 5]
padding = "same"
l2 = 0.5

[[network.layers.layers.layers]]
kind = "batch_norm"

[[network.layers.layers]]
kind = "avg_pool2d"
size = 2

[[network.layers]]
kind = "global_avg_pool2d"

[[network.layers]]
kind = "dense"
units = 10
activation = "softmax"
"""
INLINE = """\
[[network.layers]]
kind = "group"
repeat = 2
layers = [
  { kind = "residual", repeat = 3, activation = "relu", layers = [
    { kind = "conv2d", channels = 4, kernel = [3, 5], padding = "same", l2 = 0.5 },
    { kind = "batch_norm" },
  ] },
  { kind = "avg_pool2d", size = 2 },
]

[[network.layers]]
kind = "global_avg_pool2d"

[[network.layers]]
kind = "dense"
units = 10
activation = "softmax"
"""
NESTED = HEAD + LAYERS + TAIL


def stacked(*layers):
    """A scenario with these layers, each the text of an inline table without its braces."""
    return HEAD + "".join(f"[[network.layers]]\n{layer}\n" for layer in layers) + TAIL
