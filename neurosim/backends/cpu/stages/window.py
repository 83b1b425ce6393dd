"""The common part of layers that slide a kernel over maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.backends.cpu.stages.base import Stages, gradient_of
from neurosim.backends.cpu.table import Field
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.network.layers import Window
from neurosim.network.layers.window import Sides


def geometry(window: Window, channels: int) -> Any:
    """The numbers that describe how a kernel moves over a map, as the convolutions take them."""
    top, _, left, _ = window.padding
    sizes = (*window.input_shape, *window.output_size, channels)
    return (*sizes, *window.kernel, *window.stride, top, left)


def spread_geometry(window: Window, channels: int, groups: int) -> Any:
    """The same of a convolution with groups or a dilation."""
    return (*geometry(window, channels), *window.dilation, groups)


def add_pool(stages: Stages, kind: int, window: Window, counted: Sides = (0, 0, 0, 0)) -> None:
    """Lay out a pool; `counted` are the cells beyond each edge of the map that count in a mean."""
    before = stages.before
    size = window.output_size
    units = size[0] * size[1] * window.channels
    stage = stages.stage(kind, int(np.prod(window.input_shape)), units, window.channels)
    stage[Field.GEOMETRY] = stages.integers(*geometry(window, window.channels), *window.dilation, *counted)
    stage[Field.A] = stages.rows_or_groups(units)
    stages.needs_scratch(window.channels * GROUP)
    if stages.backward:
        stage[Field.D] = stages.rows_or_groups(units)
        stage[Field.DX] = gradient_of(before)
