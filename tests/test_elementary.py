"""Elementary functions of float64 that are the same everywhere, against NumPy's of longer numbers."""

import itertools
import math

import numpy as np
import pytest

from neurosim import elementary
from neurosim.elementary import arrays, scalars

RANDOM = np.random.default_rng(0)
SPREAD = RANDOM.uniform(-1, 1, 50_000)
CASES = {
    "log": np.concatenate([np.abs(SPREAD), 1 + 0.1 * SPREAD, 10.0 ** (300 * SPREAD)]),
    "exp": np.concatenate([SPREAD, 700 * SPREAD, [0.0]]),
    "sin": np.concatenate([7 * SPREAD, 1e6 * SPREAD, [0.0, np.pi, 1e-9]]),
    "cos": np.concatenate([7 * SPREAD, 1e6 * SPREAD, [0.0, np.pi / 2]]),
}
FEW = SPREAD[:1000]
TINY = 10.0 ** (-150 + 150 * FEW)
EVERYWHERE = np.concatenate([3 * FEW, TINY, -TINY, 1 / TINY])
POSITIVE = np.concatenate([TINY, 1 / TINY, 1 + 0.3 * FEW])
WITHIN_ONE = np.concatenate([FEW, TINY, -TINY, 1 - TINY[TINY > 1e-15]])
ANGLES = np.concatenate(
    [7 * FEW, 1e6 * FEW, 1e12 * FEW, TINY, np.pi * np.arange(1, 300), np.pi * (np.arange(300) + 0.5)]
)
POWERS = np.concatenate([710 * FEW, FEW, TINY, -TINY])
SINGLE = {
    "log": POSITIVE, "log2": POSITIVE, "log10": POSITIVE, "log1p": np.concatenate([POSITIVE, WITHIN_ONE]),
    "exp": POWERS, "expm1": POWERS, "sinh": POWERS, "cosh": POWERS, "tanh": EVERYWHERE, "asinh": EVERYWHERE,
    "acosh": 1 + POSITIVE, "atanh": WITHIN_ONE, "sin": ANGLES, "cos": ANGLES, "tan": ANGLES, "asin": WITHIN_ONE,
    "acos": WITHIN_ONE, "atan": EVERYWHERE, "floor": EVERYWHERE, "ceil": EVERYWHERE, "trunc": EVERYWHERE,
}  # fmt: skip
DECAYS = np.repeat([0.9, 0.95, 0.999, 0.5, 1e-3, 10.0], 100), np.tile(np.arange(1.0, 101.0), 6)
PAIRS = {
    "pow": tuple(map(np.concatenate, zip(DECAYS, (POSITIVE, 9 * FEW[:, None].repeat(3, 1).ravel()), strict=True))),
    "atan2": (EVERYWHERE, EVERYWHERE[::-1].copy()),
    "hypot": (EVERYWHERE, EVERYWHERE[::-1].copy()),
}
# Nearly always the nearest float64.
NEAREST = {"log", "log2", "log10", "log1p", "exp", "pow"}
NUMPYS = {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "asin": "arcsin", "acos": "arccos"}
NUMPYS |= {"atan": "arctan", "atan2": "arctan2", "pow": "float_power"}
ENDS = [0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, math.inf, -math.inf, math.nan, 1e9, -800.0, 5e-324]
has_long_double = np.finfo(np.longdouble).nmant >= 63


def numpys(name):
    return getattr(np, NUMPYS.get(name, name))


@pytest.mark.parametrize("name", CASES)
def test_they_are_exact_to_the_last_bits(name):
    x = CASES[name]
    found, true = getattr(elementary, name)(x), getattr(np, name)(x)
    # Where sin and cos cross 0 among large angles, the reduced angle has the accuracy of the angle.
    near = 1e-16 if name in ("sin", "cos") else 0.0
    np.testing.assert_allclose(found, true, rtol=4 * np.finfo(np.float64).eps, atol=near)


@pytest.mark.skipif(not has_long_double, reason="NumPy has no numbers longer than float64 here")
@pytest.mark.parametrize("name", [*SINGLE, *PAIRS])
def test_each_is_within_two_units_in_the_last_place(name):
    given = PAIRS.get(name) or (SINGLE[name],)
    found = np.array([getattr(scalars, name)(*numbers) for numbers in zip(*map(np.ndarray.tolist, given), strict=True)])
    with np.errstate(over="ignore"):
        true = numpys(name)(*(numbers.astype(np.longdouble) for numbers in given))
        nearest = true.astype(np.float64)
    kept = np.isfinite(nearest) & (np.abs(nearest) > 1e-300)
    units = np.abs(found - true)[kept] / np.spacing(np.abs(nearest[kept]))
    assert kept.sum() > 500
    assert units.max() <= (0.52 if name in NEAREST else 1.9)


def test_error_functions_are_those_of_the_c_library_to_the_last_bits():
    for x in [*(6 * FEW).tolist(), *TINY[:200].tolist(), 1.5, 27.0, -27.0, 0.0, -0.0, math.inf, -math.inf]:
        assert abs(scalars.erf(x) - math.erf(x)) <= 2 * math.ulp(math.erf(x))
        assert abs(scalars.erfc(x) - math.erfc(x)) <= 3 * math.ulp(math.erfc(x))
    assert math.isnan(scalars.erf(math.nan))
    assert math.isnan(scalars.erfc(math.nan))


@pytest.mark.parametrize("name", [*SINGLE, *PAIRS])
def test_zeros_infinities_and_what_is_not_defined(name):
    for numbers in itertools.product(ENDS, repeat=2 if name in PAIRS else 1):
        with np.errstate(all="ignore"):
            true = float(numpys(name)(*numbers))
        found = getattr(scalars, name)(*numbers)
        assert found == pytest.approx(true, rel=1e-15, abs=0.0, nan_ok=True), numbers
        assert math.isnan(true) or math.copysign(1, found) == math.copysign(1, true), numbers


def test_powers_of_arrays_have_the_same_bits():
    bases = np.concatenate([PAIRS["pow"][0], np.repeat(ENDS, len(ENDS))])
    exponents = np.concatenate([PAIRS["pow"][1], np.tile(ENDS, len(ENDS))])
    together = elementary.power(bases, exponents)
    alone = np.array([scalars.pow(*pair) for pair in zip(bases.tolist(), exponents.tolist(), strict=True)])
    assert np.array_equal(together, alone, equal_nan=True)
    assert np.array_equal(elementary.power(0.9, exponents[:3]), [scalars.pow(0.9, y) for y in exponents[:3]])


def test_others_of_arrays_too():
    x = np.array([0.25, 0.5])
    assert arrays.mathematics.cos(x).tolist() == [scalars.cos(0.25), scalars.cos(0.5)]
    assert arrays.mathematics.sqrt(x).tolist() == [0.5, math.sqrt(0.5)]
    assert arrays.mathematics.pi == math.pi


def test_at_the_ends():
    assert elementary.log(0.0) == -np.inf
    assert elementary.log(1.0) == 0.0
    assert elementary.exp(-1e9) == pytest.approx(0.0, abs=1e-300)
    assert elementary.sin(0.0) == 0.0
    assert elementary.cos(0.0) == 1.0
    assert elementary.log(np.ones((2, 3))).shape == (2, 3)
