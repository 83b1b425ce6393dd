"""A small network by itself: `lanes` train it, evaluate it and look into it, so that nothing else is compiled for it.

Evaluations, single steps and gradients have the bits of the engine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu import lanes
from neurosim.backends.cpu.groups import (
    EVALUATION_ROWS,
    LaneGroup,
    judge_of,
    lane_data,
    params_stride,
)
from neurosim.backends.cpu.kernels import CompiledKernels
from neurosim.backends.cpu.plan import Plan
from neurosim.backends.cpu.table import Field, LossField
from neurosim.data.rows import Rows
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.randomness import keys

# Of so many sets of rows the form that lanes take is kept: those that are trained on, and those that are judged.
KEPT = 4
# Multiply-adds evaluated at once, for which rows are copied: some hundredths of a second.
COPIED_WORK = 1 << 25


class Alone(LaneGroup):
    """An ensemble of one.

    Parameters
    ----------
    network, training, kernels
        As of any group.
    seed : int
        Of the network.
    parameters : float32 (size,)
        Its parameters, changed in place.
    state : float32 (slots, size)
        The optimizer's state, changed in place.
    threads : int
        How many threads share a large batch.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        kernels: CompiledKernels,
        seed: int,
        parameters: NDArray[np.float32],
        state: NDArray[np.float32],
        threads: int,
    ) -> None:
        super().__init__(network, training, kernels, [seed], parameters, state, threads)
        self._lane_loss = kernels.lane_loss.loss if kernels.lane_loss is not None else 0
        # Of single steps, whose dropout masks are not those of an epoch.
        purposes = [keys([seed], "dropout", layer.index, "step") for layer in network.dropouts]
        self._step_keys = np.stack(purposes, axis=1) if purposes else np.zeros((1, 0), np.uint64)
        self._kept: list[tuple[Rows, tuple[Any, ...]]] = []
        self._constants = np.zeros(16 + kernels.optimizer.count, np.float32)
        self._looking = np.zeros((4, 0), np.float32)

    def complete(self, plan: Plan, *, evaluates: bool) -> None:
        """Have `lanes` compute what a plan for this network says with the bits of the engine."""
        self._complete(plan)
        plan.stages[:, Field.LATE_BIAS] = 1
        plan.loss[LossField.BY_BLOCKS] = not evaluates

    def data(self, rows: Rows) -> tuple[Any, ...]:
        """Rows as `lanes` take them; kept for the next time."""
        for kept, data in self._kept:
            if kept is rows:
                return data
        data = lane_data([rows])
        self._kept = [(rows, data), *self._kept[: KEPT - 1]]
        return data

    def evaluate_rows(self, plan: Plan, rows: Rows, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sums of losses and right answers over `rows`, (1, 2); the outputs are written to `outputs` if it has rows.

        The plan is one for evaluations, of at least `EVALUATION_ROWS` rows.
        """
        totals = np.zeros((1, 2))
        work = self.network.multiply_adds
        at_once = EVALUATION_ROWS * max(1, COPIED_WORK // (EVALUATION_ROWS * max(1, work)))
        if rows.count <= at_once:
            self._evaluate_some(plan, rows, self.data(rows), totals, outputs)
            return totals
        for first in range(0, rows.count, at_once):
            some = rows.some(slice(first, first + at_once))
            self._evaluate_some(plan, some, lane_data([some]), totals, outputs[first : first + at_once])
        return totals

    def _evaluate_some(
        self,
        plan: Plan,
        rows: Rows,
        data: tuple[Any, ...],
        totals: NDArray[np.float64],
        outputs: NDArray[np.float32],
    ) -> None:
        scratch = self._scratch_of(plan)
        lanes.evaluate(
            plan.stages,
            plan.loss,
            self._lane_loss,
            plan.inputs.ctypes.data,
            data,
            np.arange(rows.count)[None],
            EVALUATION_ROWS,
            judge_of(self.network, rows),
            scratch,
            totals,
            outputs[None],
        )

    def step(self, plan: Plan, rows: Rows, gradient: NDArray[np.float32], steps_done: int, *, update: bool) -> float:
        """The sum of losses of all `rows` as one batch, whose gradient is computed; with `update`, a step of training.

        The plan is one for training or gradients, of at least so many rows.
        """
        kernels = self.kernels.optimizer
        settings = self.training.unscheduled
        params = self.training.numbers(settings)
        optimizer = (
            kernels.update if update else 0,
            kernels.constants,
            params.ctypes.data,
            params_stride(params),
            self._constants.ctypes.data,
            self.parameters.ctypes.data,
            gradient.ctypes.data,
            self.state.ctypes.data,
            self.parameters.size,
        )
        totals = np.zeros((1, 1, 2))
        lanes.train(
            plan.stages,
            plan.loss,
            self._lane_loss,
            plan.inputs.ctypes.data,
            self.data(rows),
            np.arange(rows.count)[None],
            np.zeros(0, np.uint64),
            (0, 0, 0),
            max(1, rows.count),
            self._step_keys,
            optimizer,
            settings.rates,
            # The masks of a step depend on its number, as those of an epoch do on that of the epoch.
            steps_done,
            0,
            1,
            steps_done,
            judge_of(self.network, rows),
            self._scratch_of(plan),
            totals,
        )
        return float(totals[0, 0, 0])

    def _scratch_of(self, plan: Plan) -> tuple[int, ...]:
        if self._looking.size < 4 * plan.capacity * self._widest:
            self._looking = self._scratch_for(plan.capacity)
        return tuple(int(row.ctypes.data) for row in self._looking)
