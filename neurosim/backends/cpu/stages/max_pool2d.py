"""MaxPool2d: a pool of maps."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages
from neurosim.backends.cpu.stages.window import add_pool
from neurosim.backends.cpu.table import MAX_POOL
from neurosim.network.layers import MaxPool2d


def add(stages: Stages, layer: MaxPool2d) -> None:
    """Lay out a pool."""
    add_pool(stages, MAX_POOL, layer.window)
