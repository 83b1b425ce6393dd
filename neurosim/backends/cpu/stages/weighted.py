"""The common part of layers with weights."""

from __future__ import annotations

from neurosim.backends.cpu.kernels import is_identity
from neurosim.backends.cpu.stages.base import Stage, Stages, gradient_of
from neurosim.backends.cpu.table import Field
from neurosim.network.layers import Weighted


def add_product(stages: Stages, stage: Stage, layer: Weighted, before: Stage | None, *, adds_bias: bool) -> None:
    """Fill in the stage of a layer with weights; `adds_bias` is whether its product adds the bias itself."""
    units = int(stage[Field.UNITS])
    stages.learns(stage, layer.weight, layer.bias, (layer.penalty.l1, layer.penalty.l2))
    if layer.bias is None:
        stage[Field.BIAS] = stages.buffer(int(stage[Field.CHANNELS]))
    stage[Field.Z] = stage[Field.A] = stages.rows_or_groups(units)
    # If there is no bias left to add, an identity activation has nothing to do.
    if not is_identity(layer.activation.record) or (layer.bias is not None and not adds_bias):
        stage[Field.A] = stages.rows_or_groups(units)
        stages.activates(stage, layer)
    if stages.backward:
        stage[Field.D] = stages.rows_or_groups(units)
        stage[Field.DX] = gradient_of(before)
