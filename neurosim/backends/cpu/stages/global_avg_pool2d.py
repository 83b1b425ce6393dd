"""GlobalAvgPool2d: a window as large as the map."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages
from neurosim.backends.cpu.stages.window import add_pool
from neurosim.backends.cpu.table import AVG_POOL
from neurosim.network.layers import GlobalAvgPool2d


def add(stages: Stages, layer: GlobalAvgPool2d) -> None:
    """Lay out a pool whose outputs are vectors."""
    add_pool(stages, AVG_POOL, layer.window)
    stages.to_rows(layer.window.channels)
