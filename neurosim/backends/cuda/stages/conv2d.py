"""Conv2d: a convolution of maps."""

from __future__ import annotations

import math

from neurosim.backends.cuda.fields import Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import Conv2d


def add(layout: Layout, layer: Conv2d, flow: Flow) -> Flow:
    """Lay out a convolution."""
    stage = layout.windowed(Kind.CONVOLUTION, layer.window, layer.channels, flow)
    layout.weights(stage, layer)
    stage[Field.TERMS] = layout.terms.convolution
    parts = -(-layout.capacity * math.prod(layer.window.output_size) // layout.terms.convolution)
    stage[Field.PARTS] = layout.space(parts * (layer.weight.size + layer.channels))
    return layout.activated(stage, layer)
