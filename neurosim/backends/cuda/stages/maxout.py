"""Maxout: the largest of several weighted sums."""

from __future__ import annotations

from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.backends.cuda.stages.combination import add_combination
from neurosim.network.layers import Maxout


def add(layout: Layout, layer: Maxout, flow: Flow) -> Flow:
    """Lay out such a layer."""
    return add_combination(layout, layer, flow)
