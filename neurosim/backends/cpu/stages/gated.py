"""Gated: units of two numbers, one of which gates the other."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages
from neurosim.backends.cpu.stages.combination import add_combination
from neurosim.network.layers import Gated


def add(stages: Stages, layer: Gated) -> None:
    """Lay out such a layer."""
    add_combination(stages, layer)
