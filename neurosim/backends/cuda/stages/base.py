"""A table under construction: the common part of laying out the kinds of layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neurosim.backends.cuda.fields import NONE, Field, Terms
from neurosim.backends.cuda.fields import Kind as StageKind
from neurosim.backends.cuda.table import learns
from neurosim.errors import BackendError
from neurosim.network.layers import Activated, Layer, Weighted, Window
from neurosim.network.network import Network
from neurosim.plugin import RowActivation


@dataclass(frozen=True)
class Flow:
    """Rows between two stages: where they are stored, and the stage that receives their gradient.

    `fusible` is the stage into which a dropout layer that follows directly may be merged.
    """

    out: int = NONE
    behind: int = NONE
    fusible: int = NONE


@dataclass(frozen=True)
class LayerKind:
    """The backend's support for a kind of layer.

    Attributes
    ----------
    add : function
        Lays out a layer for its input rows; returns its output.
    needs : set of str
        The parts of the kernels that a network with such a layer needs.
    wide : int or None
        From this width on, the layer's tiles keep a GPU busy for longer than a launch takes.
    """

    add: Callable[[Layout, Any, Flow], Flow]
    needs: frozenset[str] = frozenset()
    wide: int | None = None


class Layout:
    """A table under construction."""

    def __init__(
        self,
        network: Network,
        capacity: int,
        activations: Sequence[Any],
        terms: Terms,
        kinds: Mapping[type[Layer], LayerKind],
        *,
        biases_first: bool = False,
    ) -> None:
        self.network = network
        self.capacity = capacity
        self.activations = activations
        self.terms = terms
        self.stages: list[list[int]] = []
        self.places: dict[str, tuple[int, int]] = {}
        self.numbers: list[float] = []
        self.work = 0
        self._kinds = kinds
        self._biases_first = biases_first

    def space(self, numbers: int) -> int:
        """The offset of newly reserved space for this many numbers."""
        self.work += numbers
        return self.work - numbers

    def rows(self, units: int) -> int:
        """The offset of newly reserved space for a batch of rows."""
        return self.space(self.capacity * units)

    def keep(self, *values: float) -> int:
        """The offset of newly added numbers for the kernels."""
        self.numbers.extend(values)
        return len(self.numbers) - len(values)

    def stack(self, layers: Sequence[Layer], flow: Flow) -> Flow:
        """Add layers in sequence; returns the output of the last one."""
        for layer in layers:
            if type(layer) not in self._kinds:
                raise BackendError(f"the CUDA backend has no {layer.kind} layer ({layer.name})", 'Use backend="cpu".')
            flow = self._kinds[type(layer)].add(self, layer, flow)
            self.places[layer.name] = (len(self.stages) - 1, flow.out)
        return flow

    def stage(self, kind: StageKind, inputs: int, units: int, flow: Flow) -> list[int]:
        """Add a stage, with space for its output and the gradient of that."""
        stage = [NONE] * len(Field)
        stage[Field.KIND], stage[Field.INPUTS], stage[Field.UNITS] = kind, inputs, units
        stage[Field.X], stage[Field.BEHIND] = flow.out, flow.behind
        self.stages.append(stage)
        return stage

    def leave(self, stage: list[int], out: int, *, fusible: bool = False) -> Flow:
        """The output of the newest stage."""
        stage[Field.OUT] = out
        stage[Field.D] = self.rows(stage[Field.UNITS])
        number = len(self.stages) - 1
        goes_on = stage[Field.BEHIND] != NONE or stage[Field.SKIP_BEHIND] != NONE
        wanted = learns(stage) or goes_on
        return Flow(out, number if wanted else NONE, number if fusible else NONE)

    def activated(self, stage: list[int], layer: Activated) -> Flow:
        """A stage that ends with the activation of its layer."""
        units, activation = stage[Field.UNITS], layer.activation
        stage[Field.Z], stage[Field.A] = self.rows(units), self.rows(units)
        stage[Field.ACTIVATION] = self.activations.index(activation.record)
        stage[Field.WHOLE_ROWS] = int(isinstance(activation.record, RowActivation))
        stage[Field.DZ] = self.rows(units) if stage[Field.WHOLE_ROWS] else NONE
        stage[Field.PARAMS] = self.keep(*activation.values)
        if layer.learned:
            self._learns(stage, layer)
        return self.leave(stage, stage[Field.A], fusible=True)

    def _learns(self, stage: list[int], layer: Activated) -> None:
        """Enter what the activation of a stage learns, and reserve space for its gradient."""
        names, width, units = len(layer.learned), layer.output_shape[-1], stage[Field.UNITS]
        stage[Field.LEARNED], stage[Field.LEARNED_NAMES] = layer.learned[0].offset, names
        stage[Field.FROZEN] = 1 if layer.learned[0].frozen else NONE
        stage[Field.LEARNED_NUMBERS], stage[Field.LEARNED_WIDTH] = layer.learned[0].size, width
        stage[Field.LEARNED_SLOPES] = self.rows(units * names)
        stage[Field.LEARNED_TERMS] = self.terms.channel
        parts = -(-self.capacity * (units // width) // self.terms.channel)
        stage[Field.LEARNED_SUMS] = self.space(parts * width * names)

    def weights(self, stage: list[int], layer: Weighted) -> None:
        """Enter the offsets of a stage's parameters."""
        stage[Field.WEIGHT] = layer.weight.offset
        stage[Field.FROZEN] = 1 if layer.weight.frozen else NONE
        if layer.bias is not None:
            stage[Field.BIAS] = layer.bias.offset
            if self._biases_first or stage[Field.KIND] in (StageKind.CONVOLUTION, StageKind.SPREAD_CONVOLUTION):
                stage[Field.BIAS_FIRST] = layer.bias.offset
        if layer.penalty and not layer.weight.frozen:
            stage[Field.PENALTY] = self.keep(layer.penalty.l1, layer.penalty.l2)

    def windowed(self, kind: StageKind, window: Window, channels: int, flow: Flow) -> list[int]:
        """A new stage that slides a window over a map."""
        high, wide = window.output_size
        stage = self.stage(kind, math.prod(window.input_shape), high * wide * channels, flow)
        stage[Field.CHANNELS] = channels
        stage[Field.MAP_HEIGHT], stage[Field.MAP_WIDTH], stage[Field.MAP_CHANNELS] = window.input_shape
        stage[Field.KERNEL_HEIGHT], stage[Field.KERNEL_WIDTH] = window.kernel
        stage[Field.STRIDE_DOWN], stage[Field.STRIDE_ACROSS] = window.stride
        stage[Field.PAD_TOP], _, stage[Field.PAD_LEFT], _ = window.padding
        stage[Field.OUT_HEIGHT], stage[Field.OUT_WIDTH] = high, wide
        stage[Field.APART_DOWN], stage[Field.APART_ACROSS] = window.dilation
        return stage
