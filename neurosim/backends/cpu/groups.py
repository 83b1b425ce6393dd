"""Small networks side by side, from Python: their buffers, their random keys, and the calls into `lanes`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import JUDGES, all_dropout_keys
from neurosim.backends.cpu import lanes
from neurosim.backends.cpu.few_rows import FewRows, are_few
from neurosim.backends.cpu.kernels import CompiledKernels, LossKernel, lane_loss_kernel
from neurosim.backends.cpu.lane_numbers import Member, Updates
from neurosim.backends.cpu.plan import Plan, build_plan
from neurosim.backends.cpu.stages.base import Vectors, address, aligned_zeros
from neurosim.backends.cpu.stages.kinds import IN_LANES
from neurosim.backends.cpu.table import DROPOUT, Field, LossField
from neurosim.data.rows import Rows
from neurosim.network.course import Course
from neurosim.network.network import Network
from neurosim.network.training import Settings, Training
from neurosim.randomness import keys

if TYPE_CHECKING:
    from neurosim.backends.cpu.samples import LargeBatches

# Rows of a chunk of an evaluation; each chunk has a sum of its own.
EVALUATION_ROWS = 128
# A network with up to this many parameters is trained by `lanes`, alone or side by side with others.
SMALL_NETWORK = 4096
# Up to this many, several are trained side by side, which is then faster than the engine with one after the other.
SIDE_BY_SIDE = 8192
# From this many parameters on, products of groups are computed in tiles, which have lines of this many lanes.
WORTH_TILES, LINE_OF_LANES = 64, 16
# Batches of so many rows fill lines by themselves: the networks of a group take them one after the other.
LARGE_BATCH = 512
# Fewer networks than this are trained faster one by one than in a line.
WORTH_A_LINE = 5


def is_small(network: Network, training: Training) -> bool:
    """Whether a network is trained by `lanes`; depends only on the network and its training, not on the machine."""
    return network.size <= SMALL_NETWORK and not network.penalized and _can_be_lanes(network, training)


def go_side_by_side(network: Network, training: Training, count: int) -> bool:
    """Whether so many networks that differ in seeds and numbers are trained side by side by `lanes`."""
    larger = network.size <= SIDE_BY_SIDE and count >= LINE_OF_LANES
    return (network.size <= SMALL_NETWORK or larger) and _can_be_lanes(network, training)


def _can_be_lanes(network: Network, training: Training) -> bool:
    simple = all(type(layer) in IN_LANES for layer in network.layers)
    clipped = training.clip_value is not None or training.clip_norm is not None
    alone = clipped or training.looks_at_arrays or any(layer.learned for layer in network.activated)
    return simple and not alone and not network.frozen


def divided(count: int, network: Network) -> list[tuple[slice, int]]:
    """The members of each group of an ensemble, and its lanes, of which the last may be left over.

    The numbers of a group stay in the processor's cache, and its lanes fill whole lines if products are computed in
    tiles: the lanes that are left over cost less than another way to compute those products.
    """
    width = 64 if network.size <= 256 else LINE_OF_LANES
    whole = count // width * width
    groups = [(slice(first, first + width), width) for first in range(0, whole, width)]
    if network.size < WORTH_TILES:
        return groups + [(slice(whole, count), count - whole)] * (whole < count)
    lines, more = divmod(count - whole, LINE_OF_LANES)
    if more >= WORTH_A_LINE:
        lines, more = lines + 1, 0
    if lines:
        end = min(whole + lines * LINE_OF_LANES, count)
        groups.append((slice(whole, end), lines * LINE_OF_LANES))
    return groups + [(slice(member, member + 1), 1) for member in range(count - more, count)]


def compile_lane_loss(network: Network) -> LossKernel | None:
    """The loss for rows of one output; None if rows have more, or the loss needs more."""
    has_values = network.loss.record.targets == "values"
    return lane_loss_kernel(network.loss.record, network.pair) if network.outputs == 1 and has_values else None


@dataclass(frozen=True)
class _Evaluation:
    """A plan for evaluating, the parameters that it points to, and memory for what is computed on the way."""

    plan: Plan
    parameters: NDArray[np.float32]
    scratch: NDArray[np.float32]


class LaneGroup:
    """A group of networks that differ in seeds and numbers, and what is needed to train them.

    Parameters
    ----------
    network : Network
        The network that they have in common.
    training : Training
        Optimizer, schedule and batches.
    kernels : CompiledKernels
        Compiled functions.
    seeds : sequence of int
        One for each network.
    parameters : float32 (size, lanes)
        Their parameters, changed in place.
    state : float32 (slots, size, lanes)
        The optimizer's state, changed in place.
    threads : int
        How many threads share a large batch.
    members : sequence of Member
        What each has of its own besides its seed, if they have anything.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        kernels: CompiledKernels,
        seeds: Sequence[int],
        parameters: NDArray[np.float32],
        state: NDArray[np.float32],
        threads: int = 1,
        members: Sequence[Member] = (),
    ) -> None:
        self.network = network
        self.training = training
        self.kernels = kernels
        self._draw_for(seeds)
        self._updates = Updates(kernels, network, training, len(seeds), members)
        self.parameters = parameters
        self.state = state
        # What is updated: parameters, gradient and state, a row each. Those of a single network fill whole lines, since
        # what is left over would be updated number by number.
        count = whole_lines(parameters.size) if len(seeds) == 1 else parameters.size
        self._rows = aligned_zeros((2 + len(state)) * count).reshape(-1, count)
        self._capacity = 0
        self._widest = max(int(np.prod(layer.output_shape)) for layer in network.layers)
        self._evaluation: _Evaluation | None = None
        self._threads = threads
        self._large: LargeBatches | None = None
        # A single network like this is trained by the engine, whose bits those of a group are.
        self._as_engine = not is_small(network, training)

    def take(
        self,
        seeds: Sequence[int],
        parameters: NDArray[np.float32],
        state: NDArray[np.float32],
        members: Sequence[Member] = (),
    ) -> None:
        """Work on other networks, as many as before: their numbers are copied into those of the group."""
        self._draw_for(seeds)
        if members or self._updates.members:
            self._updates = Updates(self.kernels, self.network, self.training, len(seeds), members)
        self.parameters[:] = parameters
        self.state[:] = state

    def _draw_for(self, seeds: Sequence[int]) -> None:
        self.seeds = list(seeds)
        # To be folded with the epoch.
        self._shuffles = keys(self.seeds if self.training.shuffle else [], "shuffle")
        self._keys = all_dropout_keys(self.network, self.seeds)

    def for_batches(self, rows: int) -> LargeBatches | None:
        """What trains the networks one by one on batches of so many rows; None where they go side by side."""
        if rows < LARGE_BATCH or self._as_engine or not self.network.layers[-1].multiply_adds:
            return None
        if self._large is None:
            # Imported, and so compiled, only for networks that need it.
            from neurosim.backends.cpu.samples import LargeBatches

            self._large = LargeBatches(self.network, self.training, self.kernels, self._threads)
        return self._large

    def _prepare(self, capacity: int) -> None:
        if capacity <= self._capacity:
            return
        count = len(self.seeds)
        self._capacity = capacity
        self._plan = build_plan(
            self.network,
            capacity,
            self.kernels.activations,
            self.kernels.loss,
            Vectors(self._rows[0], self._rows[1], self._rows[2:] if len(self.state) else None, np.zeros(0, np.float32)),
            training=True,
            lanes=count,
        )
        self._complete(self._plan)
        if self._as_engine:
            self._plan.stages[:, Field.LATE_BIAS] = self._plan.loss[LossField.BY_BLOCKS] = 1
        self._scratch = self._scratch_for(capacity)

    def train(
        self,
        data: tuple[Any, ...],
        judge: Any,
        course: Course,
        first_epoch: int,
        epochs: int,
        steps_done: int,
        first: int = 0,
        last: int | None = None,
    ) -> NDArray[Any]:
        """Train for `epochs` epochs; returns the sums of losses and right answers, float64 (epochs, lanes, 2).

        With `first` and `last`, only the steps from number `first` up to, but not including, `last` of a single epoch.

        `data` is (features, values, classes, weights) with a leading axis: one member for each network, or one that
        they share.
        """
        if epochs <= 1:
            return self._train(data, judge, course, first_epoch, epochs, steps_done, first, last)
        return np.concatenate(
            [
                self._train(data, judge, course, begin, count, steps_done + steps)
                for begin, count, steps in course.stretches(first_epoch, epochs)
            ]
        )

    def _train(
        self,
        data: tuple[Any, ...],
        judge: Any,
        course: Course,
        first_epoch: int,
        epochs: int,
        steps_done: int,
        first: int = 0,
        last: int | None = None,
    ) -> NDArray[Any]:
        """As `train`, for epochs of the same batch size."""
        count, rows = len(self.seeds), data[0].shape[1]
        batch = course.batch(first_epoch)
        last = course.steps(first_epoch) if last is None else last
        settings = self._updates.settings(course, (first_epoch, epochs), (first, last))
        large = self.for_batches(batch)
        if large is not None:
            return self._train_large(
                large, data, judge, settings, batch, (first_epoch, epochs), (first, last), steps_done
            )
        self._prepare(batch)
        totals = np.zeros((epochs, count, 2))
        kernels, updates = self.kernels, self._updates.optimizer(settings, (first_epoch, epochs), (first, last))
        optimizer = (
            *updates.entries,
            address(self._rows),
            address(self._rows) + self._rows.strides[0],
            address(self._rows) + 2 * self._rows.strides[0],
            self._rows.shape[1],
        )
        few = (
            FewRows(data, self._shuffles, self._plan.inputs, self._plan.loss, by_lane=kernels.lane_loss is not None)
            if are_few(data, self._shuffles)
            else None
        )
        size = self.parameters.size
        self._rows[0, :size], self._rows[2:, :size] = self.parameters.ravel(), self.state.reshape(-1, size)
        lanes.train(
            self._plan.stages,
            self._plan.loss,
            kernels.lane_loss.loss if kernels.lane_loss is not None else 0,
            self._plan.inputs.ctypes.data,
            data,
            np.tile(np.arange(rows), (count, 1)),
            self._shuffles,
            (0, 0, 0) if few is None else few.entries,
            batch,
            self._keys,
            optimizer,
            settings.rates,
            first_epoch,
            first,
            last,
            steps_done,
            judge,
            tuple(int(row.ctypes.data) for row in self._scratch),
            totals,
        )
        self.parameters[:] = self._rows[0, :size].reshape(self.parameters.shape)
        self.state[:] = self._rows[2:, :size].reshape(self.state.shape)
        return totals

    def _train_large(
        self, large: LargeBatches, data: tuple[Any, ...], judge: Any, settings: Settings, *course: Any
    ) -> NDArray[Any]:
        """As `train`, one network after the other."""
        size = self.network.size
        parameters, state = self.parameters.reshape(size, -1), self.state.reshape(-1, size, len(self.seeds))
        totals = np.zeros((course[1][1], len(self.seeds), 2))
        for k in range(len(self.seeds)):
            member = tuple(part[k if len(part) > 1 else 0] for part in data)
            large.parameters[:], large.state[:] = parameters[:, k], state[..., k]
            large.training, settings = self._updates.alone(k, settings, *course[1:3])
            totals[:, k] = large.train(member, judge, settings, self._shuffles[k : k + 1], self._keys[k], *course)
            parameters[:, k], state[..., k] = large.parameters, large.state
        return totals

    def evaluate(
        self, data: tuple[Any, ...], judge: Any, parameters: NDArray[np.float32], *, answers: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Sums of losses and right answers, (lanes, 2), and outputs (lanes, rows, outputs), dropout off.

        `parameters` (size, lanes) are those to evaluate, `data` is as in `train`. Without `answers`, outputs have no
        rows. The bits are those of `CpuBackend.evaluate` and `CpuBackend.forward`.
        """
        count, rows = len(self.seeds), data[0].shape[1]
        outputs = self.network.outputs
        batch = max(1, min(EVALUATION_ROWS, rows))
        if self._evaluation is None or self._evaluation.plan.capacity < batch:
            self._evaluation = self._evaluation_of(batch)
        plan, scratch = self._evaluation.plan, self._evaluation.scratch
        self._evaluation.parameters[:] = parameters
        totals = np.zeros((count, 2))
        found = np.zeros((count, rows if answers else 0, outputs), np.float32)
        lanes.evaluate(
            plan.stages,
            plan.loss,
            self.kernels.lane_loss.loss if self.kernels.lane_loss is not None else 0,
            plan.inputs.ctypes.data,
            data,
            np.tile(np.arange(rows), (count, 1)),
            batch,
            judge,
            tuple(int(row.ctypes.data) for row in scratch),
            totals,
            found,
        )
        return totals, found

    def _evaluation_of(self, batch: int) -> _Evaluation:
        """What evaluating needs for this many rows at once."""
        parameters = np.zeros_like(self.parameters)
        plan = build_plan(
            self.network,
            batch,
            self.kernels.activations,
            self.kernels.loss,
            Vectors(parameters, None, None, np.zeros(0, np.float32)),
            training=False,
            lanes=len(self.seeds),
        )
        self._complete(plan)
        plan.stages[:, Field.LATE_BIAS] = 1
        scratch = self._scratch_for(batch)
        return _Evaluation(plan, parameters, scratch)

    def _complete(self, plan: Plan) -> None:
        """Enter the kernels that this network needs; that for products in tiles if lanes fill whole lines of them."""
        # Imported, and so compiled, only for groups that need it.
        from neurosim.backends.cpu import lane_stages

        for stage in plan.stages:
            if stage[Field.KIND] == DROPOUT:
                stage[Field.KERNEL] = lane_stages.dropout.address
            elif stage[Field.WHOLE_ROWS]:
                stage[Field.KERNEL] = lane_stages.activation_of_rows.address
        if self.kernels.lane_loss is None:
            plan.loss[LossField.OF_ROWS] = lane_stages.loss_of_rows.address
        for stage in plan.stages:
            self._enter_sums(stage, plan)
        if len(self.seeds) % LINE_OF_LANES == 0 and self.network.size >= WORTH_TILES:
            from neurosim.backends.cpu import lane_products

            plan.stages[:, Field.LANE_PRODUCT] = lane_products.product.address

    def _enter_sums(self, stage: NDArray[np.int64], plan: Plan) -> None:
        """Enter the kernels for the sums of a stage; those for its gradients if there are any."""
        if len(self.seeds) == 1:
            from neurosim.backends.cpu.row_products import backward, forward
        else:
            from neurosim.backends.cpu.lane_sums import backward, forward
        stage[Field.SUMS_FORWARD] = forward.address
        if stage[Field.D]:
            stage[Field.SUMS_BACKWARD] = backward.address
        if stage[Field.DX] and len(self.seeds) == 1:
            plan.keep.append(np.zeros(stage[Field.WEIGHTS], np.float32))
            stage[Field.PACKED_TRANSPOSED] = address(plan.keep[-1])

    def _scratch_for(self, capacity: int) -> NDArray[np.float32]:
        """Memory for `lanes`: zeros, and three times what functions of whole rows need."""
        return np.zeros((4, whole_lines(max(1, capacity) * self._widest * len(self.seeds))), np.float32)


def whole_lines(count: int) -> int:
    """So many numbers, and those with which they fill whole lines: `lanes` computes these as well."""
    return -(-count // LINE_OF_LANES) * LINE_OF_LANES


def lane_data(members: Sequence[Rows]) -> tuple[NDArray[Any], ...]:
    """Data sets of equal shape, stacked as `LaneGroup.train` takes them, with scaled inputs."""
    scale = [(np.float32(rows.scale), np.float32(rows.shift)) for rows in members]
    features = [rows.features.astype(np.float32) * a + b for rows, (a, b) in zip(members, scale, strict=True)]
    return (
        np.stack(features),
        np.stack([rows.values.astype(np.float32) for rows in members]),
        np.stack([rows.classes.astype(np.int32) for rows in members]),
        np.stack([rows.weights.astype(np.float32) for rows in members]),
    )


def params_stride(params: NDArray[np.float64]) -> int:
    """How many bytes further on a step has the optimizer's parameters: none, where a single row is for all steps."""
    return params.strides[0] if len(params) > 1 else 0


def judge_of(network: Network, rows: Rows) -> tuple[int, np.float32]:
    """How right answers are recognized, as compiled code takes it."""
    return JUDGES[rows.accuracy], np.float32(network.loss.record.threshold)
