"""Maxout: the largest of several weighted sums."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages
from neurosim.backends.cpu.stages.combination import add_combination
from neurosim.network.layers import Maxout


def add(stages: Stages, layer: Maxout) -> None:
    """Lay out such a layer."""
    add_combination(stages, layer)
