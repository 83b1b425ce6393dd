"""Flatten: moves no data."""

from __future__ import annotations

from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import Flatten


def add(layout: Layout, layer: Flatten, flow: Flow) -> Flow:
    """The input is the output."""
    return flow
