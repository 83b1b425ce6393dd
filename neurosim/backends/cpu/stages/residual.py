"""Residual: a fork, its branches, and a join."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages, gradient_of
from neurosim.backends.cpu.table import ADD, FORK, Field
from neurosim.network.layers import Residual


def add(stages: Stages, layer: Residual) -> None:
    """Lay out a fork, the projection, the layers inside, and a join."""
    fork, before = stages.same_shape(FORK, layer.shape)
    fork[Field.A] = fork[Field.X]
    active = bool(fork[Field.ACTIVE])
    if active:
        # The gradient from the inner layers; that of the layer before is its sum with the skip's.
        fork[Field.D], fork[Field.DX] = stages.rows_or_groups(layer.units), gradient_of(before)
    skip = fork
    if layer.projection is not None:
        stages.add(layer.projection)
        skip = stages.table[-1]
        skip[Field.PROJECTION] = 1
        if active:
            skip[Field.DX] = fork[Field.OTHER] = stages.rows_or_groups(layer.units)
        stages.before = fork
    for inner in layer.layers:
        stages.add(inner)
    join, last = stages.same_shape(ADD, layer.output_shape)
    join[Field.A] = stages.rows_or_groups(int(join[Field.UNITS]))
    join[Field.OTHER] = skip[Field.A]
    join[Field.ACTIVE] |= skip[Field.ACTIVE]
    if stages.backward and join[Field.ACTIVE]:
        join[Field.D] = stages.rows_or_groups(int(join[Field.UNITS]))
        join[Field.INNER] = gradient_of(last)
        if layer.projection is not None:
            skip[Field.D] = join[Field.D]
        elif active:
            fork[Field.OTHER] = join[Field.D]
