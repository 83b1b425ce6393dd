"""MaxPool2d: it remembers where the largest cells were."""

from __future__ import annotations

from neurosim.backends.cuda.fields import Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import MaxPool2d


def add(layout: Layout, layer: MaxPool2d, flow: Flow) -> Flow:
    """Lay out a pool."""
    stage = layout.windowed(Kind.MAX_POOL, layer.window, layer.window.channels, flow)
    stage[Field.PLACES] = layout.rows(stage[Field.UNITS])
    return layout.leave(stage, layout.rows(stage[Field.UNITS]))
