"""Dense: a single product."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages
from neurosim.backends.cpu.stages.weighted import add_product
from neurosim.backends.cpu.table import DENSE, Field
from neurosim.network.layers import Dense
from neurosim.plugin import RowActivation


def add(stages: Stages, layer: Dense) -> None:
    """Lay out a dense layer."""
    before = stages.before
    stage = stages.stage(DENSE, layer.inputs, layer.units, layer.units)
    whole_rows = isinstance(layer.activation.record, RowActivation)
    stage[Field.BY_ROWS] = whole_rows or layer.units < 64
    stage[Field.WHOLE_ROWS] = whole_rows
    add_product(stages, stage, layer, before, adds_bias=False)
