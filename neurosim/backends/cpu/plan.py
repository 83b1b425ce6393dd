"""A network as the table of numbers that the compiled engine walks through.

Each row of the table is a stage: mostly a layer, sometimes a part of one (flatten moves no data and
needs none; a residual layer is a fork, its parts and a join). The entries are sizes, flags and
addresses of buffers, so one compiled engine runs any network.

Work is cut into blocks by shape alone, never by the number of threads. Vectors lie row by row; their
stages are cut into blocks of columns (units) or, where they are narrow or need whole rows, into blocks
of rows. Maps lie in groups of samples, see `neurosim.backends.cpu.maps`, and are cut into these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu.kernels import ActivationKernels, LossKernel, is_identity
from neurosim.backends.cpu.table import (
    ACTIVATION,
    ADD,
    AVG_POOL,
    BATCH_NORM,
    CONV,
    DENSE,
    DROPOUT,
    FORK,
    LAYER_NORM,
    MAX_POOL,
    MOMENTS,
    TO_ROWS,
    Field,
    LossField,
)
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.backends.cpu.vectors import LINE
from neurosim.network.layers import (
    Activate,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LayerNorm,
    MaxPool2d,
    Parameter,
    Residual,
    Window,
)
from neurosim.network.network import Network
from neurosim.plugin import RowActivation
from neurosim.randomness import drop_below

IN_PLACE = (DROPOUT, ACTIVATION, BATCH_NORM)
Stage = NDArray[np.int64]


@dataclass
class Plan:
    """The table of a network for batches of up to `capacity` rows, and the buffers it points into.

    `places` has for each layer, by name, the stage whose outputs are its outputs; -1 where these are the inputs.
    """

    stages: NDArray[np.int64]
    loss: NDArray[np.int64]
    capacity: int
    inputs: NDArray[np.float32]
    needs_blas: bool
    scratch: int
    keep: list[NDArray[Any]] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)


def column_blocks(units: int) -> int:
    """Blocks that `units` columns are cut into: enough to share out, not so many that packing costs."""
    if units < 32:
        return 1
    return 2 * max(1, units // 512)


def starts_on_maps(network: Network) -> bool:
    """Whether the first stages of a network work on maps, which the others never do again."""
    # What works number by number may as well work on the rows that a flatten behind it makes.
    caring = (layer for layer in network.layers if not isinstance(layer, Dropout | Activate))
    return len(network.input_shape) == 3 and not isinstance(next(caring, None), Flatten)


def _address(array: NDArray[Any], offset: int = 0) -> int:
    return int(array.ctypes.data) + array.itemsize * offset


@dataclass(frozen=True)
class Vectors:
    """The flat vectors of a network that a plan points into.

    Attributes
    ----------
    parameters, gradient : float32 (size,)
        Without a gradient the plan is for forward passes only.
    state : float32 (slots, size) or None
        The optimizer's state.
    statistics : float32
        Running means and variances.
    """

    parameters: NDArray[np.float32]
    gradient: NDArray[np.float32] | None
    state: NDArray[np.float32] | None
    statistics: NDArray[np.float32]


def build_plan(
    network: Network,
    capacity: int,
    kernels: Mapping[str, ActivationKernels],
    loss: LossKernel,
    vectors: Vectors,
    *,
    training: bool,
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
        Kernels of the activation of each layer that has one, by layer name.
    loss : LossKernel
        Kernel of the loss.
    vectors : Vectors
        Parameters and what belongs to them.
    training : bool
        Whether dropout layers drop (else they are left out) and running statistics move.
    lanes : int
        Networks side by side, see `neurosim.backends.cpu.lanes`; all arrays then have as many
        numbers for each one here.
    """
    return _PlanBuilder(network, capacity, kernels, vectors, training, lanes).build(loss)


class _PlanBuilder:
    def __init__(
        self,
        network: Network,
        capacity: int,
        kernels: Mapping[str, ActivationKernels],
        vectors: Vectors,
        training: bool,
        lanes: int,
    ) -> None:
        self.network, self.capacity, self.kernels, self.vectors = network, capacity, kernels, vectors
        self.training, self.lanes = training, lanes
        self.backward = vectors.gradient is not None
        self.stages: list[Stage] = []
        self.places: dict[str, int] = {}
        # The stage whose outputs come next, which is not always the one above in the table.
        self.before: Stage | None = None
        self.keep: list[NDArray[Any]] = []
        self.groups = -(-capacity // GROUP)
        self.scratch = 0
        self.on_maps = starts_on_maps(network)
        # Two batches: the next one is gathered while this one's backward pass ends.
        rows = self.groups * GROUP if self.on_maps and self.backward else GROUP if self.on_maps else capacity
        self.inputs = self._aligned(2 * rows * lanes * network.inputs).reshape(2, rows * lanes, network.inputs)

    def build(self, loss: LossKernel) -> Plan:
        for layer in self.network.layers:
            self._layer(layer)
        from_logits = self.network.pair is not None
        self.stages[-1][Field.FROM_LOGITS] = from_logits
        if self.on_maps:
            self._to_rows(int(np.prod(self.network.layers[-1].output_shape)), logits=from_logits)
        return self._finish(loss)

    # Memory.

    def _aligned(self, count: int) -> NDArray[np.float32]:
        """Zeros at an address that is a multiple of a line."""
        array = np.zeros(count + GROUP, np.float32)
        first = -_address(array) % LINE // 4
        self.keep.append(array)
        return array[first : first + count]

    def _buffer(self, *shape: int) -> int:
        return _address(self._aligned(int(np.prod(shape)) * self.lanes))

    def _numbers(self, values: tuple[float, ...]) -> int:
        array = np.array(values or (0.0,), np.float32)
        self.keep.append(array)
        return _address(array)

    def _integers(self, *values: int) -> int:
        array = np.array(values, np.int64)
        self.keep.append(array)
        return _address(array)

    def _rows_or_groups(self, units: int) -> int:
        """A buffer for the outputs of a stage; plans for forward passes hold one group of maps."""
        if not self.on_maps:
            return self._buffer(self.capacity, units)
        return self._buffer(self.groups if self.backward else 1, units, GROUP)

    # Stages.

    def _stage(self, kind: int, inputs: int, units: int, channels: int) -> Stage:
        stage = np.zeros(len(Field), np.int64)
        before = self.before
        stage[Field.KIND] = kind
        stage[Field.INPUTS], stage[Field.UNITS], stage[Field.CHANNELS] = inputs, units, channels
        stage[Field.MAPS] = self.on_maps
        stage[Field.COLUMN_BLOCKS], stage[Field.INPUT_BLOCKS] = column_blocks(units), column_blocks(inputs)
        stage[Field.X] = 0 if before is None else before[Field.A]
        if before is not None:
            stage[Field.BY_ROWS] = before[Field.BY_ROWS]
            stage[Field.ACTIVE] = before[Field.ACTIVE]
        else:
            stage[Field.BY_ROWS] = 1
        if self.on_maps and self.backward:
            stage[Field.X_GROUP], stage[Field.A_GROUP] = inputs * LINE, units * LINE
        self.stages.append(stage)
        self.before = stage
        return stage

    def _same_shape(self, kind: int, shape: tuple[int, ...]) -> tuple[Stage, Stage | None]:
        """A stage of this shape, and the one before it."""
        before = self.before
        units = int(np.prod(shape))
        stage = self._stage(kind, units, units, shape[-1])
        if kind in IN_PLACE and before is not None:
            stage[Field.D] = before[Field.D]
        return stage, before

    def _layer(self, layer: Layer) -> None:
        if isinstance(layer, Dense):
            self._dense(layer)
        elif isinstance(layer, Conv2d):
            self._conv2d(layer)
        elif isinstance(layer, MaxPool2d | AvgPool2d):
            self._pool(MAX_POOL if isinstance(layer, MaxPool2d) else AVG_POOL, layer.window)
        elif isinstance(layer, GlobalAvgPool2d):
            height, width, channels = layer.shape
            self._pool(AVG_POOL, Window(layer.shape, (height, width), (1, 1), (0, 0, 0, 0)))
            self._to_rows(channels)
        elif isinstance(layer, Flatten):
            if self.on_maps:
                self._to_rows(layer.units)
        elif isinstance(layer, BatchNorm):
            self._batch_norm(layer)
        elif isinstance(layer, LayerNorm):
            self._layer_norm(layer)
        elif isinstance(layer, Activate):
            self._activation(layer)
        elif isinstance(layer, Dropout):
            if self.training:
                self._dropout(layer)
        elif isinstance(layer, Residual):
            self._residual(layer)
        else:
            raise TypeError(f"no stage for {layer}")
        self._note_place(layer, self.before)

    def _note_place(self, layer: Layer, stage: Stage | None) -> None:
        self.places[layer.name] = next((k for k, known in enumerate(self.stages) if known is stage), -1)

    def _learns(
        self, stage: Stage, weight: Parameter, bias: Parameter | None, penalty: tuple[float, float] = (0, 0)
    ) -> None:
        """Enter where the parameters of a stage and their gradients lie."""
        stage[Field.ACTIVE] = 1
        stage[Field.WEIGHTS] = weight.size
        stage[Field.HAS_BIAS] = bias is not None
        if any(penalty):
            stage[Field.PENALTY] = self._numbers(penalty)
        vectors = self.vectors
        places = (
            (vectors.parameters, Field.WEIGHT, Field.BIAS),
            (vectors.gradient, Field.WEIGHT_GRADIENT, Field.BIAS_GRADIENT),
            (vectors.state, Field.WEIGHT_STATE, Field.BIAS_STATE),
        )
        for array, weight_field, bias_field in places:
            if array is not None:
                stage[weight_field] = _address(array, weight.offset * self.lanes)
                if bias is not None:
                    stage[bias_field] = _address(array, bias.offset * self.lanes)

    def _product(self, stage: Stage, layer: Dense | Conv2d, before: Stage | None) -> None:
        """What dense layers and convolutions have in common."""
        units = int(stage[Field.UNITS])
        self._learns(stage, layer.weight, layer.bias, (layer.penalty.l1, layer.penalty.l2))
        if layer.bias is None:
            stage[Field.BIAS] = self._buffer(int(stage[Field.CHANNELS]))
        kernels = self.kernels[layer.name]
        stage[Field.FORWARD], stage[Field.BACKWARD] = kernels.forward, kernels.backward
        stage[Field.PARAMS] = self._numbers(layer.activation.values)
        stage[Field.Z] = stage[Field.A] = self._rows_or_groups(units)
        # A convolution adds the bias itself; then an activation that changes nothing has nothing to do.
        if is_identity(layer.activation.record) and (layer.bias is None or isinstance(layer, Conv2d)):
            stage[Field.FORWARD] = stage[Field.BACKWARD] = 0
        else:
            stage[Field.A] = self._rows_or_groups(units)
        if self.backward:
            stage[Field.D] = self._rows_or_groups(units)
            stage[Field.DX] = _gradient_of(before)

    def _dense(self, layer: Dense) -> Stage:
        before = self.before
        stage = self._stage(DENSE, layer.inputs, layer.units, layer.units)
        whole_rows = isinstance(layer.activation.record, RowActivation)
        stage[Field.BY_ROWS] = whole_rows or layer.units < 64
        stage[Field.WHOLE_ROWS] = whole_rows
        self._product(stage, layer, before)
        return stage

    def _conv2d(self, layer: Conv2d) -> Stage:
        # Imported, which is compiled, only for networks that need it.
        from neurosim.backends.cpu.convolution import gradient_floats, packed_floats, transposed_floats

        before = self.before
        units = int(np.prod(layer.output_shape))
        stage = self._stage(CONV, int(np.prod(layer.window.input_shape)), units, layer.channels)
        self._product(stage, layer, before)
        geometry = _geometry(layer.window, layer.channels)
        stage[Field.GEOMETRY] = self._integers(*geometry)
        # Behind them zeros, for activations that would add a bias.
        stage[Field.PACKED] = self._buffer(packed_floats(geometry) + layer.channels * GROUP)
        if self.backward:
            stage[Field.PACKED_TRANSPOSED] = self._buffer(transposed_floats(geometry))
            self._partials(stage, layer.weight.size + (layer.channels if layer.bias is not None else 0))
            self._needs_scratch(gradient_floats(geometry))
        return stage

    def _partials(self, stage: Stage, count: int) -> None:
        # Each on lines of its own.
        stage[Field.PARTIAL] = -(-count // GROUP) * GROUP
        stage[Field.PARTIALS] = self._buffer(self.groups, int(stage[Field.PARTIAL]))

    def _needs_scratch(self, count: int) -> None:
        self.scratch = max(self.scratch, count)

    def _pool(self, kind: int, window: Window) -> None:
        before = self.before
        size = window.output_size
        units = size[0] * size[1] * window.channels
        stage = self._stage(kind, int(np.prod(window.input_shape)), units, window.channels)
        stage[Field.GEOMETRY] = self._integers(*_geometry(window, window.channels))
        stage[Field.A] = self._rows_or_groups(units)
        self._needs_scratch(window.channels * GROUP)
        if self.backward:
            stage[Field.D] = self._rows_or_groups(units)
            stage[Field.DX] = _gradient_of(before)

    def _to_rows(self, units: int, *, logits: bool = False) -> None:
        """From groups of maps to rows; with `logits` also the weighted sums of the last stage."""
        before = self.before
        stage = self._stage(TO_ROWS, units, units, units)
        self.on_maps = False
        stage[Field.A] = self._rows_or_groups(units)
        stage[Field.A_GROUP] = GROUP * units * 4
        stage[Field.BY_ROWS] = 0
        if logits and before is not None:
            stage[Field.OTHER] = before[Field.Z]
            stage[Field.Z] = self._rows_or_groups(units)
        if self.backward:
            stage[Field.D] = self._rows_or_groups(units)
            stage[Field.DX] = _gradient_of(before)

    def _batch_norm(self, layer: BatchNorm) -> None:
        settings = self._numbers((layer.epsilon, layer.momentum))
        mean, inverse = self._buffer(layer.channels), self._buffer(layer.channels)
        if self.on_maps and self.backward:
            # The moments of all groups must be known before any can be normalised.
            moments, before = self._same_shape(MOMENTS, layer.shape)
            moments[Field.A], moments[Field.D] = moments[Field.X], _gradient_of(before)
            self._partials(moments, 2 * layer.channels)
        stage, before = self._same_shape(BATCH_NORM, layer.shape)
        self._learns(stage, layer.gamma, layer.beta)
        stage[Field.BATCH], stage[Field.MOVE] = self.backward, self.training
        stage[Field.SETTINGS], stage[Field.MEAN], stage[Field.INVERSE] = settings, mean, inverse
        stage[Field.RUNNING_MEAN] = _address(self.vectors.statistics, layer.mean.offset)
        stage[Field.RUNNING_VARIANCE] = _address(self.vectors.statistics, layer.variance.offset)
        stage[Field.A] = self._rows_or_groups(layer.units)
        stage[Field.BY_ROWS] = 0
        self._needs_scratch(4 * layer.channels * GROUP)
        if not self.backward:
            return
        if stage[Field.D] == 0:
            stage[Field.D] = self._rows_or_groups(layer.units)
        if self.on_maps:
            self._partials(stage, 2 * layer.channels)
            # Each needs the sums that the other one leaves, group by group.
            stage[Field.OTHER], stage[Field.INNER] = moments[Field.PARTIALS], moments[Field.PARTIAL]
            moments[Field.MEAN], moments[Field.INVERSE] = mean, inverse
            moments[Field.WEIGHT], moments[Field.D] = stage[Field.WEIGHT], stage[Field.D]
            moments[Field.OTHER], moments[Field.INNER] = stage[Field.PARTIALS], stage[Field.PARTIAL]
            moments[Field.ACTIVE] = 1

    def _layer_norm(self, layer: LayerNorm) -> None:
        stage, before = self._same_shape(LAYER_NORM, layer.shape)
        self._learns(stage, layer.gamma, layer.beta)
        stage[Field.SETTINGS] = self._numbers((layer.epsilon, 0.0))
        stage[Field.BY_ROWS] = 1
        stage[Field.A] = self._rows_or_groups(layer.units)
        # Normalised inputs, for the backward pass, and 1 / deviation of each row or position.
        stage[Field.Z] = self._rows_or_groups(layer.units)
        stage[Field.INVERSE] = self._rows_or_groups(layer.positions)
        self._needs_scratch(4 * layer.channels * GROUP)
        if self.backward:
            stage[Field.D] = self._rows_or_groups(layer.units)
            stage[Field.DX] = _gradient_of(before)
            if self.on_maps:
                self._partials(stage, 2 * layer.channels)

    def _activation(self, layer: Activate) -> None:
        stage, _ = self._same_shape(ACTIVATION, layer.shape)
        kernels = self.kernels[layer.name]
        stage[Field.FORWARD], stage[Field.BACKWARD] = kernels.forward, kernels.backward
        stage[Field.PARAMS] = self._numbers(layer.activation.values)
        stage[Field.WHOLE_ROWS] = isinstance(layer.activation.record, RowActivation)
        stage[Field.BY_ROWS] |= stage[Field.WHOLE_ROWS]
        stage[Field.BIAS] = self._buffer(layer.channels, GROUP) if self.on_maps else self._buffer(layer.units)
        stage[Field.Z] = stage[Field.X]
        stage[Field.A] = self._rows_or_groups(layer.units)

    def _dropout(self, layer: Dropout) -> None:
        stage, _ = self._same_shape(DROPOUT, layer.shape)
        stage[Field.A] = self._rows_or_groups(layer.units)
        stage[Field.DROPOUT_INDEX] = layer.index
        stage[Field.DROP_BELOW] = drop_below(layer.rate)
        stage[Field.DROP_SCALE] = self._numbers((1.0 / (1.0 - layer.rate),))

    def _residual(self, layer: Residual) -> None:
        fork, before = self._same_shape(FORK, layer.shape)
        fork[Field.A] = fork[Field.X]
        active = bool(fork[Field.ACTIVE])
        if active:
            # The gradient that the inner layers give; that of the layer before is the sum with the skip's.
            fork[Field.D], fork[Field.DX] = self._rows_or_groups(layer.units), _gradient_of(before)
        skip = fork
        if layer.projection is not None:
            projection = layer.projection
            skip = self._dense(projection) if isinstance(projection, Dense) else self._conv2d(projection)
            skip[Field.PROJECTION] = 1
            self._note_place(projection, skip)
            if active:
                skip[Field.DX] = fork[Field.OTHER] = self._rows_or_groups(layer.units)
            self.before = fork
        for inner in layer.layers:
            self._layer(inner)
        join, last = self._same_shape(ADD, layer.output_shape)
        join[Field.A] = self._rows_or_groups(int(join[Field.UNITS]))
        join[Field.OTHER] = skip[Field.A]
        join[Field.ACTIVE] |= skip[Field.ACTIVE]
        if self.backward and join[Field.ACTIVE]:
            join[Field.D] = self._rows_or_groups(int(join[Field.UNITS]))
            join[Field.INNER] = _gradient_of(last)
            if layer.projection is not None:
                skip[Field.D] = join[Field.D]
            elif active:
                fork[Field.OTHER] = join[Field.D]

    def _finish(self, loss: LossKernel) -> Plan:
        for stage, following in zip(self.stages, self.stages[1:], strict=False):
            same_rows = stage[Field.BY_ROWS] and following[Field.BY_ROWS]
            same_columns = not stage[Field.BY_ROWS] and not following[Field.BY_ROWS] and following[Field.KIND] != DENSE
            stage[Field.WAIT] = not (same_rows or (same_columns and stage[Field.KIND] != TO_ROWS))
        # The loss works on blocks of rows.
        last, outputs = self.stages[-1], self.network.outputs
        last[Field.WAIT] = not last[Field.BY_ROWS]
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
        dense = (stage for stage in self.stages if stage[Field.KIND] == DENSE)
        needs_blas = self.capacity * max((int(s[Field.INPUTS] * s[Field.UNITS]) for s in dense), default=0) > 2048
        stages = np.array(self.stages)
        return Plan(stages, table, self.capacity, self.inputs, needs_blas, self.scratch, self.keep, self.places)


def _gradient_of(before: Stage | None) -> int:
    """Address of the gradient of a stage's outputs; 0 where nothing before it learns."""
    return int(before[Field.D]) if before is not None and before[Field.ACTIVE] else 0


def _geometry(window: Window, channels: int) -> Any:
    """The numbers that describe a kernel's way over a map, as the convolutions take them."""
    top, _, left, _ = window.padding
    sizes = (*window.input_shape, *window.output_size, channels)
    return (*sizes, *window.kernel, *window.stride, top, left)
