"""Several nodes that are one activation here, and nodes that only work out a shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neurosim.exchange.onnx_attributes import as_written
from neurosim.exchange.onnx_chain import Chain, Graph, State, Table
from neurosim.exchange.onnx_graph import Node
from neurosim.exchange.onnx_reading import place, refused


def pattern(graph: Graph, chain: Chain, name: str, users: Sequence[Node], state: State) -> tuple[str, State] | None:
    """Add the activation that begins at a tensor with these readers; returns where it ends, or None."""
    if len(users) == 2:
        for inner, outer in (users, users[::-1]):
            found = (
                _silu(graph, name, inner, outer) or _mish(graph, name, inner, outer) or _gelu(graph, name, inner, outer)
            )
            if found is not None:
                activation, end = found
                chain.activate(activation)
                return end, state
    found = _gelu_tanh(graph, name, users) if len(users) in (3, 4) else _softplus(graph, name, users)
    if found is not None:
        activation, end = found
        chain.activate(activation)
        return end, state
    if len(users) == 1 and users[0].kind == "Split":
        return _glu(graph, chain, users[0], state)
    return None


def _product(node: Node, one: str, other: str) -> bool:
    return node.kind == "Mul" and sorted(node.inputs) == sorted((one, other)) and len(node.outputs) == 1


def _silu(graph: Graph, name: str, inner: Node, outer: Node) -> tuple[Table, str] | None:
    """``x * sigmoid(beta x)``."""
    beta, inside = 1.0, inner.outputs[0]
    if inner.kind == "Mul":
        factor, sigmoid = graph.constant(inner, name), graph.only(inside, "Sigmoid")
        if factor is None or sigmoid is None:
            return None
        beta, inside = as_written(factor), sigmoid.outputs[0]
    elif inner.kind != "Sigmoid":
        return None
    if not _product(outer, name, inside) or len(graph.users[inside]) != 1:
        return None
    return {"name": "swish", "beta": beta}, outer.outputs[0]


def _mish(graph: Graph, name: str, inner: Node, outer: Node) -> tuple[str, str] | None:
    """``x * tanh(softplus(x))``."""
    tanh = graph.only(inner.outputs[0], "Tanh") if inner.kind == "Softplus" else None
    if tanh is None or not _product(outer, name, tanh.outputs[0]) or len(graph.users[tanh.outputs[0]]) != 1:
        return None
    return "mish", outer.outputs[0]


def _gelu(graph: Graph, name: str, inner: Node, outer: Node) -> tuple[str, str] | None:
    """``x * (1 + erf(x / sqrt(2))) * 0.5``, with the half anywhere in it."""
    divisor = graph.constant(inner, name)
    wanted = {"Div": math.sqrt(2), "Mul": math.sqrt(0.5)}.get(inner.kind)
    if divisor is None or wanted is None or abs(divisor - wanted) > 1e-6:
        return None
    erf = graph.only(inner.outputs[0], "Erf")
    added = graph.only(erf.outputs[0], "Add") if erf is not None else None
    if added is None or erf is None or graph.constant(added, erf.outputs[0]) != 1:
        return None
    inside, halves, outside = added.outputs[0], 0, name
    if (half := graph.only(inside, "Mul")) is not None and graph.constant(half, inside) == 0.5:
        inside, halves = half.outputs[0], halves + 1
    if outer.kind == "Mul" and graph.constant(outer, name) == 0.5:
        after = graph.only(outer.outputs[0], "Mul")
        if after is None:
            return None
        outside, outer, halves = outer.outputs[0], after, halves + 1
    if not _product(outer, outside, inside) or len(graph.users[inside]) != 1:
        return None
    end = outer.outputs[0]
    if not halves and (half := graph.only(end, "Mul")) is not None and graph.constant(half, end) == 0.5:
        end, halves = half.outputs[0], 1
    return ("gelu", end) if halves == 1 else None


def _gelu_tanh(graph: Graph, name: str, users: Sequence[Node]) -> tuple[str, str] | None:
    """``0.5 * x * (1 + tanh(0.798 * (x + 0.0447 * x^3)))``, as PyTorch writes it."""
    square = next((node.outputs[0] for node in users if node.kind == "Mul" and set(node.inputs) == {name}), "")
    cube = next((node for node in users if _product(node, name, square)), None)
    cube = cube or next((node for node in users if node.kind == "Pow" and graph.constant(node, name) == 3), None)
    if cube is None:
        return None
    end = cube.outputs[0]
    for kind, wanted in (("Mul", 0.044715), ("Add", None), ("Mul", math.sqrt(2 / math.pi)), ("Tanh", None), ("Add", 1)):
        node = graph.only(end, kind)
        value = None if node is None else graph.constant(node, end)
        if node is None or (wanted is not None and (value is None or abs(value - wanted) > 1e-6)):
            return None
        if kind == "Add" and wanted is None and sorted(node.inputs) != sorted((name, end)):
            return None
        end = node.outputs[0]
    outer = graph.only(end, "Mul")
    half = graph.only(outer.outputs[0], "Mul") if outer is not None and _product(outer, name, end) else None
    if outer is None or half is None or graph.constant(half, outer.outputs[0]) != 0.5:
        return None
    return "gelu_tanh", half.outputs[0]


def _softplus(graph: Graph, name: str, users: Sequence[Node]) -> tuple[Table, str] | None:
    """``softplus(beta x) / beta``."""
    beta = graph.constant(users[0], name) if len(users) == 1 and users[0].kind == "Mul" else None
    inner = graph.only(users[0].outputs[0], "Softplus") if beta is not None else None
    divided = graph.only(inner.outputs[0], "Div") if inner is not None else None
    if inner is None or divided is None or beta is None or not beta > 0:
        return None
    if divided.inputs[0] != inner.outputs[0] or graph.constant(divided, inner.outputs[0]) != beta:
        return None
    return {"name": "softplus", "beta": as_written(beta)}, divided.outputs[0]


def _glu(graph: Graph, chain: Chain, node: Node, state: State) -> tuple[str, State]:
    """``u * sigmoid(v)`` of the two halves of a row."""
    halves = node.outputs
    sigmoid = graph.only(halves[1], "Sigmoid") if len(halves) == 2 else None
    product = graph.only(halves[0], "Mul") if len(halves) == 2 else None
    alike = len(node.inputs) == 1 or (sizes := graph.arrays.get(node.inputs[1])) is None or len({*sizes.ravel()}) == 1
    fits = sigmoid is not None and product is not None and _product(product, halves[0], sigmoid.outputs[0])
    if (
        not fits
        or not alike
        or state.layout != "vector"
        or state.size % 2
        or node.attributes.get("axis", 0) not in (1, -1)
    ):
        raise refused(f"{place(node)} takes rows apart in a way that is not understood")
    assert product is not None
    chain.add("gated", {"gate": "glu"})
    return product.outputs[0], state.vector(state.size // 2)


def sizes(graph: Graph, node: Node, shape: list[int | None]) -> None:
    """Work out what becomes of a shape, such as that of a Reshape."""
    graph.sizes[node.outputs[0]] = shape
    waiting = [node.outputs[0]]
    while waiting:
        name = waiting.pop()
        for user in graph.users[name]:
            found = _size(graph, user)
            if found is not None and user.outputs[0] not in graph.sizes:
                graph.sizes[user.outputs[0]] = found
                waiting.append(user.outputs[0])


def _size(graph: Graph, node: Node) -> list[int | None] | None:
    known = [graph.sizes.get(name) or _whole_numbers(graph, name) for name in node.inputs]
    if node.kind == "Gather" and len(known) == 2 and known[0] and known[1]:
        places = [place for place in known[1] if place is not None and -len(known[0]) <= place < len(known[0])]
        return [known[0][place] for place in places] or None
    if node.kind in ("Unsqueeze", "Cast", "Squeeze") and known:
        return known[0]
    if node.kind == "Concat" and all(known):
        return [size for part in known if part for size in part]
    return None


def _whole_numbers(graph: Graph, name: str) -> list[int | None] | None:
    array = graph.arrays.get(name)
    return list(map(int, array.ravel())) if array is not None and array.dtype.kind == "i" and array.size <= 8 else None
