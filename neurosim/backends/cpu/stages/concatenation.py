"""Concatenation: forks, the branches, and a stage that puts their outputs beside each other."""

from __future__ import annotations

import math

from neurosim.backends.cpu.stages.base import Stages, gradient_of
from neurosim.backends.cpu.stages.branches import add_branches
from neurosim.backends.cpu.table import CONCATENATE, Field
from neurosim.backends.cpu.vectors import LINE
from neurosim.network.layers import Concatenation


def add(stages: Stages, layer: Concatenation) -> None:
    """Lay out the branches and what joins them."""
    ends = add_branches(stages, layer, layer.chains)
    stage, _ = stages.same_shape(CONCATENATE, layer.output_shape)
    units, cells = int(stage[Field.UNITS]), math.prod(layer.output_shape[:-1])
    stage[Field.A] = stages.rows_or_groups(units)
    stage[Field.ACTIVE] = max(int(end[Field.ACTIVE]) for end in ends)
    entries = []
    for end, width in zip(ends, layer.widths, strict=True):
        group_bytes = cells * width * LINE if stage[Field.A_GROUP] else 0
        entries += [int(end[Field.A]), gradient_of(end) if stages.backward else 0, width, group_bytes]
    stage[Field.BRANCHES] = stages.integers(len(ends), *entries)
    if stages.backward:
        stage[Field.D] = stages.rows_or_groups(units)
