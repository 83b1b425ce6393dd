"""Optimizers with reductions: every operation and scope, on every backend, with clipping, whatever the threads."""

import itertools

import numpy as np
import pytest
import support
from support import BatchNorm, Conv2d, Dense, Flatten, LayerNorm, Pool, Residual

from neurosim.backends.select import make_backend
from neurosim.errors import BackendError
from neurosim.plugin import Optimizer
from neurosim.plugin.reductions import OPERATIONS, ORTHOGONAL, SCOPES

CCE = "categorical_cross_entropy"


def steered(w, g, m, found, t, lr):
    """A step whose length depends on a reduction."""
    m = 0.9 * m + g
    return w - lr * m / (1.0 + abs(found)), m


def by_reduction(text):
    return Optimizer("steered", steered, slots=("m",), params={"lr": 0.05}, reductions={"found": text})


def plain_value(operation, x, axis=None):
    """As the reference of plugins describes it."""
    if operation in ("sum", "mean"):
        return getattr(np, operation)(x, axis=axis, keepdims=True)
    if operation == "count":
        return plain_value("sum", np.ones_like(x), axis)
    sizes = np.abs(x)
    if operation == "l1":
        return sizes.sum(axis=axis, keepdims=True)
    if operation == "largest":
        return sizes.max(axis=axis, keepdims=True)
    return np.sqrt((np.mean if operation == "rms" else np.sum)(sizes**2, axis=axis, keepdims=True))


def plain_steps(net, rows, operation, of, scope, count):
    """The parameters after some steps of `steered`, array by array in NumPy."""
    bench = support.REFERENCE.make(net, support.training())
    m = np.zeros(net.size)
    for _ in range(count):
        _, gradient = bench.gradients(rows)
        vector = {"w": bench.parameters, "g": gradient, "m": m}[of].copy()
        named, found = net.named(vector), np.empty(net.size)
        for name, values in net.named(found).items():
            whole = vector if scope == "network" else named[name].reshape(-1, named[name].shape[-1])
            if scope != "network" and not name.endswith(".weight"):
                whole = named[name][:, None]
            value = plain_value(operation, whole, {"row": 1, "column": 0}.get(scope))
            shape = whole.shape if scope != "network" else values.shape
            values[...] = np.broadcast_to(value, shape).reshape(values.shape)
        m = 0.9 * m + gradient
        bench.parameters[:] -= 0.05 * m / (1.0 + np.abs(found))
    return bench.parameters


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != ORTHOGONAL])
def test_every_operation_and_scope(backend, operation, scope):
    net = support.network(3, [Dense(4, "tanh"), LayerNorm(), Dense(2, "softmax")], CCE)
    rows = support.rows(6, 3, 2)
    for of in ("w", "g", "m"):
        bench = backend.make(net, support.training(by_reduction(f"{operation}({of}) per {scope}")))
        for _ in range(3):
            bench.train_step(rows)
        expected = plain_steps(net, rows, operation, of, scope, 3)
        assert support.error(bench.parameters, expected) < backend.values, of


def towards(w, g, m, g_norm, is_bias, t, lr):
    m = 0.9 * m + g / (0.1 + g_norm)
    return m + 0.01 * (1.0 - is_bias) * w, m


def along(w, u, w_norm, u_norm, u_row, all_norm, m_largest, t, lr):
    return w - lr * u * (0.1 + w_norm) / (0.1 + u_norm + 0.1 * u_row + 0.01 * all_norm + 0.1 * m_largest)


TWO_STEPS = Optimizer(
    "two_steps",
    along,
    slots=("m",),
    params={"lr": 0.1},
    direction=towards,
    reductions={
        "w_norm": "l2(w)",
        "g_norm": "rms(g)",
        "u_norm": "l2(u)",
        "u_row": "l1(u) per row",
        "all_norm": "l2(w) per network",
        "m_largest": "largest(m)",
    },
)
MAPS = [Conv2d(4, (3, 3), "relu"), BatchNorm(), Pool(), Flatten(), Dense(6, "tanh", l2=0.01), Dense(3, "softmax")]
VECTORS = [Dense(70, "tanh"), Residual((LayerNorm(), Dense(70, "gelu"))), Dense(3, "softmax")]


@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.3}, {"clip_value": 0.02}], ids=["", "norm", "value"])
@pytest.mark.parametrize("layers", [MAPS, VECTORS], ids=["maps", "vectors"])
def test_two_functions_on_many_kinds_of_layers(compiled, layers, clip):
    net = support.network((8, 8, 1) if layers is MAPS else 9, layers, CCE)
    rows = compiled.rows(20, net.inputs, 3)
    settings = support.training(TWO_STEPS, batch=8, shuffle=True, schedule="cosine", **clip)
    bench, reference = compiled.make(net, settings, 3), support.REFERENCE.make(net, settings, 3)
    for epoch in range(2):
        bench.train_epoch(rows, epoch)
        reference.train_epoch(rows, epoch)
    errors = support.array_errors(net, bench.parameters, reference.parameters)
    assert max(errors.values()) < 5e-5, errors
    assert support.error(bench.state, reference.state) < 5e-5


def test_the_bits_do_not_depend_on_the_threads():
    """Nor on whether an epoch is trained in parts; arrays have many chunks here."""
    net = support.network(60, [Dense(120, "tanh"), LayerNorm(), Dense(3, "softmax")], CCE)
    rows = support.rows(90, 60, 3)
    settings = support.training(TWO_STEPS, batch=40, clip_norm=0.3)
    found = []
    for threads, cuts in ((1, (0, 3)), (2, (0, 1, 3)), (3, (0, 2, 3))):
        bench = make_backend("cpu", net, settings, 0, threads)
        for first, last in itertools.pairwise(cuts):
            bench.train_epoch(rows, 0, first, last)
        found.append(bench.parameters.tobytes() + bench.state.tobytes())
    assert len(set(found)) == 1


def test_numbers_that_are_not_finite_go_through(backend):
    """So that divergence is noticed."""
    net = support.network(3, [Dense(4, "tanh"), Dense(2, "softmax")], CCE)
    for operation in OPERATIONS:
        if operation == "count" or (operation == ORTHOGONAL and backend.name == "cuda"):
            continue
        bench = backend.make(net, support.training(by_reduction(f"{operation}(w)")))
        bench.parameters[3] = np.nan
        with np.errstate(all="ignore"):
            bench.train_step(support.rows(6, 3, 2))
        assert np.isnan(bench.parameters[:12]).all(), operation


def test_what_a_gpu_cannot_do_is_refused():
    from neurosim.backends.cuda.backend import CudaBackend

    net = support.network(3, [Dense(4, "tanh"), Dense(2, "softmax")], CCE)
    with pytest.raises(BackendError) as caught:
        CudaBackend(net, support.training("muon"), 0)
    assert caught.value.message == "the CUDA backend cannot make matrices orthogonal, which the optimizer muon needs"
    assert 'backend="cpu"' in caught.value.hint
