"""sin, pow, asinh and related functions of float32, computed in float64 so that loops over them are vectorized.

As in `vector_math`, there are no branches, no tables and no calls of the C library. In float64, differences that would
cancel do no harm, and half a unit in the last place of float32 is left: each is within 1 unit of the true value.

The polynomials were fitted to the functions at Chebyshev nodes; their relative error is below 1e-8. sin and cos after
Cephes (sinf, cosf). Range reduction subtracts multiples of pi / 2 in two parts (Cody and Waite 1980).
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from neurosim.backends.cpu.jit import scalar
from neurosim.backends.cpu.memory import bits_of_double, double_of, fma

F, D = np.float32, np.float64
I, L = np.int32, np.int64  # noqa: E741
INFINITY, NAN = F(np.inf), F(np.nan)
# Adding and subtracting 1.5 * 2**52 rounds to the nearest integer, which is then in the lowest bits.
ROUND = D(1.5 * 2.0**52)
LN2 = D(0.6931471805599453)
LOG2_E = D(1.4426950408889634)
LOG10_E = D(0.43429448190325182)
HALF_PI = D(1.5707963267948966)
HALF_PI_REST = D(6.123233995736766e-17)
TWO_OVER_PI = D(0.6366197723675814)
# Beyond this, neighboring numbers are more than a turn apart, and sin and cos count as those of 0.
LARGEST_ANGLE = F(2.0**30)


@scalar
def horner8(x, c0, c1, c2, c3, c4, c5, c6, c7):
    """The polynomial with these coefficients, in float64."""
    p = fma(D(c7), x, D(c6))
    p = fma(p, x, D(c5))
    p = fma(p, x, D(c4))
    p = fma(p, x, D(c3))
    p = fma(p, x, D(c2))
    p = fma(p, x, D(c1))
    return fma(p, x, D(c0))


@scalar
def scaled(p, n):
    """p * 2**n for a float64 p from 0.5 to 2, if that is a normal number."""
    return double_of(bits_of_double(p) + (n << L(52)))


@scalar
def power_of_two(x):
    """2**x in float64, for x from -1000 to 1000; NaN for NaN."""
    shifted = x + ROUND
    f = x - (shifted - ROUND)
    p = horner8(
        f, 0.9999999999595484, 0.6931471805459294, 0.24022651213595209, 0.05550410941220105,
        0.009618025602970821, 0.0013333450556783793, 0.00015469731971597266, 1.5310081926742873e-05,
    )  # fmt: skip
    return scaled(p, L(I(bits_of_double(shifted)))) if x == x else x


@scalar
def logarithm(x):
    """log(x) in float64, for finite normal x > 0."""
    bits = bits_of_double(x)
    # The exponent changes at sqrt(1/2).
    e = (bits - L(0x3FE6A09E667F3BCD)) >> L(52)
    m = double_of(bits - (e << L(52))) - D(1.0)
    p = horner8(
        m, 0.14290995823272595, -0.1249764881153672, 0.11005071512913, -0.09921063895208806,
        0.10031802313811085, -0.09908105470753067, 0.05372974129050941, 0.0,
    )  # fmt: skip
    p = fma(p, m, D(-0.166669366577855))
    p = fma(p, m, D(0.1999988075489965))
    p = fma(p, m, D(-0.2499999419734788))
    p = fma(p, m, D(0.33333334338475445))
    p = fma(p, m, D(-0.5000000002882431))
    p = fma(p, m, D(0.9999999999858766))
    return fma(D(e), LN2, p * m)


@scalar
def arc_tangent(x):
    """atan(x) in float64."""
    size = abs(x)
    r = D(1.0) / size if size > D(1.0) else size
    s = r * r
    p = horner8(
        s, -0.1427904841688265, 0.1105378475316764, -0.0879611755716758, 0.06710113988385524,
        -0.044273668263180396, 0.022203454910573153, -0.0071661648958772535, 0.0010844927511745367,
    )  # fmt: skip
    p = fma(p, s, D(0.19999595854170854))
    p = fma(p, s, D(-0.3333332366562672))
    p = fma(p, s, D(0.9999999996145259))
    a = p * r
    a = HALF_PI - a if size > D(1.0) else a
    return -a if x < D(0.0) else a


@scalar
def quarter_turn(x):
    """(n, r) with x = n pi / 2 + r and r at most pi / 4."""
    d = D(x) if abs(x) < LARGEST_ANGLE else D(0.0)
    shifted = fma(d, TWO_OVER_PI, ROUND)
    n = shifted - ROUND
    r = fma(-n, HALF_PI_REST, fma(-n, HALF_PI, d))
    return I(bits_of_double(shifted)), r


@scalar
def sine(x, turns):
    """sin(x + turns pi / 2)."""
    n, d = quarter_turn(x)
    n = n + turns
    r = F(d)
    s = r * r
    p = fma(F(2.86567956e-6), s, F(-1.98559923e-4))
    p = fma(p, s, F(8.33338592e-3))
    p = fma(p, s, F(-1.66666672e-1))
    across = fma(p, s * r, r)
    q = fma(F(2.44677067e-5), s, F(-1.38877297e-3))
    q = fma(q, s, F(4.16666567e-2))
    q = fma(q, s, F(-0.5))
    along = fma(q, s, F(1.0))
    result = along if (n & I(1)) != I(0) else across
    result = -result if (n & I(2)) != I(0) else result
    return result if abs(x) < INFINITY else x - x


@scalar
def sin(x):
    """Sine of an angle below 2**30; beyond, that of 0."""
    return sine(x, I(0)) if x != F(0.0) else x


@scalar
def cos(x):
    """Cosine of an angle below 2**30; beyond, that of 0."""
    return sine(x, I(1))


@scalar
def tan(x):
    """Tangent of an angle below 2**30; beyond, that of 0."""
    n, r = quarter_turn(x)
    s = r * r
    t = r * horner8(
        s, 0.9999999987656982, 0.33333358491106774, 0.13332496089600604, 0.05407365066558194,
        0.02122517137232629, 0.010961337074444657, -5.024485788180169e-05, 0.004438230127958767,
    )  # fmt: skip
    t = D(-1.0) / t if (n & I(1)) != I(0) else t
    result = F(t) if abs(x) < INFINITY else x - x
    return result if x != F(0.0) else x


@scalar
def atan(x):
    """Arc tangent."""
    return F(arc_tangent(D(x))) if x != F(0.0) else x


@scalar
def asin(x):
    """Arc sine; NaN beyond 1 and -1."""
    d = D(x)
    return F(arc_tangent(d / sqrt((D(1.0) - d) * (D(1.0) + d)))) if x != F(0.0) else x


@scalar
def acos(x):
    """Arc cosine; NaN beyond 1 and -1."""
    d = D(x)
    return F(D(2.0) * arc_tangent(sqrt((D(1.0) - d) / (D(1.0) + d))))


@scalar
def atan2(y, x):
    """The angle of the point (x, y), from -pi to pi."""
    up, right = D(y), D(x)
    both = abs(x) == INFINITY and abs(y) == INFINITY
    up = np.copysign(D(1.0), up) if both else up
    right = np.copysign(D(1.0), right) if both else right
    steep = abs(up) > abs(right)
    over = right if steep else up
    under = up if steep else right
    t = over / under if under != D(0.0) else under
    t = D(0.0) if over == D(0.0) and over == over else t
    a = arc_tangent(t)
    # Near the vertical axis, the angle from it; else that from the horizontal one.
    a = np.copysign(HALF_PI, up) - a if steep else a
    left = np.copysign(D(1.0), right) < D(0.0)
    a = a + np.copysign(D(2.0) * HALF_PI, up) if left and not steep else a
    result = F(np.copysign(a, up))
    return result if x == x and y == y else x + y


@scalar
def exponential(x):
    """exp(x) in float64, within what float32 could tell from 0 and infinity."""
    d = D(x)
    d = D(180.0) if d > D(180.0) else d
    d = D(-180.0) if d < D(-180.0) else d
    return power_of_two(d * LOG2_E)


@scalar
def sinh(x):
    """Hyperbolic sine."""
    d = D(x)
    s = d * d
    e = exponential(x)
    far = D(0.5) * (e - D(1.0) / e)
    p = fma(s, D(1.0 / 362880.0), D(1.0 / 5040.0))
    p = fma(p, s, D(1.0 / 120.0))
    p = fma(p, s, D(1.0 / 6.0))
    near = fma(p * s, d, d)
    result = F(near) if abs(x) < F(0.5) else F(far)
    return result if x != F(0.0) else x


@scalar
def cosh(x):
    """Hyperbolic cosine."""
    e = exponential(x)
    return F(D(0.5) * (e + D(1.0) / e))


@scalar
def asinh(x):
    """Inverse hyperbolic sine."""
    d = D(abs(x))
    far = logarithm(d + sqrt(fma(d, d, D(1.0))))
    s = d * d
    near = fma(fma(s, D(0.075), D(-1.0 / 6.0)) * s, d, d)
    a = near if abs(x) < F(0.01) else far
    a = -a if x < F(0.0) else a
    return F(a) if abs(x) < INFINITY and x != F(0.0) else x


@scalar
def acosh(x):
    """Inverse hyperbolic cosine; NaN below 1."""
    d = D(x)
    a = logarithm(d + sqrt((d - D(1.0)) * (d + D(1.0))))
    result = F(a) if x < INFINITY else x
    return NAN if x < F(1.0) else result


@scalar
def atanh(x):
    """Inverse hyperbolic tangent; infinity at 1, NaN beyond."""
    d = D(abs(x))
    far = D(0.5) * logarithm((D(1.0) + d) / (D(1.0) - d) if d < D(1.0) else D(1.0))
    s = d * d
    near = fma(fma(s, D(0.2), D(1.0 / 3.0)) * s, d, d)
    a = near if abs(x) < F(0.01) else far
    a = D(np.inf) if abs(x) == F(1.0) else a
    a = D(np.nan) if abs(x) > F(1.0) else a
    a = -a if x < F(0.0) else a
    return F(a) if x != F(0.0) and x == x else x


@scalar
def of_logarithm(x, factor):
    """log(x) * factor, with the special cases of a logarithm."""
    usual = x > F(0.0) and x < INFINITY
    a = F(logarithm(D(x) if usual else D(1.0)) * factor)
    a = -INFINITY if x == F(0.0) else a
    a = NAN if x < F(0.0) else a
    return a if usual or (not x > F(0.0) and x == x) else x


@scalar
def log2(x):
    """Logarithm to base 2; -infinity at 0, NaN below."""
    return of_logarithm(x, LOG2_E)


@scalar
def log10(x):
    """Logarithm to base 10; -infinity at 0, NaN below."""
    return of_logarithm(x, LOG10_E)


@scalar
def hypot(x, y):
    """The length of (x, y); infinity if one of them is."""
    length = F(sqrt(fma(D(x), D(x), D(y) * D(y))))
    return INFINITY if abs(x) == INFINITY or abs(y) == INFINITY else length


@scalar
def erfc(x):
    """1 - erf(x), exact to the last places where it is near 0."""
    size = D(abs(x))
    size = D(11.0) if size > D(11.0) else size
    t = D(2.0) / (D(2.0) + size)
    p = horner8(
        t, 0.1323303691231784, -1.0634442541094762, 2.6441439588667635, -5.724338783400238,
        8.507637669622131, -7.8586857315212475, 4.3871497646205656, -1.3710966193788905,
    )  # fmt: skip
    p = fma(D(0.18563681768315984), t * t * (t * t) * (t * t) * (t * t), p)
    p = fma(p, t, D(0.04757203234240152))
    p = fma(p, t, D(0.37884338221343944))
    p = fma(p, t, D(0.9997566523702759))
    p = fma(p, t, D(-1.2655052582610982))
    far = t * power_of_two(fma(-size, size, p) * LOG2_E)
    far = D(2.0) - far if x < F(0.0) else far
    return F(far) if x == x else x


@scalar
def pow(x, y):
    """x to the power y, with the special cases of C."""
    size = abs(x)
    usual = size > F(0.0) and size < INFINITY
    z = D(y) * (logarithm(D(size) if usual else D(1.0)) * LOG2_E)
    z = D(200.0) if z > D(200.0) else z
    z = D(-200.0) if z < D(-200.0) else z
    v = F(power_of_two(z))
    whole = np.floor(y) == y
    half = y * F(0.5)
    odd = whole and np.floor(half) != half
    turned = odd and np.copysign(F(1.0), x) < F(0.0)
    up = y > F(0.0)
    v = (F(0.0) if up else INFINITY) if size == F(0.0) else v
    v = (INFINITY if up else F(0.0)) if size == INFINITY else v
    v = -v if turned else v
    v = NAN if x < F(0.0) and not whole and size < INFINITY else v
    # An infinite power of a number is infinite, 0, or 1.
    endless = abs(y) == INFINITY
    v = (INFINITY if (size > F(1.0)) == up else F(0.0)) if endless else v
    v = x + y if x != x or y != y else v
    one = x == F(1.0) or y == F(0.0) or (endless and size == F(1.0))
    return F(1.0) if one else v
