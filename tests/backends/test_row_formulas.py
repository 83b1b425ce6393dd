"""What formulas ask of rows, compiled: every part of the language, and trainings with sparse probabilities."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import support
from support import Dense

from neurosim.plugin import Loss, RowActivation

PACKAGE = Path(__file__).parents[2] / "plugins" / "neurosim-sparsemax" / "neurosim_sparsemax.py"

EVERYTHING = """\
import math

from neurosim import argmax, argmin

TABLE = (0.5, -1.0, 0.25, 2.0)

def spread(row, middle):
    return sum(abs(v - middle) for v in row) / len(row)

def fill(row, out):
    for k, v in enumerate(reversed(row)):
        out[k] = 0.5 * v

def f(z, a, scale):
    fill(z, a)
    down = sorted(z, reverse=True)
    up = sorted(z)
    top = max(z)
    soft = top + math.log(sum(math.exp(v - top) for v in z))
    total = 0.0
    for high, low in zip(down, up):
        total += high * low
    a[0] += soft + total + spread(z, min(z)) * scale
    a[argmax(z)] += TABLE[min(argmin(z), 3)] + sum(z) + down[1]
    a[1] += TABLE[int(3.9 * abs(math.tanh(z[0])))] + max(v * w for v, w in zip(z, TABLE)) + up[-1]

def backward(z, a, da, dz, scale):
    for k in range(len(z)):
        dz[k] = da[k]

def loss(a, y):
    return sum((k + 1) * (v - w) ** 2 for k, (v, w) in enumerate(zip(a, y))) + max(a) * TABLE[1]
"""


@pytest.fixture
def plugin():
    spec = importlib.util.spec_from_file_location("sparsemax_of_backends", PACKAGE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_whole_language_of_rows_compiles_and_means_the_same(write, compiled):
    module = write(EVERYTHING)
    act = RowActivation("everything", module.f, module.backward, params={"scale": 0.5})
    net = support.network(3, [Dense(4, act, init="normal")], Loss("derived", module.loss))
    rows = compiled.rows(20, 3, 4)
    bench, reference = (entry.make(net, support.training(), 1) for entry in (compiled, support.REFERENCE))
    assert support.error(bench.forward(rows.features), reference.forward(rows.features)) < compiled.values
    found, expected = bench.gradients(rows), reference.gradients(rows)
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert support.error(found[1], expected[1]) < compiled.values


@pytest.mark.parametrize("width", [1, 2, 31])
def test_sorting_any_width(write, width):
    text = "def f(z, a):\n    s = sorted(z)\n    for k, v in enumerate(s):\n        a[k] = v\n"
    module = write(text + "\ndef b(z, a, da, dz):\n    for k, v in enumerate(da):\n        dz[k] = v\n")
    net = support.network(2, [Dense(width, RowActivation("in_order", module.f, module.b), init="normal")])
    features = support.rows(9, 2, 1).features
    outputs = [entry.make(net, support.training(), 1).forward(features) for entry in support.BACKENDS[:2]]
    assert support.error(outputs[1], outputs[0]) < 1e-6
    assert (np.diff(outputs[1]) >= 0).all()


# Trainings against NumPy, with the definitions ------------------------------------------------------------------


def by_bisection(z, power):
    """max((z - tau) / power, 0)^power with the tau for which rows add up to 1."""
    low, high = z.min(1) - 2 * power, z.max(1)
    for _ in range(100):
        tau = (low + high) / 2
        much = (np.maximum((z - tau[:, None]) / power, 0) ** power).sum(1) > 1
        low, high = np.where(much, tau, low), np.where(much, high, tau)
    return np.maximum((z - low[:, None]) / power, 0) ** power


def trained(net, start, rows, power, steps, rate):
    """Parameters after full-batch steps: these losses have the gradient p - y."""
    flat = start.astype(np.float64)
    x, y = rows.features.astype(np.float64), rows.values
    for _ in range(steps):
        inner, inner_bias, outer, outer_bias = net.named(flat).values()
        hidden = np.tanh(x @ inner + inner_bias)
        d = (by_bisection(hidden @ outer + outer_bias, power) - y) / len(x)
        dh = d @ outer.T * (1 - hidden**2)
        gradient = dict(zip(net.named(flat), (x.T @ dh, dh.sum(0), hidden.T @ d, d.sum(0)), strict=True))
        flat = flat - rate * net.flat(gradient, np.float64)
    return flat


@pytest.mark.parametrize(("name", "power"), [("sparsemax", 1), ("entmax15", 2)])
@pytest.mark.parametrize(
    "backend", [pytest.param(entry, id=entry.name, marks=entry.long_marks) for entry in support.BACKENDS]
)
def test_fifty_steps_with_sparse_probabilities(plugin, backend, name, power):
    activation = next(record for record in plugin.neurosim_activations() if record.name == name)
    loss = next(record for record in plugin.neurosim_losses() if record.name == f"{name}_loss")
    net = support.network(3, [Dense(4, "tanh"), Dense(3, activation)], loss)
    rows = backend.rows(24, 3, 3)
    bench = backend.make(net, support.training(("sgd", {"lr": 0.5}), batch=len(rows.features)), 1)
    expected = trained(net, bench.parameters, rows, power, 50, 0.5)
    for _ in range(50):
        bench.train_step(rows)
    assert support.error(bench.parameters, expected) < {"reference": 1e-12}.get(backend.name, 1e-5)


@pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
def test_identity_outputs_are_taken_for_the_sums(plugin, name):
    loss = next(record for record in plugin.neurosim_losses() if record.name == f"{name}_loss")
    activation = next(record for record in plugin.neurosim_activations() if record.name == name)
    rows, results = support.rows(12, 3, 3), []
    for output in ("identity", activation):
        net = support.network(3, [Dense(3, output)], loss)
        results += [entry.make(net, support.training(), 1).gradients(rows)[1] for entry in support.BACKENDS[:2]]
    for found in results[1:]:
        assert support.error(found, results[0]) < 1e-5
