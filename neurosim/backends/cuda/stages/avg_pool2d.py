"""AvgPool2d: a pool of maps."""

from __future__ import annotations

from neurosim.backends.cuda.fields import Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import AvgPool2d, Window
from neurosim.network.layers.window import Sides


def add(layout: Layout, layer: AvgPool2d, flow: Flow) -> Flow:
    """Lay out a pool."""
    return add_mean(layout, layer.window, flow, layer.counted)


def add_mean(layout: Layout, window: Window, flow: Flow, counted: Sides = (0, 0, 0, 0)) -> Flow:
    """Lay out the mean of the cells under a window; `counted` are the cells beyond each edge of the map that count."""
    stage = layout.windowed(Kind.AVG_POOL, window, window.channels, flow)
    stage[Field.COUNTED_TOP : Field.COUNTED_RIGHT + 1] = counted
    return layout.leave(stage, layout.rows(stage[Field.UNITS]))
