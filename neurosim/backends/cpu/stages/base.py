"""Building stages: the common part of laying out the kinds of layers for the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu.kernels import ActivationKernels
from neurosim.backends.cpu.table import ACTIVATION, BATCH_NORM, DROPOUT, TO_ROWS, Field, LearnedField
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.backends.cpu.vectors import LINE
from neurosim.network.layers import Activated, Layer, Parameter, learned_names
from neurosim.network.network import Network

IN_PLACE = (DROPOUT, ACTIVATION, BATCH_NORM)
Stage = NDArray[np.int64]
# Columns of a block; more blocks would take longer to wait for than to work on.
NARROWEST = 32


@dataclass(frozen=True)
class Vectors:
    """The flat vectors of a network that a plan points into.

    Attributes
    ----------
    parameters, gradient : float32 (size,)
        Without a gradient, the plan is only for forward passes.
    state : float32 (slots, size) or None
        The optimizer's state.
    statistics : float32
        Running means and variances.
    """

    parameters: NDArray[np.float32]
    gradient: NDArray[np.float32] | None
    state: NDArray[np.float32] | None
    statistics: NDArray[np.float32]


def column_blocks(units: int, threads: int) -> int:
    """The number of blocks for `units` columns: one for each thread, but none narrower than a tile is worth."""
    return max(1, min(threads, units // NARROWEST))


def address(array: NDArray[Any], offset: int = 0) -> int:
    """The address of the numbers of an array, or of those from `offset` on."""
    return int(array.ctypes.data) + array.itemsize * offset


def aligned_zeros(count: int) -> NDArray[np.float32]:
    """Zeros at an address that is a multiple of a cache line, and more of them up to the end of the last line."""
    array = np.zeros(count + 2 * GROUP, np.float32)
    first = -address(array) % LINE // 4
    return array[first : first + count]


class Stages:
    """The stages of a network under construction, and the buffers that they point into.

    Attributes
    ----------
    table : list of Stage
        The stages so far.
    before : Stage or None
        The stage whose outputs are the next inputs, which is not always the last in the table.
    on_maps : bool
        Whether the next stage works on maps.
    """

    def __init__(
        self,
        network: Network,
        capacity: int,
        kernels: Mapping[str, ActivationKernels],
        vectors: Vectors,
        kinds: Mapping[type[Layer], Callable[[Stages, Any], None]],
        on_maps: bool,
        training: bool,
        lanes: int,
        networks: int,
        threads: int,
    ) -> None:
        self.network, self.capacity, self.kernels, self.vectors = network, capacity, kernels, vectors
        self.training, self.lanes, self.threads, self.on_maps = training, lanes, threads, on_maps
        # Of these there are parameters.
        self.networks = networks
        self._kinds = kinds
        self.backward = vectors.gradient is not None
        self.table: list[Stage] = []
        self.places: dict[str, int] = {}
        self.before: Stage | None = None
        # Stages that are in no table, each with the one in it that has the same outputs.
        self.stand_ins: list[tuple[Stage, Stage]] = []
        self.keep: list[NDArray[Any]] = []
        self.groups = -(-capacity // GROUP)
        self.scratch = 0
        # Two batches: the next one is gathered while this one's backward pass finishes.
        rows = self.groups * GROUP if self.on_maps and self.backward else GROUP if self.on_maps else capacity
        self.inputs = self.aligned(2 * rows * lanes * network.inputs).reshape(2, rows * lanes, network.inputs)

    def build(self) -> None:
        """Lay out all layers, the last of them with rows as its output."""
        for layer in self.network.layers:
            self.add(layer)
        from_logits = self.network.pair is not None
        self.table[-1][Field.FROM_LOGITS] = from_logits
        if self.on_maps:
            self.to_rows(int(np.prod(self.network.layers[-1].output_shape)), logits=from_logits)

    def add(self, layer: Layer) -> None:
        """Lay out a layer after the ones so far."""
        self._kinds[type(layer)](self, layer)
        self.note_place(layer, self.before)

    def aligned(self, count: int) -> NDArray[np.float32]:
        """Zeros at an address that is a multiple of a cache line."""
        array = aligned_zeros(count)
        self.keep.append(array)
        return array

    def buffer(self, *shape: int) -> int:
        """The address of zeros of this shape."""
        return address(self.aligned(int(np.prod(shape)) * self.lanes))

    def numbers(self, values: tuple[float, ...]) -> int:
        """The address of some settings."""
        array = np.array(values or (0.0,), np.float32)
        self.keep.append(array)
        return address(array)

    def integers(self, *values: int) -> int:
        """The address of some integers."""
        array = np.array(values, np.int64)
        self.keep.append(array)
        return address(array)

    def rows_or_groups(self, units: int) -> int:
        """A buffer for the outputs of a stage; in plans for forward passes, for one group of maps."""
        if not self.on_maps:
            return self.buffer(self.capacity, units)
        return self.buffer(self.groups if self.backward else 1, units, GROUP)

    def stage(self, kind: int, inputs: int, units: int, channels: int) -> Stage:
        """A new stage, whose inputs are the outputs of the one before."""
        stage = np.zeros(len(Field), np.int64)
        before = self.before
        stage[Field.KIND] = kind
        stage[Field.INPUTS], stage[Field.UNITS], stage[Field.CHANNELS] = inputs, units, channels
        stage[Field.MAPS] = self.on_maps
        stage[Field.COLUMN_BLOCKS] = column_blocks(units, self.threads)
        stage[Field.INPUT_BLOCKS] = column_blocks(inputs, self.threads)
        stage[Field.X] = 0 if before is None else before[Field.A]
        if before is not None:
            stage[Field.BY_ROWS] = before[Field.BY_ROWS]
            stage[Field.ACTIVE] = before[Field.ACTIVE]
        else:
            stage[Field.BY_ROWS] = 1
        if self.on_maps and self.backward:
            stage[Field.X_GROUP], stage[Field.A_GROUP] = inputs * LINE, units * LINE
        self.table.append(stage)
        self.before = stage
        return stage

    def same_shape(self, kind: int, shape: tuple[int, ...]) -> tuple[Stage, Stage | None]:
        """Add a stage of this shape; returns it and the one before it."""
        before = self.before
        units = int(np.prod(shape))
        stage = self.stage(kind, units, units, shape[-1])
        if kind in IN_PLACE and before is not None:
            stage[Field.D] = before[Field.D]
        return stage, before

    def note_place(self, layer: Layer, stage: Stage | None) -> None:
        """Record the stage whose outputs are those of a layer."""
        stage = next((meant for stand_in, meant in self.stand_ins if stand_in is stage), stage)
        self.places[layer.name] = next((k for k, known in enumerate(self.table) if known is stage), -1)

    def learns(
        self, stage: Stage, weight: Parameter, bias: Parameter | None, penalty: tuple[float, float] = (0, 0)
    ) -> None:
        """Enter the addresses of a stage's parameters and their gradients; what is frozen has no gradient."""
        stage[Field.WEIGHTS] = weight.size
        stage[Field.HAS_BIAS] = bias is not None
        vectors = self.vectors
        if not weight.frozen:
            stage[Field.ACTIVE] = 1
            if any(penalty):
                stage[Field.PENALTY] = self.numbers(penalty)
        places = (
            (vectors.parameters, Field.WEIGHT, Field.BIAS),
            (None if weight.frozen else vectors.gradient, Field.WEIGHT_GRADIENT, Field.BIAS_GRADIENT),
            (None if weight.frozen else vectors.state, Field.WEIGHT_STATE, Field.BIAS_STATE),
        )
        for array, weight_field, bias_field in places:
            if array is not None:
                stage[weight_field] = address(array, weight.offset * self.networks)
                if bias is not None:
                    stage[bias_field] = address(array, bias.offset * self.networks)

    def activates(self, stage: Stage, layer: Activated) -> None:
        """Enter the kernels of a stage's activation and its parameters; the place of its outputs must be known."""
        kernels, activation = self.kernels[layer.name], layer.activation
        stage[Field.FORWARD], stage[Field.BACKWARD] = kernels.forward, kernels.backward
        if not layer.learned:
            stage[Field.PARAMS] = self.numbers(activation.values)
            return
        frozen = layer.learned[0].frozen
        stage[Field.LEARNS], stage[Field.ACTIVE] = 1, stage[Field.ACTIVE] or not frozen
        names = learned_names(activation.record)
        table = [0] * len(LearnedField)
        table[LearnedField.FIXED] = self.numbers(tuple(v for name, v in activation.params.items() if name not in names))
        table[LearnedField.NAMES], table[LearnedField.NUMBERS] = len(names), layer.learned[0].size
        table[LearnedField.WIDTH] = width = layer.output_shape[-1]
        places = (
            (self.vectors.parameters, LearnedField.LEARNED),
            (None if frozen else self.vectors.gradient, LearnedField.LEARNED_GRADIENT),
            (None if frozen else self.vectors.state, LearnedField.LEARNED_STATE),
        )
        for array, place in places:
            table[place] = 0 if array is None else address(array, layer.learned[0].offset)
        if self.backward:
            table[LearnedField.SUMS] = (
                self.buffer(self.groups, len(names), width, GROUP)
                if self.on_maps
                else self.buffer(self.capacity, len(names), width)
            )
            table[LearnedField.OUTPUTS], table[LearnedField.GROUP_BYTES] = stage[Field.A], stage[Field.A_GROUP]
        if self.on_maps and layer.learned[0].size > 1:
            table[LearnedField.SPREAD] = self.buffer(len(names), width, GROUP)
        stage[Field.PARAMS] = self.integers(*table)

    def partials(self, stage: Stage, count: int) -> None:
        """Reserve memory for this many partial sums of each group."""
        # Each on separate cache lines.
        stage[Field.PARTIAL] = -(-count // GROUP) * GROUP
        stage[Field.PARTIALS] = self.buffer(self.groups, int(stage[Field.PARTIAL]))

    def needs_scratch(self, count: int) -> None:
        """Reserve at least this many numbers of scratch memory for each thread."""
        self.scratch = max(self.scratch, count)

    def to_rows(self, units: int, *, logits: bool = False) -> None:
        """From groups of maps to rows; with `logits` also the weighted sums of the last stage."""
        before = self.before
        stage = self.stage(TO_ROWS, units, units, units)
        self.on_maps = False
        stage[Field.A] = self.rows_or_groups(units)
        stage[Field.A_GROUP] = GROUP * units * 4
        stage[Field.BY_ROWS] = 0
        if logits and before is not None:
            stage[Field.OTHER] = before[Field.Z]
            stage[Field.Z] = self.rows_or_groups(units)
        if self.backward:
            stage[Field.D] = self.rows_or_groups(units)
            stage[Field.DX] = gradient_of(before)


def gradient_of(before: Stage | None) -> int:
    """The address of the gradient of a stage's outputs; 0 if nothing before it learns."""
    return int(before[Field.D]) if before is not None and before[Field.ACTIVE] else 0
