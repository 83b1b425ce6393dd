"""AvgPool2d: a pool of maps."""

from __future__ import annotations

from neurosim.backends.cuda.fields import Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import AvgPool2d, Window


def add(layout: Layout, layer: AvgPool2d, flow: Flow) -> Flow:
    """Lay out a pool."""
    return add_mean(layout, layer.window, flow)


def add_mean(layout: Layout, window: Window, flow: Flow) -> Flow:
    """Lay out the mean of the cells under a window."""
    stage = layout.windowed(Kind.AVG_POOL, window, window.channels, flow)
    return layout.leave(stage, layout.rows(stage[Field.UNITS]))
