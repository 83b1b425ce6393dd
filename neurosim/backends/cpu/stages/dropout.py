"""Dropout: only in training."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages
from neurosim.backends.cpu.table import DROPOUT, Field
from neurosim.network.layers import Dropout
from neurosim.randomness import drop_below


def add(stages: Stages, layer: Dropout) -> None:
    """Lay out a dropout layer, in plans for training."""
    if not stages.training:
        return
    stage, _ = stages.same_shape(DROPOUT, layer.shape)
    stage[Field.A] = stages.rows_or_groups(layer.units)
    stage[Field.DROPOUT_INDEX] = layer.index
    stage[Field.DROP_BELOW] = drop_below(layer.rate)
    stage[Field.DROP_SCALE] = stages.numbers((1.0 / (1.0 - layer.rate),))
