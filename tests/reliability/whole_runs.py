"""A run with a state of every kind, what it leaves, and what must be there whenever it was stopped."""

import json

from neurosim.files.sealed import unseal
from neurosim.runs.checkpoint import newest

STEPS = 10
# A state of every kind: the optimizer's memory, running statistics, dropout, best weights, what was recorded.
_SCENARIO = """
[scenario]
name = "whole"
title = "A state of every kind"
seed = 5
[data]
source = "moons"
samples = 200
validation_fraction = 0.2
[network]
loss = "binary_cross_entropy"
layers = [
  { kind = "dense", units = 12, activation = "relu" },
  { kind = "batch_norm" },
  { kind = "dropout", rate = 0.1 },
  { kind = "dense", units = 1, activation = "sigmoid" },
]
[optimizer]
name = "adam"
lr = 0.01
schedule = { name = "reduce_on_plateau", patience = 5 }
[training]
epochs = EPOCHS
batch_size = 16
checkpoint_every = 1
keep_best = "validation_loss"
[record]
quantities = ["gradient_norm", "parameters"]
every = 20
[plots]
pictures = []
"""


def write_scenario(path, epochs):
    path.write_text(_SCENARIO.replace("EPOCHS", str(epochs)))
    return path


def epochs_in(folder):
    metrics = folder / "metrics.jsonl"
    return metrics.read_bytes().count(b"\n") if metrics.is_file() else 0


def left_by(folder):
    """What a run leaves, without the seconds that it took."""
    lines = [json.loads(line) | {"seconds": 0} for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [lines, (folder / "model.safetensors").read_bytes(), (folder / "record.npz").read_bytes()]


def check_what_is_kept(folder, announced):
    """Every checkpoint is whole, and the newest is not older than the last one that was complete for certain."""
    kept = newest(folder)
    # An epoch is announced before its checkpoint is written, and after that of the epoch before.
    assert announced < 2 or kept is not None
    if kept is not None:
        assert int(kept.stem.split("-")[1]) >= (announced - 1) * STEPS
        for path in kept.parent.glob("step-*.safetensors"):
            unseal(path, "checkpoint")
