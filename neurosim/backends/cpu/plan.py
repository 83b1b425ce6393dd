"""A network as the table of numbers that the compiled engine steps through.

Each row of the table is a stage: usually a layer, sometimes a part of one (flatten moves no data and needs none; a
residual layer is a fork, its branches and a join; a concatenation likewise, with a fork for every branch but one). The
entries are sizes, flags and addresses of buffers, so one compiled engine can run any network.

Vectors are stored row by row; their stages are divided into blocks of columns (units) or, if they are narrow or need
whole rows, into blocks of rows. Maps are stored and divided in groups of samples, see `neurosim.backends.cpu.maps`.
Blocks of rows and groups of samples have sums of their own, which are added up, so shape alone determines them. Nothing
is summed over blocks of columns, and of these there are as many as threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu.kernels import ActivationKernels, LossKernel
from neurosim.backends.cpu.products import SMALL
from neurosim.backends.cpu.stages.base import Stages, Vectors, address
from neurosim.backends.cpu.stages.kinds import KINDS, starts_on_maps
from neurosim.backends.cpu.table import ACTIVATION, COMBINE, CONCATENATE, DENSE, TO_ROWS, Field, LossField
from neurosim.network.network import Network

# Stages on vectors that the engine does itself.
BY_ENGINE = (DENSE, ACTIVATION, COMBINE)


@dataclass(frozen=True)
class Bitmaps:
    """What a first stage needs to read rows by bitmaps, see `neurosim.backends.cpu.sparse_rows`.

    Attributes
    ----------
    table : int64
        By `BitmapsField`.
    words : uint64
        The bitmaps of two batches.
    scales : float32
        What each byte stands for, and behind these what is added to it.
    """

    table: NDArray[np.int64]
    words: NDArray[np.uint64]
    scales: NDArray[np.float32]


@dataclass
class Plan:
    """The table of a network for batches of up to `capacity` rows, and the buffers that it points into.

    `places` has for each layer, by name, the stage whose outputs are its outputs; -1 if these are the inputs.
    `bitmaps` is made when it is needed first.
    """

    stages: NDArray[np.int64]
    loss: NDArray[np.int64]
    capacity: int
    inputs: NDArray[np.float32]
    has_large_products: bool
    scratch: int
    keep: list[NDArray[Any]] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    bitmaps: Bitmaps | None = None


def build_plan(
    network: Network,
    capacity: int,
    kernels: Mapping[str, ActivationKernels],
    loss: LossKernel,
    vectors: Vectors,
    *,
    training: bool,
    lanes: int = 1,
    of_samples: bool = False,
    threads: int = 1,
) -> Plan:
    """Lay out a network for the engine.

    Parameters
    ----------
    network : Network
        What to lay out.
    capacity : int
        Greatest number of rows in a batch.
    kernels : mapping
        Kernels of the activation of each layer that has one, by layer name.
    loss : LossKernel
        Kernel of the loss.
    vectors : Vectors
        Parameters and the other flat vectors.
    training : bool
        Whether dropout is active (otherwise it is left out) and running statistics are updated.
    lanes : int
        Number of networks side by side, see `neurosim.backends.cpu.lanes`; every number then becomes this many.
    of_samples : bool
        Whether the lanes are instead samples of one network, see `neurosim.backends.cpu.large_batches`.
    threads : int
        For how many threads there should be blocks.
    """
    networks = 1 if of_samples else lanes
    kinds, on_maps = KINDS, starts_on_maps(network)
    stages = Stages(network, capacity, kernels, vectors, kinds, on_maps, training, lanes, networks, threads)
    stages.build()
    return _finish(stages, loss)


def enter_kernels(plan: Plan) -> None:
    """Enter the kernels of all stages that the engine does not do itself; they are compiled where necessary."""
    for stage in plan.stages:
        kind = int(stage[Field.KIND])
        # Imported only for networks that have such stages.
        if stage[Field.SPREAD_KERNEL]:
            from neurosim.backends.cpu.spread_stages import spread_convolution

            stage[Field.KERNEL] = spread_convolution.address
        elif stage[Field.MAPS]:
            from neurosim.backends.cpu.map_stages import MAP_KERNELS

            stage[Field.KERNEL] = MAP_KERNELS[kind].address
        elif kind not in BY_ENGINE:
            from neurosim.backends.cpu.vector_stages import VECTOR_KERNELS

            stage[Field.KERNEL] = VECTOR_KERNELS[kind].address


def _finish(stages: Stages, loss: LossKernel) -> Plan:
    """The plan, once all stages are laid out: what waits for what, and the loss."""
    for stage, following in zip(stages.table, stages.table[1:], strict=False):
        same_rows = stage[Field.BY_ROWS] and following[Field.BY_ROWS]
        moved = following[Field.KIND] in (DENSE, CONCATENATE)
        same_columns = not stage[Field.BY_ROWS] and not following[Field.BY_ROWS] and not moved
        stage[Field.WAIT] = not (same_rows or (same_columns and stage[Field.KIND] != TO_ROWS))
    # The loss works on blocks of rows.
    last, outputs = stages.table[-1], stages.network.outputs
    last[Field.WAIT] = not last[Field.BY_ROWS]
    classes = np.zeros(stages.capacity * stages.lanes, np.int32)
    stages.keep.append(classes)
    table = np.zeros(len(LossField), np.int64)
    table[LossField.FUNCTION] = loss.loss
    table[LossField.PARAMS] = stages.numbers(stages.network.loss.values)
    table[LossField.Z] = last[Field.Z] or last[Field.A]
    table[LossField.A] = last[Field.A]
    table[LossField.D] = last[Field.D]
    table[LossField.OUTPUTS] = outputs
    table[LossField.VALUES] = stages.buffer(stages.capacity, outputs)
    table[LossField.CLASSES] = address(classes)
    table[LossField.ROW_WEIGHTS] = stages.buffer(stages.capacity, 1)
    table[LossField.FROM_LOGITS] = stages.network.pair is not None
    dense = (stage for stage in stages.table if stage[Field.KIND] == DENSE)
    largest = stages.capacity * max((int(s[Field.INPUTS] * s[Field.UNITS]) for s in dense), default=0)
    return Plan(
        np.array(stages.table),
        table,
        stages.capacity,
        stages.inputs,
        largest > SMALL,
        stages.scratch,
        stages.keep,
        stages.places,
    )
