"""AvgPool2d: a pool of maps."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages
from neurosim.backends.cpu.stages.window import add_pool
from neurosim.backends.cpu.table import AVG_POOL
from neurosim.network.layers import AvgPool2d


def add(stages: Stages, layer: AvgPool2d) -> None:
    """Lay out a pool."""
    add_pool(stages, AVG_POOL, layer.window, layer.counted)
