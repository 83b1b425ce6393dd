"""GlobalAvgPool2d: a window as large as the map."""

from __future__ import annotations

from neurosim.backends.cuda.stages.avg_pool2d import add_mean
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import GlobalAvgPool2d, Window


def add(layout: Layout, layer: GlobalAvgPool2d, flow: Flow) -> Flow:
    """Lay out a pool."""
    height, width, _ = layer.shape
    return add_mean(layout, Window(layer.shape, (height, width), (1, 1), (0, 0, 0, 0)), flow)
