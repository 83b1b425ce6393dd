"""Activate: an activation as a separate stage."""

from __future__ import annotations

from neurosim.backends.cuda.fields import Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import Activate


def add(layout: Layout, layer: Activate, flow: Flow) -> Flow:
    """Lay out an activation."""
    return layout.activated(layout.stage(Kind.ALONE, layer.units, layer.units, flow), layer)
