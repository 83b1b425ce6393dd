"""GlobalAvgPool2d: a window as large as the map."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages
from neurosim.backends.cpu.stages.window import add_pool
from neurosim.backends.cpu.table import AVG_POOL
from neurosim.network.layers import GlobalAvgPool2d, Window


def add(stages: Stages, layer: GlobalAvgPool2d) -> None:
    """Lay out a pool whose outputs are vectors."""
    height, width, channels = layer.shape
    add_pool(stages, AVG_POOL, Window(layer.shape, (height, width), (1, 1), (0, 0, 0, 0)))
    stages.to_rows(channels)
