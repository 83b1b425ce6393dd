"""Each phase of a step as a launch: for forward passes, evaluation, gradients, single steps and large networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cuda.device import DeviceRows, Memory, call, prepare
from neurosim.backends.cuda.fields import Field, Kind, Phase
from neurosim.backends.cuda.generation import Tiles
from neurosim.backends.cuda.table import Table


class PhaseLaunches:
    """The kernels of `kernels.separate` for one network and batches of up to the table's capacity.

    Parameters
    ----------
    module : module
        Generated from ``separate``.
    table : Table
        The network.
    tiles : Tiles
        How its products are divided.
    memory : Memory
        The memory with parameters, state and gradient.
    most_blocks : int
        Greatest number of blocks in a launch.
    compiling : function
        A context in which the kernels are compiled.
    """

    def __init__(
        self,
        module: ModuleType,
        table: Table,
        tiles: Tiles,
        memory: Memory,
        most_blocks: int,
        compiling: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.module = module
        self._compiling = compiling
        # The types of features for which the kernels are compiled; those of everything else are always the same.
        self._compiled: set[str] = set()
        self.table = table
        self.tiles = tiles
        self.memory = memory
        self.most_blocks = most_blocks
        self.stages = memory.upload(table.stages)
        self.loss = memory.upload(table.loss)
        self.program = memory.upload(table.program())
        self.numbers = memory.upload(table.numbers)
        self.work = memory.empty(max(table.work, 1), np.float32)
        self.cursor = memory.upload(np.zeros(3, np.int32))
        self._no_keys = memory.upload(np.zeros(0, np.uint64))
        self._no_constants = memory.upload(np.zeros((1, 1), np.float32))
        self._no_measures = memory.upload(np.zeros((1, 2), np.float32))

    def place(self, first: int, rows: int) -> None:
        """Set the beginning of the batch and its number of rows; the next step is number 0."""
        self.cursor = self.memory.upload(np.array([first, rows, 0], np.int32))

    def advance(self, batch: int, count: int) -> None:
        """Move to the next batch of `count` rows in all, and to the next step."""
        call(self.module.advance, 1, 1, self.cursor, batch, count)

    def run(
        self,
        phases: Iterable[tuple[Phase, int]],
        data: DeviceRows,
        rows: int,
        *,
        measures: Any = None,
        keys: Any = None,
        constants: Any = None,
    ) -> None:
        """Launch the phases in turn for the batch of `rows` rows at the cursor.

        `measures` (rows of the epoch, 2) receives loss and right answer; without `keys` nothing is dropped; without
        `constants` the gradient is stored instead of an update.
        """
        memory = self.memory
        arguments = (
            self.cursor, self.stages, self.loss, *data.arrays, self.numbers, memory.weights, memory.state,
            memory.gradient, self.work,
            self._no_keys if keys is None else keys,
            self._no_constants if constants is None else constants,
            self._no_measures if measures is None else measures,
            int(constants is not None),
        )  # fmt: skip
        if str(data.features.dtype) not in self._compiled:
            with self._compiling():
                prepare(self.module.run, 0, 0, *arguments)
            self._compiled.add(str(data.features.dtype))
        for kind, s in phases:
            blocks = max(1, min(self._blocks(kind, self.table.stages[s], rows), self.most_blocks))
            call(self.module.run, blocks, self.tiles.threads, int(kind), s, *arguments)

    def _blocks(self, kind: Phase, stage: NDArray[np.int32], rows: int) -> int:
        """The number of blocks for all the work of a phase at once."""
        inputs, units, count = int(stage[Field.INPUTS]), int(stage[Field.UNITS]), self.tiles.count
        out, into = int(stage[Field.CHANNELS]), int(stage[Field.MAP_CHANNELS])
        if kind in (Phase.LEARN, Phase.GATHER):
            products = [entry for entry in self.table.stages if entry[Field.KIND] == Kind.DENSE]
            tiles = sum(count(int(entry[Field.INPUTS]), int(entry[Field.UNITS])) for entry in products)
            # The parts of other layers' gradients are added up number by number.
            return max(tiles, self._threads(self.memory.gradient.shape[0]) if self.table.has_parts else 0)
        if kind == Phase.FORWARD:
            return count(rows, units)
        if kind == Phase.BACKWARD:
            return count(rows, inputs)
        if kind == Phase.CONVOLVE:
            return count(rows * (units // out), out)
        if kind == Phase.CONVOLVE_BACKWARD:
            return count(rows * (inputs // into), into)
        if kind == Phase.CONVOLVE_PARTS:
            parts = rows * -(-(units // out) // int(stage[Field.TERMS]))
            return parts * count(int(stage[Field.KERNEL_HEIGHT] * stage[Field.KERNEL_WIDTH]) * into, out)
        return self._threads(self._numbers(kind, stage, rows))

    def _threads(self, numbers: int) -> int:
        """The number of blocks with one thread for each number."""
        return -(-numbers // self.tiles.threads)

    def _numbers(self, kind: Phase, stage: NDArray[np.int32], rows: int) -> int:
        """The number of numbers or rows in a phase, one thread each."""
        units, out = int(stage[Field.UNITS]), int(stage[Field.CHANNELS])
        if kind in (Phase.FINISH_ROWS, Phase.JUDGE_ROWS):
            return rows
        if kind == Phase.ADD_SQUARES:
            return self.table.squares_parts
        if kind == Phase.UPDATE or kind >= Phase.CLIP:
            return int(self.memory.gradient.shape[0])
        if kind in (Phase.CHANNEL_PARTS, Phase.CHANNEL_SQUARES, Phase.GRADIENT_PARTS):
            return (rows if stage[Field.ON_MAPS] == 1 else 1) * out
        if kind == Phase.LEARNED_PARTS:
            width, names = int(stage[Field.LEARNED_WIDTH]), int(stage[Field.LEARNED_NAMES])
            return -(-rows * (units // width) // int(stage[Field.LEARNED_TERMS])) * width * names
        if kind in (Phase.FIND_STARTS, Phase.FIND_GRADIENT_STARTS):
            return units
        if kind in (Phase.CHANNEL_STATISTICS, Phase.RUNNING_STATISTICS, Phase.CHANNEL_GRADIENTS):
            return out
        if kind in (Phase.GROUP_STATISTICS, Phase.GROUP_GRADIENTS):
            return rows * (units // out)
        if kind == Phase.SPREAD_PARTS:
            cells = int(stage[Field.KERNEL_HEIGHT] * stage[Field.KERNEL_WIDTH] * stage[Field.OWN])
            return rows * -(-(units // out) // int(stage[Field.TERMS])) * cells * out
        by_input = kind in (Phase.POOL_BACKWARD, Phase.SPREAD_BACKWARD)
        return rows * (int(stage[Field.INPUTS]) if by_input else units)

    def outputs(self, rows: int) -> NDArray[np.float32]:
        """The outputs of the last stage for the batch at the cursor, (rows, outputs)."""
        stage = self.table.stages[-1]
        start, units = int(stage[Field.OUT]), int(stage[Field.UNITS])
        return self.memory.download(self.work[start : start + rows * units]).reshape(rows, units)
