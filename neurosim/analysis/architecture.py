"""A network in numbers: shapes, parameters, multiply-adds and memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from neurosim.network.course import Course
from neurosim.network.layers import Layer
from neurosim.network.memory import output_memory, training_memory
from neurosim.network.network import Network
from neurosim.network.training import Training


@dataclass(frozen=True)
class LayerNumbers:
    """One layer, without the layers inside it.

    Attributes
    ----------
    name, kind : str
        As in the network; a projection has the kind of the layer that it is.
    settings : str
        Its other settings, briefly, such as "5 x 5, relu".
    depth : int
        How many residual layers it is inside of.
    output_shape : list of int
        Shape of a row of its output.
    parameters : int
        How many numbers it learns.
    multiply_adds : int
        Multiplications by a weight for one row, forward.
    activation_bytes : int
        Memory for its outputs for one batch, float32; 0 if they are its inputs in another shape.
    """

    name: str
    kind: str
    settings: str
    depth: int
    output_shape: list[int]
    parameters: int
    multiply_adds: int
    activation_bytes: int


@dataclass(frozen=True)
class Architecture:
    """A network in numbers.

    Attributes
    ----------
    input_shape : list of int
        Shape of one input row.
    batch_size : int
        Rows in the batch for which the memory is computed.
    layers : list of LayerNumbers
        In order; those inside a residual layer come after it.
    parameters, multiply_adds : int
        Sums over the layers; multiply-adds are for one row, forward.
    frozen : int
        How many of the parameters stay as they are.
    parameter_bytes, gradient_bytes, optimizer_bytes, activation_bytes : int
        Memory that training needs, float32: parameters and running statistics, their gradient, the
        optimizer's state, and the outputs of all layers for one batch.
    """

    input_shape: list[int]
    batch_size: int
    layers: list[LayerNumbers]
    parameters: int
    frozen: int
    multiply_adds: int
    parameter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int

    def as_json(self) -> dict[str, Any]:
        """The object that ``neurosim info SCENARIO --json`` prints."""
        return asdict(self)


def architecture(network: Network, training: Training, rows: int) -> Architecture:
    """The numbers of a network that is trained in this way on this many rows."""
    batch = Course(training, rows).largest_batch
    layers = [numbers for layer in network.layers for numbers in _numbers(layer, 0, batch)]
    memory = training_memory(network, training, rows)
    return Architecture(
        list(network.input_shape),
        batch,
        layers,
        network.size,
        network.size - network.learned_size,
        network.multiply_adds,
        memory.parameters,
        memory.gradient,
        memory.optimizer,
        memory.outputs,
    )


def _numbers(layer: Layer, depth: int, batch: int) -> Iterator[LayerNumbers]:
    shape = layer.output_shape
    yield LayerNumbers(
        layer.name,
        layer.kind,
        ", ".join([*layer.settings, *(["frozen"] if layer.is_frozen and not layer.parts else [])]),
        depth,
        list(shape),
        0 if layer.parts else sum(parameter.size for parameter in layer.parameters),
        layer.multiply_adds,
        output_memory(layer, batch),
    )
    for part in layer.parts:
        yield from _numbers(part, depth + 1, batch)
