"""Inputs that are made of the features, as nodes of a graph; in float64, as neurosim makes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurosim.data.making import MadeInputs, Step
from neurosim.exchange.onnx_graph import DOUBLE, Graph
from neurosim.formulas.operators import Number, Tensor

_OPERATIONS = {"+": "Add", "-": "Sub", "*": "Mul", "/": "Div"}
_FUNCTIONS = {
    "-": "Neg", "abs": "Abs", "cos": "Cos", "exp": "Exp", "log": "Log", "sin": "Sin", "sqrt": "Sqrt", "tanh": "Tanh",
}  # fmt: skip


def write_inputs(graph: Graph, made: MadeInputs, features: Tensor) -> Tensor:
    """Add the nodes that make inputs of the features; gives the inputs, in float64."""
    doubles = graph.node("Cast", features, to=DOUBLE)
    columns = graph.parted(doubles, made.count)
    return graph.joined([_written(graph, steps, columns) for steps in made.steps])


def _written(graph: Graph, steps: Sequence[Step], columns: Sequence[Number]) -> Tensor:
    stack: list[Number | str] = []
    for kind, value in steps:
        match kind:
            case "feature":
                stack.append(columns[value])
            case "number":
                stack.append(graph.array(f"{value!r} in float64", np.array(value, np.float64)))
            case "operation":
                right = stack.pop()
                stack.append(graph.node(_OPERATIONS[value], stack.pop(), right))
            case "power":
                base = power = stack.pop()
                for _ in range(value - 1):
                    power = graph.node("Mul", power, base)
                stack.append(power)
            case _:
                stack.append(graph.node(_FUNCTIONS[value], stack.pop()))
    made = stack.pop()
    assert isinstance(made, Tensor)  # a number alone is no input
    return made
