"""Networks drawn at random: gradients against finite differences, compiled backends against the reference.

Maps of one row or column, windows as large as the map or larger, strides larger than the window, batches
of one: what a kernel gets wrong first.
"""

from dataclasses import dataclass
from typing import Any

import hypothesis
import numpy as np
import pytest
import support
from hypothesis import strategies as st
from support import (
    Activation,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    Pool,
    Residual,
)

CCE = "categorical_cross_entropy"
# Without a kink, at which there is no slope.
SMOOTH = st.sampled_from(["identity", "tanh", "gelu", "swish", "sigmoid", "softplus"])
PENALTIES = st.sampled_from([0.0, 0.0, 0.05])
STRIDES = st.tuples(st.integers(1, 4), st.integers(1, 4))
LARGEST_MAP = 7


def sizes(draw, shape, padding):
    """A window that fits into the map; with "same" padding also one that does not."""
    highest = [min(size, 4) if padding == "valid" else 4 for size in shape[:2]]
    return tuple(draw(st.integers(1, high)) for high in highest)


def after(shape, size, stride, padding):
    """Height and width behind a window."""
    if padding == "same":
        return [-(-cells // step) for cells, step in zip(shape, stride, strict=False)]
    return [(cells - high) // step + 1 for cells, high, step in zip(shape, size, stride, strict=False)]


def one_map_layer(draw, shape, kind):
    """A layer on maps, and the shape that leaves it."""
    if kind == "residual":
        return residual(draw, shape)
    if kind == "norm":
        return draw(st.sampled_from([BatchNorm(), BatchNorm(0.4), LayerNorm()])), shape
    if kind == "plain":
        return draw(st.one_of(SMOOTH.map(Activation), st.just(Dropout(0.5)))), shape
    padding = draw(st.sampled_from(["valid", "same"]))
    size = sizes(draw, shape, padding)
    if kind in ("max", "avg"):
        stride = draw(st.none() | STRIDES)
        pool = Pool(kind, size, stride, padding)
        return pool, (*after(shape, size, stride or size, padding), shape[2])
    stride, channels = draw(STRIDES), draw(st.integers(1, 3))
    how = {"bias": draw(st.booleans()), "l1": draw(PENALTIES), "l2": draw(PENALTIES), "init": "glorot_normal"}
    conv = Conv2d(channels, size, draw(SMOOTH), stride, padding, **how)
    return conv, (*after(shape, size, stride, padding), channels)


def residual(draw, shape):
    """A group that keeps the map's size, or goes over it in steps, as the skip then does."""
    channels = draw(st.integers(1, 3))
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    # No step beyond the map: then its size does not tell what the step was.
    stride = tuple(draw(st.integers(1, min(2, size))) for size in shape[:2])
    inner = [Conv2d(channels, kernel, draw(SMOOTH), stride, "same", bias=draw(st.booleans()), init="glorot_normal")]
    inner += draw(st.lists(st.sampled_from([BatchNorm(), LayerNorm(), Activation("tanh"), Dropout(0.3)]), max_size=2))
    inner = draw(st.permutations(inner))
    return Residual(tuple(inner)), (*after(shape, kernel, stride, "same"), channels)


def vector_layers(draw):
    """Layers on vectors, before the last one."""
    units = draw(st.integers(1, 5))
    layers = [Dense(units, draw(SMOOTH), init="glorot_normal", l2=draw(PENALTIES))]
    kind = draw(st.sampled_from(["none", "norm", "residual", "projection"]))
    if kind == "norm":
        layers.append(draw(st.sampled_from([BatchNorm(), LayerNorm()])))
    elif kind != "none":
        inner = units if kind == "residual" else draw(st.integers(1, 5))
        layers.append(Residual((LayerNorm(), Dense(inner, draw(SMOOTH), init="glorot_normal"))))
    return layers


@dataclass(frozen=True)
class Problem:
    """What is drawn, short enough to be read where a test fails."""

    inputs: tuple[int, int, int]
    layers: tuple[Any, ...]
    loss: str
    count: int
    seed: int

    @property
    def network(self):
        return support.network(self.inputs, self.layers, self.loss)

    @property
    def rows(self):
        return support.rows(self.count, int(np.prod(self.inputs)), 3, seed=self.seed)


KINDS = ["conv", "max", "avg", "norm", "plain", "residual"]


@st.composite
def problems(draw, kind):
    """A network with a layer of this kind on a map, and its rows."""
    inputs = shape = draw(st.tuples(st.integers(1, LARGEST_MAP), st.integers(1, LARGEST_MAP), st.integers(1, 3)))
    layers = []
    # A first layer with weights of its own: they have gradients only through all that follow.
    if draw(st.booleans()):
        layers.append(Conv2d(draw(st.integers(1, 3)), (1, 1), "tanh", init="glorot_normal"))
        shape = (*shape[:2], layers[0].channels)
    more = draw(st.lists(st.sampled_from(KINDS), max_size=2))
    for each in draw(st.permutations([kind, *more])):
        layer, shape = one_map_layer(draw, shape, each)
        layers.append(layer)
    layers.append(draw(st.sampled_from([Flatten(), GlobalAvgPool()])))
    layers += vector_layers(draw) if draw(st.booleans()) else []
    loss, last = draw(st.sampled_from([("mse", "tanh"), (CCE, "softmax"), ("binary_cross_entropy", "sigmoid")]))
    if draw(st.booleans()):
        layers.append(Dense(3, last, init="glorot_normal"))
    else:
        layers += [Dense(3, init="glorot_normal"), Activation(last)]
    return Problem(inputs, tuple(layers), loss, draw(st.integers(1, 5)), draw(st.integers(0, 1000)))


@pytest.mark.parametrize("kind", KINDS)
@hypothesis.settings(derandomize=True, max_examples=8)
@hypothesis.given(data=st.data())
def test_gradients_are_slopes_of_the_objective(kind, data):
    """Along a random direction in each array of parameters."""
    problem = data.draw(problems(kind))
    net, rows = problem.network, problem.rows
    bench = support.scattered(support.REFERENCE.make(net, support.training()))
    _, gradient = bench.gradients(rows)
    start = bench.parameters.copy()
    largest = np.abs(gradient).max()
    random = np.random.default_rng(1)
    for entry in net.parameters:
        direction = np.zeros(net.size)
        direction[entry.span] = random.normal(size=entry.size)
        direction /= np.linalg.norm(direction)

        def moved(far, direction=direction):
            bench.parameters[:] = start + far * direction
            return bench.gradients(rows)[0]

        # Steps this small hardly ever carry one cell of a pool past another one, nor a weight past 0.
        expected, found = support.slope(moved, 0.0, 1e-5), gradient @ direction
        if found != pytest.approx(expected, rel=1e-7, abs=1e-9 * (1.0 + largest)):
            # Where they do, two widths give two slopes, and there is nothing to compare.
            other = support.slope(moved, 0.0, 1e-6)
            hypothesis.assume(other == pytest.approx(expected, rel=1e-6, abs=1e-8 * (1.0 + largest)))
            pytest.fail(f"{entry.name}: {found}, but the slope is {expected}")


def shaken(net, rows, what):
    """How far `what` of the reference moves when the parameters do by as much as float32 rounds them.

    A normalization of nearly equal numbers makes large errors of small ones, on any machine.
    """
    bench = support.scattered(support.REFERENCE.make(net, support.training()))
    exact = what(bench, rows)
    bench = support.scattered(support.REFERENCE.make(net, support.training()))
    signs = np.where(np.random.default_rng(2).random(net.size) < 0.5, -1.0, 1.0)
    bench.parameters *= 1.0 + 2.0**-24 * signs
    return exact, support.named_errors(what(bench, rows), exact)


def tolerance(quick, net, rows):
    """Larger where a normalization sees fewer than five values: next to nothing but rounding passes back.

    One value becomes 0 and two become -1 and 1, whatever they are, but for epsilon: the parts of the
    gradient cancel, and what is left of their rounding is divided by sqrt(epsilon), 0.003.
    """
    values = [rows.count * layer.positions for layer in net.batch_norms]
    values += [layer.channels for layer in net.parts if layer.kind == "layer_norm"]
    return quick.values * (30.0 if min(values, default=5) < 5 else 1.0)


def outputs(bench, rows):
    return {"outputs": bench.forward(rows.features)}


def gradient(bench, rows):
    objective, flat = bench.gradients(rows)
    assert np.isfinite(objective)
    return {**bench.network.named(flat), "objective": np.array([objective])}


def after_a_step(bench, rows):
    """Parameters, statistics and outputs after one update with dropout on."""
    objective = np.array([bench.train_step(rows)])
    statistics = bench.network.named_statistics(bench.statistics)
    return {**bench.network.named(bench.parameters), **statistics, "objective": objective, **outputs(bench, rows)}


@pytest.mark.parametrize(
    "quick",
    [
        pytest.param(backend, id=backend.name, marks=pytest.mark.gpu if backend.needs_gpu else ())
        for backend in support.COMPILED
        if not backend.simulated
    ],
)
@pytest.mark.parametrize("kind", KINDS)
@hypothesis.settings(derandomize=True, max_examples=8)
@hypothesis.given(data=st.data())
def test_compiled_backends_agree(quick, kind, data):
    """The simulator is too slow for so many: tests/backends/test_layers.py has to do."""
    problem = data.draw(problems(kind))
    net, rows = problem.network, problem.rows
    for what in (outputs, gradient, after_a_step):
        exact, sensitivity = shaken(net, rows, what)
        found = support.named_errors(what(support.scattered(quick.make(net, support.training())), rows), exact)
        allowed = max(tolerance(quick, net, rows), 20.0 * max(sensitivity.values()))
        assert max(found.values()) < allowed, (what.__name__, found)
