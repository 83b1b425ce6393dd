"""BatchNorm: two stages for maps, since the moments of all groups must be known first."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages, address, gradient_of
from neurosim.backends.cpu.table import BATCH_NORM, MOMENTS, Field
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.network.layers import BatchNorm


def add(stages: Stages, layer: BatchNorm) -> None:
    """Lay out a batch normalization."""
    settings = stages.numbers((layer.epsilon, layer.momentum))
    mean, inverse = stages.buffer(layer.channels), stages.buffer(layer.channels)
    # One that is frozen normalizes with its running statistics in training, too.
    by_batch = stages.backward and not layer.keeps_statistics
    if stages.on_maps and by_batch:
        # The moments of all groups must be known before any group can be normalized.
        moments, before = stages.same_shape(MOMENTS, layer.shape)
        moments[Field.A], moments[Field.D] = moments[Field.X], gradient_of(before)
        stages.partials(moments, 2 * layer.channels)
    stage, before = stages.same_shape(BATCH_NORM, layer.shape)
    stages.learns(stage, layer.gamma, layer.beta)
    stage[Field.BATCH], stage[Field.MOVE] = by_batch, by_batch and stages.training
    stage[Field.SETTINGS], stage[Field.MEAN], stage[Field.INVERSE] = settings, mean, inverse
    stage[Field.RUNNING_MEAN] = address(stages.vectors.statistics, layer.mean.offset)
    stage[Field.RUNNING_VARIANCE] = address(stages.vectors.statistics, layer.variance.offset)
    stage[Field.A] = stages.rows_or_groups(layer.units)
    stage[Field.BY_ROWS] = 0
    stages.needs_scratch(4 * layer.channels * GROUP)
    if not stages.backward:
        return
    if stage[Field.D] == 0:
        stage[Field.D] = stages.rows_or_groups(layer.units)
    if stages.on_maps and by_batch:
        stages.partials(stage, 2 * layer.channels)
        # Each needs the sums that the other one stores, group by group.
        stage[Field.OTHER], stage[Field.INNER] = moments[Field.PARTIALS], moments[Field.PARTIAL]
        moments[Field.MEAN], moments[Field.INVERSE] = mean, inverse
        moments[Field.WEIGHT], moments[Field.D] = stage[Field.WEIGHT], stage[Field.D]
        moments[Field.OTHER], moments[Field.INNER] = stage[Field.PARTIALS], stage[Field.PARTIAL]
        moments[Field.ACTIVE] = 1
