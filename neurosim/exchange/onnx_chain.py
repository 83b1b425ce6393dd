"""What an import makes of a file: layers that follow each other, and what a tensor of the file is here.

A map is (rows, channels, height, width) in most files, and (rows, height, width, channels) here; so weights are turned
around. A map that a file reads as a vector has its numbers in another order there than here, until a layer with weights
for each of them comes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from neurosim.exchange.onnx_graph import Array, Node
from neurosim.exchange.onnx_reading import Read, place, refused, shown

Table = dict[str, Any]


@dataclass(frozen=True)
class State:
    """What a tensor of the file is here.

    Attributes
    ----------
    shape : tuple of int
        Of a row, in our order.
    layout : str
        How the tensor lies: ``"vector"``, a map with the channels ``"first"`` or ``"last"``, a vector as a map of one
        ``"cell"``, or ``"other"``: a vector of ours that has more axes in the file.
    turned : (height, width, channels) or ()
        Of a vector: the map that it was, channel by channel.
    axes : tuple of int
        Of a row, in the file.
    """

    shape: tuple[int, ...]
    layout: Literal["vector", "first", "last", "cell", "other"]
    axes: tuple[int, ...]
    turned: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Numbers in a row."""
        return math.prod(self.shape)

    @property
    def is_map(self) -> bool:
        """Whether it is a map here."""
        return self.layout in ("first", "last")

    def vector(self, size: int) -> State:
        """A vector of so many numbers."""
        return State((size,), "vector", (size,))

    def map(self, height: int, width: int, channels: int) -> State:
        """A map of this size with the channels first."""
        return State((height, width, channels), "first", (channels, height, width))

    def in_our_order(self, numbers: Array) -> Array:
        """Numbers for each entry of a vector, along the first axis, in our order."""
        if not self.turned:
            return numbers
        height, width, channels = self.turned
        rest = numbers.shape[1:]
        lying = numbers.reshape(channels, height, width, *rest)
        return np.moveaxis(lying, 0, 2).reshape(-1, *rest)


@dataclass
class Chain:
    """Layers that follow each other.

    Attributes
    ----------
    tables : list of dict
        A table of the scenario for each layer of the network.
    arrays : dict of str to array
        Their parameters and statistics: ``0.weight``, ``2.layers.1.bias``.
    scale, shift : array
        What the inputs are multiplied by before anything else, and what is added.
    """

    tables: list[Table] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)
    scale: Array | None = None
    shift: Array | None = None

    def add(self, kind: str, settings: Mapping[str, Any] | None = None, **arrays: Array | None) -> None:
        """Put a layer on top."""
        number = len(self.tables)
        self.tables.append({"kind": kind, **(settings or {})})
        given = {f"{number}.{name}": array for name, array in arrays.items() if array is not None}
        self.arrays |= {name: np.ascontiguousarray(array, np.float32) for name, array in given.items()}

    def activate(self, activation: str | Table, **learned: Array) -> None:
        """Give the last layer an activation, or put one of its own on top."""
        if self.tables and self.tables[-1].get("activation") == "identity":
            number = len(self.tables) - 1
            self.tables[-1]["activation"] = activation
            self.arrays |= {f"{number}.{name}": np.asarray(array, np.float32) for name, array in learned.items()}
        else:
            self.add("activation", {"activation": activation}, **learned)

    def hold(self, kind: str, settings: Mapping[str, Any], branches: Mapping[str, Chain]) -> None:
        """Put a layer on top that holds others, each branch under the key that its layers have."""
        number = len(self.tables)
        self.tables.append({"kind": kind, **settings})
        for key, branch in branches.items():
            self.arrays |= {f"{number}.{key}.{name}": array for name, array in branch.arrays.items()}


class Graph:
    """The nodes of a file, and who reads what."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self.arrays = read.arrays
        self.users: dict[str, list[Node]] = defaultdict(list)
        # What the file works out of shapes; the number of rows is None.
        self.sizes: dict[str, list[int | None]] = {}
        for node in read.nodes:
            for name in dict.fromkeys(node.inputs):
                self.users[name].append(node)

    def variables(self, node: Node) -> list[str]:
        """The inputs of a node that depend on the rows."""
        return [name for name in node.inputs if name and name not in self.arrays and name not in self.sizes]

    def weights(self, node: Node, number: int, what: str) -> Array | None:
        """An input of a node that must be known; None where it has none."""
        if number >= len(node.inputs) or not node.inputs[number]:
            return None
        name = node.inputs[number]
        if name not in self.arrays:
            raise refused(f"{place(node)} takes its {what} from {shown(name)}, which is no array of the file")
        return self.arrays[name]

    def only(self, name: str, kind: str) -> Node | None:
        """The only node that reads a tensor, if it is of this kind."""
        users = self.users[name]
        return users[0] if len(users) == 1 and users[0].kind == kind and len(users[0].outputs) == 1 else None

    def constant(self, node: Node, name: str) -> float | None:
        """The one number that a node combines a tensor with."""
        others = [other for other in node.inputs if other != name]
        if len(node.inputs) == 2 and len(others) == 1 and others[0] in self.arrays:
            array = self.arrays[others[0]]
            return float(array.ravel()[0]) if array.size == 1 else None
        return None
