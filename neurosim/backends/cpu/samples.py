"""Large batches through a small network, from Python: the buffers of `large_batches`, and the calls into it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu import lane_stages, large_batches, team
from neurosim.backends.cpu.kernels import CompiledKernels, loss_kernel
from neurosim.backends.cpu.large_batches import BLOCK_ROWS
from neurosim.backends.cpu.plan import Plan, build_plan
from neurosim.backends.cpu.stages.base import Vectors, address, aligned_zeros
from neurosim.backends.cpu.table import DENSE, DROPOUT, Field, LossField
from neurosim.backends.cpu.vectors import LANES
from neurosim.network.network import Network
from neurosim.network.training import Settings, Training

LINES = BLOCK_ROWS // LANES
# Multiply-adds of a call, forward, for which it is worth starting threads.
WORTH_THREADS = 1 << 21


class LargeBatches:
    """What trains a small network on batches of at least `large_batches.BLOCK_ROWS` rows or so.

    Parameters
    ----------
    network, training, kernels
        As of any group, see `neurosim.backends.cpu.groups`.
    threads : int
        How many threads share a batch.
    """

    def __init__(self, network: Network, training: Training, kernels: CompiledKernels, threads: int) -> None:
        self.network, self.training, self.kernels, self.threads = network, training, kernels, threads
        self.parameters = aligned_zeros(network.size)
        self.state = np.zeros((len(training.slots), network.size), np.float32)
        self._work = sum(layer.multiply_adds for layer in network.layers)
        self._widest = max(int(np.prod(layer.output_shape)) for layer in network.layers)
        self._rows = 0
        self._hold(BLOCK_ROWS)
        # Compiled by a call without rows.
        empty = np.zeros((0, network.inputs), np.float32), np.zeros((0, network.outputs), np.float32)
        data = (*empty, np.zeros(0, np.int32), np.zeros(0, np.float32))
        none, no_key = (0, 0), np.zeros(0, np.uint64)
        self.train(data, (0, np.float32(0)), Settings(np.zeros(0)), no_key, no_key, 0, none, none, 0)

    def _hold(self, rows: int) -> None:
        """Have memory for batches of so many rows."""
        if rows <= self._rows:
            return
        self._rows = rows
        blocks, outputs, size = -(-rows // BLOCK_ROWS), self.network.outputs, self.network.size
        # Each block on separate cache lines.
        self._shares = aligned_zeros(blocks * -(-size // LANES) * LANES).reshape(blocks, -1)
        self._inputs = aligned_zeros(blocks * BLOCK_ROWS * self.network.inputs).reshape(blocks, -1)
        self._targets = np.zeros(rows * outputs, np.float32), np.zeros(rows, np.int32), np.zeros(rows, np.float32)
        self._sums = np.zeros((blocks, 2))
        self._constants = np.zeros((self.threads, 16 + self.kernels.optimizer.count), np.float32)
        self._plans = [self._plan() for _ in range(self.threads)]
        self._scratch = aligned_zeros(self.threads * 4 * BLOCK_ROWS * self._widest).reshape(self.threads, 4, -1)
        self._scratches = [tuple(address(row) for row in scratch) for scratch in self._scratch]

    def _plan(self) -> Plan:
        """The plan of a thread."""
        plan = build_plan(
            self.network,
            LINES,
            self.kernels.activations,
            # Of rows, also where that of the group is one of lanes.
            loss_kernel(self.network.loss.record, self.network.pair),
            Vectors(self.parameters, self._shares.ravel(), self.state, np.zeros(0, np.float32)),
            training=True,
            lanes=LANES,
            of_samples=True,
        )
        for stage in plan.stages:
            if stage[Field.KIND] == DROPOUT:
                stage[Field.KERNEL] = large_batches.dropout.address
            elif stage[Field.WHOLE_ROWS]:
                stage[Field.KERNEL] = lane_stages.activation_of_rows.address
            if stage[Field.KIND] == DENSE:
                count = int(stage[Field.WEIGHTS])
                # Behind the second there are zeros in place of a bias.
                plan.keep += [aligned_zeros(count), aligned_zeros(count + int(stage[Field.INPUTS]))]
                stage[[Field.PACKED, Field.PACKED_TRANSPOSED]] = [address(array) for array in plan.keep[-2:]]
        # The loss reads and writes rows: weighted sums, outputs and gradients.
        plan.keep += [aligned_zeros(BLOCK_ROWS * self.network.outputs) for _ in range(3)]
        sums, outputs, gradients = (address(array) for array in plan.keep[-3:])
        last = plan.stages[-1]
        plan.loss[LossField.Z], plan.loss[LossField.D] = sums, gradients
        plan.loss[LossField.A] = outputs if last[Field.FORWARD] else sums
        return plan

    def train(
        self,
        data: tuple[Any, ...],
        judge: Any,
        settings: Settings,
        shuffle: NDArray[np.uint64],
        keys: NDArray[np.uint64],
        batch: int,
        epochs: tuple[int, int],
        steps: tuple[int, int],
        steps_done: int,
    ) -> NDArray[np.float64]:
        """Train `parameters` and `state` for some epochs; returns the sums of losses and right answers (epochs, 2).

        Parameters
        ----------
        data : tuple
            (features, values, classes, weights) of the network, as a member of `groups.lane_data`.
        judge, settings
            How right answers are recognized, and the settings of each step.
        shuffle, keys : uint64 arrays
            The key of the shuffles, or none, and those of the dropout masks.
        batch : int
            Rows of a step.
        epochs, steps : (int, int)
            The first epoch, and how many; the first step of each, and the one after the last.
        steps_done : int
            Steps done before.
        """
        count, rows = epochs[1], data[0].shape[0]
        self._hold(batch)
        totals = np.zeros((count, 2))
        params = self.training.numbers(settings)
        stride = params.strides[0] if len(params) > 1 else 0
        function = self.kernels.optimizer
        optimizer = (
            function.update, function.constants, params.ctypes.data, stride, self.parameters.ctypes.data,
            self.state.ctypes.data, self.parameters.size,
        )  # fmt: skip
        order, words = np.arange(rows), team.team_words(self.threads)
        threads = self.threads if self._work * rows * count >= WORTH_THREADS else 1
        contexts = np.zeros((threads, 2 * LANES), np.int64)

        def work(thread: int, size: int) -> None:
            plan, scratch = self._plans[thread], self._scratches[thread]
            team.join(contexts[thread], thread, size)
            large_batches.train(
                plan.stages, plan.loss, self._inputs, self._targets, data, order, shuffle, batch, keys, optimizer,
                self._constants, settings.rates, epochs[0], *steps, steps_done, judge, scratch, self._shares,
                self._sums, totals, contexts[thread], thread, words,
            )  # fmt: skip

        team.run_together(threads, work)
        return totals
