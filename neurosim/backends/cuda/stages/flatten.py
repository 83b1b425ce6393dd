"""Flatten: moves no data."""

from __future__ import annotations

from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import Flatten


def add(layout: Layout, layer: Flatten, flow: Flow) -> Flow:
    """What comes in goes on."""
    return flow
