"""Texts of small runs that several tests make; importable as ``small_runs``."""

# An activation, rows, and a scenario that uses both: the files twice.py, rows.csv and the scenario beside them.
PLUGIN = """
from neurosim import Activation, hookimpl
def twice(z):
    return 2.0 * z
def slope(z, a):
    return 2.0
@hookimpl
def neurosim_activations():
    return [Activation("twice", twice, slope)]
"""
ROWS = "a,b,label\n" + "".join(f"{i},{i * i % 7},{'yes' if i % 3 else 'no'}\n" for i in range(12))
SCENARIO = """
[scenario]
name = "small"
title = "Small"
seed = 3
[data]
source = "csv"
file = "rows.csv"
target = "label"
test_fraction = 0.25
[network]
loss = "binary_cross_entropy"
layers = [{ kind = "dense", units = 2, activation = "twice" }, { kind = "dense", units = 1, activation = "sigmoid" }]
[optimizer]
name = "sgd"
lr = 0.01
[training]
epochs = 3
batch_size = 4
"""
_CHECKPOINTED = """
[scenario]
name = "{name}"
title = "Killed anywhere"
[data]
{data}
[network]
loss = "binary_cross_entropy"
layers = [{{ kind = "dense", units = 3, activation = "tanh" }}, {{ kind = "dense", units = 1, activation = "sigmoid" }}]
[optimizer]
name = "adam"
lr = {lr}
[training]
epochs = {epochs}
batch_size = 4
checkpoint_every = 1
[plots]
pictures = {pictures}
"""
# Added to it, they make a study of it.
VARIANTS = '[[variants]]\nname = "a"\n[[variants]]\nname = "b"\n"optimizer.lr" = 0.2\n'


def checkpointed(name, *, data='source = "xor"', lr=0.1, epochs=4, pictures="[]"):
    """The text of a scenario that is kept after each epoch."""
    return _CHECKPOINTED.format(name=name, data=data, lr=lr, epochs=epochs, pictures=pictures)
