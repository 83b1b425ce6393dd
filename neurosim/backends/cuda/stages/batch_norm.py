"""BatchNorm: normalization over the rows of a batch."""

from __future__ import annotations

from neurosim.backends.cuda.fields import Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.backends.cuda.stages.normalization import add_normalization
from neurosim.network.layers import BatchNorm


def add(layout: Layout, layer: BatchNorm, flow: Flow) -> Flow:
    """Lay out a batch normalization."""
    stage = add_normalization(layout, Kind.BATCH_NORM, layer, flow)
    stage[Field.PARAMS] = layout.keep(layer.epsilon, layer.momentum)
    # The running statistics follow the parameters.
    stage[Field.RUNNING_MEAN] = layout.network.size + layer.mean.offset
    stage[Field.RUNNING_VARIANCE] = layout.network.size + layer.variance.offset
    return layout.leave(stage, layout.rows(layer.units))
