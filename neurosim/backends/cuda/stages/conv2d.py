"""Conv2d: a convolution of maps."""

from __future__ import annotations

from neurosim.backends.cpu.gradient_blocks import rows_of_block, rows_of_spread_block, width_of_map
from neurosim.backends.cpu.stages.window import geometry, spread_geometry
from neurosim.backends.cuda.fields import Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import Conv2d


def add(layout: Layout, layer: Conv2d, flow: Flow) -> Flow:
    """Lay out a convolution."""
    window, kind = layer.window, Kind.CONVOLUTION if layer.is_plain else Kind.SPREAD_CONVOLUTION
    stage = layout.windowed(kind, window, layer.channels, flow)
    stage[Field.OWN] = window.channels // layer.groups
    layout.weights(stage, layer)
    high, wide = window.output_size
    # The parts are the blocks of the CPU engine.
    if layer.is_plain:
        sizes = geometry(window, layer.channels)
        block = rows_of_block(sizes, width_of_map(sizes))
    else:
        block = rows_of_spread_block(spread_geometry(window, layer.channels, layer.groups))
    stage[Field.TERMS] = min(block, high) * wide
    parts = layout.capacity * -(-high * wide // stage[Field.TERMS])
    stage[Field.PARTS] = layout.space(parts * (layer.weight.size + layer.channels))
    return layout.activated(stage, layer)
