"""A network from the description in its model file, which may come from anybody.

Nothing that the file says is believed: layers are built by the builder that scenarios use, which checks that they
fit each other, and what is built must be described by the very same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neurosim.network import layers as kinds
from neurosim.network.layers import Chosen, Stack, choose
from neurosim.network.network import Network
from neurosim.plugin.host import BUILTIN, Plugin, Registry
from neurosim.runs.description import describe

SHAPE_SIZES = (1, 2, 3)


def rebuild(description: Mapping[str, Any], registry: Registry) -> tuple[Network, list[Plugin]]:
    """The network that `describe` has described, and the plugins that its formulas are from.

    Raises
    ------
    ValueError, TypeError, KeyError, RecursionError, OverflowError
        When it is no such description.
    NeurosimError
        When layers do not fit each other, or a plugin is not there.
    """
    shape = tuple(description["input_shape"])
    if len(shape) not in SHAPE_SIZES or not all(type(size) is int and size > 0 for size in shape):
        raise ValueError(f"input_shape is {shape!r}")
    rebuilding = _Rebuilding(registry, Stack(shape))
    rebuilding.add(description["layers"])
    if not rebuilding.stack.layers:
        raise ValueError("there are no layers")
    network = Network.of(rebuilding.stack, rebuilding.chosen(registry.losses, description["loss"]))
    if describe(network) != description:
        raise ValueError("its layers are not what the description says")
    return network, rebuilding.plugins


class _Rebuilding:
    """Hands described layers to a builder."""

    def __init__(self, registry: Registry, stack: Stack) -> None:
        self.stack = stack
        self.plugins: list[Plugin] = []
        self._registry = registry
        # Weights come from the file; the builder wants a rule for start values all the same.
        self._init = choose(registry.initializers.get(f"{BUILTIN}:zeros"))
        self._identity = choose(registry.activations.get(f"{BUILTIN}:identity"))

    def chosen(self, catalog: Any, entry: Mapping[str, Any]) -> Chosen[Any]:
        found = catalog.entry(entry["name"])
        if found.plugin.name != BUILTIN and found.plugin not in self.plugins:
            self.plugins.append(found.plugin)
        params = {name: value for name, value in entry.items() if name != "name"}
        if not all(type(value) in (int, float) for value in params.values()):
            raise ValueError(f"{entry['name']} has parameters that are no numbers")
        return choose(found.record, params)

    def add(self, layers: Sequence[Mapping[str, Any]]) -> None:
        for layer in layers:
            self._add(layer, layer["kind"])

    def _add(self, layer: Mapping[str, Any], kind: str) -> None:
        stack = self.stack
        if kind == "dense":
            kinds.Dense.put_on(
                stack, _count(layer, "units"), self._activation(layer), self._init, bias=bool(layer["bias"])
            )
        elif kind == "conv2d":
            kernel, stride, padding = _window(layer)
            kinds.Conv2d.put_on(
                stack, _count(layer, "channels"), kernel, self._activation(layer), self._init,
                stride=stride, padding=padding, bias=bool(layer["bias"]),
            )  # fmt: skip
        elif kind == "max_pool2d":
            kinds.MaxPool2d.put_on(stack, *_window(layer))
        elif kind == "avg_pool2d":
            kinds.AvgPool2d.put_on(stack, *_window(layer))
        elif kind == "global_avg_pool2d":
            kinds.GlobalAvgPool2d.put_on(stack)
        elif kind == "batch_norm":
            kinds.BatchNorm.put_on(stack, _positive(layer, "momentum"), _positive(layer, "epsilon"))
        elif kind == "layer_norm":
            kinds.LayerNorm.put_on(stack, _positive(layer, "epsilon"))
        elif kind == "activation":
            kinds.Activate.put_on(stack, self._activation(layer))
        elif kind == "dropout":
            kinds.Dropout.put_on(stack, float(layer["rate"]))
        elif kind == "flatten":
            kinds.Flatten.put_on(stack)
        elif kind == "residual":
            with kinds.Residual.put_around(stack, (self._identity, self._init)):
                self.add(layer["layers"])
        else:
            raise ValueError(f"there is no layer of kind {kind!r}")

    def _activation(self, layer: Mapping[str, Any]) -> Chosen[Any]:
        return self.chosen(self._registry.activations, layer["activation"])


def _count(layer: Mapping[str, Any], key: str) -> int:
    number = layer[key]
    if type(number) is not int or number < 1:
        raise ValueError(f"{key} is {number!r}")
    return number


def _positive(layer: Mapping[str, Any], key: str) -> float:
    number = layer[key]
    if type(number) not in (int, float) or not 0 < number <= 1:
        raise ValueError(f"{key} is {number!r}")
    return float(number)


def _window(layer: Mapping[str, Any]) -> tuple[tuple[int, int], tuple[int, int], str]:
    """Kernel, stride, and which padding there is; that it has these very cells is seen at the end."""
    pairs = tuple(layer["kernel"]), tuple(layer["stride"])
    for pair in pairs:
        if len(pair) != 2 or not all(type(size) is int and 1 <= size < 2**31 for size in pair):
            raise ValueError(f"a window has the sizes {pair!r}")
    return pairs[0], pairs[1], "same" if any(layer["padding"]) else "valid"
