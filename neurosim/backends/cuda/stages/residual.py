"""Residual: a fork, its branches, and a join."""

from __future__ import annotations

import math

from neurosim.backends.cuda.fields import NONE, Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import Residual


def add(layout: Layout, layer: Residual, flow: Flow) -> Flow:
    """Lay out a fork, if something before it learns, the projection, the layers inside, and a join."""
    fork = None
    inside = skip = Flow(flow.out, NONE)
    if flow.behind != NONE:
        fork = layout.stage(Kind.FORK, layer.units, layer.units, flow)
        inside = skip = layout.leave(fork, flow.out)
    if layer.projection is not None:
        if fork is not None:
            # Separate space for the gradient through the projection.
            skip = Flow(flow.out, len(layout.stages))
            aside = layout.stage(Kind.FORK, layer.units, layer.units, Flow(flow.out))
            layout.leave(aside, flow.out)
            fork[Field.SKIP] = aside[Field.D]
        skip = layout.stack([layer.projection], skip)
    inside = layout.stack(layer.layers, inside)
    units = math.prod(layer.output_shape)
    join = layout.stage(Kind.JOIN, units, units, inside)
    join[Field.SKIP] = skip.out
    if layer.projection is not None:
        join[Field.SKIP_BEHIND] = skip.behind
    joined = layout.leave(join, layout.rows(units))
    if fork is not None and layer.projection is None:
        fork[Field.SKIP] = join[Field.D]
    return joined
