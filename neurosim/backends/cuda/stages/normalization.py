"""The common part of batch and layer normalization."""

from __future__ import annotations

from neurosim.backends.cuda.fields import NONE, Field, Kind, Statistic
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import Normalization


def add_normalization(layout: Layout, kind: Kind, layer: Normalization, flow: Flow) -> list[int]:
    """A new stage that normalizes."""
    stage = layout.stage(kind, layer.units, layer.units, flow)
    stage[Field.CHANNELS], stage[Field.ON_MAPS] = layer.channels, int(len(layer.shape) > 1)
    stage[Field.WEIGHT], stage[Field.BIAS] = layer.gamma.offset, layer.beta.offset
    stage[Field.FROZEN] = 1 if layer.is_frozen else NONE
    parts = layout.capacity if stage[Field.ON_MAPS] else 1
    stage[Field.PARTS] = layout.space(2 * parts * layer.channels)
    groups = layer.channels if kind == Kind.BATCH_NORM else layout.capacity * layer.positions
    stage[Field.STATISTICS] = layout.space(len(Statistic) * groups)
    return stage
