"""What the layers computed, read from the buffers of a plan."""

from __future__ import annotations

import ctypes
import math

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Signals
from neurosim.backends.cpu.plan import Plan
from neurosim.backends.cpu.table import TO_ROWS, Field
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.network.layers import Activated, Shape, Weighted
from neurosim.network.network import Network


def layer_signals(network: Network, plan: Plan, rows: int) -> dict[str, Signals]:
    """Copies of what each layer computed for the `rows` rows on which the plan was last run.

    The plan must have a backward pass: others reuse their buffers.
    """
    signals = {}
    for layer in network.parts:
        place = plan.places[layer.name]
        has_weights = isinstance(layer, Weighted)

        def read(field: Field, place: int = place, shape: Shape = layer.output_shape) -> NDArray[np.float32]:
            return _read(plan, place, field, rows, shape)

        signals[layer.name] = Signals(
            read(Field.A),
            # If an activation is a separate stage, its sums are the outputs before it.
            read(Field.Z) if isinstance(layer, Activated) else None,
            read(Field.D) if has_weights else None,
        )
    return signals


def _read(plan: Plan, place: int, field: Field, rows: int, shape: Shape) -> NDArray[np.float32]:
    stage = plan.stages[max(place, 0)]
    address = int(stage[field]) if place >= 0 else 0
    on_maps = bool(stage[Field.MAPS]) and stage[Field.KIND] != TO_ROWS
    # No address: these are the inputs.
    return _array(address or int(plan.inputs.ctypes.data), rows, shape, on_maps)


def _array(address: int, rows: int, shape: Shape, on_maps: bool) -> NDArray[np.float32]:
    """The numbers of `rows` rows; those of maps are in groups of samples, with the sample's number last."""
    count = math.prod(shape)
    groups = -(-rows // GROUP)
    total = (groups * GROUP if on_maps else rows) * count
    flat = np.ctypeslib.as_array((ctypes.c_float * total).from_address(address))
    if on_maps:
        flat = flat.reshape(groups, count, GROUP).transpose(0, 2, 1).reshape(groups * GROUP, count)
    return flat.reshape(-1, *shape)[:rows].copy()
