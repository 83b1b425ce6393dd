"""Branches: forks before them, and where their outputs come from, for the stages that join them."""

from __future__ import annotations

from collections.abc import Sequence

from neurosim.backends.cuda.fields import NONE, Field, Kind
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.network.layers import Layer, SameShape


def add_branches(layout: Layout, layer: SameShape, branches: Sequence[Sequence[Layer]], flow: Flow) -> list[Flow]:
    """Lay out branches that are each given the rows of `flow`; returns the output of each.

    If something before them learns, there is a fork for each but the last, which adds its gradient to the others'.
    """
    if flow.behind == NONE:
        return [layout.stack(branch, Flow(flow.out)) for branch in branches]
    forks, inside = [], flow
    for _ in branches[1:]:
        forks.append(layout.stage(Kind.FORK, layer.units, layer.units, inside))
        inside = layout.leave(forks[-1], flow.out)
    ends = []
    for fork, branch in zip(forks, branches, strict=False):
        # Separate space for the gradient through this branch.
        number = len(layout.stages)
        aside = layout.stage(Kind.FORK, layer.units, layer.units, Flow(flow.out))
        layout.leave(aside, flow.out)
        fork[Field.SKIP] = aside[Field.D]
        ends.append(layout.stack(branch, Flow(flow.out, number)))
    return [*ends, layout.stack(branches[-1], inside)]
