"""A network as the table of numbers that the compiled engine walks through.

Each row of the table is a stage: a dense layer with its activation, or a dropout layer (flatten
moves no data and needs none). Its entries are sizes, flags and addresses of buffers, so one
compiled engine runs any network.

Work is cut into blocks by shape alone, never by the number of threads: a stage is cut either into
blocks of columns (units) or, where it is narrow or its activation needs whole rows, into blocks of
rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, auto

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu.kernels import ActivationKernels, LossKernel
from neurosim.network import Dense, Dropout, Flatten, Network
from neurosim.plugin import RowActivation
from neurosim.randomness import drop_below

DENSE, DROPOUT = 0, 1


class Field(IntEnum):
    """Columns of the stage table."""

    KIND = 0
    INPUTS = auto()
    UNITS = auto()
    BY_ROWS = auto()  # cut into blocks of rows, not of columns
    COLUMN_BLOCKS = auto()  # blocks of columns in the forward pass
    INPUT_BLOCKS = auto()  # blocks of inputs in the backward pass
    WAIT = auto()  # the next stage needs the other threads' blocks of this one
    X = auto()  # address of the inputs; 0 for the batch itself
    Z = auto()  # address of the weighted sums
    A = auto()  # address of the outputs
    D = auto()  # address of the gradient with respect to the outputs, then to z
    DX = auto()  # address of the gradient with respect to the inputs; 0 where nobody needs it
    WEIGHT = auto()
    BIAS = auto()
    WEIGHT_GRADIENT = auto()
    BIAS_GRADIENT = auto()
    WEIGHT_STATE = auto()
    BIAS_STATE = auto()
    HAS_BIAS = auto()
    FORWARD = auto()
    BACKWARD = auto()
    WHOLE_ROWS = auto()  # the activation works on rows
    PARAMS = auto()  # address of the activation's parameters
    DROPOUT_INDEX = auto()
    DROP_BELOW = auto()
    DROP_SCALE = auto()  # address of 1 / (1 - rate)


class LossField(IntEnum):
    """Entries of the loss table."""

    FUNCTION = 0
    PARAMS = auto()
    Z = auto()
    A = auto()
    D = auto()
    OUTPUTS = auto()
    VALUES = auto()  # address of the batch's target values
    CLASSES = auto()  # address of the batch's class indices
    FROM_LOGITS = auto()


@dataclass
class Plan:
    """The table of a network for batches of up to `capacity` rows, and the buffers it points into."""

    stages: NDArray[np.int64]
    loss: NDArray[np.int64]
    capacity: int
    inputs: NDArray[np.float32]
    needs_blas: bool
    keep: list[NDArray[np.float32] | NDArray[np.int32]] = field(default_factory=list)


def column_blocks(units: int) -> int:
    """Blocks that `units` columns are cut into: enough to share out, not so many that packing costs."""
    if units < 32:
        return 1
    return 2 * max(1, units // 512)


def _address(array: NDArray[np.float32] | NDArray[np.int32], offset: int = 0) -> int:
    return int(array.ctypes.data) + 4 * offset


def build_plan(
    network: Network,
    capacity: int,
    kernels: Mapping[str, ActivationKernels],
    loss: LossKernel,
    parameters: NDArray[np.float32],
    gradient: NDArray[np.float32] | None,
    state: NDArray[np.float32] | None,
    *,
    dropout: bool,
    lanes: int = 1,
) -> Plan:
    """Lay out a network for the engine.

    Parameters
    ----------
    network : Network
        What to lay out.
    capacity : int
        Most rows of a batch.
    kernels : mapping
        Kernels of each dense layer's activation, by layer name.
    loss : LossKernel
        Kernel of the loss.
    parameters, gradient : float32 (size,)
        Flat vectors; without a gradient the plan is for forward passes only.
    state : float32 (slots, size) or None
        The optimizer's state.
    dropout : bool
        Whether dropout layers drop; else they are left out.
    lanes : int
        Networks side by side, see `neurosim.backends.cpu.lanes`; all arrays then have as many
        numbers for each one here.
    """
    builder = _PlanBuilder(network, capacity, parameters, gradient, state, lanes)
    for layer in network.layers:
        if isinstance(layer, Dense):
            builder.dense(layer, kernels[layer.name])
        elif isinstance(layer, Dropout) and dropout:
            builder.dropout(layer)
        elif not isinstance(layer, Flatten | Dropout):
            raise TypeError(f"no stage for {layer}")
    return builder.finish(loss)


class _PlanBuilder:
    def __init__(
        self,
        network: Network,
        capacity: int,
        parameters: NDArray[np.float32],
        gradient: NDArray[np.float32] | None,
        state: NDArray[np.float32] | None,
        lanes: int,
    ) -> None:
        self.network = network
        self.lanes = lanes
        self.capacity = capacity
        self.parameters = parameters
        self.gradient = gradient
        self.state = state
        self.rows: list[NDArray[np.int64]] = []
        self.keep: list[NDArray[np.float32] | NDArray[np.int32]] = []
        # Two batches: the next one is gathered while this one's backward pass ends.
        self.inputs = np.zeros((2, capacity * lanes, network.inputs), np.float32)
        self.keep.append(self.inputs)

    def _buffer(self, *shape: int) -> int:
        array = np.zeros((*shape, self.lanes), np.float32)
        self.keep.append(array)
        return _address(array)

    def _numbers(self, values: tuple[float, ...]) -> int:
        array = np.array(values or (0.0,), np.float32)
        self.keep.append(array)
        return _address(array)

    def _stage(self, kind: int, inputs: int, units: int) -> NDArray[np.int64]:
        stage = np.zeros(len(Field), np.int64)
        before = self.rows[-1] if self.rows else None
        stage[Field.KIND] = kind
        stage[Field.INPUTS] = inputs
        stage[Field.UNITS] = units
        stage[Field.X] = 0 if before is None else before[Field.A]
        self.rows.append(stage)
        return stage

    def dense(self, layer: Dense, kernels: ActivationKernels) -> None:
        trained_before = any(stage[Field.KIND] == DENSE for stage in self.rows)
        before = self.rows[-1] if self.rows else None
        stage = self._stage(DENSE, layer.inputs, layer.units)
        whole_rows = isinstance(layer.activation.record, RowActivation)
        stage[Field.BY_ROWS] = whole_rows or layer.units < 64
        stage[Field.WHOLE_ROWS] = whole_rows
        stage[Field.COLUMN_BLOCKS] = column_blocks(layer.units)
        stage[Field.INPUT_BLOCKS] = column_blocks(layer.inputs)
        stage[Field.Z] = self._buffer(self.capacity, layer.units)
        stage[Field.A] = self._buffer(self.capacity, layer.units)
        stage[Field.WEIGHT] = _address(self.parameters, layer.weight.offset * self.lanes)
        stage[Field.HAS_BIAS] = layer.bias is not None
        stage[Field.BIAS] = (
            _address(self.parameters, layer.bias.offset * self.lanes)
            if layer.bias is not None
            else self._buffer(layer.units)
        )
        stage[Field.FORWARD] = kernels.forward
        stage[Field.BACKWARD] = kernels.backward
        stage[Field.PARAMS] = self._numbers(layer.activation.values)
        if self.gradient is None:
            return
        stage[Field.D] = self._buffer(self.capacity, layer.units)
        stage[Field.DX] = before[Field.D] if before is not None and trained_before else 0
        stage[Field.WEIGHT_GRADIENT] = _address(self.gradient, layer.weight.offset * self.lanes)
        if self.state is not None:
            stage[Field.WEIGHT_STATE] = _address(self.state, layer.weight.offset * self.lanes)
        if layer.bias is not None:
            stage[Field.BIAS_GRADIENT] = _address(self.gradient, layer.bias.offset * self.lanes)
            if self.state is not None:
                stage[Field.BIAS_STATE] = _address(self.state, layer.bias.offset * self.lanes)

    def dropout(self, layer: Dropout) -> None:
        before = self.rows[-1] if self.rows else None
        stage = self._stage(DROPOUT, layer.units, layer.units)
        # The same blocks as the stage before: each thread drops what it has just computed.
        stage[Field.BY_ROWS] = 1 if before is None else before[Field.BY_ROWS]
        stage[Field.COLUMN_BLOCKS] = column_blocks(layer.units)
        stage[Field.A] = self._buffer(self.capacity, layer.units)
        stage[Field.D] = before[Field.D] if before is not None else 0
        stage[Field.DROPOUT_INDEX] = layer.index
        stage[Field.DROP_BELOW] = drop_below(layer.rate)
        stage[Field.DROP_SCALE] = self._numbers((1.0 / (1.0 - layer.rate),))

    def finish(self, loss: LossKernel) -> Plan:
        for stage, following in zip(self.rows, self.rows[1:], strict=False):
            same_rows = stage[Field.BY_ROWS] and following[Field.BY_ROWS]
            stage[Field.WAIT] = not (same_rows or following[Field.KIND] == DROPOUT)
        # The loss works on blocks of rows.
        self.rows[-1][Field.WAIT] = not self.rows[-1][Field.BY_ROWS]
        last, outputs = self.rows[-1], self.network.outputs
        classes = np.zeros(self.capacity * self.lanes, np.int32)
        self.keep.append(classes)
        table = np.zeros(len(LossField), np.int64)
        table[LossField.FUNCTION] = loss.loss
        table[LossField.PARAMS] = self._numbers(self.network.loss.values)
        table[LossField.Z] = last[Field.Z] or last[Field.A]
        table[LossField.A] = last[Field.A]
        table[LossField.D] = last[Field.D]
        table[LossField.OUTPUTS] = outputs
        table[LossField.VALUES] = self._buffer(self.capacity, outputs)
        table[LossField.CLASSES] = _address(classes)
        table[LossField.FROM_LOGITS] = self.network.pair is not None
        widest = max(int(stage[Field.INPUTS] * stage[Field.UNITS]) for stage in self.rows)
        needs_blas = self.capacity * widest > 2048
        return Plan(np.array(self.rows), table, self.capacity, self.inputs, needs_blas, self.keep)
