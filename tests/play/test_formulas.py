"""Activations that are typed into a page: what is read, what is refused, and that none of it runs."""

import math

import pytest

from neurosim.errors import NeurosimError
from neurosim.formulas.javascript import Script
from neurosim.play.formulas import TYPED, Reader, read_activation
from neurosim.play.visitors import Visitor

READ = {
    "z / (1 + exp(-beta * z))": {"beta": 1.0},
    "max(z, 0)": {},
    "z if z > 0 else a * (math.exp(z) - 1)": {"a": 1.0},
    "sin(pi * z) + abs(z)": {},
    "exec": {"exec": 1.0},
    "def bent(z, a=0.5, b=-1):\n    s = a * z\n    if s > 1:\n        s = b\n    return s": {"a": 0.5, "b": -1.0},
}
REFUSED = {
    "": "one expression or one function",
    "z; z": "one expression or one function",
    "import os": "one expression or one function",
    "z +": "no formula: line 1",
    "(" * 500 + "z" + ")" * 500: "no formula",
    "-" * 2000 + "z": "no formula|too deeply",
    "z" + " + z" * 450: "too deeply",
    "open('/etc/passwd')": "numbers only",
    "__import__(z)": "cannot be compiled",
    "z.__class__": "has no .__class__",
    "math.__dict__": "cannot be compiled",
    "exp.__globals__": "has no .__globals__",
    "[z for z in z]": "has assignments, if, return",
    "(lambda: z)()": "has assignments, if, return",
    "(y := z)": "has assignments, if, return",
    "def f(z):\n    while z:\n        z = 1": "line 2: a formula has assignments",
    "@exec\ndef f(z): return z": "has assignments, if, return",
    "def f(z, b): return z": "each parameter needs a default",
    "def f(z, b=exp(1)): return z": "default of b is a number",
    "def f(*z): return z": "takes z, and parameters",
    "def f(): return 1": "takes z, and parameters",
    "def tanh(z): return z": "an activation tanh already",
    "1e300 * z": "at most 1e\\+15",
    "True": "numbers only",
    "z, z": "has assignments, if, return",
}


@pytest.mark.parametrize("text", READ)
def test_formulas_that_are_read(text):
    record = read_activation(text, {"tanh"})
    assert dict(record.params) == READ[text]
    assert record.name == ("bent" if text.startswith("def") else TYPED)
    script = Script()
    script.add(record.f)
    script.add(record.derivative)
    assert len(script.texts) == 2
    # Whoever calls it runs nothing of what was typed.
    assert record.f(*[1.0] * (1 + len(record.params))) is None


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_formulas_that_are_refused(text):
    with pytest.raises(NeurosimError, match=REFUSED[text]):
        read_activation(text, {"tanh"})


def test_the_derivative_is_that_of_the_formula():
    record = read_activation("z * z * exp(-a * z)")
    assert record.derivative(0.5, None, 1.0) == pytest.approx(0.75 * math.exp(-0.5))


def test_a_page_types_several():
    told = []
    reader = Reader(["tanh"])
    page = Visitor(told.append)
    reader.obey(page, {"do": "formula", "text": "z * z"})
    reader.obey(page, {"do": "formula", "text": "def own(z): return z"})
    reader.obey(page, {"do": "formula", "text": "2 * z"})
    assert told == [{"formula": {"name": name}} for name in ("typed", "own", "typed")]
    assert reader.texts["typed"] == "2 * z"
    with pytest.raises(NeurosimError, match=r"^line 1: foo cannot be compiled: a formula calls abs"):
        reader.obey(page, {"do": "formula", "text": "foo(z)"})
    with pytest.raises(NeurosimError, match="trains by itself"):
        reader.obey(page, {"do": "pause"})
