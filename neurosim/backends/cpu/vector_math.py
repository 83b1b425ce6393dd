"""exp, log, tanh, erf and related functions in float32, written so that loops over them are vectorized.

The C library's versions are function calls, which prevent a loop from being vectorized, and their last bits differ
from system to system. These have no branches and no tables: range reduction, a polynomial, and selections for the
special cases; what is fused is written as `fma`. Each is within 2 units in the last place of the true value over all
of float32, including infinities and NaN; `tests/backends/cpu/test_vector_math.py` verifies that.

Generated kernels see this module under the name ``math``, so that plugin authors write ``math.exp``. The functions that
are computed in float64 are in `vector_math_double`.

Polynomials: Moshier's Cephes (expf, logf, tanhf); erf after Juffa.
"""

from __future__ import annotations

from math import (  # noqa: F401 (exact everywhere)
    copysign,
    fabs,
    inf,
    isfinite,
    isinf,
    isnan,
    nan,
    sqrt,
)

import numpy as np

from neurosim.backends.cpu.jit import scalar
from neurosim.backends.cpu.memory import bits_of, float_of, fma
from neurosim.backends.cpu.vector_math_double import (  # noqa: F401
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cos,
    cosh,
    erfc,
    hypot,
    log2,
    log10,
    pow,
    sin,
    sinh,
    tan,
)

F = np.float32
I = np.int32  # noqa: E741
INFINITY = F(np.inf)
NAN = F(np.nan)
# Adding and subtracting 1.5 * 2**23 rounds to the nearest integer.
ROUND = F(12582912.0)
LOG2_E = F(1.44269504088896341)
LN2_HIGH = F(0.693359375)
LN2_LOW = F(-2.12194440e-4)
SMALLEST_NORMAL = F(1.17549435e-38)


@scalar
def floor(x):
    """Largest whole number not above x, as a float32."""
    return np.floor(x)


@scalar
def ceil(x):
    """Smallest whole number not below x, as a float32."""
    return np.ceil(x)


@scalar
def trunc(x):
    """The whole part of x, as a float32."""
    return np.trunc(x)


@scalar
def fmod(x, y):
    """The remainder of x / y, with the sign of x."""
    return np.fmod(x, y)


@scalar
def power_of_two(n):
    """2**n for an int32 from -126 to 127."""
    return float_of((n + I(127)) << I(23))


@scalar
def reduced(x):
    """(n, r) with x = n ln 2 + r and r at most half of ln 2."""
    n = fma(x, LOG2_E, ROUND) - ROUND
    r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x))
    return I(n), r


@scalar
def expm1_near_zero(r):
    """exp(r) - 1 for r up to half of ln 2."""
    p = fma(F(1.9875691500e-4), r, F(1.3981999507e-3))
    p = fma(p, r, F(8.3334519073e-3))
    p = fma(p, r, F(4.1665795894e-2))
    p = fma(p, r, F(1.6666665459e-1))
    p = fma(p, r, F(5.0000001201e-1))
    return fma(p, r * r, r)


@scalar
def exp(x):
    """e**x."""
    # Beyond these bounds the result is 0 or infinity; written so that NaN stays NaN.
    x = F(89.0) if x > F(89.0) else x
    x = F(-104.0) if x < F(-104.0) else x
    n, r = reduced(x)
    half = n >> I(1)
    # In two factors, since 2**n may be out of range even if the result is not.
    return (expm1_near_zero(r) + F(1.0)) * power_of_two(half) * power_of_two(n - half)


@scalar
def expm1(x):
    """e**x - 1, exact to the last places near 0."""
    x = F(89.0) if x > F(89.0) else x
    x = F(-18.0) if x < F(-18.0) else x
    n, r = reduced(x)
    scale = power_of_two(n - I(1))
    result = F(2.0) * fma(scale, expm1_near_zero(r), scale - F(0.5))
    return x if x == F(0.0) else result


@scalar
def log_parts(x):
    """(m, e) with x = (1 + m) 2**e and 1 + m from 0.7 to 1.4, for finite x > 0."""
    tiny = x < SMALLEST_NORMAL
    x = x * F(8388608.0) if tiny else x
    bits = bits_of(x)
    # Shift the exponent's boundary to sqrt(1/2). Sums of integers have 64 bits, which halves the numbers in a vector.
    shifted = I(bits - I(0x3F3504F3))
    e = I(shifted >> I(23))
    m = float_of(I(bits - I(e << I(23)))) - F(1.0)
    e = I(e - I(23)) if tiny else e
    return m, F(e)


@scalar
def log_near_one(m):
    """log(1 + m) - m for 1 + m from 0.7 to 1.4."""
    square = m * m
    p = fma(F(7.0376836292e-2), m, F(-1.1514610310e-1))
    p = fma(p, m, F(1.1676998740e-1))
    p = fma(p, m, F(-1.2420140846e-1))
    p = fma(p, m, F(1.4249322787e-1))
    p = fma(p, m, F(-1.6668057665e-1))
    p = fma(p, m, F(2.0000714765e-1))
    p = fma(p, m, F(-2.4999993993e-1))
    p = fma(p, m, F(3.3333331174e-1))
    return fma(p, m * square, F(-0.5) * square)


@scalar
def log(x):
    """Natural logarithm; -infinity at 0, NaN below."""
    m, e = log_parts(x)
    result = fma(e, LN2_HIGH, m + fma(e, LN2_LOW, log_near_one(m)))
    result = -INFINITY if x == F(0.0) else result
    result = NAN if x < F(0.0) else result
    return x if not x < INFINITY else result


@scalar
def log1p(x):
    """log(1 + x), exact to the last places near 0; -infinity at -1, NaN below."""
    u = F(1.0) + x
    m, e = log_parts(u)
    # The part of x that the sum u has lost.
    lost = (x - (u - F(1.0))) / u
    lost = F(0.0) if not u < INFINITY else lost
    result = fma(e, LN2_HIGH, m + (log_near_one(m) + fma(e, LN2_LOW, lost)))
    small = x if u == F(1.0) else result
    small = -INFINITY if u == F(0.0) else small
    small = NAN if u < F(0.0) else small
    return x if not x < INFINITY else small


@scalar
def tanh(x):
    """Hyperbolic tangent."""
    size = abs(x)
    s = x * x
    p = fma(F(-5.70498872745e-3), s, F(2.06390887954e-2))
    p = fma(p, s, F(-5.37397155531e-2))
    p = fma(p, s, F(1.33314422036e-1))
    p = fma(p, s, F(-3.33332819422e-1))
    near_zero = fma(p, s * x, x) if x != F(0.0) else x
    far = F(1.0) - F(2.0) / (exp(size + size) + F(1.0))
    far = -far if x < F(0.0) else far
    return near_zero if size < F(0.625) else far


@scalar
def erf(x):
    """Error function."""
    size = abs(x)
    s = x * x
    p = fma(F(-5.96761703e-4), s, F(4.99119423e-3))
    p = fma(p, s, F(-2.67681349e-2))
    p = fma(p, s, F(1.12819925e-1))
    p = fma(p, s, F(-3.76125336e-1))
    p = fma(p, s, F(1.28379166e-1))
    near_zero = fma(p, x, x) if x != F(0.0) else x
    t = F(4.0) if size > F(4.0) else size
    q = fma(F(-1.72853470e-5), t, F(3.83197126e-4))
    q = fma(q, t * t, fma(F(-3.88396438e-3), t, F(2.42546219e-2)))
    q = fma(q, t, F(-1.06777877e-1))
    q = fma(q, t, F(-6.34846687e-1))
    q = fma(q, t, F(-1.28717512e-1))
    far = F(1.0) - exp(fma(q, t, -t))
    far = -far if x < F(0.0) else far
    return near_zero if size <= F(0.927734375) else far
