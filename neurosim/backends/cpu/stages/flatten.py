"""Flatten: moves data only from maps to rows."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages
from neurosim.network.layers import Flatten


def add(stages: Stages, layer: Flatten) -> None:
    """Lay out the step from maps to rows, if there are maps."""
    if stages.on_maps:
        stages.to_rows(layer.units)
