"""The CPU backend: owns parameters and buffers, and calls the compiled engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend, Inspection, Totals, dropout_keys, in_order, shuffle_key
from neurosim.backends.cpu import engine, masks, team
from neurosim.backends.cpu.alone import Alone
from neurosim.backends.cpu.groups import (
    EVALUATION_ROWS,
    compile_lane_loss,
    is_small,
    judge_of,
    params_stride,
)
from neurosim.backends.cpu.inspection import layer_signals
from neurosim.backends.cpu.kernels import (
    CompiledKernels,
    OptimizerKernels,
    gate_kernels,
    kernels_of,
    loss_kernel,
    optimizer_kernels,
    rule_kernels,
)
from neurosim.backends.cpu.plan import Plan, build_plan, enter_kernels
from neurosim.backends.cpu.sparse_rows import can_read_bitmaps, choose_bitmaps, mostly_zero
from neurosim.backends.cpu.stages.base import Vectors, aligned_zeros
from neurosim.backends.cpu.stages.kinds import starts_on_maps
from neurosim.backends.cpu.table import SCRATCH
from neurosim.backends.cpu.updates import BY_NORM, BY_VALUE, CHUNK
from neurosim.data.rows import Rows
from neurosim.network.network import Network
from neurosim.network.training import Settings, Training

if TYPE_CHECKING:
    from neurosim.backends.cpu.array_tables import ArrayTable

# Multiply-adds evaluated in one call: a few tenths of a second.
EVALUATION_WORK = 1 << 33
# This few rows are one chunk in any case, and need no larger buffers.
FEW_ROWS = 16
# float32 numbers in a cache line.
ALIGNED = 16
# Networks with fewer multiply-adds per step than this are faster on one thread.
WORTH_THREADS = 200_000
# And so are epochs, and evaluations, of fewer: to start a thread takes longer than it would save.
WORTH_STARTING = 16_000_000
_NO_STEPS = Settings(np.zeros(0))


class CpuBackend(Backend):
    """float32, compiled; see `neurosim.backends.cpu`."""

    name = "cpu"
    dtype = np.float32

    def __init__(self, network: Network, training: Training, seed: int, threads: int | None = None) -> None:
        super().__init__(network, training, seed, threads)
        self.threads = threads if threads is not None else team.available_threads()
        # What crosses no line of the cache is read and written faster.
        start = self.parameters
        self.parameters, self.gradient = aligned_zeros(network.size), aligned_zeros(network.size)
        self.parameters[:] = start
        # A small network is trained and looked into by `lanes`, and the engine is not compiled for it.
        self._small = is_small(network, training)
        self._alone: Alone | None = None
        self._plans: dict[tuple[str, int], Plan] = {}
        self._squares = np.zeros(-(-network.size // CHUNK))
        self._scratch = np.zeros((0, 0), np.float32)
        self._maps = (0, 0, 0, 0)
        self._learned = 0
        self._ready = False
        self._arrays: ArrayTable | None = None

    def prepare(self) -> None:
        """Compile whatever is not compiled yet."""
        if self._ready:
            return
        with self.compiling():
            self._compile()

    def _compile(self) -> None:
        activated = self.network.activated
        lane_loss = compile_lane_loss(self.network) if self._small else None
        optimizer, averages = self.training.optimizer, self.training.average is not None
        self.kernels = CompiledKernels(
            {layer.name: kernels_of(layer) for layer in activated}
            | {layer.name: gate_kernels(layer.gate.record, layer.pieces) for layer in self.network.combining},
            # A loss of lanes takes its place.
            lane_loss or loss_kernel(self.network.loss.record, self.network.pair),
            lane_loss,
            self._whole_arrays() if self.training.looks_at_arrays else optimizer_kernels(optimizer.record, averages),
        )
        if self._small:
            vectors = (self.parameters, self.state)
            self._alone = Alone(self.network, self.training, self.kernels, self.seed, *vectors, self.threads)
        if starts_on_maps(self.network):
            # Imported, and so compiled, only for networks that need it.
            from neurosim.backends.cpu import map_updates, maps

            self._maps = (maps.forward.address, maps.backward.address, maps.pack.address, map_updates.finish.address)
        if any(layer.learned for layer in activated):
            from neurosim.backends.cpu import learned

            self._learned = learned.finish.address
        self._ready = True
        nothing = self._no_rows()
        if self._alone is not None:
            self._alone.train(self._alone.data(nothing), judge_of(self.network, nothing), self.course(0), 0, 0, 0)
        else:
            # By a call without rows, before any thread runs it.
            no_order = np.zeros(0, np.int64)
            masks.shuffle(np.uint64(0), no_order)
            self._train(self._plan("training", 1), nothing, no_order, (), _NO_STEPS, 1, update=False)
        self.evaluate(nothing)

    def _whole_arrays(self) -> OptimizerKernels:
        """Prepare updates of whole arrays; returns what calls them."""
        # Imported, and so compiled, only for optimizers that need it.
        from neurosim.backends.cpu import array_updates
        from neurosim.backends.cpu.array_tables import ArrayTable

        kernels = rule_kernels(self.training.optimizer.record, self.training.average is not None)
        vectors = (self.parameters, self.gradient, self.state)
        self._arrays = ArrayTable(self.network, self.training, kernels, *vectors, self.threads)
        return OptimizerKernels(array_updates.finish.address, 0, 0, kernels.module)

    def _no_rows(self) -> Rows:
        features = np.zeros((0, self.network.inputs), np.float32)
        return Rows(features, np.zeros((0, self.network.outputs), np.float32), np.zeros(0, np.int32), "none")

    def forward(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Network outputs (rows, outputs), float32."""
        outputs = np.zeros((features.shape[0], self.network.outputs), np.float32)
        rows = Rows(features, np.zeros((0, 0), np.float32), np.zeros(0, np.int32), "none")
        self._evaluate(rows, outputs)
        return outputs

    def evaluate(self, rows: Rows) -> Totals:
        """Loss and right answers over `rows`; dropout off."""
        totals = self._evaluate(rows, np.zeros((0, self.network.outputs), np.float32))
        return self._totals(rows, totals)

    def gradients(self, rows: Rows) -> tuple[float, NDArray[np.float32]]:
        """Mean objective and its gradient, flat; dropout off, statistics of these rows."""
        self.prepare()
        plan = self._plan("gradients", rows.count)
        if self._alone is not None:
            total = self._alone.step(plan, rows, self.gradient, self.steps_done, update=False)
            return total / rows.count, self.gradient.copy()
        order = np.arange(rows.count)
        totals = self._train(plan, rows, order, (), self.training.unscheduled, rows.count, update=False)
        return in_order(totals[:, 0]) / rows.count + self.penalty(), self.gradient.copy()

    def train_step(self, rows: Rows) -> float:
        """One update with all `rows`; returns the mean objective before it."""
        self.prepare()
        penalty = self.penalty()
        plan = self._plan("training", max(rows.count, self.training.batch_size))
        if self._alone is not None:
            total = self._alone.step(plan, rows, self.gradient, self.steps_done, update=True)
            self.steps_done += 1
            return total / rows.count
        keys = dropout_keys(self.network, self.seed, "step", self.steps_done)
        totals = self._train(plan, rows, np.arange(rows.count), keys, self.training.unscheduled, rows.count)
        self.steps_done += 1
        return in_order(totals[:, 0]) / rows.count + penalty

    def inspect(self, rows: Rows) -> Inspection:
        """Like `gradients`, with what every layer computed."""
        loss, gradient = self.gradients(rows)
        return Inspection(loss, gradient, layer_signals(self.network, self._plan("gradients", rows.count), rows.count))

    def train_epoch(self, rows: Rows, epoch: int, first: int = 0, last: int | None = None) -> Totals:
        """Update on every batch of an epoch, or of some of its steps."""
        self.prepare()
        course = self.course(rows.count)
        batch = course.batch(epoch)
        begin, end, last = self.span(rows, epoch, first, last)
        if self._alone is not None:
            with self.compiling():
                self._alone.for_batches(batch)
            data, judge, done = self._alone.data(rows), judge_of(self.network, rows), self.steps_done
            sums = self._alone.train(data, judge, course, epoch, 1, done, first, last)[0, 0]
            self.steps_done += last - first
            return Totals(float(sums[0]), float(sums[1]), end - begin, rows.accuracy)
        order = np.arange(rows.count)
        if self.training.shuffle:
            masks.shuffle(np.uint64(shuffle_key(self.seed, epoch)), order)
        settings = course.settings(epoch).some(first, last)
        keys = dropout_keys(self.network, self.seed, epoch)
        totals = self._train(self._plan("training", batch), rows, order, keys, settings, batch, span=(begin, end))
        self.steps_done += last - first
        return Totals(in_order(totals[:, 0]), in_order(totals[:, 1]), end - begin, rows.accuracy)

    def _totals(self, rows: Rows, per_block: NDArray[np.float64]) -> Totals:
        return Totals(in_order(per_block[:, 0]), in_order(per_block[:, 1]), rows.count, rows.accuracy)

    def _plan(self, purpose: str, capacity: int, copy: int = 0) -> Plan:
        """The plan for a purpose; one is kept for each, and replaced when it is too small for the rows."""
        key = (purpose, copy)
        if key not in self._plans or self._plans[key].capacity < capacity:
            backward = purpose != "evaluation"
            self._plans[key] = build_plan(
                self.network,
                capacity,
                self.kernels.activations,
                self.kernels.loss,
                Vectors(
                    self.parameters,
                    self.gradient if backward else None,
                    self.state if purpose == "training" and self.state.size else None,
                    self.statistics,
                ),
                training=purpose == "training",
                threads=self.threads,
            )
            if self._alone is not None:
                self._alone.complete(self._plans[key], evaluates=not backward)
            else:
                enter_kernels(self._plans[key])
        return self._plans[key]

    def _train(
        self,
        plan: Plan,
        rows: Rows,
        order: NDArray[np.int64],
        keys: Any,
        settings: Settings,
        batch: int,
        *,
        update: bool = True,
        span: tuple[int, int] | None = None,
    ) -> NDArray[np.float64]:
        with self.compiling():
            # Whoever looks into the network looks at its inputs, too.
            choose_bitmaps(plan, wanted=update and can_read_bitmaps(plan) and mostly_zero(rows), rows=rows)
        first, last = span if span is not None else (0, order.size)
        threads = self._threads_for(min(batch, max(rows.count, 1)), last - first)
        totals = np.zeros((max(2, batch // 64), 2))
        # At least one cache line for each thread.
        constants = np.zeros((threads, 16 + self.kernels.optimizer.count), np.float32)
        params = self.training.numbers(settings)
        if self._arrays is not None and self.training.schedules:
            self._arrays.set_params(settings)
        optimizer = (
            self.kernels.optimizer.update if update else 0,
            self.kernels.optimizer.constants,
            params.ctypes.data,
            params_stride(params),
            self.network.size,
            constants,
        )
        contexts = self._contexts(threads, plan)
        arguments = (
            plan.stages,
            plan.loss,
            plan.inputs,
            _data(rows),
            order,
            (first, last),
            batch,
            np.asarray(keys, np.uint64),
            optimizer,
            settings.rates,
            self.steps_done,
            self._clip(),
            (self.kernels.optimizer.update, self._arrays.address) if self._arrays is not None else (0, 0),
            judge_of(self.network, rows),
            self._product(plan),
            self._maps,
            self._learned,
            contexts,
            totals,
        )
        words = team.team_words(threads)

        def work(thread: int, size: int) -> None:
            team.join(contexts[thread], thread, size)
            engine.train(*arguments, thread, size, words)

        team.run_together(threads, work)
        return totals

    def _evaluate(self, rows: Rows, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        self.prepare()
        if self._alone is not None:
            return self._alone.evaluate_rows(self._plan("evaluation", EVALUATION_ROWS), rows, outputs)
        chunks = -(-rows.count // EVALUATION_ROWS)
        threads = min(self._threads_for(rows.count, rows.count), max(chunks, 1))
        # The size of a chunk must depend only on the rows, not on the number of threads.
        capacity = EVALUATION_ROWS if rows.count > FEW_ROWS else FEW_ROWS
        plans = [self._plan("evaluation", capacity, k) for k in range(threads)]
        with self.compiling():
            wanted = can_read_bitmaps(plans[0]) and mostly_zero(rows)
            for plan in plans:
                choose_bitmaps(plan, wanted=wanted, rows=rows)
        totals = np.zeros((max(chunks, 1), 2))
        # In pieces, so that it can be interrupted in between.
        work = self.network.multiply_adds
        at_once = max(threads, EVALUATION_WORK // max(1, work * EVALUATION_ROWS))
        for first in range(0, max(chunks, 1), at_once):
            chosen = slice(first * EVALUATION_ROWS, (first + at_once) * EVALUATION_ROWS)
            some = rows if chunks <= at_once else rows.some(chosen)
            self._evaluate_some(some, capacity, plans, totals[first : first + at_once], outputs[chosen])
        return totals

    def _evaluate_some(
        self,
        rows: Rows,
        capacity: int,
        plans: Sequence[Plan],
        totals: NDArray[np.float64],
        outputs: NDArray[np.float32],
    ) -> None:
        threads = len(plans)
        data, judge, product = _data(rows), judge_of(self.network, rows), self._product(plans[0])
        no_keys = np.zeros(0, np.uint64)
        how = (data, rows.count, capacity, judge, product, no_keys, self._maps)
        contexts = self._contexts(threads, plans[0])

        def work(thread: int, size: int) -> None:
            plan = plans[thread]
            engine.evaluate(
                plan.stages, plan.loss, plan.inputs[0:1], *how, contexts[thread], totals, outputs, thread, size
            )

        team.run_together(threads, work)

    def _product(self, plan: Plan) -> int:
        """The address of the kernel for large products, which only networks that have some compile; else 0."""
        if not plan.has_large_products:
            return 0
        with self.compiling():
            from neurosim.backends.cpu import large_products

        return int(large_products.product.address)

    def _contexts(self, threads: int, plan: Plan) -> NDArray[np.int64]:
        """For each thread, memory for the arguments of the map kernels, with the address of its scratch memory."""
        if self._scratch.shape[0] < threads or self._scratch.shape[1] < plan.scratch + ALIGNED:
            self._scratch = np.zeros((threads, -(-plan.scratch // ALIGNED) * ALIGNED + 2 * ALIGNED), np.float32)
        contexts = np.zeros((threads, ALIGNED), np.int64)
        for thread in range(threads):
            address = self._scratch[thread].ctypes.data
            contexts[thread, SCRATCH] = address + -address % (4 * ALIGNED)
        return contexts

    def _clip(self) -> tuple[Any, ...]:
        """How gradients are clipped, as the engine takes it."""
        value, norm = self.training.clip_value, self.training.clip_norm
        if value is None and norm is None:
            return (0, 0, 0, 0, 0, 0.0)
        # Imported, and so compiled, only for training that clips.
        from neurosim.backends.cpu import clipping

        kind, bound = (BY_VALUE, value) if value is not None else (BY_NORM, norm)
        self._vectors = np.array([array.ctypes.data for array in (self.parameters, self.gradient, self.state)])
        addresses = (self._vectors.ctypes.data, self.network.learned_size, self._squares.ctypes.data)
        return (clipping.clip.address, kind, *addresses, bound)

    def _threads_for(self, rows: int, all_rows: int) -> int:
        """How many threads to use for so many rows at a time, of so many until they end."""
        each = self.network.multiply_adds
        return self.threads if rows * each >= WORTH_THREADS and all_rows * each >= WORTH_STARTING else 1


def _data(rows: Rows) -> tuple[Any, ...]:
    """The data set as the engine takes it: bytes or float32 numbers, with the other array empty."""
    width = rows.features.shape[1]
    is_bytes = rows.features.dtype == np.uint8
    empty = (0, width)
    return (
        np.ascontiguousarray(rows.features) if is_bytes else np.zeros(empty, np.uint8),
        np.zeros(empty, np.float32) if is_bytes else np.ascontiguousarray(rows.features, np.float32),
        np.ascontiguousarray(rows.values, np.float32),
        np.ascontiguousarray(rows.classes, np.int32),
        np.ascontiguousarray(rows.weights, np.float32),
        np.float32(rows.scale),
        np.float32(rows.shift),
    )
