"""A network as the table of numbers that the CUDA kernels step through, and a step as a list of phases.

Each row is a stage: a layer with its activation and the dropout that directly follows it; a dropout layer that follows
no activation; the fork and the join of a residual layer, or the forks and the parts of a concatenation (flatten moves
no data and needs none). Entries are sizes, flags and offsets (see `fields`): into the flat vector of parameters,
followed by the running statistics, and into one work space for the intermediate results of a batch. `layout` creates
the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cuda.fields import NONE, Field, Kind, LossField, Phase

Program = list[tuple[Phase, int]]

# The phase that does most of a stage's work, forward and backward; the preparation of normalizations is below.
_FORWARD = {
    Kind.DENSE: Phase.FORWARD,
    Kind.DROPOUT: Phase.DROP_FORWARD,
    Kind.CONVOLUTION: Phase.CONVOLVE,
    Kind.MAX_POOL: Phase.POOL_FORWARD,
    Kind.AVG_POOL: Phase.POOL_FORWARD,
    Kind.BATCH_NORM: Phase.NORMALIZE,
    Kind.LAYER_NORM: Phase.NORMALIZE,
    Kind.ALONE: Phase.ACTIVATE,
    Kind.JOIN: Phase.JOIN_FORWARD,
    Kind.PART: Phase.PART_FORWARD,
    Kind.COMBINE: Phase.COMBINE_FORWARD,
    Kind.SPREAD_CONVOLUTION: Phase.SPREAD_FORWARD,
}
_BACKWARD = {
    Kind.DENSE: Phase.BACKWARD,
    Kind.DROPOUT: Phase.DROP_BACKWARD,
    Kind.CONVOLUTION: Phase.CONVOLVE_BACKWARD,
    Kind.MAX_POOL: Phase.POOL_BACKWARD,
    Kind.AVG_POOL: Phase.POOL_BACKWARD,
    Kind.BATCH_NORM: Phase.NORMALIZE_BACKWARD,
    Kind.LAYER_NORM: Phase.NORMALIZE_BACKWARD,
    Kind.ALONE: Phase.ACTIVATE_BACKWARD,
    Kind.FORK: Phase.FORK_BACKWARD,
    Kind.JOIN: Phase.JOIN_BACKWARD,
    Kind.PART: Phase.PART_BACKWARD,
    Kind.COMBINE: Phase.COMBINE_BACKWARD,
    Kind.SPREAD_CONVOLUTION: Phase.SPREAD_BACKWARD,
}
_LEARNERS = frozenset({Kind.DENSE, Kind.CONVOLUTION, Kind.SPREAD_CONVOLUTION, Kind.BATCH_NORM, Kind.LAYER_NORM})


def learns(stage: Sequence[int] | NDArray[np.int32]) -> bool:
    """Whether a stage has parameters that are not frozen."""
    return stage[Field.FROZEN] == NONE and (stage[Field.KIND] in _LEARNERS or stage[Field.LEARNED] != NONE)


@dataclass(frozen=True)
class Table:
    """A network laid out for batches of up to `capacity` rows.

    Attributes
    ----------
    stages : int32 (stages, fields)
    loss : int32 (fields,)
    numbers : float32
        Bounds on the gradient, parameters of activations and loss, scales and thresholds.
    work : int
        Size of the work space.
    from_logits : bool
        Whether the loss is computed from the last weighted sums.
    clips_norm : bool
        Whether the length of the gradient has a bound.
    places : dict of str to (int, int)
        For each layer, by name, the stage that computes it (`NONE` if there is none: a layer that moves nothing) and
        the offset of its outputs in the work space (`NONE` for the inputs).
    updates : list of (Phase, int)
        The phases of an optimizer that looks at whole arrays, once the gradient is known; empty for the others.
    """

    stages: NDArray[np.int32]
    loss: NDArray[np.int32]
    numbers: NDArray[np.float32]
    work: int
    capacity: int
    from_logits: bool
    clips_norm: bool
    places: dict[str, tuple[int, int]]
    updates: Program

    def forward(self, *, training: bool = False) -> Program:
        """The phases of a forward pass, each with its stage; in `training`, with the statistics of the batch."""
        program = []
        for s, stage in enumerate(self.stages):
            kind = Kind(int(stage[Field.KIND]))
            if stage[Field.STARTS] != NONE:
                program.append((Phase.FIND_STARTS, s))
            if kind == Kind.LAYER_NORM:
                program.append((Phase.GROUP_STATISTICS, s))
            elif kind == Kind.BATCH_NORM and training and stage[Field.FROZEN] == NONE:
                program.append((Phase.CHANNEL_PARTS, s))
                # Rows by themselves have squares about the mean of their group, which must be known first.
                program += [(Phase.CHANNEL_SQUARES, s)] if stage[Field.ON_MAPS] == 1 else []
                program.append((Phase.CHANNEL_STATISTICS, s))
            elif kind == Kind.BATCH_NORM:
                program.append((Phase.RUNNING_STATISTICS, s))
            if kind in _FORWARD:
                program.append((_FORWARD[kind], s))
            if stage[Field.WHOLE_ROWS] == 1:
                program.append((Phase.FINISH_ROWS, s))
        return program

    def judge(self) -> Program:
        """The phase that measures the outputs and begins the backward pass."""
        return [(Phase.JUDGE_ROWS, len(self.stages) - 1)]

    def backward(self) -> Program:
        """The phases from the gradient of the loss to that of every stage, and the parts of long sums."""
        last = len(self.stages) - 1
        program: Program = []
        for s in range(last, -1, -1):
            stage = self.stages[s]
            kind = Kind(int(stage[Field.KIND]))
            goes_on = stage[Field.BEHIND] != NONE or stage[Field.SKIP_BEHIND] != NONE
            if not goes_on and not learns(stage):
                continue
            # The gradient from the next stage is already that of the weighted sums, except for row-wise activations.
            by_unit = stage[Field.ACTIVATION] != NONE and stage[Field.WHOLE_ROWS] == 0
            if (s == last and not self.from_logits and by_unit) or (
                stage[Field.WHOLE_ROWS] == 1 and not (s == last and self.from_logits)
            ):
                program.append((Phase.PULL_BACK, s))
            if learns(stage):
                if stage[Field.LEARNED] != NONE:
                    program.append((Phase.LEARNED_PARTS, s))
                if kind == Kind.CONVOLUTION:
                    program.append((Phase.CONVOLVE_PARTS, s))
                if kind == Kind.SPREAD_CONVOLUTION:
                    program.append((Phase.SPREAD_PARTS, s))
                if kind in (Kind.BATCH_NORM, Kind.LAYER_NORM):
                    program.append((Phase.GRADIENT_PARTS, s))
            if goes_on and kind == Kind.LAYER_NORM:
                program.append((Phase.GROUP_GRADIENTS, s))
            elif goes_on and kind == Kind.BATCH_NORM and learns(stage):
                program.append((Phase.CHANNEL_GRADIENTS, s))
            if goes_on:
                program.append((_BACKWARD[kind], s))
        if self.stages[0][Field.GRADIENT_STARTS] != NONE:
            program.append((Phase.FIND_GRADIENT_STARTS, 0))
        return program

    def gradients(self) -> Program:
        """All phases of a step except the update: loss and gradients of a batch."""
        return [*self.forward(training=True), *self.judge(), *self.backward(), (Phase.GATHER, 0)]

    def step(self) -> Program:
        """All phases of a training step."""
        squares = [(Phase.ADD_SQUARES, 0)] if self.clips_norm else []
        if self.updates:
            return [*self.gradients(), *squares, *self.updates]
        if self.clips_norm:
            return [*self.gradients(), *squares, (Phase.UPDATE, 0)]
        return [*self.forward(training=True), *self.judge(), *self.backward(), (Phase.LEARN, 0)]

    def program(self) -> NDArray[np.int32]:
        """`step` as the kernels take it, int32 (phases, 2)."""
        return np.array(self.step(), np.int32)

    @property
    def has_parts(self) -> bool:
        """Whether there are layers whose gradients are sums of parts."""
        return bool((self.stages[:, [Field.PARTS, Field.LEARNED]] != NONE).any())

    @property
    def squares_parts(self) -> int:
        """Number of parts of the sum of squares of the gradient."""
        return int(self.loss[LossField.SQUARES_PARTS])
