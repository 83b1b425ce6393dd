"""Launches of `kernels.resident`, for one network and one size of batches."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from neurosim.backends.cuda import resident
from neurosim.backends.cuda.device import DeviceRows, Memory
from neurosim.backends.cuda.generation import Tiles
from neurosim.backends.cuda.modules import load_kernels
from neurosim.backends.cuda.strategy import Sizes
from neurosim.backends.cuda.table import Table
from neurosim.network.network import Network
from neurosim.network.training import Training


def layout_for(
    table: Table, training: Training, sizes: Sizes, processors: int, copies_asynchronously: bool
) -> resident.Residence | None:
    """The network divided among the multiprocessors of a GPU; None if it cannot be."""
    tiles = resident.tiles_of(table.capacity, sizes.resident_threads, sizes.resident_rows)
    if tiles is None or not copies_asynchronously:
        return None
    return resident.lay_out(table, tiles, len(training.slots), sizes.resident_blocks or processors)


class ResidentLaunches:
    """A network whose units are divided among blocks.

    Parameters
    ----------
    network, training : Network, Training
        What is trained.
    table : Table
        The network, laid out for batches of this size.
    layout : Residence
        How it is divided.
    memory : Memory
        The memory with parameters and state.
    compiling : function
        A context in which the kernel is compiled.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        table: Table,
        layout: resident.Residence,
        memory: Memory,
        compiling: Callable[[], AbstractContextManager[None]],
    ) -> None:
        with compiling():
            module = load_kernels(network, training, layout.tiles, "resident", own_text=layout.text)
        self.kernel = module.train_resident
        self.blocks = layout.blocks
        self.tiles: Tiles = layout.tiles
        self._memory = memory
        self._numbers = memory.upload(table.numbers)
        # The numbers that fill lines up are 0.
        self._work = memory.upload(np.zeros(layout.work, np.float32))

    def arguments(
        self, data: DeviceRows, batch: int, span: tuple[int, int], shifted: bool, *others: Any
    ) -> tuple[Any, ...]:
        """The arguments of a launch that trains the rows of a span; `others` are the last ones."""
        memory, work = self._memory, self._work
        fours = work.reshape(work.shape[0] // 4, 4)
        given = (self._numbers, memory.weights, memory.state, work, fours)
        return (batch, *span, int(shifted), *data.arrays, *given, *others)
