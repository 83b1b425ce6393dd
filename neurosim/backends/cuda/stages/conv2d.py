"""Conv2d: a convolution of maps."""

from __future__ import annotations

from neurosim.backends.cpu.gradient_blocks import rows_of_block, width_of_map
from neurosim.backends.cpu.stages.window import geometry
from neurosim.backends.cuda.fields import Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import Conv2d


def add(layout: Layout, layer: Conv2d, flow: Flow) -> Flow:
    """Lay out a convolution."""
    stage = layout.windowed(Kind.CONVOLUTION, layer.window, layer.channels, flow)
    layout.weights(stage, layer)
    high, wide = layer.window.output_size
    sizes = geometry(layer.window, layer.channels)
    # Those of a block of the CPU engine.
    stage[Field.TERMS] = min(rows_of_block(sizes, width_of_map(sizes)), high) * wide
    parts = layout.capacity * -(-high * wide // stage[Field.TERMS])
    stage[Field.PARTS] = layout.space(parts * (layer.weight.size + layer.channels))
    return layout.activated(stage, layer)
