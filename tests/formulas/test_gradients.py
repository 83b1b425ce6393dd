"""Gradients of losses that are worked out in reverse: against PyTorch and differences, in one pass over the row."""

import ast
import functools
import math
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import support
from oracles import row_losses, running_losses

from neurosim.backends.uncompiled import uncompiled
from neurosim.formulas.derivatives import derive_gradient, source_of
from neurosim.plugin import Loss

ONE_PASS = [*row_losses.ONE_PASS, *running_losses.ONE_PASS]
ALL = [*ONE_PASS, *running_losses.ENTRY_BY_ENTRY]
each = functools.partial(pytest.mark.parametrize, "function", ids=lambda function: function.__name__)


def gradient(function, a, y, *params):
    found = np.full(len(a), np.nan)
    with np.errstate(all="ignore"):
        uncompiled(derive_gradient(function))(a, y, found, *params)
    return found


def by_differences(function, a, y, *params):
    def moved(k):
        return lambda at: float(uncompiled(function)(np.where(np.arange(len(a)) == k, at, a), y, *params))

    return np.array([support.slope(moved(k), a[k]) for k in range(len(a))])


def rows(seed, count):
    random = np.random.default_rng(seed)
    return random.normal(size=count), random.normal(size=count)


@each(ALL)
def test_gradients_agree_with_differences(function):
    for seed in range(3):
        a, y = rows(seed, 3 + seed)
        np.testing.assert_allclose(gradient(function, a, y), by_differences(function, a, y), rtol=1e-7, atol=1e-7)


@each(ALL)
def test_gradients_agree_with_pytorch(function):
    torch = pytest.importorskip("torch")

    def called(name):
        def call(*values):
            return getattr(torch, name)(*(torch.as_tensor(value, dtype=torch.float64) for value in values))

        return call

    names = {name: called(name) for name in vars(math) if hasattr(torch, name)}
    peer = rebound(function, SimpleNamespace(**names))
    for seed in range(3):
        a, y = rows(seed, 5)
        leaf = torch.tensor(a, requires_grad=True)
        torch.as_tensor(peer(leaf, torch.tensor(y))).backward()
        np.testing.assert_allclose(gradient(function, a, y), leaf.grad.numpy(), rtol=1e-12, atol=1e-12)


class Plain(ast.NodeTransformer):
    """``x = x + y`` for ``x += y``, which PyTorch takes to change the tensor."""

    def visit_AugAssign(self, node):
        read = ast.Name(node.target.id, ast.Load())
        return ast.Assign([node.target], ast.BinOp(read, node.op, node.value))


def rebound(function, math_of_peer):
    """The same with another ``math``."""
    file = function.__code__.co_filename
    tree = ast.fix_missing_locations(Plain().visit(ast.parse(Path(file).read_text())))
    names = {}
    exec(compile(tree, file, "exec"), names)
    names["math"] = math_of_peer
    return names[function.__name__]


class Counted:
    """A row that counts how often an entry is read."""

    def __init__(self, values):
        self.values, self.count = values, 0

    def __len__(self):
        return len(self.values)

    def __getitem__(self, k):
        self.count += 1
        return self.values[k]


def reads(function, outputs):
    a, y = rows(0, outputs)
    counted = Counted(a)
    with np.errstate(all="ignore"):
        uncompiled(derive_gradient(function))(counted, y, np.zeros(outputs))
    return counted.count


@each([function for function in ONE_PASS if function not in row_losses.OVER_PAIRS])
def test_it_takes_one_pass(function):
    assert reads(function, 48) <= 2.2 * reads(function, 24)


@each(ALL)
def test_what_is_derived_is_written_plainly(function):
    assert support.translate(derive_gradient(function), ["row", "row", "row"]).source


def smoothly(a, y, width):
    total = 0.0
    for k in range(len(a)):
        error = a[k] - y[k]
        if abs(error) <= width:
            total += 0.5 * error * error
        else:
            total += width * (abs(error) - 0.5 * width)
    return total / len(a)


def test_the_text_can_be_read():
    assert source_of(derive_gradient(smoothly)) == textwrap.dedent(TEXT)
    a, y = rows(1, 7)
    np.testing.assert_allclose(gradient(smoothly, a, y, 0.6), np.clip(a - y, -0.6, 0.6) / 7, rtol=1e-12)


TEXT = """\
    def smoothly_gradient(a, y, da, width):
        t1 = 1.0 / len(a)
        for k in range(len(a)):
            error = a[k] - y[k]
            d_error = 0.0
            if abs(error) <= width:
                d_error = d_error + 0.5 * error * t1
                d_error = d_error + 0.5 * (error * t1)
            else:
                d_t1 = width * t1
                d_error = d_error + (math.copysign(1.0, error) * d_t1 if error != 0.0 else error)
            da[k] = d_error
    """


def swishes(a, y):
    s = 0.0
    for k in range(len(a)):
        s += a[k] / (1.0 + math.exp(-a[k]))
    return s


def test_overflow_on_the_way_is_no_nan():
    found = gradient(swishes, np.array([-1e4, -800.0, 0.0, 800.0]), np.zeros(4))
    assert found.tolist() == [0.0, 0.0, 0.5, 1.0]


def kinked(a, y):
    s = 0.0
    for k in range(len(a)):
        s += max(1.0 - a[k] * y[k], 0.0) + abs(a[k] - y[k])
    return s


def test_kinks_are_those_of_pytorch():
    assert gradient(kinked, np.array([1.0, 0.0]), np.array([1.0, 0.0])).tolist() == [0.0, 0.0]
    smooth = row_losses.cross_entropy_of_logits
    assert gradient(smooth, np.zeros(2), np.array([0.0, 1.0])).tolist() == [0.25, -0.25]


def test_of_equal_numbers_the_first_is_the_largest():
    found = gradient(row_losses.largest_entry, np.array([1.0, 2.0, 2.0]), np.zeros(3))
    assert found.tolist() == [0.0, 4.0, 0.0]


def log_cosh(a, y):
    total = 0.0
    for k in range(len(a)):
        e = abs(a[k] - y[k])
        total += e + math.log1p(math.exp(-2.0 * e)) - math.log(2.0)
    return total / len(a)


def test_fifty_steps_are_those_of_the_gradient_by_hand():
    for backend, steps, tolerance in zip(support.BACKENDS, (50, 50, 3), (1e-12, 1e-5, 1e-5), strict=True):
        data = backend.rows(8, 3, 4)
        ends = []
        for given in (None, by_hand):
            net = support.network(3, [support.Dense(5, "tanh"), support.Dense(4)], Loss("mine", log_cosh, given))
            bench = backend.make(net, support.training(batch=8), seed=1)
            for epoch in range(steps):
                bench.train_epoch(data, epoch)
            ends.append(bench.parameters)
        assert support.error(*ends) < tolerance


def by_hand(a, y, da):
    for k in range(len(a)):
        da[k] = math.tanh(a[k] - y[k]) / len(a)
