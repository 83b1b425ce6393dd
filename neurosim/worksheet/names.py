"""The names of a network's numbers on a worksheet, and which of them are shown.

Layers are numbered from 1 in the order in which they compute; a residual layer, which adds, comes after those inside
it. ``z3[2]`` is the weighted sum of unit 2 of layer 3, ``a3[2]`` its output; in feature maps the indices are
row, column and channel. Everything counts from 1, as in textbooks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from neurosim.network.layers import Activated, Dense, Layer, Parameter, Weighted, in_order
from neurosim.worksheet.blocks import Number, computed, given
from neurosim.worksheet.numbers import numbered
from neurosim.worksheet.step import Index, Step, largest, sources

# A layer of up to ALL units is shown whole; of a wider one, FEW units are.
ALL, FEW = 6, 3
# Of a network with more layers than this, those in the middle are summed up.
MANY_LAYERS, FIRST, LAST = 10, 3, 4
LETTERS = (
    "z are weighted sums, a outputs, w weights, b biases, x inputs, and y is the target. The number after a letter is "
    "the layer; in brackets is the unit or, for a weight, the input it comes from and the unit it goes to."
)


@dataclass
class Names:
    """The names, and the selection.

    Attributes
    ----------
    step : Step
        The step that is shown.
    layers : tuple of Layer
        In the order of their numbers.
    numbers : dict of str to int
        Number of each layer by its name in the network.
    sources : dict of str to Layer or None
        Whose outputs each layer gets.
    shown : dict of str to list of index
        The outputs of each layer that are worked out.
    detailed : set of str
        The layers that are shown in detail.
    told_chain_rule : bool
        Whether the sheet has stated the chain rule, as it does where it first uses it.
    """

    # Whether the sheet is a short one: no headings for single layers, and nothing about what is left out.
    brief: ClassVar[bool] = False

    step: Step
    layers: tuple[Layer, ...] = field(init=False)
    numbers: dict[str, int] = field(init=False)
    sources: dict[str, Layer | None] = field(init=False)
    shown: dict[str, list[Index]] = field(init=False)
    detailed: set[str] = field(init=False)
    told_chain_rule: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        parts = self.layers = tuple(in_order(self.step.network.layers))
        self.numbers = {layer.name: place for place, layer in enumerate(parts, 1)}
        self.sources = sources(self.step.network)
        many = len(parts) > MANY_LAYERS
        chosen = (*parts[:FIRST], *parts[-LAST:]) if many else parts
        self.detailed = {layer.name for layer in chosen}
        self.shown = {layer.name: self._choose(layer) for layer in parts if layer.name in self.detailed}

    def _choose(self, layer: Layer) -> list[Index]:
        """The outputs on which the loss depends most."""
        outputs = self.step.outputs(layer)
        if outputs.ndim == 1 and outputs.size <= ALL:
            return [(unit,) for unit in range(outputs.size)]
        slopes = self.step.errors(layer) if isinstance(layer, Weighted) else self.step.received(layer)
        return largest(slopes, FEW if outputs.ndim == 1 else 1)

    def inputs_shown(self, layer: Dense, unit: int) -> list[int]:
        """The inputs of a unit whose weights are shown: all if they are few, else those with the largest products."""
        if layer.inputs <= ALL:
            return list(range(layer.inputs))
        weight = self.step.trace.weights[layer.weight.name][:, unit]
        products = [weight[place] * self.input_number(layer, (place,)).value for place in range(layer.inputs)]
        return [index[0] for index in largest(np.array(products), FEW)]

    def units_shown(self, layer: Dense) -> list[int] | None:
        """The units through which a gradient is followed back; None: all if they are few, else the largest shares."""
        return None

    def title(self, layer: Layer) -> str:
        """Such as "layer 2"."""
        return f"layer {self.numbers[layer.name]}"

    def is_whole(self, layer: Layer) -> bool:
        """Whether all outputs of a layer are shown."""
        return len(self.shown.get(layer.name, ())) == math.prod(layer.output_shape)

    def output(self, layer: Layer | None, index: Index) -> str:
        """``a3[2]``, or ``x[2]`` for an input of the network."""
        return (f"a{self.numbers[layer.name]}" if layer is not None else "x") + numbered(index)

    def weighted(self, layer: Layer, index: Index) -> str:
        """``z3[2]``; for an activation layer, its input."""
        if not isinstance(layer, Weighted):
            return self.input(layer, index)
        return f"z{self.numbers[layer.name]}" + numbered(index)

    def parameter(self, parameter: Parameter, layer: Layer, index: Index) -> str:
        """``w3[1,2]``, ``b3[2]``, ``gamma3[1]``."""
        word = parameter.name.rpartition(".")[2]
        if isinstance(layer, Activated) and parameter in layer.learned and parameter.size == 1:
            return word + str(self.numbers[layer.name])  # the units share it
        return {"weight": "w", "bias": "b"}.get(word, word) + str(self.numbers[layer.name]) + numbered(index)

    def input(self, layer: Layer, index: Index) -> str:
        """An input of a layer, under its name as an output of another layer or as an input of the network."""
        source, index = self.origin(layer, index)
        return self.output(source, index)

    def origin(self, layer: Layer, index: Index) -> tuple[Layer | None, Index]:
        """The layer that an input comes from, and its index there; through flatten, and dropout, which is off."""
        source = self.sources[layer.name]
        while source is not None and source.passes_through:
            index, source = source.source_index(index), self.sources[source.name]
        shape = self.step.network.input_shape if source is None else source.output_shape
        if len(shape) != len(index):
            # A dense layer on images reads them as one vector.
            place = int(np.ravel_multi_index(index, (math.prod(shape),)))
            index = tuple(int(part) for part in np.unravel_index(place, shape))
        return source, index

    def input_number(self, layer: Layer, index: Index) -> Number:
        """The value of an input of a layer; computed if the sheet has worked it out."""
        source, index = self.origin(layer, index)
        if source is None:
            return given(self.step.inputs[index])
        return self.output_number(source, index)

    def output_number(self, layer: Layer, index: Index) -> Number:
        """The value of an output; computed if the sheet works it out."""
        value = self.step.outputs(layer)[index]
        return computed(value) if index in self.shown.get(layer.name, ()) else given(value)

    @cached_property
    def branches(self) -> set[str]:
        """The layers that share their input with others: the first ones of branches."""
        return {branch[0].name for layer in self.layers for branch in layer.branches if branch}

    def slope(self, name: str) -> str:
        """``∂L/∂name``."""
        return f"∂L/∂{name}"
