"""Which sample is explained when none is asked for: one that shows something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from neurosim.network.layers import Conv2d, Dense, Weighted
from neurosim.worksheet.step import Step, sample_loss

# A row that changes nearly as many weights as another is just as good.
NEARLY = 0.9


def choose(step: Step, rows: int) -> tuple[int, str]:
    """Which of the rows of a step to explain, and why.

    Among the rows at which the most weights have a gradient, it is the one with the largest loss: where inputs are 0 or
    units are dead, the backward pass would be lines of zeros.

    Parameters
    ----------
    step : Step
        On the first training rows.
    rows : int
        How many training rows there are.
    """
    tried = [replace(step, place=place) for place in range(step.rows.count)]
    moving = np.array([_moving(one) for one in tried])
    losses = np.nan_to_num([sample_loss(one) for one in tried])
    of = f"all {rows} training rows" if len(tried) == rows else f"the first {len(tried)} training rows"
    if not moving.any():
        # With inputs of 0, even the weighted sums would show nothing.
        first = int(np.array([one.inputs.any() for one in tried]).argmax())
        return first, f"The gradients of the weights are 0 at {of}, so any of these shows as much{OTHERS}"
    candidates = np.flatnonzero(moving >= NEARLY * moving.max())
    best = int(candidates[losses[candidates].argmax()])
    return best, f"Picked from {of}: among those that change the most weights, it has the largest error{OTHERS}"


OTHERS = "; any other can be asked for."


def _moving(step: Step) -> float:
    """How many weights get a gradient from the sample; in convolutions, in proportion to the places with an error."""
    return sum(_MOVING[type(layer)](step, layer) for layer in step.network.weighted)


def _moving_dense(step: Step, layer: Dense) -> float:
    inputs = step.trace.saved[layer.name][0][step.place]
    return float(np.count_nonzero(inputs) * np.count_nonzero(step.errors(layer)))


def _moving_conv2d(step: Step, layer: Conv2d) -> float:
    return layer.weight.size * float((step.errors(layer) != 0).mean())


_MOVING: dict[type[Weighted], Callable[[Step, Any], float]] = {Dense: _moving_dense, Conv2d: _moving_conv2d}
