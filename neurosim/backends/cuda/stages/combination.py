"""The common part of layers whose units each make one number of several."""

from __future__ import annotations

from neurosim.backends.cuda.fields import Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import Combination


def add_combination(layout: Layout, layer: Combination, flow: Flow) -> Flow:
    """Lay out a stage that makes rows of fewer numbers."""
    stage = layout.stage(Kind.COMBINE, layer.pieces * layer.units, layer.units, flow)
    gates = [entry.gate.record for entry in layout.network.combining]
    stage[Field.GATE] = gates.index(layer.gate.record)
    stage[Field.PARAMS] = layout.keep(*layer.gate.values)
    return layout.leave(stage, layout.rows(layer.units))
