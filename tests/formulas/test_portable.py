"""Authors' Python functions with the bits of our own functions, whatever the C library."""

import math
import math as mathematics
from math import cos, exp

import numpy as np
import pytest

from neurosim.elementary import scalars
from neurosim.formulas.portable import portable, power

BASE = 0.9


def decay(step, steps, rate):
    return rate ** (step / steps) * mathematics.cos(step / steps)


def raised(step, steps, *, rate=0.3):
    result = rate
    result **= step / steps
    return result + helper(step) + pow(0.7, 1.5)


def helper(step):
    return exp(-step / 7) + cos(step) + math.log(step + 3, 2) + BASE**step


def in_a_closure(rate):
    def inner(step):
        return [rate**k for k in range(step)][-1]

    return inner


def the_root(x):
    return math.sqrt(x) + math.floor(x) + math.gamma(x)


def test_powers_and_functions_are_ours():
    assert portable(decay)(3, 7, 0.3) == scalars.pow(0.3, 3 / 7) * scalars.cos(3 / 7)
    helped = scalars.exp(-3 / 7) + scalars.cos(3.0) + scalars.log(6.0) / scalars.log(2.0) + scalars.pow(0.9, 3.0)
    assert portable(raised)(3, 7) == scalars.pow(0.3, 3 / 7) + helped + scalars.pow(0.7, 1.5)
    assert portable(in_a_closure(0.37))(9) == scalars.pow(0.37, 8.0)
    assert portable(lambda x: x**0.3)(0.1) == scalars.pow(0.1, 0.3)
    pair = (lambda x: x**0.3), (lambda x: x**0.7)
    assert [portable(function)(0.1) for function in pair] == [scalars.pow(0.1, 0.3), scalars.pow(0.1, 0.7)]
    assert portable(math.exp)(0.3) == scalars.exp(0.3)


def test_they_are_near_what_python_gives():
    assert portable(decay)(3, 7, 0.3) == pytest.approx(decay(3, 7, 0.3), rel=1e-15)
    assert portable(raised)(3, 7) == pytest.approx(raised(3, 7), rel=1e-15)
    assert portable(the_root)(2.5) == the_root(2.5)


def test_names_are_those_of_the_moment(monkeypatch):
    before = portable(helper)(3)
    monkeypatch.setitem(globals(), "BASE", 0.5)
    assert portable(helper)(3) == pytest.approx(before - 0.9**3 + 0.5**3)


@pytest.mark.parametrize("x", [2, -2, 0, True, 0.5, -0.5, 0.0, -0.0, 1e200, math.inf, -math.inf, 10**400, 1j])
@pytest.mark.parametrize("y", [3, -3, 0, 0.5, 2.0, -1.0, 400.5, math.inf, 1j])
def test_powers_are_of_pythons_kinds(x, y):
    try:
        expected = x**y
    except (OverflowError, ZeroDivisionError) as error:
        with pytest.raises(type(error)):
            power(x, y)
        return
    found = power(x, y)
    assert type(found) is type(expected)
    assert found == expected or found == pytest.approx(expected, rel=1e-15)


def test_what_is_no_number_is_left_to_itself():
    assert power(np.array([2.0, 3.0]), 2).tolist() == [4.0, 9.0]
    assert portable(decay)(np.float64(3), 7, 0.3) == portable(decay)(3, 7, 0.3)


@pytest.mark.parametrize(
    ("function", "number"), [("log", 0.0), ("log", -1.0), ("exp", 1000.0), ("acos", 2.0), ("cos", "a")]
)
def test_errors_are_pythons(function, number):
    with pytest.raises((ValueError, OverflowError, TypeError)) as theirs:
        getattr(math, function)(number)
    with pytest.raises(theirs.type) as ours:
        portable(lambda x: getattr(math, function)(x))(number)
    assert str(ours.value) == str(theirs.value)


def test_an_error_is_told_at_its_line():
    def wrong(step):
        start = 1.0
        return start**2.0 / step

    with pytest.raises(ZeroDivisionError) as raised_there:
        portable(wrong)(0)
    last = raised_there.traceback[-1]
    assert (str(last.path), last.lineno) == (__file__, wrong.__code__.co_firstlineno + 1)


def test_without_a_source_powers_stay_pythons():
    names = {}
    exec("import math\ndef made(x): return x**0.3 + math.exp(x)", names)
    assert portable(names["made"])(0.7) == 0.7**0.3 + scalars.exp(0.7)
