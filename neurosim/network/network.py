"""A network as pure data: its layers, its shapes, and one flat vector that holds all parameters.

Nothing here computes. The backends read this description; the simulator names parameters by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.errors import ShapeError
from neurosim.markup import table
from neurosim.network.layers import (
    Activated,
    BatchNorm,
    Chosen,
    Combination,
    Dropout,
    Layer,
    Parameter,
    Shape,
    Stack,
    Weighted,
    of_kind,
    walk,
)
from neurosim.plugin import FromLogits, Loss


@dataclass(frozen=True)
class Network:
    """Layers, loss and the layout of the parameters.

    Attributes
    ----------
    input_shape : tuple of int
        Shape of one input row, such as (784,) or (28, 28, 1).
    layers : tuple of Layer
        In the order in which data flow.
    loss : Chosen[Loss]
        What training minimizes.
    class_weights : tuple of float
        What the loss of a row is multiplied by, by its class: part of `loss`. Empty where all count the same.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    loss: Chosen[Loss]
    class_weights: tuple[float, ...] = ()

    @classmethod
    def of(cls, stack: Stack, loss: Chosen[Loss]) -> Network:
        """The network of the layers on a stack."""
        return cls(stack.input_shape, tuple(stack.layers), loss)

    @property
    def inputs(self) -> int:
        """Numbers in one input row."""
        return math.prod(self.input_shape)

    @property
    def outputs(self) -> int:
        """Numbers in one output row."""
        return math.prod(self.layers[-1].output_shape)

    @property
    def answers(self) -> int:
        """How many of the outputs, the first ones, are what the network answers; the loss may take others beside."""
        return self.outputs // self.loss.record.outputs_per_target

    @property
    def parts(self) -> tuple[Layer, ...]:
        """Every layer, those inside of residual ones after the layer that holds them."""
        return tuple(walk(self.layers))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters, in the order of the flat vector: those that are frozen behind all others."""
        found = [parameter for layer in self.layers for parameter in layer.parameters]
        return tuple(sorted(found, key=lambda parameter: parameter.frozen))

    @property
    def learned(self) -> tuple[Parameter, ...]:
        """The parameters that training changes."""
        return tuple(parameter for parameter in self.parameters if not parameter.frozen)

    @property
    def frozen(self) -> tuple[Parameter, ...]:
        """The parameters that stay as they are."""
        return tuple(parameter for parameter in self.parameters if parameter.frozen)

    @property
    def size(self) -> int:
        """How many numbers the parameters are."""
        return sum(parameter.size for parameter in self.parameters)

    @property
    def learned_size(self) -> int:
        """How many of them, the first ones of the flat vector, training changes."""
        return sum(parameter.size for parameter in self.learned)

    @property
    def multiply_adds(self) -> int:
        """How many multiplications, each with an addition, take one example through the network."""
        return sum(layer.multiply_adds for layer in self.parts)

    @property
    def statistics(self) -> tuple[Parameter, ...]:
        """Running means and variances of batch normalization, in the order of their own flat vector."""
        return tuple(entry for layer in self.parts for entry in layer.statistics)

    @property
    def batch_norms(self) -> tuple[BatchNorm, ...]:
        """The batch normalizations, in order."""
        return of_kind(self.parts, BatchNorm)

    @property
    def dropouts(self) -> tuple[Dropout, ...]:
        """The dropout layers, in order."""
        return of_kind(self.parts, Dropout)

    @property
    def activated(self) -> tuple[Activated, ...]:
        """The layers that have an activation, in order."""
        return of_kind(self.parts, Activated)

    @property
    def combining(self) -> tuple[Combination, ...]:
        """The layers whose units each make one number of several, in order."""
        return of_kind(self.parts, Combination)

    @property
    def weighted(self) -> tuple[Weighted, ...]:
        """The layers that have weights, in order."""
        return of_kind(self.parts, Weighted)

    @property
    def penalized(self) -> tuple[Weighted, ...]:
        """The layers whose weights cost something."""
        return tuple(layer for layer in self.weighted if layer.penalty and not layer.weight.frozen)

    @property
    def pair(self) -> FromLogits | None:
        """The pair of loss and output activation that is computed from logits, if there is one."""
        last = self.layers[-1]
        # A pair passes over the activation, and so over what it learns.
        if not isinstance(last, Activated) or last.learned:
            return None
        return self.loss.record.pair_for(last.activation.name)

    @property
    def unweighted(self) -> Network:
        """The network whose loss is the same for all classes."""
        loss = replace(self.loss, record=self.loss.record.unweighted)
        return replace(self, loss=loss, class_weights=())

    def differs_in_numbers(self, other: Network) -> bool:
        """Whether `other` differs in initial values at most, and in penalties of layers that both penalize."""
        return self is other or (
            replace(self, layers=other.layers) == other
            and len(self.layers) == len(other.layers)
            and all(mine.differs_in_numbers(its) for mine, its in zip(self.layers, other.layers, strict=True))
        )

    def start_values(self, seed: int) -> NDArray[np.float32]:
        """Flat vector of initial values for a seed, float32 on every backend, shape (size,)."""
        values: NDArray[np.float32] = self.all_start_values([seed])[0]
        return values

    def all_start_values(self, seeds: Sequence[int]) -> NDArray[np.float32]:
        """The `start_values` of each seed, shape (seeds, size)."""
        values = np.zeros((len(seeds), self.size), np.float32)
        for layer in self.parts:
            layer.start(seeds, values)
        return values

    def start_statistics(self) -> NDArray[np.float32]:
        """Running means 0 and variances 1, flat."""
        values = np.zeros(sum(entry.size for entry in self.statistics), np.float32)
        for layer in self.parts:
            layer.start_statistics(values)
        return values

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.input_shape))
        layers = f"{len(self.layers)} layer{'s' * (len(self.layers) != 1)}"
        return f"<Network: input {shape}, {layers}, {self.size:,} parameters, loss {self.loss.name}>"

    def _repr_html_(self) -> str:
        """The layers as a table, for notebooks."""
        rows = []
        for layer in self.parts:
            learned = sum(parameter.size for parameter in layer.parameters)
            activation = layer.activation.name if isinstance(layer, Activated) else ""
            shape = " x ".join(map(str, layer.output_shape))
            rows.append([layer.name, layer.words, activation, shape, f"{learned:,}"])
        shape = " x ".join(map(str, self.input_shape))
        caption = f"Input {shape}, {self.size:,} parameters, loss {self.loss.name}"
        return table(["layer", "kind", "activation", "output", "parameters"], rows, (4,), caption)

    def named(self, flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Views into a flat vector by parameter name."""
        return _named(self.parameters, flat)

    def named_statistics(self, flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Views into a flat vector of running statistics by name."""
        return _named(self.statistics, flat)

    def flat(self, named: Mapping[str, ArrayLike], dtype: Any) -> NDArray[Any]:
        """A flat vector from arrays by parameter name.

        Raises
        ------
        ShapeError
            When names are missing or unknown, or a shape differs.
        """
        return _flat("parameters", self.parameters, named, dtype)

    def flat_statistics(self, named: Mapping[str, ArrayLike], dtype: Any) -> NDArray[Any]:
        """A flat vector from running statistics by name; raises as `flat` does."""
        return _flat("statistics", self.statistics, named, dtype)


def _named(entries: tuple[Parameter, ...], flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
    return {entry.name: flat[entry.span].reshape(entry.shape) for entry in entries}


def _flat(what: str, entries: tuple[Parameter, ...], named: Mapping[str, ArrayLike], dtype: Any) -> NDArray[Any]:
    expected = [entry.name for entry in entries]
    missing = [name for name in expected if name not in named]
    unknown = [name for name in named if name not in expected]
    if missing or unknown:
        parts = [f"missing: {', '.join(missing)}"] if missing else []
        parts += [f"unknown: {', '.join(unknown)}"] if unknown else []
        message = f"{what} do not fit this network: " + "; ".join(parts)
        raise ShapeError(message, "needed: " + ", ".join(expected) if expected else "")
    flat = np.empty(sum(entry.size for entry in entries), dtype)
    for entry in entries:
        array = np.asarray(named[entry.name])
        if array.shape != entry.shape:
            raise ShapeError(f"{entry.name} has shape {array.shape}, this network needs {entry.shape}")
        flat[entry.span] = array.ravel()
    return flat
