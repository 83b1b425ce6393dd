"""Authors' formulas as lines: symbols, numbers, and what is left out."""

import math

import pytest

from neurosim.worksheet.layout import Gaps, equation, fill
from neurosim.worksheet.tracing import Argument, trace

SCALE = 3.0


def shown(function, arguments, results):
    return [equation(line, Gaps(), 200)[0][6:] for line in trace(function, arguments, results).lines]


def z(value):
    return Argument("z", value, computed=True)


def test_a_formula_in_symbols_and_numbers():
    def f(z, beta):
        s = 1.0 / (1.0 + math.exp(-beta * z))
        return z * s

    assert shown(f, [z(2.0), Argument("beta", 1.5, setting=True)], ["a"]) == [
        "s = 1 / (1 + exp(-beta·z)) = 1 / (1 + exp(-1.5·2)) = 0.95257",
        "a = z·s = 2·0.95257 = 1.9051",
    ]


@pytest.mark.parametrize(
    ("value", "line"), [(2.0, "a = z = 2   (as z > 0)"), (-2.0, "a = alpha·z = 0.1·(-2) = -0.2   (as z <= 0)")]
)
def test_only_the_case_that_holds(value, line):
    def f(z, alpha):
        return z if z > 0.0 else alpha * z

    assert shown(f, [z(value), Argument("alpha", 0.1, setting=True)], ["a"]) == [line]


def test_settings_of_zero_leave_out_what_they_multiply():
    def update(w, g, v, t, lr, momentum, decay):
        g = g + decay * w
        v = momentum * v + g
        return w - lr * v, v

    def arguments(momentum, decay):
        names = {"lr": 0.5, "momentum": momentum, "decay": decay}
        settings = [Argument(name, value, setting=True) for name, value in names.items()]
        return [Argument("w", 1.0), Argument("g", 0.25), Argument("v", 2.0), Argument("t", 1), *settings]

    assert shown(update, arguments(0.0, 0.0), ["new w", "new v"]) == ["new w = w - lr·g = 1 - 0.5·0.25 = 0.875"]
    lines = shown(update, arguments(0.9, 0.1), ["new w", "new v"])
    assert lines == [
        "g = g + decay·w = 0.25 + 0.1·1 = 0.35",
        "v = momentum·v + g = 0.9·2 + 0.35 = 2.15",
        "new w = w - lr·v = 1 - 0.5·2.15 = -0.075",
    ]


def test_brackets_as_they_are_needed():
    def f(z, p):
        return (z - p) - (z + p) * (z / (p / z)) ** 2.0

    traced = trace(f, [z(3.0), Argument("p", 2.0)], ["a"])
    assert traced.lines[0].formula == "z - p - (z + p)·(z / (p / z))^2"
    assert traced.results[0] == f(3.0, 2.0)


def test_constants_of_the_module_and_other_functions():
    def half(x):
        return 0.5 * x

    def f(z):
        return SCALE * half(abs(z)) + math.pi

    traced = trace(f, [z(-2.0)], ["a"])
    assert traced.lines[0].formula == "SCALE·half(abs(z)) + π"
    assert fill(traced.lines[0].filled, Gaps()) == "3·half(abs(-2)) + π"


def test_what_cannot_be_followed_is_told_by_its_result():
    def f(z):
        total = 0.0
        for k in range(3):
            total += z * k
        return total

    assert shown(f, [z(2.0)], ["a"]) == ["a = f(z) = 6"]


def test_overflow_goes_on_as_on_the_machine():
    def f(z):
        return 1.0 / (1.0 + math.exp(-z))

    assert trace(f, [z(-1000.0)], ["a"]).results == (0.0,)
