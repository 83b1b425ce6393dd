"""The common part of layers whose units each make one number of several."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages, gradient_of
from neurosim.backends.cpu.table import COMBINE, Field
from neurosim.network.layers import Combination


def add_combination(stages: Stages, layer: Combination) -> None:
    """Lay out a stage that makes rows of fewer numbers."""
    before = stages.before
    stage = stages.stage(COMBINE, layer.pieces * layer.units, layer.units, layer.units)
    kernels = stages.kernels[layer.name]
    stage[Field.FORWARD], stage[Field.BACKWARD] = kernels.forward, kernels.backward
    stage[Field.PARAMS] = stages.numbers(layer.gate.values)
    stage[Field.BY_ROWS] = 1
    stage[Field.A] = stages.rows_or_groups(layer.units)
    if stages.backward:
        stage[Field.D] = stages.rows_or_groups(layer.units)
        stage[Field.DX] = gradient_of(before)
