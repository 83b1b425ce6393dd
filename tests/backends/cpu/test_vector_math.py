"""The float32 mathematics of the CPU engine against float64, over the whole range of float32."""

import math

import numpy as np
import pytest
import scipy.special
from numba import njit

from neurosim.backends.cpu import vector_math
from neurosim.backends.cpu.jit import FLAGS

ORACLES = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "erf": scipy.special.erf,
    "sqrt": np.sqrt,
}
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


@pytest.mark.parametrize("name", ORACLES)
def test_within_two_units_in_the_last_place_everywhere(name):
    x = everywhere()
    out = np.empty_like(x)
    compiled_loop(getattr(vector_math, name))(x, out)
    with np.errstate(all="ignore"):
        true = ORACLES[name](x.astype(np.float64))
        rounded = true.astype(np.float32)
    assert np.array_equal(np.isnan(out), np.isnan(true))
    infinite = np.isinf(rounded)
    assert np.array_equal(out[infinite], rounded[infinite])
    finite = np.isfinite(rounded)
    error = np.abs(out[finite].astype(np.float64) - true[finite]) / np.spacing(np.abs(rounded[finite]))
    worst = int(error.argmax())
    assert error[worst] <= UNITS_IN_LAST_PLACE, f"{name}({x[finite][worst]!r}) is off by {error[worst]:.2f}"


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh", "erf"])
def test_loops_are_vectorized(name):
    loop = compiled_loop(getattr(vector_math, name))
    loop(np.ones(8, np.float32), np.ones(8, np.float32))
    code = next(iter(loop.inspect_llvm().values()))
    assert " x float> " in code, "no vector arithmetic"
    assert "double" not in "".join(line for line in code.splitlines() if " f" in line and " = f" in line)


def test_the_rest_of_math_is_there():
    from neurosim.formulas.source import MATH_FUNCTIONS

    for name in MATH_FUNCTIONS:
        assert hasattr(vector_math, name) or getattr(math, name) is getattr(vector_math, name)
