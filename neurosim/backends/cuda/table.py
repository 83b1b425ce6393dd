"""A network as the table of numbers that the CUDA kernels walk through, and a step as a list of phases.

Each row is a stage: a dense layer with its activation and the dropout right behind it, or a dropout
layer that follows no dense one (flatten moves no data and needs none). Entries are sizes, flags and
offsets: into the flat vector of parameters, and into one work space that holds what a batch leaves
behind on its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import BackendError
from neurosim.network import Dense, Dropout, Flatten, Network
from neurosim.plugin import RowActivation
from neurosim.randomness import drop_below

DENSE, DROPOUT = 0, 1
NONE = -1


class Field(IntEnum):
    """Columns of the stage table."""

    KIND = 0
    INPUTS = auto()
    UNITS = auto()
    X = auto()  # offset of the inputs in the work space; NONE for the batch itself
    Z = auto()  # of the weighted sums
    A = auto()  # of the activations
    OUT = auto()  # of what leaves the stage: the activations, or these after dropout
    D = auto()  # of the gradient with respect to what leaves the stage, then to the weighted sums
    DZ = auto()  # of a row-wise activation's result on the way back; NONE for others
    BEHIND = auto()  # the stage that the gradient of the inputs goes to; NONE where nothing learns from it
    WEIGHT = auto()  # offset in the parameters
    BIAS = auto()  # NONE where there is none
    ACTIVATION = auto()  # its number among the network's activations
    WHOLE_ROWS = auto()  # the activation works on rows
    PARAMS = auto()  # offset of the activation's parameters among the numbers
    DROP = auto()  # number of the dropout layer; NONE for no dropout
    DROP_BELOW = auto()  # the lower 32 bits, as a signed number
    DROP_SCALE = auto()  # offset of 1 / (1 - rate) among the numbers


class LossField(IntEnum):
    """Entries of the loss table."""

    PARAMS = 0
    JUDGE = auto()
    THRESHOLD = auto()  # offset among the numbers


class Phase(IntEnum):
    """Kinds of phases; what each does is in `neurosim.backends.cuda.kernels.phases`."""

    FORWARD = 0
    FINISH_ROWS = auto()
    JUDGE_ROWS = auto()
    PULL_BACK = auto()
    BACKWARD = auto()
    LEARN = auto()


@dataclass(frozen=True)
class Table:
    """A network laid out for batches of up to `capacity` rows.

    Attributes
    ----------
    stages : int32 (stages, fields)
    loss : int32 (fields,)
    numbers : float32
        Parameters of activations and loss, scales and thresholds.
    work : int
        Size of the work space.
    from_logits : bool
        Whether the loss is computed from the last weighted sums.
    """

    stages: NDArray[np.int32]
    loss: NDArray[np.int32]
    numbers: NDArray[np.float32]
    work: int
    capacity: int
    from_logits: bool

    def forward(self) -> list[tuple[Phase, int]]:
        """The phases of a forward pass, each with its stage."""
        found = []
        for s, stage in enumerate(self.stages):
            found.append((Phase.FORWARD, s))
            if stage[Field.WHOLE_ROWS] == 1:
                found.append((Phase.FINISH_ROWS, s))
        return found

    def judge(self) -> list[tuple[Phase, int]]:
        """The phase that measures the outputs and begins the way back."""
        return [(Phase.JUDGE_ROWS, len(self.stages) - 1)]

    def backward(self) -> list[tuple[Phase, int]]:
        """The phases from the gradient of the loss to that of every stage's weighted sums."""
        last = len(self.stages) - 1
        found = [] if self.from_logits else [(Phase.PULL_BACK, last)]
        for s in range(last, 0, -1):
            behind = int(self.stages[s, Field.BEHIND])
            if behind == NONE:
                break
            found.append((Phase.BACKWARD, s))
            if self.stages[behind, Field.KIND] != DENSE or self.stages[behind, Field.WHOLE_ROWS] == 1:
                found.append((Phase.PULL_BACK, behind))
        return found

    def step(self) -> list[tuple[Phase, int]]:
        """All phases of a training step."""
        return [*self.forward(), *self.judge(), *self.backward(), (Phase.LEARN, 0)]

    def program(self) -> NDArray[np.int32]:
        """`step` as the kernels take it, int32 (phases, 2)."""
        return np.array(self.step(), np.int32)


def build_table(network: Network, capacity: int, activations: Sequence[Any], *, judge: int) -> Table:
    """Lay out a network.

    Parameters
    ----------
    network : Network
        What to lay out.
    capacity : int
        Most rows of a batch.
    activations : sequence of records
        The network's different activations, in the order in which kernels number them.
    judge : int
        How right answers are told; see `neurosim.backends.base.JUDGES`.
    """
    numbers: list[float] = []
    stages: list[list[int]] = []
    work = 0

    def space(units: int) -> int:
        nonlocal work
        work += capacity * units
        return work - capacity * units

    def keep(*values: float) -> int:
        numbers.extend(values)
        return len(numbers) - len(values)

    for layer in network.layers:
        stage = [NONE] * len(Field)
        before = stages[-1] if stages else None
        stage[Field.X] = before[Field.OUT] if before is not None else NONE
        learns = any(entry[Field.KIND] == DENSE for entry in stages)
        stage[Field.BEHIND] = len(stages) - 1 if learns else NONE
        if isinstance(layer, Dense):
            z, a, d = space(layer.units), space(layer.units), space(layer.units)
            stage[Field.KIND], stage[Field.INPUTS], stage[Field.UNITS] = DENSE, layer.inputs, layer.units
            stage[Field.Z], stage[Field.A], stage[Field.OUT], stage[Field.D] = z, a, a, d
            stage[Field.WEIGHT] = layer.weight.offset
            stage[Field.BIAS] = layer.bias.offset if layer.bias is not None else NONE
            stage[Field.ACTIVATION] = activations.index(layer.activation.record)
            stage[Field.WHOLE_ROWS] = int(isinstance(layer.activation.record, RowActivation))
            stage[Field.DZ] = space(layer.units) if stage[Field.WHOLE_ROWS] else NONE
            stage[Field.PARAMS] = keep(*layer.activation.values)
            stages.append(stage)
        elif isinstance(layer, Dropout):
            fused = before is not None and before[Field.KIND] == DENSE and before[Field.DROP] == NONE
            target = before if before is not None and fused else stage
            target[Field.DROP] = layer.index
            target[Field.DROP_BELOW] = int(np.uint32(drop_below(layer.rate)).astype(np.int32))
            target[Field.DROP_SCALE] = keep(1.0 / (1.0 - layer.rate) if layer.rate < 1.0 else 0.0)
            target[Field.OUT] = space(layer.units)
            if not fused:
                stage[Field.KIND], stage[Field.INPUTS], stage[Field.UNITS] = DROPOUT, layer.units, layer.units
                stage[Field.D] = space(layer.units)
                stages.append(stage)
        elif not isinstance(layer, Flatten):
            raise BackendError(f"the CUDA backend has no {layer.kind} layer ({layer.name})", "Use --backend cpu.")
    loss = [NONE] * len(LossField)
    loss[LossField.PARAMS] = keep(*network.loss.values)
    loss[LossField.JUDGE] = judge
    loss[LossField.THRESHOLD] = keep(network.loss.record.threshold)
    return Table(
        np.array(stages, np.int32),
        np.array(loss, np.int32),
        np.array(numbers, np.float32),
        work,
        capacity,
        network.pair is not None,
    )
