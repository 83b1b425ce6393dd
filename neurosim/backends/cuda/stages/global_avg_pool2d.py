"""GlobalAvgPool2d: a window as large as the map."""

from __future__ import annotations

from neurosim.backends.cuda.stages.avg_pool2d import add_mean
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import GlobalAvgPool2d


def add(layout: Layout, layer: GlobalAvgPool2d, flow: Flow) -> Flow:
    """Lay out a pool."""
    return add_mean(layout, layer.window, flow)
