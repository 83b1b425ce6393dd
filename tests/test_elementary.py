"""Elementary functions of float64 that are the same everywhere, against NumPy's."""

import numpy as np
import pytest

from neurosim import elementary

RANDOM = np.random.default_rng(0)
SPREAD = RANDOM.uniform(-1, 1, 50_000)
CASES = {
    "log": np.concatenate([np.abs(SPREAD), 1 + 0.1 * SPREAD, 10.0 ** (300 * SPREAD)]),
    "exp": np.concatenate([SPREAD, 700 * SPREAD, [0.0]]),
    "sin": np.concatenate([7 * SPREAD, 1e6 * SPREAD, [0.0, np.pi, 1e-9]]),
    "cos": np.concatenate([7 * SPREAD, 1e6 * SPREAD, [0.0, np.pi / 2]]),
}


@pytest.mark.parametrize("name", CASES)
def test_they_are_exact_to_the_last_bits(name):
    x = CASES[name]
    found, true = getattr(elementary, name)(x), getattr(np, name)(x)
    # Where sin and cos cross 0 among large angles, the reduced angle has the accuracy of the angle.
    near = 1e-16 if name in ("sin", "cos") else 0.0
    np.testing.assert_allclose(found, true, rtol=4 * np.finfo(np.float64).eps, atol=near)


def test_at_the_ends():
    assert elementary.log(0.0) == -np.inf
    assert elementary.log(1.0) == 0.0
    assert elementary.exp(-1e9) == pytest.approx(0.0, abs=1e-300)
    assert elementary.sin(0.0) == 0.0
    assert elementary.cos(0.0) == 1.0
    assert elementary.log(np.ones((2, 3))).shape == (2, 3)
