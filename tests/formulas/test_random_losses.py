"""Losses put together at random, with loops, branches, helpers and names used again: the gradient is the slope."""

import importlib.util
import random
import textwrap

import numpy as np
import pytest
import support

from neurosim.backends.uncompiled import uncompiled
from neurosim.formulas.derivatives import derive_gradient

HELPERS = """\
import math


def square(x):
    return x * x


def bent(x, w):
    if x > w:
        return x * w
    return math.sin(x) + w


def weighted(row, w):
    return sum(w * v for v in row)


"""
OPERATIONS = (
    "({0} + {1})",
    "({0} - {1})",
    "({0} * {1})",
    "({0} / (2.0 + square({1})))",
    "math.tanh({0})",
    "math.sin({0})",
    "math.exp(-square({0}))",
    "({0} if {1} > {2} else {3})",
    "max({0}, {1})",
    "min({0}, {1})",
    "abs({0})",
    "square({0})",
    "bent({0}, {1})",
    "0.1 * weighted(a, {0})",
    "math.tanh({0}) ** 3",
)
# Central differences that disagree by more than this reach across a kink.
SMOOTH = 1e-4


class Author:
    """Writes one loss after the other."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = ["u"]
        self.loops = []

    def loss(self):
        body = ["u = 0.3", *self.block(0), *self.block(0), f"return u + {self.expression()}"]
        return f"{HELPERS}def f(a, y):\n{textwrap.indent(chr(10).join(body), '    ')}\n"

    def expression(self, depth=0):
        if depth > 2 or self.random.random() < 0.25:
            entries = [f"{row}[{k}]" for row in "ay" for k in (*self.loops, "0", "-1")]
            return self.random.choice([*self.names, "0.7", "1.3", *entries])
        parts = [self.expression(depth + 1) for _ in range(4)]
        return self.random.choice(OPERATIONS).format(*parts)

    def block(self, depth):
        return [line for _ in range(self.random.randint(1, 3)) for line in self.statement(depth)]

    def inside(self, depth):
        """A block of its own; names that it makes are not known behind it."""
        known = list(self.names)
        lines = [f"    {line}" for line in self.block(depth + 1)]
        self.names = known
        return lines

    def statement(self, depth):
        kind = self.random.choices(["set", "new", "add", "if", "for", "return", "continue"], [3, 3, 5, 3, 5, 1, 1])[0]
        if kind == "new":
            line = f"v{len(self.names)} = {self.expression()}"
            self.names.append(f"v{len(self.names)}")
            return [line]
        if kind == "set":
            return [f"{self.random.choice(self.names)} = {self.expression()}"]
        if kind == "if" and depth < 3:
            return [
                f"if {self.expression(1)} > {self.expression(1)}:",
                *self.inside(depth),
                "else:",
                *self.inside(depth),
            ]
        if kind == "for" and depth < 3 and len(self.loops) < 2:
            head = f"for {'ij'[len(self.loops)]} in range({self.random.choice(['len(a)', '1, len(a)', '3'])}):"
            self.loops.append("ij"[len(self.loops)])
            lines = self.inside(depth)
            self.loops.pop()
            return [head, *lines]
        if kind == "return" and not self.loops and depth < 2:
            return [f"if {self.expression(1)} > 0.8:", f"    return {self.expression()}"]
        if kind == "continue" and self.loops:
            return [f"if {self.expression(1)} > 0.5:", "    continue"]
        sign = self.random.choice(["+=", "+=", "-=", "*="])
        return [f"{self.random.choice(self.names)} {sign} math.tanh({self.expression()})"]


@pytest.mark.parametrize("seed", [*range(12), *(pytest.param(seed, marks=pytest.mark.ci) for seed in range(12, 100))])
def test_the_gradient_is_the_slope(tmp_path, seed):
    path = tmp_path / f"random_loss_{seed}.py"
    path.write_text(Author(seed).loss())
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    gradient = derive_gradient(module.f)
    assert support.translate(gradient, ["row"] * 3).source
    for a, y in np.random.default_rng(seed).normal(size=(2, 2, 4)):
        found = np.full(4, np.nan)
        uncompiled(gradient)(a, y, found)
        for k in range(4):

            def moved(at, a=a, y=y, k=k):
                return float(uncompiled(module.f)(np.where(np.arange(4) == k, at, a), y))

            wide, narrow = ((moved(a[k] + width) - moved(a[k] - width)) / (2.0 * width) for width in (1e-5, 2e-6))
            if abs(wide - narrow) < SMOOTH * (1.0 + abs(wide)):
                assert found[k] == pytest.approx(narrow, rel=SMOOTH, abs=SMOOTH)
