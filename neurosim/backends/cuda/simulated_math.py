"""The functions of ``math`` in float32, for formulas in the simulator.

Python's own functions compute in float64 and raise where a GPU continues: ``math.exp(800)`` is infinity there. NumPy's
return float32 for float32, infinity and NaN.
"""

import math
from math import inf, nan  # noqa: F401 (what generated modules may name)

import numpy as np
from numpy import (  # noqa: F401 (what generated modules may call)
    ceil,
    copysign,
    cos,
    cosh,
    exp,
    expm1,
    fabs,
    floor,
    fmod,
    hypot,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    log2,
    log10,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
    trunc,
)

acos = np.arccos
acosh = np.arccosh
asin = np.arcsin
asinh = np.arcsinh
atan = np.arctan
atan2 = np.arctan2
atanh = np.arctanh
pow = np.power


def erf(x: np.float32) -> np.float32:
    """Error function."""
    return np.float32(math.erf(x))


def erfc(x: np.float32) -> np.float32:
    """Complementary error function."""
    return np.float32(math.erfc(x))
