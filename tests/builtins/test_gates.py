"""Gates and maxout: published formulas, derivatives, shapes, and what is refused."""

import math

import numpy as np
import pytest
import support
from hypothesis import given
from hypothesis import strategies as st
from support import Dense, Gated, Maxout

from neurosim.backends.uncompiled import apply
from neurosim.errors import PluginError, ShapeError
from neurosim.network.layers.maxout import LARGER
from neurosim.plugin import Gate

RECORDS = [entry.record for entry in support.BUILTINS.gates]
GELU = support.BUILTINS.activations.get("gelu")


def sigmoid(v):
    return 0.5 * (1.0 + math.tanh(0.5 * v))


PAPERS = {
    "glu": lambda u, v: u * sigmoid(v),
    "bilinear": lambda u, v: u * v,
    "reglu": lambda u, v: u * max(v, 0.0),
    "geglu": lambda u, v: u * GELU.f(v),
    "swiglu": lambda u, v: u * v * sigmoid(v),
    "gated_tanh": lambda u, v: math.tanh(u) * sigmoid(v),
}
NUMBERS = st.floats(-8.0, 8.0)


def value(function, record, u, v):
    return float(apply(function, np.array([u]), np.array([v]), params=tuple(record.params.values()))[0])


def test_the_built_in_gates_are_all_there():
    assert {record.name for record in RECORDS} == set(PAPERS)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
@given(u=NUMBERS, v=NUMBERS)
def test_they_are_those_of_the_papers(record, u, v):
    assert value(record.f, record, u, v) == pytest.approx(PAPERS[record.name](u, v), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("record", [*RECORDS, LARGER], ids=lambda record: record.name)
@given(u=NUMBERS, v=NUMBERS)
def test_derivatives_are_slopes(record, u, v):
    if abs(v) < 0.1 or abs(u - v) < 0.1:  # kinks
        return
    du, dv = record.derivative
    along_u = support.slope(lambda at: value(record.f, record, at, v), u, 0.01)
    along_v = support.slope(lambda at: value(record.f, record, u, at), v, 0.01)
    assert value(du, record, u, v) == pytest.approx(along_u, rel=1e-8, abs=1e-8)
    assert value(dv, record, u, v) == pytest.approx(along_v, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
@pytest.mark.parametrize("u", [-1e4, -90.0, 0.0, 1e4])
@pytest.mark.parametrize("v", [-1e4, -710.0, 0.0, 90.0, 1e4])
def test_extreme_numbers(record, u, v):
    assert all(np.isfinite(value(function, record, u, v)) for function in (record.f, *record.derivative))


def test_the_larger_of_equals_is_the_first_and_nan_stays():
    assert [value(part, LARGER, 2.0, 2.0) for part in (LARGER.f, LARGER.du, LARGER.dv)] == [2.0, 1.0, 0.0]
    assert math.isnan(value(LARGER.f, LARGER, math.nan, 1.0))
    assert math.isnan(value(LARGER.f, LARGER, 1.0, math.nan))


# Layers ------------------------------------------------------------------------------------------------------


def test_shapes_and_costs():
    net = support.network(3, [Dense(12), Gated("glu"), Maxout(3), Dense(1)])
    assert [layer.output_shape for layer in net.layers] == [(12,), (6,), (2,), (1,)]
    assert [part.multiply_adds for part in net.layers] == [36, 0, 0, 2]
    assert net.size == 3 * 12 + 12 + 2 + 1


def test_what_they_compute():
    """The first half is u, the second is v; of three parts, number by number the largest."""
    x = np.array([[1.0, -2.0, 3.0, 0.5, 0.0, -1.0]])
    for backend in support.BACKENDS[:2]:
        gated = backend.make(support.network(6, [Gated("bilinear")]), support.training())
        largest = backend.make(support.network(6, [Maxout(3)]), support.training())
        np.testing.assert_allclose(gated.forward(x), [[0.5, 0.0, -3.0]])
        np.testing.assert_allclose(largest.forward(x), [[3.0, 0.5]])


@pytest.mark.parametrize(("layer", "by"), [(Gated(), 2), (Maxout(3), 3)])
def test_inputs_that_cannot_be_divided_are_refused(layer, by):
    with pytest.raises(
        ShapeError, match=f"divides its inputs into {by} parts of the same size, and there are 5"
    ) as caught:
        support.network(3, [Dense(5), layer])
    assert caught.value.hint == f"give the layer before it a multiple of {by} units"


def test_maps_are_refused():
    with pytest.raises(ShapeError, match=r"layers\.0 \(gated\) needs a vector, but a map"):
        support.network((4, 4, 2), [Gated()])


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Gate("mine", lambda_of_one), r"gate 'mine': f takes \(u\), expected \(u, v\)"),
        (lambda: Gate("mine", both, du=both_swapped), r"du takes \(v, u\), expected \(u, v\)"),
        (lambda: Gate("mine", both, params={"beta": 1.0}), r"f takes \(u, v\), expected \(u, v, beta\)"),
    ],
)
def test_functions_that_do_not_fit_are_refused(made, message):
    with pytest.raises(PluginError, match=message):
        made()


def both(u, v):
    return u * v


def both_swapped(v, u):
    return v


def lambda_of_one(u):
    return u


@pytest.mark.parametrize(
    "backend", [pytest.param(entry, id=entry.name, marks=entry.long_marks) for entry in support.BACKENDS]
)
def test_fifty_steps_are_those_of_numpy(backend):
    """GLU, then maxout of two, worked out by hand."""
    net = support.network(3, [Dense(4), Gated("glu"), Dense(4), Maxout(2)])
    rows = backend.rows(20, 3, 2)
    bench = backend.make(net, support.training(("sgd", {"lr": 0.2}), batch=len(rows.features)), 1)
    flat, x, y = bench.parameters.astype(np.float64), rows.features.astype(np.float64), rows.values
    for _ in range(50):
        bench.train_step(rows)
        w, b, w2, b2 = net.named(flat).values()
        u, v = np.split(x @ w + b, 2, axis=1)
        s = 1 / (1 + np.exp(-v))
        left, right = np.split(u * s @ w2 + b2, 2, axis=1)
        d = 2 * (np.maximum(left, right) - y) / y.size
        dz = np.concatenate([d * (left >= right), d * (right > left)], axis=1)
        dh = dz @ w2.T
        inner = np.concatenate([dh * s, dh * u * s * (1 - s)], axis=1)
        parts = x.T @ inner, inner.sum(0), (u * s).T @ dz, dz.sum(0)
        flat = flat - 0.2 * net.flat(dict(zip(net.named(flat), parts, strict=True)), np.float64)
    assert support.error(bench.parameters, flat) < {"reference": 1e-12}.get(backend.name, 1e-5)
