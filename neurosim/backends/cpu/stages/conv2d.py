"""Conv2d: a convolution of maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.backends.cpu.stages.base import Stages
from neurosim.backends.cpu.stages.weighted import add_product
from neurosim.backends.cpu.stages.window import geometry, spread_geometry
from neurosim.backends.cpu.table import CONV, Field
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.network.layers import Conv2d


def add(stages: Stages, layer: Conv2d) -> None:
    """Lay out a convolution."""
    kernels: Any
    gradients: Any
    # Imported, and so compiled, only for networks that need it.
    if layer.is_plain:
        from neurosim.backends.cpu import conv2d

        kernels = gradients = conv2d
        numbers = geometry(layer.window, layer.channels)
    else:
        from neurosim.backends.cpu import spread_conv2d, spread_gradients

        kernels, gradients = spread_conv2d, spread_gradients
        numbers = spread_geometry(layer.window, layer.channels, layer.groups)
        stages.needs_scratch(spread_conv2d.scratch_floats(numbers))
    before = stages.before
    units = int(np.prod(layer.output_shape))
    stage = stages.stage(CONV, int(np.prod(layer.window.input_shape)), units, layer.channels)
    stage[Field.SPREAD_KERNEL] = not layer.is_plain
    add_product(stages, stage, layer, before, adds_bias=True)
    stage[Field.GEOMETRY] = stages.integers(*numbers)
    # Followed by zeros, for activations that would add a bias.
    stage[Field.PACKED] = stages.buffer(kernels.packed_floats(numbers) + layer.channels * GROUP)
    if stages.backward:
        stage[Field.PACKED_TRANSPOSED] = stages.buffer(kernels.transposed_floats(numbers))
        if not layer.weight.frozen:
            stages.partials(stage, layer.weight.size + (layer.channels if layer.bias is not None else 0))
        stages.needs_scratch(gradients.gradient_floats(numbers))
