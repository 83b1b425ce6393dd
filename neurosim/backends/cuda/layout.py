"""Laying out a network: its stages, and a place in the work space for whatever they leave behind."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.backends.cuda.fields import NONE, Field, Kind, LossField, Statistic, Terms
from neurosim.backends.cuda.table import LEARNERS, Table
from neurosim.errors import BackendError, DataError
from neurosim.network.layers import (
    Activate,
    AvgPool2d,
    BatchNorm,
    ChosenActivation,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LayerNorm,
    MaxPool2d,
    Residual,
    Window,
)
from neurosim.network.network import Network, Training
from neurosim.plugin import RowActivation
from neurosim.randomness import drop_below

# Offsets are 32-bit numbers.
_MOST_WORK = 2**31 - 1


@dataclass(frozen=True)
class _Flow:
    """Rows on their way: where they lie, and the stage that their gradient goes to.

    `fusible` is the stage that a dropout layer right behind may become a part of.
    """

    out: int = NONE
    behind: int = NONE
    fusible: int = NONE


def build_table(
    network: Network,
    capacity: int,
    activations: Sequence[Any],
    *,
    judge: int,
    training: Training | None = None,
    terms: Terms | None = None,
) -> Table:
    """Lay out a network.

    Parameters
    ----------
    network : Network
        What to lay out.
    capacity : int
        Most rows of a batch.
    activations : sequence of records
        The network's different activations, in the order in which kernels number them.
    judge : int
        How right answers are told; see `neurosim.backends.base.JUDGES`.
    training : Training, optional
        Bounds on the gradient; none when left out.
    terms : Terms, optional
        How long sums are cut.

    Raises
    ------
    BackendError
        For a layer that the kernels do not have, by its name.
    DataError
        Where a batch would leave more behind than 32-bit numbers can count.
    """
    clip_value, clip_norm = (training.clip_value, training.clip_norm) if training is not None else (None, None)
    layout = _Layout(network, capacity, activations, terms or Terms())
    layout.keep(*(math.inf if bound is None else bound for bound in (clip_value, clip_norm)))
    layout.stack(network.layers, _Flow())
    if not layout.stages:
        raise BackendError("the CUDA backend has nothing to compute in this network", 'Use backend="cpu".')
    loss = [NONE] * len(LossField)
    loss[LossField.PARAMS] = layout.keep(*network.loss.values)
    loss[LossField.JUDGE] = judge
    loss[LossField.THRESHOLD] = layout.keep(network.loss.record.threshold)
    if clip_norm is not None:
        loss[LossField.SQUARES_PARTS] = layout.terms.norm
        loss[LossField.SQUARES] = layout.space(2 * layout.terms.norm)
    if layout.work > _MOST_WORK:
        raise DataError(
            f"a batch of {capacity:,} rows leaves {layout.work:,} numbers behind in this network, more than the "
            f"{_MOST_WORK:,} that the CUDA kernels can count",
            "Use a smaller batch_size.",
        )
    return Table(
        np.array(layout.stages, np.int32),
        np.array(loss, np.int32),
        np.array(layout.numbers, np.float32),
        layout.work,
        capacity,
        network.pair is not None,
        clip_norm is not None,
        layout.places,
    )


class _Layout:
    """A table in the making."""

    def __init__(self, network: Network, capacity: int, activations: Sequence[Any], terms: Terms) -> None:
        self.network = network
        self.capacity = capacity
        self.activations = activations
        self.terms = terms
        self.stages: list[list[int]] = []
        self.places: dict[str, tuple[int, int]] = {}
        self.numbers: list[float] = []
        self.work = 0
        self._add: dict[type, Callable[[Any, _Flow], _Flow]] = {
            Dense: self._dense,
            Conv2d: self._convolution,
            MaxPool2d: self._pool,
            AvgPool2d: self._pool,
            GlobalAvgPool2d: self._global_pool,
            BatchNorm: self._batch_norm,
            LayerNorm: self._layer_norm,
            Activate: self._alone,
            Dropout: self._dropout,
            Residual: self._residual,
        }

    def space(self, numbers: int) -> int:
        """Offset of room for so many numbers."""
        self.work += numbers
        return self.work - numbers

    def rows(self, units: int) -> int:
        """Offset of room for a batch of rows."""
        return self.space(self.capacity * units)

    def keep(self, *values: float) -> int:
        """Offset of numbers that the kernels take."""
        self.numbers.extend(values)
        return len(self.numbers) - len(values)

    def stack(self, layers: Sequence[Layer], flow: _Flow) -> _Flow:
        """Add layers, one behind the other; returns what leaves the last one."""
        for layer in layers:
            if isinstance(layer, Flatten):
                self.places[layer.name] = (NONE, flow.out)
                continue
            if type(layer) not in self._add:
                raise BackendError(f"the CUDA backend has no {layer.kind} layer ({layer.name})", 'Use backend="cpu".')
            flow = self._add[type(layer)](layer, flow)
            self.places[layer.name] = (len(self.stages) - 1, flow.out)
        return flow

    def _stage(self, kind: Kind, inputs: int, units: int, flow: _Flow) -> list[int]:
        """A new stage, with its place for what leaves it and for the gradient of that."""
        stage = [NONE] * len(Field)
        stage[Field.KIND], stage[Field.INPUTS], stage[Field.UNITS] = kind, inputs, units
        stage[Field.X], stage[Field.BEHIND] = flow.out, flow.behind
        self.stages.append(stage)
        return stage

    def _leave(self, stage: list[int], out: int, *, fusible: bool = False) -> _Flow:
        """What leaves the newest stage."""
        stage[Field.OUT] = out
        stage[Field.D] = self.rows(stage[Field.UNITS])
        number = len(self.stages) - 1
        goes_on = stage[Field.BEHIND] != NONE or stage[Field.SKIP_BEHIND] != NONE
        wanted = stage[Field.KIND] in LEARNERS or goes_on
        return _Flow(out, number if wanted else NONE, number if fusible else NONE)

    # Layers with an activation -----------------------------------------------------------------------------------

    def _activated(self, stage: list[int], activation: ChosenActivation) -> _Flow:
        units = stage[Field.UNITS]
        stage[Field.Z], stage[Field.A] = self.rows(units), self.rows(units)
        stage[Field.ACTIVATION] = self.activations.index(activation.record)
        stage[Field.WHOLE_ROWS] = int(isinstance(activation.record, RowActivation))
        stage[Field.DZ] = self.rows(units) if stage[Field.WHOLE_ROWS] else NONE
        stage[Field.PARAMS] = self.keep(*activation.values)
        return self._leave(stage, stage[Field.A], fusible=True)

    def _weights(self, stage: list[int], layer: Dense | Conv2d) -> None:
        stage[Field.WEIGHT] = layer.weight.offset
        stage[Field.BIAS] = layer.bias.offset if layer.bias is not None else NONE
        if layer.penalty:
            stage[Field.PENALTY] = self.keep(layer.penalty.l1, layer.penalty.l2)

    def _dense(self, layer: Dense, flow: _Flow) -> _Flow:
        stage = self._stage(Kind.DENSE, layer.inputs, layer.units, flow)
        self._weights(stage, layer)
        return self._activated(stage, layer.activation)

    def _convolution(self, layer: Conv2d, flow: _Flow) -> _Flow:
        stage = self._windowed(Kind.CONVOLUTION, layer.window, layer.channels, flow)
        self._weights(stage, layer)
        stage[Field.TERMS] = self.terms.convolution
        parts = -(-self.capacity * math.prod(layer.window.output_size) // self.terms.convolution)
        stage[Field.PARTS] = self.space(parts * (layer.weight.size + layer.channels))
        return self._activated(stage, layer.activation)

    def _alone(self, layer: Activate, flow: _Flow) -> _Flow:
        return self._activated(self._stage(Kind.ALONE, layer.units, layer.units, flow), layer.activation)

    # Layers without ----------------------------------------------------------------------------------------------

    def _windowed(self, kind: Kind, window: Window, channels: int, flow: _Flow) -> list[int]:
        high, wide = window.output_size
        stage = self._stage(kind, math.prod(window.input_shape), high * wide * channels, flow)
        stage[Field.CHANNELS] = channels
        stage[Field.MAP_HEIGHT], stage[Field.MAP_WIDTH], stage[Field.MAP_CHANNELS] = window.input_shape
        stage[Field.KERNEL_HEIGHT], stage[Field.KERNEL_WIDTH] = window.kernel
        stage[Field.STRIDE_DOWN], stage[Field.STRIDE_ACROSS] = window.stride
        stage[Field.PAD_TOP], _, stage[Field.PAD_LEFT], _ = window.padding
        stage[Field.OUT_HEIGHT], stage[Field.OUT_WIDTH] = high, wide
        return stage

    def _pool(self, layer: MaxPool2d | AvgPool2d, flow: _Flow) -> _Flow:
        kind = Kind.MAX_POOL if isinstance(layer, MaxPool2d) else Kind.AVG_POOL
        stage = self._windowed(kind, layer.window, layer.window.channels, flow)
        if kind == Kind.MAX_POOL:
            stage[Field.PLACES] = self.rows(stage[Field.UNITS])
        return self._leave(stage, self.rows(stage[Field.UNITS]))

    def _global_pool(self, layer: GlobalAvgPool2d, flow: _Flow) -> _Flow:
        """A window as large as the map."""
        height, width, channels = layer.shape
        window = Window(layer.shape, (height, width), (1, 1), (0, 0, 0, 0))
        stage = self._windowed(Kind.AVG_POOL, window, channels, flow)
        return self._leave(stage, self.rows(channels))

    def _norm(self, kind: Kind, layer: BatchNorm | LayerNorm, flow: _Flow) -> list[int]:
        stage = self._stage(kind, layer.units, layer.units, flow)
        stage[Field.CHANNELS], stage[Field.TERMS] = layer.channels, self.terms.channel
        stage[Field.WEIGHT], stage[Field.BIAS] = layer.gamma.offset, layer.beta.offset
        parts = -(-self.capacity * layer.positions // self.terms.channel)
        stage[Field.PARTS] = self.space(2 * parts * layer.channels)
        groups = layer.channels if kind == Kind.BATCH_NORM else self.capacity * layer.positions
        stage[Field.STATISTICS] = self.space(len(Statistic) * groups)
        return stage

    def _batch_norm(self, layer: BatchNorm, flow: _Flow) -> _Flow:
        stage = self._norm(Kind.BATCH_NORM, layer, flow)
        stage[Field.PARAMS] = self.keep(layer.epsilon, layer.momentum)
        # The running statistics lie behind the parameters.
        stage[Field.RUNNING_MEAN] = self.network.size + layer.mean.offset
        stage[Field.RUNNING_VARIANCE] = self.network.size + layer.variance.offset
        return self._leave(stage, self.rows(layer.units))

    def _layer_norm(self, layer: LayerNorm, flow: _Flow) -> _Flow:
        stage = self._norm(Kind.LAYER_NORM, layer, flow)
        stage[Field.PARAMS] = self.keep(layer.epsilon)
        return self._leave(stage, self.rows(layer.units))

    def _dropout(self, layer: Dropout, flow: _Flow) -> _Flow:
        fused = flow.fusible != NONE
        target = self.stages[flow.fusible] if fused else self._stage(Kind.DROPOUT, layer.units, layer.units, flow)
        target[Field.DROP] = layer.index
        target[Field.DROP_BELOW] = int(np.uint32(drop_below(layer.rate)).astype(np.int32))
        target[Field.DROP_SCALE] = self.keep(1.0 / (1.0 - layer.rate) if layer.rate < 1.0 else 0.0)
        out = self.rows(layer.units)
        if not fused:
            return self._leave(target, out)
        target[Field.OUT] = out
        return _Flow(out, flow.behind)

    # Residual layers ---------------------------------------------------------------------------------------------

    def _residual(self, layer: Residual, flow: _Flow) -> _Flow:
        """A fork where something before it learns, the projection, the layers inside, and a join."""
        fork = None
        inside = skip = _Flow(flow.out, NONE)
        if flow.behind != NONE:
            fork = self._stage(Kind.FORK, layer.units, layer.units, flow)
            inside = skip = self._leave(fork, flow.out)
        if layer.projection is not None:
            if fork is not None:
                # A place of its own for the gradient that comes through the projection.
                skip = _Flow(flow.out, len(self.stages))
                aside = self._stage(Kind.FORK, layer.units, layer.units, _Flow(flow.out))
                self._leave(aside, flow.out)
                fork[Field.SKIP] = aside[Field.D]
            skip = self.stack([layer.projection], skip)
        inside = self.stack(layer.layers, inside)
        units = math.prod(layer.output_shape)
        join = self._stage(Kind.JOIN, units, units, inside)
        join[Field.SKIP] = skip.out
        if layer.projection is not None:
            join[Field.SKIP_BEHIND] = skip.behind
        joined = self._leave(join, self.rows(units))
        if fork is not None and layer.projection is None:
            fork[Field.SKIP] = join[Field.D]
        return joined
