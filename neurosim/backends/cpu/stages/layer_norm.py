"""LayerNorm: normalization within each row."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages, gradient_of
from neurosim.backends.cpu.table import LAYER_NORM, Field
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.network.layers import LayerNorm


def add(stages: Stages, layer: LayerNorm) -> None:
    """Lay out a layer normalization."""
    stage, before = stages.same_shape(LAYER_NORM, layer.shape)
    stages.learns(stage, layer.gamma, layer.beta)
    stage[Field.SETTINGS] = stages.numbers((layer.epsilon, 0.0))
    stage[Field.BY_ROWS] = 1
    stage[Field.A] = stages.rows_or_groups(layer.units)
    # Normalized inputs, for the backward pass, and 1 / deviation of each row or position.
    stage[Field.Z] = stages.rows_or_groups(layer.units)
    stage[Field.INVERSE] = stages.rows_or_groups(layer.positions)
    stages.needs_scratch(4 * layer.channels * GROUP)
    if stages.backward:
        stage[Field.D] = stages.rows_or_groups(layer.units)
        stage[Field.DX] = gradient_of(before)
        if stages.on_maps and not layer.is_frozen:
            stages.partials(stage, 2 * layer.channels)
