"""Concatenation: forks, the branches, and a stage for each that puts its outputs beside those of the others."""

from __future__ import annotations

import math

from neurosim.backends.cuda.fields import NONE, Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.backends.cuda.stages.branches import add_branches
from neurosim.network.layers import Concatenation


def add(layout: Layout, layer: Concatenation, flow: Flow) -> Flow:
    """Lay out the branches, and a part of the output for each; the parts share the space for it and its gradient."""
    ends = add_branches(layout, layer, layer.chains, flow)
    cells, units = math.prod(layer.output_shape[:-1]), math.prod(layer.output_shape)
    out, gradient = layout.rows(units), layout.rows(units)
    for end, width, start in zip(ends, layer.widths, layer.starts, strict=True):
        part = layout.stage(Kind.PART, cells * width, units, end)
        part[Field.OUT], part[Field.D] = out, gradient
        part[Field.CHANNELS], part[Field.MAP_CHANNELS] = layer.output_shape[-1], width
        part[Field.FIRST_CHANNEL] = start
    goes_on = any(end.behind != NONE for end in ends)
    return Flow(out, len(layout.stages) - 1 if goes_on else NONE)
