"""The float32 mathematics of the CPU engine against float64, over the whole range of float32."""

import math

import numpy as np
import pytest
import scipy.special
from numba import njit

from neurosim.backends.cpu import vector_math
from neurosim.backends.cpu.jit import FLAGS
from neurosim.formulas.source import MATH_FUNCTIONS

ORACLES = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "erf": scipy.special.erf,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "log2": np.log2,
    "log10": np.log10,
    "erfc": scipy.special.erfc,
}
OF_TWO = {"pow": np.power, "atan2": np.arctan2, "hypot": np.hypot, "fmod": np.fmod}
# Beyond this, the functions of an angle count as those of 0.
LARGEST_ANGLE = 2.0**30
ANGLES = ("sin", "cos", "tan")
UNITS_IN_LAST_PLACE = 2.0


def everywhere():
    """Every 4,099th float32 there is (of every sign and exponent, NaNs too), and the usual range densely."""
    patterns = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32).view(np.float32)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 88.72, 88.73, -87.33, -103.97, -104.0, 0.625, 1e-45]
    return np.concatenate([patterns, np.linspace(-20, 20, 400_001, dtype=np.float32), np.array(special, np.float32)])


def compiled_loop(function):
    @njit(**FLAGS)
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    return loop


def check(name, given, out, true):
    """`out` is within two units in the last place of the true values, which are float64."""
    with np.errstate(all="ignore"):
        rounded = true.astype(np.float32)
    assert np.array_equal(np.isnan(out), np.isnan(true))
    infinite = np.isinf(rounded)
    assert np.array_equal(out[infinite], rounded[infinite])
    finite = np.isfinite(rounded)
    assert np.isfinite(out[finite]).all()
    error = np.abs(out[finite].astype(np.float64) - true[finite]) / np.spacing(np.abs(rounded[finite]))
    worst = int(error.argmax())
    at = [array[finite][worst] for array in given]
    assert error[worst] <= UNITS_IN_LAST_PLACE, f"{name}{at} is off by {error[worst]:.2f}"
    zero = (true == 0.0) & finite
    assert np.array_equal(np.signbit(out[zero]), np.signbit(true[zero]))


@pytest.mark.parametrize("name", ORACLES)
def test_within_two_units_in_the_last_place_everywhere(name):
    x = everywhere()
    out = np.empty_like(x)
    compiled_loop(getattr(vector_math, name))(x, out)
    with np.errstate(all="ignore"):
        meant = x.astype(np.float64)
        if name in ANGLES:
            meant = np.where((np.abs(x) >= LARGEST_ANGLE) & np.isfinite(x), 0.0, meant)
        check(name, [x], out, ORACLES[name](meant))


SPECIAL = [0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 1.5, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3.4e38, 16777217, -5]


@pytest.mark.parametrize("name", OF_TWO)
def test_functions_of_two_numbers(name):
    random = np.random.default_rng(0)
    count = 100_000
    bits = random.integers(0, 2**32, (2, count), dtype=np.uint32).view(np.float32)
    usual = np.stack([random.uniform(-20, 20, count), random.uniform(-8, 8, count)]).astype(np.float32)
    near = np.stack([1 + 1e-4 * random.standard_normal(count), 1e5 * random.standard_normal(count)]).astype(np.float32)
    special = np.stack([axis.ravel() for axis in np.meshgrid(SPECIAL, SPECIAL)]).astype(np.float32)
    x, y = np.concatenate([bits, usual, np.abs(usual), near, special], axis=1)
    function = getattr(vector_math, name)
    out = np.empty_like(x)

    @njit(**FLAGS)
    def loop(x, y, out):
        for i in range(x.size):
            out[i] = function(x[i], y[i])

    loop(x, y, out)
    with np.errstate(all="ignore"):
        check(name, [x, y], out, OF_TWO[name](x.astype(np.float64), y.astype(np.float64)))


@pytest.mark.parametrize("name", [name for name in ORACLES if name != "sqrt"])
def test_loops_are_vectorized(name):
    loop = compiled_loop(getattr(vector_math, name))
    loop(np.ones(8, np.float32), np.ones(8, np.float32))
    code = next(iter(loop.inspect_llvm().values()))
    assert " x float> " in code, "no vector arithmetic"
    if name in ("exp", "expm1", "log", "log1p", "tanh", "erf"):
        assert "double" not in "".join(line for line in code.splitlines() if " f" in line and " = f" in line)
    calls = {line.partition("@")[2].partition("(")[0] for line in code.splitlines() if " call " in line}
    # Its sqrt is exact.
    library = {f"{called}{kind}" for called in MATH_FUNCTIONS if called != "sqrt" for kind in ("", "f")}
    assert not calls & library


def test_the_rest_of_math_is_there():
    for name in MATH_FUNCTIONS:
        assert hasattr(vector_math, name) or getattr(math, name) is getattr(vector_math, name)
