"""Layers in NumPy: for each kind that can be exported, its lines in the forward and in the backward pass.

Layers with weights are numbered. Number 2 has the weights ``w2`` and ``b2``, the sums ``z2`` and the outputs ``a2``;
what dropout leaves of them is ``h2``. The gradient with respect to ``z2`` is called ``dz2``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from neurosim.builtins.activations import softmax
from neurosim.exchange.functions import Functions
from neurosim.exchange.refusals import refusal, without_counterpart
from neurosim.exchange.wording import number
from neurosim.network.layers import (
    Activate,
    Activated,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Parameter,
    Penalty,
)
from neurosim.network.network import Network

SOFTMAX = '''
def softmax(z):
    """Probabilities of the classes: positive, with the sum 1."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
'''


@dataclass
class Passes:
    """The two passes through a network, as lines.

    Attributes
    ----------
    functions : Functions
        What they call.
    parameters : dict of str to Parameter
        What is learned, by its name in the script.
    masks : dict of str to Dropout
        The masks that the forward pass is given, by name.
    forward : list of str
        Its lines.
    backward : list of list of str
        The lines of each layer, from the first layer on.
    output, sums : str
        What the last layer puts out, and what its activation is given.
    """

    network: Network
    functions: Functions
    parameters: dict[str, Parameter] = field(default_factory=dict)
    masks: dict[str, Dropout] = field(default_factory=dict)
    forward: list[str] = field(default_factory=list)
    backward: list[list[str]] = field(default_factory=list)
    output: str = "x"
    sums: str = "x"
    layers: int = 0
    _used: set[str] = field(default_factory=lambda: {"x"})

    def name(self, letter: str) -> str:
        """A new name for a value of the present layer."""
        wish = name = f"{letter}{max(self.layers, 1)}"
        number = 1
        while name in self._used:
            number += 1
            name = f"{wish}_{number}"
        self._used.add(name)
        return name

    def learned(self, letter: str, parameter: Parameter) -> str:
        """A new name for something that is learned, as it is read."""
        self.parameters[f"{letter}{self.layers}"] = parameter
        return f'["{letter}{self.layers}"]'

    @property
    def begins(self) -> bool:
        """Whether nothing before this layer learns, so that nobody asks for the gradient of its inputs."""
        return self.layers == 0


def numpy_passes(network: Network, functions: Functions) -> Passes:
    """The passes of a network; raises UsageError for layers that have none here."""
    missing = without_counterpart(network, network.layers, _LAYERS, derives=False)
    missing += ["frozen layers"] if network.frozen else []
    if missing:
        raise refusal("NumPy", missing)
    passes = Passes(network, functions)
    for layer in network.layers:
        _LAYERS[type(layer)](passes, layer)
    return passes


def _activated(passes: Passes, layer: Activated, z: str, last: bool) -> tuple[str, list[str]]:
    """The name of what the activation of `z` is, and its lines back; its line there is added."""
    chosen, functions = layer.activation, passes.functions
    a = passes.name("a")
    passes.sums = z
    if chosen.record.f is softmax:
        functions.texts["softmax"] = SOFTMAX.strip()
        passes.forward.append(f"{a} = softmax({z})")
        back = [f"d{z} = {a} * (d{a} - (d{a} * {a}).sum(axis=1, keepdims=True))"]
    else:
        passes.forward.append(f"{a} = {functions.activation(chosen, z)}")
        slope = "" if last and passes.network.pair else functions.derivative(chosen, z, a)
        back = [f"d{z} = d{a} * {slope}" if slope else f"d{z} = d{a}"]
    return a, [] if last and passes.network.pair else back


def _activate(passes: Passes, layer: Activate) -> None:
    last = layer is passes.network.layers[-1]
    passes.output, back = _activated(passes, layer, passes.output, last)
    passes.backward.append([] if passes.begins else back)


def _dense(passes: Passes, layer: Dense) -> None:
    x, begins, last = passes.output, passes.begins, layer is passes.network.layers[-1]
    passes.layers += 1
    w = passes.learned("w", layer.weight)
    sums = f"{x} @ p{w}"
    b = None
    if layer.bias is not None:
        b = passes.learned("b", layer.bias)
        sums += f" + p{b}"
    plain = layer.activation.name == "identity" and (not last or passes.network.pair is None)
    z = passes.sums = passes.name("a" if plain and last else "z")
    passes.forward.append(f"{z} = {sums}")
    back: list[str] = []
    passes.output = z
    if not plain:
        passes.output, back = _activated(passes, layer, z, last)
    back.append(f"g{w} = {x}.T @ d{z}{_decay(layer.penalty, f'p{w}')}")
    if b is not None:
        back.append(f"g{b} = d{z}.sum(axis=0)")
    if not begins:
        back.append(f"d{x} = d{z} @ p{w}.T")
    passes.backward.append(back)


def _decay(penalty: Penalty, weight: str) -> str:
    """What penalties add to a gradient."""
    terms = [f" + {number(penalty.l1)} * np.sign({weight})"] if penalty.l1 else []
    terms += [f" + {number(penalty.l2)} * {weight}"] if penalty.l2 else []
    return "".join(terms)


def _dropout(passes: Passes, layer: Dropout) -> None:
    if layer.rate == 0:
        passes.backward.append([])
        return
    a, begins = passes.output, passes.begins
    h = passes.output = passes.name("h")
    mask = f"mask{len(passes.masks) + 1}"
    passes.masks[mask] = layer
    passes.forward.append(f"{h} = {a} * {mask}")
    passes.backward.append([] if begins else [f"d{a} = d{h} * {mask}"])


def _flatten(passes: Passes, layer: Flatten) -> None:
    """Rows are vectors already: no layer here needs to know which pixels are neighbors."""
    passes.backward.append([])


_LAYERS: dict[type[Layer], Callable[..., None]] = {
    Activate: _activate,
    Dense: _dense,
    Dropout: _dropout,
    Flatten: _flatten,
}
