"""Conv2d: a convolution of maps."""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.stages.base import Stages
from neurosim.backends.cpu.stages.weighted import add_product
from neurosim.backends.cpu.stages.window import geometry
from neurosim.backends.cpu.table import CONV, Field
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.network.layers import Conv2d


def add(stages: Stages, layer: Conv2d) -> None:
    """Lay out a convolution."""
    # Imported, and so compiled, only for networks that need it.
    from neurosim.backends.cpu.conv2d import gradient_floats, packed_floats, transposed_floats

    before = stages.before
    units = int(np.prod(layer.output_shape))
    stage = stages.stage(CONV, int(np.prod(layer.window.input_shape)), units, layer.channels)
    add_product(stages, stage, layer, before, adds_bias=True)
    numbers = geometry(layer.window, layer.channels)
    stage[Field.GEOMETRY] = stages.integers(*numbers)
    # Followed by zeros, for activations that would add a bias.
    stage[Field.PACKED] = stages.buffer(packed_floats(numbers) + layer.channels * GROUP)
    if stages.backward:
        stage[Field.PACKED_TRANSPOSED] = stages.buffer(transposed_floats(numbers))
        stages.partials(stage, layer.weight.size + (layer.channels if layer.bias is not None else 0))
        stages.needs_scratch(gradient_floats(numbers))
