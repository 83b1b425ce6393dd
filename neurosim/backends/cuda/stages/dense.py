"""Dense: a single product."""

from __future__ import annotations

from neurosim.backends.cuda.fields import Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import Dense


def add(layout: Layout, layer: Dense, flow: Flow) -> Flow:
    """Lay out a dense layer."""
    stage = layout.stage(Kind.DENSE, layer.inputs, layer.units, flow)
    layout.weights(stage, layer)
    return layout.activated(stage, layer)
