"""Gated: units of two numbers, one of which gates the other."""

from __future__ import annotations

from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.backends.cuda.stages.combination import add_combination
from neurosim.network.layers import Gated


def add(layout: Layout, layer: Gated, flow: Flow) -> Flow:
    """Lay out such a layer."""
    return add_combination(layout, layer, flow)
