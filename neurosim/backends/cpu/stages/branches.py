"""Branches: forks before them, and where their outputs and gradients are, for the stage that joins them."""

from __future__ import annotations

from collections.abc import Sequence

from neurosim.backends.cpu.stages.base import Stage, Stages, gradient_of
from neurosim.backends.cpu.table import FORK, Field
from neurosim.network.layers import Layer, SameShape


def add_branches(stages: Stages, layer: SameShape, branches: Sequence[Sequence[Layer]]) -> list[Stage]:
    """Lay out a fork for every branch but the last, and the branches, each of which is given the layer's inputs.

    Returns the stage at the end of each branch, whose D is where the gradient of its outputs belongs. That of a branch
    without stages is like a fork and stands in no table.
    """
    forks = [_fork(stages, layer) for _ in branches[1:]]
    last = stages.before
    ends = []
    for fork, branch in zip(forks, branches, strict=False):
        aside = fork.copy()
        if fork[Field.ACTIVE]:
            # What the fork adds to the gradient from the other branches.
            aside[Field.D] = fork[Field.OTHER] = stages.rows_or_groups(layer.units)
        stages.stand_ins.append((aside, fork))
        stages.before = aside
        end = _branch(stages, branch)
        if end is not aside:
            end[Field.ENDS_BRANCH] = 1
        ends.append(end)
        stages.before = last
    return [*ends, _branch(stages, branches[-1])]


def _fork(stages: Stages, layer: SameShape) -> Stage:
    fork, before = stages.same_shape(FORK, layer.shape)
    fork[Field.A] = fork[Field.X]
    if fork[Field.ACTIVE]:
        # The gradient from the later branches; that of the stage before is its sum with the other one's.
        fork[Field.D], fork[Field.DX] = stages.rows_or_groups(layer.units), gradient_of(before)
    return fork


def _branch(stages: Stages, layers: Sequence[Layer]) -> Stage:
    for layer in layers:
        stages.add(layer)
    assert stages.before is not None  # a fork, if nothing else
    return stages.before
