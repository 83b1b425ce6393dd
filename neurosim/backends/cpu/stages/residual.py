"""Residual: a fork, the shortcut, the layers inside, and a join."""

from __future__ import annotations

from neurosim.backends.cpu.stages.base import Stages, gradient_of
from neurosim.backends.cpu.stages.branches import add_branches
from neurosim.backends.cpu.table import ADD, CONV, DENSE, Field
from neurosim.network.layers import Residual


def add(stages: Stages, layer: Residual) -> None:
    """Lay out both branches and what adds them."""
    place = len(stages.table)
    skip, last = add_branches(stages, layer, (layer.shortcut, layer.layers))
    fork = stages.table[place]
    join, _ = stages.same_shape(ADD, layer.output_shape)
    join[Field.A] = stages.rows_or_groups(int(join[Field.UNITS]))
    join[Field.OTHER] = skip[Field.A]
    join[Field.ACTIVE] |= skip[Field.ACTIVE]
    if not (stages.backward and join[Field.ACTIVE]):
        return
    join[Field.D] = stages.rows_or_groups(int(join[Field.UNITS]))
    join[Field.INNER] = gradient_of(last)
    if not skip[Field.ENDS_BRANCH]:  # no stages
        if fork[Field.ACTIVE]:
            fork[Field.OTHER] = join[Field.D]
    elif skip is stages.table[place + 1] and skip[Field.KIND] in (DENSE, CONV):
        skip[Field.D] = join[Field.D]
    else:
        join[Field.BESIDE] = gradient_of(skip)
