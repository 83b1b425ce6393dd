"""The CUDA backend: keeps parameters, state and data on the GPU, and decides which kernels train."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import JUDGES, Backend, Inspection, Totals, dropout_keys, shuffle_key
from neurosim.backends.cpu import masks
from neurosim.backends.cpu.groups import is_small
from neurosim.backends.cpu.sparse_rows import mostly_zero
from neurosim.backends.cuda.arrays import check_reductions
from neurosim.backends.cuda.device import (
    DeviceRows,
    Memory,
    call_cooperative,
    cooperative_blocks,
    copies_asynchronously,
    free_bytes,
    processors,
    upload_rows,
)
from neurosim.backends.cuda.generation import activations_of
from neurosim.backends.cuda.graphs import Replay
from neurosim.backends.cuda.inspection import layer_signals
from neurosim.backends.cuda.launches import PhaseLaunches
from neurosim.backends.cuda.layout import build_table
from neurosim.backends.cuda.modules import load_kernels
from neurosim.backends.cuda.networks import SmallNetworks
from neurosim.backends.cuda.pace import Pace, has_limit
from neurosim.backends.cuda.resident_launches import ResidentLaunches, layout_for
from neurosim.backends.cuda.stages.kinds import reads_lists, works_on_maps
from neurosim.backends.cuda.step_constants import training_constants
from neurosim.backends.cuda.strategy import Sizes, Strategy, choose_strategy, sizes
from neurosim.backends.cuda.table import Table
from neurosim.backends.cuda.target import present_device, simulated
from neurosim.data.rows import Rows
from neurosim.errors import BackendError
from neurosim.network.network import Network
from neurosim.network.training import Settings, Training

# For how many sizes of batches the work space is kept: of training, evaluation, and what asks for others.
MOST_WORK_SPACES = 4
# The share of the free memory that the work space of an evaluation may take.
EVALUATION_SHARE = 0.25


class CudaBackend(Backend):
    """float32, on an NVIDIA GPU; see `neurosim.backends.cuda`.

    Parameters
    ----------
    strategy : Strategy, optional
        Which kernels train the network; chosen by its size when left out.

    Raises
    ------
    BackendError
        If there is no GPU, saying what is missing.
    """

    name = "cuda"
    dtype = np.float32

    def __init__(
        self,
        network: Network,
        training: Training,
        seed: int,
        threads: int | None = None,
        *,
        strategy: Strategy | None = None,
        given_sizes: Sizes | None = None,
    ) -> None:
        check_reductions(training.optimizer.record)
        if not simulated():
            present_device()
        statistics = sum(entry.size for entry in network.statistics)
        self._memory = Memory(network.size, len(training.slots), statistics, network.learned_size)
        self._host: dict[str, NDArray[np.float32]] = {}
        self._on_device = False
        super().__init__(network, training, seed, threads)
        self.strategy = strategy or choose_strategy(network)
        if self.strategy is Strategy.SINGLE_BLOCK and works_on_maps(network):
            raise BackendError(
                "the kernels of small networks have no convolutions and no pools",
                f"Leave the strategy out, or use {Strategy.PERSISTENT} or {Strategy.SEPARATE}.",
            )
        self._sizes = given_sizes or sizes()
        self._pace = Pace(has_limit())
        self._evaluation_numbers: int | None = None
        self._modules: dict[str, ModuleType] = {}
        self._launches: dict[tuple[int, str, bool, bool], PhaseLaunches] = {}
        self._reads_lists: bool | None = None
        self._batch = 0
        self._rows: list[tuple[Rows, DeviceRows]] = []
        self._resident: tuple[Table, ResidentLaunches | None] | None = None
        self._single: SmallNetworks | None = None
        self._single_rows: Rows | None = None

    @property
    def is_small(self) -> bool:
        """Whether many networks like this one can be trained at once, by a team of threads each.

        Members of an ensemble return only their parameters, so networks with running statistics cannot.
        """
        return self.strategy is Strategy.SINGLE_BLOCK and not self.network.statistics

    # Parameters and state: on the GPU during training, on the host when they are read ---------------------------

    def _fetch(self, name: str) -> NDArray[np.float32]:
        """The host's copy, which may be modified: it is authoritative until the GPU computes again."""
        if self._on_device:
            self._to_host()
        return self._host[name]

    @property
    def parameters(self) -> NDArray[np.float32]:
        """Flat vector of parameters."""
        return self._fetch("parameters")

    @parameters.setter
    def parameters(self, value: NDArray[np.float32]) -> None:
        self._host["parameters"] = value

    @property
    def state(self) -> NDArray[np.float32]:
        """The optimizer's slots, (slots, size)."""
        return self._fetch("state")

    @state.setter
    def state(self, value: NDArray[np.float32]) -> None:
        self._host["state"] = value

    @property
    def statistics(self) -> NDArray[np.float32]:
        """Flat vector of running means and variances."""
        return self._fetch("statistics")

    @statistics.setter
    def statistics(self, value: NDArray[np.float32]) -> None:
        self._host["statistics"] = value

    def _numbers(self) -> NDArray[np.float32]:
        """The parameters followed by the running statistics, as the kernels take them."""
        return np.concatenate([self._fetch("parameters"), self._fetch("statistics")])

    def _to_host(self) -> None:
        memory = self._memory
        numbers, size = memory.download(memory.weights), self.network.size
        self._host["parameters"], self._host["statistics"] = numbers[:size].copy(), numbers[size:].copy()
        slots = self._host["state"].shape[0]
        self._host["state"] = memory.download(memory.state)[:slots].copy()
        self._on_device = False

    def _to_device(self) -> None:
        if self._on_device:
            return
        memory = self._memory
        memory.weights = memory.upload(self._numbers())
        memory.state = memory.upload(self._host["state"])
        # It has its own arrays, which are not these.
        self._single = None
        self._on_device = True

    # Compilation -------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Compile whatever is not compiled yet."""
        if self._modules:
            return
        with self.compiling():
            for kind in self._sizes.tiles_for(self.strategy):
                self._load(kind)
            if self.training.shuffle and self.strategy is not Strategy.SINGLE_BLOCK:
                masks.shuffle(np.uint64(0), np.zeros(0, np.int64))

    def _module(self, kind: str) -> ModuleType:
        self.prepare()
        if kind not in self._modules:
            with self.compiling():
                self._load(kind)
        return self._modules[kind]

    def _load(self, kind: str) -> None:
        self._modules[kind] = load_kernels(self.network, self.training, getattr(self._sizes, kind), kind)

    def _phases(
        self, capacity: int, rows: Rows, *, begin_with_shift: bool = False, training: bool = False
    ) -> PhaseLaunches:
        """Launches for batches of up to `capacity` rows, whose shift may be what sums begin with; or for `training`."""
        module = self._module("separate")
        self._to_device()
        biases_first = training and is_small(self.network, self.training)
        place = (capacity, rows.accuracy, begin_with_shift, biases_first)
        launches = self._launches.pop(place, None)
        if launches is None:
            table = self._table(capacity, rows, begin_with_shift=begin_with_shift, biases_first=biases_first)
            most = self._sizes.most_blocks
            launches = PhaseLaunches(module, table, self._sizes.separate, self._memory, most, self.compiling)
        # Those used last are kept, at the end: each has a work space of its own.
        self._launches[place] = launches
        while len(self._launches) > MOST_WORK_SPACES:
            del self._launches[next(iter(self._launches))]
        return launches

    def _table(self, capacity: int, rows: Rows, *, begin_with_shift: bool = False, biases_first: bool = False) -> Table:
        """The network, laid out for batches of up to `capacity` rows."""
        return build_table(
            self.network,
            capacity,
            activations_of(self.network),
            judge=JUDGES[rows.accuracy],
            training=self.training,
            terms=self._sizes.terms,
            begins_with_shift=begin_with_shift,
            biases_first=biases_first,
        )

    def _begins_with_shift(self, rows: Rows) -> bool:
        """Whether the CPU engine reads these rows as lists, and so begins its sums with what their shift adds."""
        if self._reads_lists is None:
            can_read = reads_lists(self.network, self._table(1, rows).stages)
            self._reads_lists = can_read and not is_small(self.network, self.training)
        return self._reads_lists and mostly_zero(rows)

    def _data(self, rows: Rows) -> DeviceRows:
        """The rows on the GPU; those requested last stay there."""
        for known, on_device in self._rows:
            if known is rows:
                return on_device
        data = upload_rows(self._memory, rows, begin_with_shift=self._begins_with_shift(rows))
        self._rows = [*self._rows[-2:], (rows, data)]
        return self._rows[-1][1]

    # The interface of backends
    # -----------------------------------------------------------------------------------------

    def forward(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Network outputs (rows, outputs), float32."""
        nothing = np.zeros((features.shape[0], self.network.outputs), np.float32)
        classes = np.zeros(features.shape[0], np.int32)
        rows = Rows(features, nothing, classes, "none")
        outputs = np.zeros((rows.count, self.network.outputs), np.float32)
        data = upload_rows(self._memory, rows, begin_with_shift=self._begins_with_shift(rows))
        for phases, first, count in self._chunks(rows):
            phases.run(phases.table.forward(), data, count)
            outputs[first : first + count] = phases.outputs(count)
        return outputs

    def evaluate(self, rows: Rows) -> Totals:
        """Loss and right answers over `rows`; dropout off, running statistics."""
        data = self._data(rows)
        measures = self._memory.empty((max(rows.count, 1), 2), np.float32)
        for phases, _, count in self._chunks(rows):
            phases.run([*phases.table.forward(), *phases.table.judge()], data, count, measures=measures)
        return self._totals(rows, self._memory.download(measures))

    def _chunks(self, rows: Rows) -> Iterator[tuple[PhaseLaunches, int, int]]:
        """Launches with their cursor on each chunk of some rows: (launches, first row, number of rows)."""
        if self._evaluation_numbers is None:
            room = free_bytes()
            most = self._sizes.evaluation_numbers
            self._evaluation_numbers = most if room is None else min(most, int(EVALUATION_SHARE * room) // 4)
        fitting = max(self._evaluation_numbers // max(self._table(1, rows).work, 1), 1)
        capacity = min(max(rows.count, 1), self._sizes.evaluation_rows, fitting)
        for first in range(0, rows.count, capacity):
            phases = self._phases(capacity, rows, begin_with_shift=self._begins_with_shift(rows))
            count = min(capacity, rows.count - first)
            phases.place(first, count)
            yield phases, first, count

    def gradients(self, rows: Rows) -> tuple[float, NDArray[np.float32]]:
        """Mean objective (loss and penalties) and its gradient, flat; dropout off, statistics of these rows."""
        penalty = self.penalty()
        data, phases = upload_rows(self._memory, rows), self._phases(rows.count, rows)
        measures = self._memory.empty((rows.count, 2), np.float32)
        phases.place(0, rows.count)
        phases.run(phases.table.gradients(), data, rows.count, measures=measures)
        totals = self._totals(rows, self._memory.download(measures))
        gradient = np.zeros(self.network.size, np.float32)
        gradient[: self.network.learned_size] = self._memory.download(self._memory.gradient)
        return totals.mean_loss + penalty, gradient

    def train_step(self, rows: Rows) -> float:
        """One update on all `rows`; returns the mean objective before it."""
        penalty = self.penalty()
        begin = self._begins_with_shift(rows)
        data = upload_rows(self._memory, rows, begin_with_shift=begin)
        phases = self._phases(rows.count, rows, begin_with_shift=begin)
        keys = self._memory.upload(np.array(dropout_keys(self.network, self.seed, "step", self.steps_done), np.uint64))
        measures = self._memory.empty((rows.count, 2), np.float32)
        phases.place(0, rows.count)
        constants = self._constants(self.training.unscheduled)
        phases.run(phases.table.step(), data, rows.count, measures=measures, keys=keys, constants=constants)
        self.steps_done += 1
        return self._totals(rows, self._memory.download(measures)).mean_loss + penalty

    def inspect(self, rows: Rows) -> Inspection:
        """As `gradients`, with what every layer computed."""
        loss, gradient = self.gradients(rows)
        phases = self._phases(rows.count, rows)
        return Inspection(loss, gradient, layer_signals(self.network, phases, rows))

    def train_epoch(self, rows: Rows, epoch: int, first: int = 0, last: int | None = None) -> Totals:
        """Update on every batch of an epoch, or of some of its steps."""
        self.prepare()
        course = self.course(rows.count)
        batch = course.batch(epoch)
        begin, end, last = self.span(rows, epoch, first, last)
        if self.strategy is Strategy.SINGLE_BLOCK:
            loss, correct = self._train_small(rows, epoch, first, last)
            self.steps_done += last - first
            return Totals(loss, correct, end - begin, rows.accuracy)
        if self._batch != batch:
            # What was laid out for another batch size has room of its own for the work of a batch.
            for place in [place for place in self._launches if place[0] == self._batch]:
                del self._launches[place]
            self._batch = batch
        data = self._data(rows)
        if self.training.shuffle:
            # Each swap depends on the one before: work for the CPU, in compiled code.
            order = np.arange(rows.count)
            masks.shuffle(np.uint64(shuffle_key(self.seed, epoch)), order)
            data = data.in_order(self._memory.upload(order.astype(np.int32)))
        keys = self._memory.upload(np.array(dropout_keys(self.network, self.seed, epoch), np.uint64))
        constants = self._constants(course.settings(epoch).some(first, last))
        measures = self._memory.empty((rows.count, 2), np.float32)
        train = self._train_separate if self.strategy is Strategy.SEPARATE else self._train_persistent
        train(rows, data, batch, (begin, end), keys, constants, measures)
        self.steps_done += last - first
        return self._totals(rows, self._memory.download(measures)[begin:end])

    def _train_small(self, rows: Rows, epoch: int, first: int, last: int) -> tuple[float, float]:
        """One network as an ensemble of one."""
        if self._single is None or self._single_rows is not rows or not self._on_device:
            numbers, state = self._numbers(), self._fetch("state")
            self._single_rows = rows
            self._single = self.small_networks([self.seed], [rows], numbers[None], state[None])
            # The other kernels see the same arrays.
            self._memory.weights, self._memory.state = self._single.flat()
            self._on_device = True
        course = self.course(rows.count)
        loss, correct = self._single.train(course, epoch, 1, self.steps_done, first, last)[0, 0].tolist()
        return loss, correct

    def small_networks(
        self, seeds: Sequence[int], rows: Sequence[Rows], weights: NDArray[np.float32], state: NDArray[np.float32]
    ) -> SmallNetworks:
        """Networks like this one, a team of threads each, from these initial values (see `SmallNetworks`)."""
        given = self._sizes
        return SmallNetworks(
            self.network, self.training, given.single_block, given.terms, seeds, rows, weights, state, self.compiling
        )

    def _train_persistent(
        self, rows: Rows, data: DeviceRows, batch: int, span: tuple[int, int], keys: Any, constants: Any, measures: Any
    ) -> None:
        """An epoch, or a range of its rows, in one launch, or in as few as the GPU's driver allows."""
        shifted = self._begins_with_shift(rows)
        phases = self._phases(batch, rows, begin_with_shift=shifted, training=True)
        begin, end = span
        for first, last in self._pace.parts(-(-(end - begin) // batch)):
            part = (begin + first * batch, min(begin + last * batch, end))
            others = (keys, constants[first:last], measures, self._memory.upload(np.zeros(1, np.uint32)))
            if self.strategy is not Strategy.RESIDENT or not self._launch_resident(
                phases, data, batch, part, shifted, others
            ):
                self._launch_persistent(phases, data, batch, part, others)

    def _launch_resident(
        self, phases: PhaseLaunches, data: DeviceRows, batch: int, span: tuple[int, int], shifted: bool, others: Any
    ) -> bool:
        """Train a range of rows in one launch of blocks that own units; False if the GPU has no room for that."""
        if self._resident is None or self._resident[0] is not phases.table:
            layout = layout_for(phases.table, self.training, self._sizes, processors(), copies_asynchronously())
            given = (self.network, self.training, phases.table)
            made = None if layout is None else ResidentLaunches(*given, layout, self._memory, self.compiling)
            self._resident = phases.table, made
        launches = self._resident[1]
        if launches is None:
            return False
        kernel, threads = launches.kernel, launches.tiles.threads
        arguments = launches.arguments(data, batch, span, shifted, *others)
        with self.compiling():
            room = cooperative_blocks(kernel, threads, *arguments)
        if launches.blocks > room:
            return False
        call_cooperative(kernel, launches.blocks, threads, *arguments)
        return True

    def _launch_persistent(
        self, phases: PhaseLaunches, data: DeviceRows, batch: int, span: tuple[int, int], others: Any
    ) -> None:
        """Train a range of rows in one launch."""
        kernel, threads, memory = self._module("persistent").train_epoch, self._sizes.persistent.threads, self._memory
        arguments = (phases.program, phases.stages, phases.loss, batch, *span, *data.arrays, phases.numbers)
        arguments += (memory.weights, memory.state, memory.gradient, phases.work, *others)
        with self.compiling():
            blocks = cooperative_blocks(kernel, threads, *arguments)
        call_cooperative(kernel, blocks, threads, *arguments)

    def _train_separate(
        self, rows: Rows, data: DeviceRows, batch: int, span: tuple[int, int], keys: Any, constants: Any, measures: Any
    ) -> None:
        """Each phase in its own launch; the launches of a step are recorded once and replayed."""
        phases = self._phases(batch, rows, begin_with_shift=self._begins_with_shift(rows), training=True)
        begin, end = span
        phases.place(begin, min(batch, end - begin))
        program = phases.table.step()
        whole, rest = divmod(end - begin, batch)

        def step() -> None:
            phases.run(program, data, batch, measures=measures, keys=keys, constants=constants)
            phases.advance(batch, end)

        replay = Replay(step)
        for _ in range(whole):
            replay()
        if rest:
            phases.run(program, data, rest, measures=measures, keys=keys, constants=constants)

    def _constants(self, settings: Settings) -> Any:
        """The constants of the optimizer's update for each of the coming steps, on the GPU."""
        return self._memory.upload(training_constants(self.training, settings, self.steps_done))

    def _totals(self, rows: Rows, measures: NDArray[np.float32]) -> Totals:
        # Running sums add from first to last, as in every backend.
        loss, correct = np.cumsum(measures, axis=0, dtype=np.float64)[-1].tolist()
        return Totals(loss, correct, len(measures), rows.accuracy)
