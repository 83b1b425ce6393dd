"""LayerNorm: normalization within each row."""

from __future__ import annotations

from neurosim.backends.cuda.fields import Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.backends.cuda.stages.normalization import add_normalization
from neurosim.network.layers import LayerNorm


def add(layout: Layout, layer: LayerNorm, flow: Flow) -> Flow:
    """Lay out a layer normalization."""
    stage = add_normalization(layout, Kind.LAYER_NORM, layer, flow)
    stage[Field.PARAMS] = layout.keep(layer.epsilon)
    return layout.leave(stage, layout.rows(layer.units))
