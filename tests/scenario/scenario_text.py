"""A scenario that is right, for tests to break."""

GOOD = """\
[scenario]
name = "good"
title = "A good one"
seed = 7

[data]
source = "moons"
noise = 0.2

[network]
loss = "binary_cross_entropy"

[[network.layers]]
kind = "dense"
units = 4
activation = { name = "leaky_relu", alpha = 0.1 }

[[network.layers]]
kind = "dense"
units = 1
activation = "sigmoid"

[optimizer]
name = "adam"
lr = 0.05

[training]
epochs = 4
"""
