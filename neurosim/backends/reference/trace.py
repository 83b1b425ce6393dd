"""What a pass through the network is given, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.network.layers import Layer

Array = NDArray[np.float64]


class Passes(NamedTuple):
    """The functions of a kind of layer, each of the layer, an array and the `Trace`."""

    forward: Callable[..., Array]
    backward: Callable[..., Array]


@dataclass
class Trace:
    """One pass of a batch through the network: what it is given, and what it leaves behind.

    A forward function of a kind of layer returns the layer's outputs and leaves in ``saved`` what its backward
    function needs; that one takes the gradient with respect to the outputs, enters the gradients of the parameters
    and returns that of the inputs. Maps are arrays (rows, height, width, channels), vectors (rows, units).

    Attributes
    ----------
    passes : mapping
        The two functions of each kind of layer.
    weights, statistics : dict of str to array
        Parameters and running statistics by name.
    training : bool
        Whether batch normalization uses the statistics of the batch.
    keys : list of int or None
        Keys of the dropout masks; None switches dropout off.
    row_numbers : int array (rows,)
        Place of each row in the epoch, for the masks.
    move_statistics : bool
        Whether the running statistics follow those of the batch.
    gradients : dict of str to array
        Gradients of the parameters, entered by the backward pass.
    saved : dict
        By layer name, what the backward pass needs.
    outputs, errors : dict of str to array
        By layer name, what it passed on and, for layers with weights, the gradient of its weighted sums.
    received, sent : dict of str to array
        By layer name, the gradient with respect to its outputs, and with respect to its inputs. What the
        last layer has received is with respect to its weighted sums where loss and activation are one formula.
    """

    passes: Mapping[type[Layer], Passes]
    weights: dict[str, Array]
    statistics: dict[str, Array]
    training: bool = False
    keys: list[int] | None = None
    row_numbers: Any = None
    move_statistics: bool = False
    gradients: dict[str, Array] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Array] = field(default_factory=dict)
    errors: dict[str, Array] = field(default_factory=dict)
    received: dict[str, Array] = field(default_factory=dict)
    sent: dict[str, Array] = field(default_factory=dict)

    def forward(self, layer: Layer, x: Array) -> Array:
        """Outputs of a layer for inputs (rows, *input shape)."""
        self.outputs[layer.name] = self.passes[type(layer)].forward(layer, x, self)
        return self.outputs[layer.name]

    def forward_all(self, layers: Sequence[Layer], x: Array) -> Array:
        """Outputs of layers that follow each other; the inputs where there are none."""
        for layer in layers:
            x = self.forward(layer, x)
        return x

    def backward(self, layer: Layer, d: Array) -> Array:
        """Gradient with respect to the inputs, from that with respect to the outputs."""
        self.received[layer.name] = d
        self.sent[layer.name] = self.passes[type(layer)].backward(layer, d, self)
        return self.sent[layer.name]

    def backward_all(self, layers: Sequence[Layer], d: Array) -> Array:
        """Gradient with respect to the inputs of layers that follow each other."""
        for layer in reversed(layers):
            d = self.backward(layer, d)
        return d

    def skip_activation(self, layer: Layer) -> None:
        """Have the backward pass of `layer` take a gradient with respect to the weighted sums."""
        self.saved[f"{layer.name} from logits"] = True
