"""The functions that are the same everywhere have the same bits compiled as in Python."""

import math

import numba
import numpy as np
import pytest

from neurosim.backends.cpu.jit import FLAGS
from neurosim.backends.cpu.step_math import exact_math
from neurosim.elementary import scalars

RANDOM = np.random.default_rng(0)
X = np.concatenate([
    RANDOM.uniform(-3, 3, 500), 10 ** RANDOM.uniform(-300, 300, 500), RANDOM.uniform(-800, 800, 500),
    [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1e-310],
])  # fmt: skip
Y = np.concatenate([RANDOM.uniform(-50, 50, 500), RANDOM.integers(0, 2000, X.size - 500).astype(float)])
SINGLE = (
    "exp", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
    "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "floor", "ceil", "trunc",
)  # fmt: skip


@pytest.mark.ci
@pytest.mark.parametrize("name", [*SINGLE, "pow", "atan2", "hypot"])
def test_compiled_functions_have_the_bits_of_uncompiled_ones(name):
    function, of_two = getattr(exact_math, name), name not in SINGLE

    @numba.njit(**FLAGS)
    def filled(out, x, y):
        for k in range(out.size):
            out[k] = function(x[k], y[k]) if of_two else function(x[k])

    for sign in (1.0, -1.0):
        found, given = np.empty(X.size), (sign * X, Y)[: 1 + of_two]
        filled(found, sign * X, Y)
        plain = [getattr(scalars, name)(*numbers) for numbers in zip(*map(np.ndarray.tolist, given), strict=True)]
        assert np.array_equal(found, plain, equal_nan=True)
        assert np.array_equal(np.signbit(found[found == 0]), np.signbit(np.array(plain)[found == 0]))
