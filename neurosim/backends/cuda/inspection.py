"""What the layers computed, read from the work space after a batch."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Signals
from neurosim.backends.cuda.fields import NONE, Field
from neurosim.backends.cuda.launches import PhaseLaunches
from neurosim.data.rows import Rows
from neurosim.network.layers import Activated, Shape, Weighted
from neurosim.network.network import Network


def layer_signals(network: Network, phases: PhaseLaunches, rows: Rows) -> dict[str, Signals]:
    """What each layer computed for the rows on which the phases of a gradient were last run."""
    work = phases.memory.download(phases.work)
    table = phases.table
    inputs = rows.features.astype(np.float32) * np.float32(rows.scale) + np.float32(rows.shift)

    def read(offset: int, shape: Shape) -> NDArray[np.float32]:
        if offset == NONE:
            return inputs.reshape(rows.count, *shape).copy()
        return work[offset : offset + rows.count * math.prod(shape)].reshape(rows.count, *shape).copy()

    signals = {}
    last = len(table.stages) - 1
    for layer in network.parts:
        place, out = table.places[layer.name]
        shape = layer.output_shape
        sums = errors = None
        if isinstance(layer, Activated):
            stage = table.stages[place]
            out, sums = int(stage[Field.A]), read(int(stage[Field.Z]), shape)
            if isinstance(layer, Weighted):
                # Row-wise activations have a separate place for it, unless the loss computes it from logits.
                own = stage[Field.WHOLE_ROWS] == 1 and not (place == last and table.from_logits)
                errors = read(int(stage[Field.DZ if own else Field.D]), shape)
        signals[layer.name] = Signals(read(out, shape), sums, errors)
    return signals
