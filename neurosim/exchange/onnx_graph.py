"""A graph of ONNX's as plain data: nodes, and the arrays that they read. Only `message` needs the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.formulas.operators import Number, Tensor

Array = NDArray[Any]
# Operators are those of this version, which runtimes of 2022 have.
OPSET, IR = 17, 8
# How ONNX numbers the types of tensors.
FLOAT, DOUBLE = 1, 11
ROWS = "batch"


@dataclass(frozen=True)
class Node:
    """One operator."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Graph:
    """Nodes in the order in which they compute.

    Attributes
    ----------
    nodes : list of Node
        The operators; the name of each begins with the layer that it belongs to.
    arrays : dict of str to array
        What they read besides the inputs: parameters under neurosim's names, and numbers of formulas.
    outputs : dict of str to shape
        What the graph puts out, by name, without the axis of the rows.
    scope : str
        The layer that nodes are added for.
    """

    nodes: list[Node] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)
    outputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    scope: str = ""
    _names: set[str] = field(default_factory=set)

    def node(self, kind: str, *inputs: Number | str, is_test: bool = False, **attributes: Any) -> Tensor:
        """Add a node with one output; its inputs are tensors, names of arrays, or numbers."""
        return Tensor(self._add(kind, inputs, 1, attributes)[0], is_test)

    def parted(self, row: Tensor, count: int) -> list[Number]:
        """Add a node that takes rows apart, into so many parts of the same size."""
        return list(map(Tensor, self._add("Split", [row], count, {"axis": 1}))) if count > 1 else [row]

    def joined(self, entries: Sequence[Number]) -> Tensor:
        """Add a node that puts numbers together into rows."""
        first = next(entry for entry in entries if isinstance(entry, Tensor))
        whole = [entry if isinstance(entry, Tensor) else self.constant_like(entry, first) for entry in entries]
        return self.node("Concat", *whole, axis=1) if len(whole) > 1 else whole[0]

    def in_order(self, row: Tensor, count: int, *, descending: bool) -> Tensor:
        """Add a node that puts the numbers of each row in order."""
        number = self.array(f"{count} numbers", np.array([count], np.int64))
        return Tensor(self._add("TopK", [row, number], 2, {"axis": 1, "largest": int(descending), "sorted": 1})[0])

    def constant_like(self, value: float, tensor: Tensor) -> Tensor:
        """Add nodes for a tensor of this shape whose numbers are all the same, or NaN where the others are."""
        return self.node("Add", self.node("Mul", tensor, 0.0), value)

    def array(self, name: str, array: Array) -> str:
        """Have an array under this name; returns the name."""
        self.arrays[name] = array
        return name

    def rename_last(self, name: str) -> None:
        """Give another name to what the last node puts out."""
        last = self.nodes[-1]
        self.nodes[-1] = Node(last.kind, last.name, last.inputs, (name,), last.attributes)

    def _add(self, kind: str, inputs: Sequence[Number | str], outputs: int, attributes: Mapping[str, Any]) -> list[str]:
        name = f"{self.scope}/{kind}"
        number = 1
        while name in self._names:
            number += 1
            name = f"{self.scope}/{kind}_{number}"
        self._names.add(name)
        puts_out = [name] if outputs == 1 else [f"{name}:{place}" for place in range(outputs)]
        self.nodes.append(Node(kind, name, tuple(map(self._input, inputs)), tuple(puts_out), dict(attributes)))
        return puts_out

    def _input(self, given: Number | str) -> str:
        if isinstance(given, Tensor):
            return given.name
        if isinstance(given, str):
            return given
        value = np.float32(given)
        return self.array(str(value), np.array(value))

    def message(self, inputs: Mapping[str, tuple[int, ...]], facts: Mapping[str, str], about: str) -> bytes:
        """The graph as a file, with `facts` as its metadata; raises what ONNX's checker raises."""
        import onnx
        from onnx import helper, numpy_helper

        from neurosim.version import __version__

        def described(shapes: Mapping[str, tuple[int, ...]]) -> list[Any]:
            return [
                helper.make_tensor_value_info(name, FLOAT, [ROWS, *shape] if shape else [ROWS])
                for name, shape in shapes.items()
            ]

        nodes = [
            helper.make_node(node.kind, list(node.inputs), list(node.outputs), name=node.name, **node.attributes)
            for node in self.nodes
        ]
        tensors = [numpy_helper.from_array(np.asarray(array, order="C"), name) for name, array in self.arrays.items()]
        graph = helper.make_graph(nodes, "network", described(inputs), described(self.outputs), tensors, about)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR,
            producer_name="neurosim",
            producer_version=__version__,
        )
        helper.set_model_props(model, dict(facts))
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString(deterministic=True)
        return content
