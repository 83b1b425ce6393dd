"""What each operator of a file is here: a layer, an activation, or another way to look at the same numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from neurosim.exchange.onnx_activations import ACTIVATIONS
from neurosim.exchange.onnx_attributes import allow, as_written, axes_of, integers, needs, number, of_shape, whole
from neurosim.exchange.onnx_chain import Chain, Graph, State, Table
from neurosim.exchange.onnx_graph import DOUBLE, FLOAT, Array, Node
from neurosim.exchange.onnx_reading import place, refused
from neurosim.network.layers import Window

_MOST_CELLS = 10_000


# Layers with weights ----------------------------------------------------------------------------------------


def _gemm(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    allow(node, transA=0)
    needs(node, state, "vector")
    weight = graph.weights(node, 1, "weights")
    if weight is None or weight.ndim != 2 or node.inputs[0] in graph.arrays:
        raise refused(f"{place(node)} has no matrix of weights")
    weight = weight.T if whole(node, "transB", 0) else weight
    alpha, beta = (_factor(node, name) for name in ("alpha", "beta"))
    return _dense(
        chain, node, state, weight * alpha, _bias(node, graph.weights(node, 2, "bias"), weight.shape[1], beta)
    )


def _factor(node: Node, name: str) -> np.float32:
    return np.float32(number(node, name, 1.0))


def _bias(node: Node, given: Array | None, units: int, factor: Any = 1) -> Array | None:
    if given is None:
        return None
    if given.size not in (1, units) or (given.size > 1 and given.shape[-1] != units):
        raise refused(f"{place(node)} adds {given.size} numbers to {units} sums")
    return np.broadcast_to(given.reshape(-1) * factor, (units,))


def _matmul(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    needs(node, state, "vector")
    weight = graph.weights(node, 1, "weights")
    if weight is None or weight.ndim != 2 or node.inputs[0] in graph.arrays:
        raise refused(f"{place(node)} has no matrix of weights on its right")
    return _dense(chain, node, state, weight, None)


def _dense(chain: Chain, node: Node, state: State, weight: Array, bias: Array | None) -> State:
    of_shape(node, weight, (state.size, weight.shape[1]), "weights")
    settings = {"units": weight.shape[1], "activation": "identity", "bias": bias is not None}
    chain.add("dense", settings, weight=state.in_our_order(weight), bias=bias)
    return state.vector(weight.shape[1])


def _conv(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    needs(node, state, "first")
    weight = graph.weights(node, 1, "weights")
    if weight is None or weight.ndim != 4 or weight.dtype.kind != "f" or 0 in weight.shape:
        raise refused(f"{place(node)} is no convolution of maps")
    kernel = (weight.shape[2], weight.shape[3])
    if node.attributes.get("kernel_shape", kernel) != kernel:
        raise refused(f"{place(node)} names another kernel than its weights have")
    channels, groups = weight.shape[0], whole(node, "group", 1)
    if groups < 1 or channels % groups or state.shape[2] % groups:
        raise refused(f"{place(node)} divides its channels into {groups} groups, which cannot be")
    of_shape(node, weight, (channels, state.shape[2] // groups, *kernel), "weights")
    bias = graph.weights(node, 2, "bias")
    settings, size = _window(node, state, kernel, "kernel")
    if groups > 1:
        settings["groups"] = groups
    table = {"channels": channels, **settings, "activation": "identity", "bias": bias is not None}
    if bias is not None:
        of_shape(node, bias, (channels,), "a bias")
    chain.add("conv2d", table, weight=weight.transpose(2, 3, 1, 0), bias=bias)
    return state.map(*size, channels)


def _window(node: Node, state: State, kernel: tuple[int, int], name: str) -> tuple[Table, tuple[int, int]]:
    """The settings of a window on a map, and the size of what comes out."""
    (down, across), (tall, broad) = integers(node, "strides", 2, 1), integers(node, "dilations", 2, 1)
    if not all(1 <= part <= _MOST_CELLS for part in (*kernel, down, across, tall, broad)):
        raise refused(f"{place(node)} has a window that cannot be")
    ceil = bool(whole(node, "ceil_mode", 0))
    padding = _padding(node, state, kernel, (down, across), (tall, broad))
    window = Window.padded(state.shape, kernel, (down, across), padding, (tall, broad), ceil=ceil)
    if min(window.output_size) < 1:
        raise refused(f"{place(node)} has a window that is larger than its map")
    settings: Table = {name: list(kernel), "stride": [down, across]}
    settings["padding"] = padding if isinstance(padding, str) else list(padding)
    if (tall, broad) != (1, 1):
        settings["dilation"] = [tall, broad]
    if window.ceil:
        settings["ceil"] = True
    return settings, window.output_size


def _padding(
    node: Node, state: State, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> str | tuple[int, int, int, int]:
    """Cells at the top, the bottom, the left and the right, or what a scenario calls them."""
    how = node.attributes.get("auto_pad", "NOTSET")
    if how == "VALID":
        return "valid"
    top, bottom, left, right = Window.padded(state.shape, kernel, stride, "same", dilation).padding
    if how == "SAME_UPPER":
        return "same"
    if how == "SAME_LOWER":
        return bottom, top, right, left
    allow(node, auto_pad="NOTSET")
    above, before, below, after = integers(node, "pads", 4, 0)
    if not all(0 <= cells <= _MOST_CELLS for cells in (above, before, below, after)):
        raise refused(f"{place(node)} is padded by {(above, before, below, after)} cells, which cannot be")
    if (above, below, before, after) == (0, 0, 0, 0):
        return "valid"
    return "same" if (above, below, before, after) == (top, bottom, left, right) else (above, below, before, after)


# Pools and normalization ------------------------------------------------------------------------------------


def _pool(kind: str, **allowed: Any) -> Callable[[Graph, Chain, Node, State], State]:
    def handler(graph: Graph, chain: Chain, node: Node, state: State) -> State:
        needs(node, state, "first")
        allow(node, **allowed)
        given = node.attributes.get("kernel_shape", ())
        if not isinstance(given, tuple) or len(given) != 2:
            raise refused(f"{place(node)} is no pool of maps")
        settings, size = _window(node, state, given, "size")
        if kind == "avg_pool2d" and whole(node, "count_include_pad", 0):
            settings["count_padding"] = True
        chain.add(kind, settings)
        return state.map(*size, state.shape[2])

    return handler


def _global_average(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    needs(node, state, "first")
    chain.add("global_avg_pool2d")
    channels = state.shape[2]
    return State((channels,), "cell", (channels, 1, 1))


def _global_max(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    needs(node, state, "first")
    height, width, channels = state.shape
    chain.add("max_pool2d", {"size": [height, width]})
    return state.map(1, 1, channels)


def _mean(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    axes = sorted(axis % 4 for axis in axes_of(graph, node) or ())
    wanted = [2, 3] if state.layout == "first" else [1, 2]
    needs(node, state, "first", "last")
    if axes != wanted:
        raise refused(f"{place(node)} takes the mean over other axes than height and width")
    chain.add("global_avg_pool2d")
    channels = state.shape[2]
    if not whole(node, "keepdims", 1):
        return state.vector(channels)
    return State((channels,), "cell", (channels, 1, 1) if state.layout == "first" else (1, 1, channels))


def _batch_norm(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    needs(node, state, "first", "vector", "cell")
    allow(node, training_mode=0)
    width = state.shape[-1]
    names = ("gamma", "beta", "mean", "variance")
    arrays = {
        name: state.in_our_order(of_shape(node, graph.weights(node, place_of, name), (width,), name))
        for place_of, name in enumerate(names, 1)
    }
    momentum = as_written(1 - number(node, "momentum", 0.9))
    epsilon = number(node, "epsilon", 1e-5)
    if epsilon <= 0 or (arrays["variance"] < 0).any():
        raise refused(f"{place(node)} divides by the root of a negative number")
    settings = {"epsilon": epsilon, **({"momentum": momentum} if 0 < momentum <= 1 else {})}
    chain.add("batch_norm", settings, **arrays)
    return state


def _layer_norm(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    needs(node, state, "vector", "last", "other")
    over_all = state.layout != "last" and whole(node, "axis", -1) in (1, -len(state.axes))
    if not over_all and (state.layout == "other" or whole(node, "axis", -1) not in (-1, len(state.axes))):
        raise refused(f"{place(node)} normalizes over axes that no layer of neurosim does")
    shape, epsilon = state.axes if over_all else state.axes[-1:], number(node, "epsilon", 1e-5)
    gamma = of_shape(node, graph.weights(node, 1, "scale"), shape, "a scale").reshape(-1)
    given = graph.weights(node, 2, "bias")
    beta = np.zeros_like(gamma) if given is None else of_shape(node, given, shape, "a bias").reshape(-1)
    if epsilon <= 0:
        raise refused(f"{place(node)} has epsilon = {epsilon}, which has to be above 0")
    chain.add("layer_norm", {"epsilon": epsilon}, gamma=state.in_our_order(gamma), beta=state.in_our_order(beta))
    return state


# Shapes, and what is no layer -------------------------------------------------------------------------------


def _as_vector(chain: Chain, state: State) -> State:
    """A map, or anything else, read as a vector in the order in which it lies."""
    if state.is_map:
        chain.add("flatten")
        height, width, channels = state.shape
        turned = state.shape if state.layout == "first" and channels > 1 and height * width > 1 else ()
        return State((state.size,), "vector", (state.size,), turned)
    return replace(state, layout="vector", axes=(state.size,))


def _flatten(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    if whole(node, "axis", 1) not in (1, -len(state.axes)):
        raise refused(f"{place(node)} does not keep the rows apart")
    return _as_vector(chain, state)


def _reshape(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    given = graph.sizes.get(node.inputs[1]) if len(node.inputs) > 1 else None
    if given is None:
        array = graph.weights(node, 1, "shape")
        if array is None or array.ndim != 1 or array.dtype.kind != "i" or array.size > 8:
            raise refused(f"{place(node)} has no shape")
        given = [int(size) for size in array]
    rows, *wanted = given or [None]
    axes = [state.axes[k] if size == 0 and k < len(state.axes) else size or 0 for k, size in enumerate(wanted)]
    if rows not in (None, -1, 0, graph.read.rows) or axes.count(-1) > (rows != -1):
        raise refused(f"{place(node)} does not keep the rows apart")
    known = math.prod(size for size in axes if size != -1)
    axes = [state.size // max(known, 1) if size == -1 else size for size in axes]
    if math.prod(axes) != state.size or any(size < 1 for size in axes):
        raise refused(f"{place(node)} does not keep the numbers of a row together")
    return _shaped(chain, node, state, tuple(axes))


def _shaped(chain: Chain, node: Node, state: State, axes: tuple[int, ...]) -> State:
    if axes == state.axes:
        return state
    if len(axes) == 1:
        return _as_vector(chain, state)
    if state.layout == "vector" and not state.turned and len(axes) == 3 and not chain.tables:
        # Before any layer: with one channel, both orders are the same.
        channels, height, width = axes
        if channels == 1:
            return state.map(height, width, 1)
    raise refused(f"{place(node)} makes something else of its rows than vectors")


def _squeeze(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    if state.layout != "cell":
        raise refused(f"{place(node)} leaves out an axis")
    axes = axes_of(graph, node)
    ones = {number for number, size in enumerate(state.axes, 1) if size == 1}
    if axes is not None and {axis % 4 for axis in axes} != ones:
        raise refused(f"{place(node)} leaves out some of the axes of a map only")
    return state.vector(state.size)


def _transpose(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    perm = node.attributes.get("perm")
    height, width, channels = state.shape if state.is_map else (0, 0, 0)
    if state.layout == "last" and perm == (0, 3, 1, 2):
        return state.map(height, width, channels)
    if state.layout == "first" and perm == (0, 2, 3, 1):
        return State(state.shape, "last", state.shape)
    raise refused(f"{place(node)} exchanges axes")


def _dropout(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    given = graph.weights(node, 1, "ratio")
    rate = number(node, "ratio", 0.5) if given is None else as_written(given.ravel()[0]) if given.size else 0.5
    training = graph.weights(node, 2, "training mode")
    if training is not None and training.any():
        raise refused(f"{place(node)} drops numbers at random")
    if 0 < rate < 1:
        chain.add("dropout", {"rate": rate})
    return state


def _same(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    return state


def _cast(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    if node.attributes.get("to") not in (DOUBLE, FLOAT):
        raise refused(f"{place(node)} makes other numbers of its inputs than floating point ones")
    return state


# Numbers that are added or multiplied by --------------------------------------------------------------------


def _arithmetic(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    """The bias of the layer before, or how the inputs are scaled."""
    place_of = 1 if node.inputs[0] not in graph.arrays else 0
    numbers = graph.weights(node, place_of, "numbers")
    if numbers is None or len(node.inputs) != 2 or numbers.dtype.kind != "f":
        raise refused(f"{place(node)} has no numbers to combine its input with")
    if not chain.tables:
        _scale(chain, node, state, numbers, reverse=place_of == 0)
        return state
    last = chain.tables[-1]
    if node.kind != "Add" or last.get("activation") != "identity" or last.get("bias") is not False:
        raise refused(f"{place(node)} combines numbers in a way that no layer of neurosim does")
    units = state.shape[-1]
    if state.layout == "first" and numbers.size > 1:
        if numbers.shape[-3:] != (units, 1, 1):
            raise refused(f"{place(node)} adds numbers that are not one for each channel")
        numbers = numbers.reshape(-1)
    last["bias"] = True
    chain.arrays[f"{len(chain.tables) - 1}.bias"] = np.asarray(_bias(node, numbers, units), np.float32)
    return state


def _scale(chain: Chain, node: Node, state: State, numbers: Array, *, reverse: bool) -> None:
    try:
        wide = np.broadcast_to(numbers.astype(np.float64), (1, *state.axes))[0] if numbers.size > 1 else numbers
    except ValueError:
        raise refused(f"{place(node)} combines {numbers.size} numbers with an input of another shape") from None
    numbers = np.asarray(wide, np.float64)
    if state.layout == "first" and numbers.size > 1:
        numbers = numbers.transpose(1, 2, 0)
    numbers = numbers.reshape(-1) if numbers.size > 1 else numbers.reshape(())
    scale = np.ones(()) if chain.scale is None else chain.scale
    shift = np.zeros(()) if chain.shift is None else chain.shift
    with np.errstate(all="ignore"):
        match node.kind:
            case "Mul":
                scale, shift = scale * numbers, shift * numbers
            case "Div" if not reverse:
                scale, shift = scale / numbers, shift / numbers
            case "Add":
                shift = shift + numbers
            case "Sub" if not reverse:
                shift = shift - numbers
            case "Sub":
                scale, shift = -scale, numbers - shift
            case _:
                raise refused(f"{place(node)} divides by its inputs")
    chain.scale, chain.shift = scale, shift


HANDLERS: Mapping[str, Callable[[Graph, Chain, Node, State], State]] = {
    **ACTIVATIONS,
    "Add": _arithmetic,
    "AveragePool": _pool("avg_pool2d", dilations=(1, 1)),
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Conv": _conv,
    "Div": _arithmetic,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average,
    "GlobalMaxPool": _global_max,
    "Identity": _same,
    "LayerNormalization": _layer_norm,
    "MatMul": _matmul,
    "MaxPool": _pool("max_pool2d"),
    "Mul": _arithmetic,
    "ReduceMean": _mean,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Sub": _arithmetic,
    "Transpose": _transpose,
}
