"""From the layers of a scenario to those of a network, for the shape of its data.

Groups and repetitions are written out here: the layers of the network are numbered as they follow
each other, and errors also tell where in the file a layer stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neurosim.data import Prepared
from neurosim.errors import PluginError, ScenarioError, ShapeError
from neurosim.network import layers as kinds
from neurosim.network.layers import Chosen, Penalty, Shape, Stack, choose
from neurosim.network.network import Network
from neurosim.plugin import Initializer, Loss
from neurosim.plugin.host import BUILTIN, Entry
from neurosim.scenario import Scenario
from neurosim.scenario.layers import pair
from neurosim.suggestions import named

# What a layer makes of rows that are images; the other kinds take them either way.
_NEEDS_MAP = ("conv2d", "max_pool2d", "avg_pool2d", "global_avg_pool2d", "flatten")
_NEEDS_VECTOR = ("dense",)
# Classes that a hint names.
MOST_CLASSES = 12


def build_network(scenario: Scenario, data: Prepared) -> Network:
    """The network of a scenario for the shape of its data.

    Raises
    ------
    ShapeError
        When layers do not fit each other, the data, or the loss; it names the layer in the network,
        and its place in the file where that is another one.
    ScenarioError
        When the loss does not fit the targets.
    """
    layers = scenario.network.layers
    stacking = _Stacking(scenario, Stack(_input_shape(layers, data)))
    try:
        stacking.add(layers, "network", "network")
        loss = _loss(scenario, stacking.output)
        network = Network.of(stacking.stack, choose(loss, scenario.network.loss.params))
        _check_outputs(network, data)
    except ShapeError as error:
        raise ShapeError(f"{stacking.position}: {error.message}{stacking.place}", error.hint) from error
    except ScenarioError as error:
        raise ScenarioError(f"{scenario.place('network.loss')}: {error.message}", error.hint) from error
    return network


def _input_shape(layers: Sequence[Any], data: Prepared) -> Shape:
    """Rows are vectors unless the first layer that cares works on images; grey images get a channel."""
    if not data.image_shape or _first_need(layers) not in _NEEDS_MAP:
        return (data.inputs,)
    if layers[0].kind == "flatten" or len(data.image_shape) == 3:
        return data.image_shape
    return (*data.image_shape, 1)


def _first_need(layers: Sequence[Any]) -> str:
    """Kind of the first layer that needs a map or a vector; empty when none does."""
    for layer in layers:
        kind = _first_need(layer.layers) if layer.kind in ("group", "residual") else str(layer.kind)
        if kind in (*_NEEDS_MAP, *_NEEDS_VECTOR):
            return kind
    return ""


class _Stacking:
    """Puts the layers of a scenario on a stack, one after the other.

    Attributes
    ----------
    output : Entry or None
        The activation of the latest layer that has one.
    """

    def __init__(self, scenario: Scenario, stack: Stack) -> None:
        self._scenario = scenario
        self._registry = scenario.registry
        self.stack = stack
        self.output: Entry | None = None
        self._name = self._path = ""
        self._copies: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where in the file the latest layer stands, for the end of a message; empty where its name says so."""
        return "" if self._name == self._path else f"; in the file this is {', '.join([self._path, *self._copies])}"

    @property
    def position(self) -> str:
        """File, line and column of the latest layer, or the option that sets it."""
        return self._scenario.place(self._path)

    def add(self, layers: Sequence[Any], path: str, name: str, copies: tuple[str, ...] = ()) -> None:
        """Add the layers of the table at `path` in the file to the layer `name` of the network."""
        for index, layer in enumerate(layers):
            repeat = getattr(layer, "repeat", 1)
            for copy in range(1, repeat + 1):
                counted = f"{'in it ' if copies else ''}copy {copy} of {repeat}"
                self._add(layer, f"{path}.layers.{index}", name, (*copies, counted) if repeat > 1 else copies)

    def _add(self, layer: Any, path: str, name: str, copies: tuple[str, ...]) -> None:
        if layer.kind == "group":
            self.add(layer.layers, path, name, copies)
            return
        own_name = self._go_to(path, name, copies)
        if layer.kind != "residual":
            self._add_one(layer)
            return
        with kinds.Residual.put_around(self.stack, self._projection(layer)):
            self.add(layer.layers, path, own_name, copies)
            self._name, self._path, self._copies = own_name, path, copies
        if layer.activation is not None:
            self._go_to(path, name, copies)
            kinds.Activate.put_on(self.stack, self._activation(layer))

    def _go_to(self, path: str, name: str, copies: tuple[str, ...]) -> str:
        """Note the place of the layer that comes next; returns its name in the network."""
        self._name, self._path, self._copies = f"{name}.layers.{len(self.stack.layers)}", path, copies
        return self._name

    def _add_one(self, layer: Any) -> None:
        stack, kind = self.stack, layer.kind
        if kind == "dense":
            kinds.Dense.put_on(
                stack,
                layer.units,
                self._activation(layer),
                self._init(layer),
                bias=layer.bias is not False,
                start_weight=layer.weight,
                start_bias=layer.bias if isinstance(layer.bias, list) else None,
                penalty=Penalty(layer.l1, layer.l2),
            )
        elif kind == "conv2d":
            kinds.Conv2d.put_on(
                stack,
                layer.channels,
                pair(layer.kernel),
                self._activation(layer),
                self._init(layer),
                stride=pair(layer.stride),
                padding=layer.padding,
                bias=layer.bias,
                penalty=Penalty(layer.l1, layer.l2),
            )
        elif kind in ("max_pool2d", "avg_pool2d"):
            pool = kinds.MaxPool2d if kind == "max_pool2d" else kinds.AvgPool2d
            pool.put_on(stack, pair(layer.size), pair(layer.stride), layer.padding)
        elif kind == "global_avg_pool2d":
            kinds.GlobalAvgPool2d.put_on(stack)
        elif kind == "batch_norm":
            kinds.BatchNorm.put_on(stack, layer.momentum, layer.epsilon)
        elif kind == "layer_norm":
            kinds.LayerNorm.put_on(stack, layer.epsilon)
        elif kind == "activation":
            kinds.Activate.put_on(stack, self._activation(layer))
        elif kind == "dropout":
            kinds.Dropout.put_on(stack, layer.rate)
        else:
            kinds.Flatten.put_on(stack)

    def _activation(self, layer: Any) -> Chosen[Any]:
        self.output = self._registry.activations.entry(layer.activation.name)
        return choose(self.output.record, layer.activation.params)

    def _init(self, layer: Any) -> Chosen[Initializer]:
        if layer.init is not None:
            return choose(self._registry.initializers.get(layer.init.name), layer.init.params)
        entry = self._registry.activations.entry(layer.activation.name)
        return choose(self._registry.initializers.meant_by(entry.plugin, entry.record.usual_init).record)

    def _projection(self, layer: Any) -> tuple[Chosen[Any], Chosen[Initializer]]:
        return choose(self._registry.activations.get(f"{BUILTIN}:identity")), self._init(layer)


def _loss(scenario: Scenario, output: Entry | None) -> Loss:
    """The loss, without its pairs from logits where they mean another activation of the output's name."""
    registry = scenario.registry
    entry = registry.losses.entry(scenario.network.loss.name)
    loss: Loss = entry.record
    if output is None or loss.pair_for(output.record.name) is None:
        return loss
    try:
        meant = registry.activations.meant_by(entry.plugin, output.record.name)
    except PluginError:  # several plugins give it, none of them the loss's own
        meant = None
    return loss if meant is output else replace(loss, from_logits=())


def _check_outputs(network: Network, data: Prepared) -> None:
    """Raise unless the last layer and the loss fit the targets."""
    outputs, loss = network.outputs, network.loss.record
    last = network.layers[-1]
    has = f"network.{last.name} has {outputs} {'unit' if last.kind == 'dense' else 'output'}{'s' * (outputs != 1)}"
    if not data.classes:
        if loss.targets == "classes":
            raise ScenarioError(
                f"network.loss: {loss.name} tells classes apart, but the targets of this data set are values",
                "Use a loss on values, such as mse.",
            )
        width = int(data.train.targets.shape[1])
        if outputs != width:
            raise ShapeError(f"{has}, but the targets have {width} values: it needs {width}")
        return
    count = len(data.classes)
    if loss.targets == "classes" and outputs != count:
        raise ShapeError(
            f"{has}, but the data set has {count} classes: {loss.name} needs one unit per class", _classes_there(data)
        )
    if loss.targets == "values" and outputs != count and not (outputs == 1 and count == 2):
        wanted = "1 or 2" if count == 2 else str(count)
        raise ShapeError(f"{has}, but the data set has {count} classes: it needs {wanted}", _classes_there(data))


def _classes_there(data: Prepared) -> str:
    """The classes with how often they are there, since a misspelt label makes one more."""
    counts = np.bincount(data.train.targets, minlength=len(data.classes)).tolist()
    counted = [f'"{named(name)}" ({count:,})' for name, count in zip(data.classes, counts, strict=True)]
    more = f" and {len(counted) - MOST_CLASSES} more" if len(counted) > MOST_CLASSES else ""
    rare = [name for name, count in zip(data.classes, counts, strict=True) if count == 1 and max(counts) >= 10]
    slip = f' Is "{named(rare[0])}", which only one row has, misspelt?' if rare else ""
    return f"The classes, with their training rows: {', '.join(counted[:MOST_CLASSES])}{more}.{slip}"
