"""Activate: an activation as a separate stage."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages
from neurosim.backends.cpu.table import ACTIVATION, Field
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.network.layers import Activate
from neurosim.plugin import RowActivation


def add(stages: Stages, layer: Activate) -> None:
    """Lay out an activation."""
    stage, _ = stages.same_shape(ACTIVATION, layer.shape)
    stage[Field.WHOLE_ROWS] = isinstance(layer.activation.record, RowActivation)
    stage[Field.BY_ROWS] |= stage[Field.WHOLE_ROWS]
    stage[Field.BIAS] = stages.buffer(layer.channels, GROUP) if stages.on_maps else stages.buffer(layer.units)
    stage[Field.Z] = stage[Field.X]
    stage[Field.A] = stages.rows_or_groups(layer.units)
    stages.activates(stage, layer)
    if stages.backward and layer.learned and stage[Field.D] == 0:
        stage[Field.D] = stages.rows_or_groups(layer.units)
