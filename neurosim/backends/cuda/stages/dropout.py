"""Dropout: a part of the stage before it, if that has an activation."""

from __future__ import annotations

import numpy as np

from neurosim.backends.cuda.fields import NONE, Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import Dropout
from neurosim.randomness import drop_below


def add(layout: Layout, layer: Dropout, flow: Flow) -> Flow:
    """Lay out a dropout layer."""
    fused = flow.fusible != NONE
    target = layout.stages[flow.fusible] if fused else layout.stage(Kind.DROPOUT, layer.units, layer.units, flow)
    target[Field.DROP] = layer.index
    target[Field.DROP_BELOW] = int(np.uint32(drop_below(layer.rate)).astype(np.int32))
    target[Field.DROP_SCALE] = layout.keep(1.0 / (1.0 - layer.rate))
    out = layout.rows(layer.units)
    if not fused:
        return layout.leave(target, out)
    target[Field.OUT] = out
    return Flow(out, flow.behind)
