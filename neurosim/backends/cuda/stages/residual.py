"""Residual: a fork, its branches, and a join."""

from __future__ import annotations

import math

from neurosim.backends.cuda.fields import NONE, Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.backends.cuda.stages.branches import add_branches
from neurosim.network.layers import Residual


def add(layout: Layout, layer: Residual, flow: Flow) -> Flow:
    """Lay out a fork, if something before it learns, the shortcut, the layers inside, and a join."""
    fork = None
    if layer.shortcut:
        skip, inside = add_branches(layout, layer, (layer.shortcut, layer.layers), flow)
    else:
        skip = inside = Flow(flow.out)
        if flow.behind != NONE:
            fork = layout.stage(Kind.FORK, layer.units, layer.units, flow)
            inside = layout.leave(fork, flow.out)
        inside = layout.stack(layer.layers, inside)
    units = math.prod(layer.output_shape)
    join = layout.stage(Kind.JOIN, units, units, inside)
    join[Field.SKIP], join[Field.SKIP_BEHIND] = skip.out, skip.behind
    joined = layout.leave(join, layout.rows(units))
    if fork is not None:
        # Along an empty skip the gradient is that of the join itself.
        fork[Field.SKIP] = join[Field.D]
    return joined
