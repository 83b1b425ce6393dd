"""The kit on activations: what is wrong fails its own item, with words that help."""

import math

import numpy as np
import pytest
from kit import UNCOMPILED, failed, only_failure, verdict

from neurosim.backends.slopes import find_jump, side_slopes, slopes
from neurosim.plugin import Activation, RowActivation
from neurosim.testing import check_activation, check_row_activation


def relu(z):
    return z if z > 0.0 else 0.0


def relu_derivative(z, a):
    return 1.0 if z > 0.0 else 0.0


def cubic(z):
    return 0.001 * z**3


def cubic_derivative(z, a):
    return 0.003 * z * z


def softsign(z):
    return z / (1.0 + abs(z))


def scaled(z, beta):
    return math.tanh(beta * z)


# Slopes -----------------------------------------------------------------------------------------------------

PLACES = np.concatenate([np.linspace(-20.0, 20.0, 161), np.random.default_rng(1).uniform(-20.0, 20.0, 100)])
SMOOTH = {
    "tanh": (np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
    "steep": (lambda z: np.tanh(100.0 * z), lambda z: 100.0 * (1.0 - np.tanh(100.0 * z) ** 2)),
    "wiggly": (lambda z: np.sin(300.0 * z), lambda z: 300.0 * np.cos(300.0 * z)),
    "large": (lambda z: z**8, lambda z: 8.0 * z**7),
    "narrow": (lambda z: np.exp(-50.0 * z * z), lambda z: -100.0 * z * np.exp(-50.0 * z * z)),
}


@pytest.mark.parametrize(("f", "df"), SMOOTH.values(), ids=SMOOTH.keys())
def test_slopes_are_exact_enough(f, df):
    scale = np.maximum(1.0, np.abs(df(PLACES)))
    assert (np.abs(slopes(f, PLACES) - df(PLACES)) / scale).max() < 1e-9
    for side in side_slopes(f, PLACES):
        assert (np.abs(side - df(PLACES)) / scale).max() < 1e-7
    assert not any(find_jump(f, place) for place in PLACES)


def test_slopes_from_one_side():
    left, right = side_slopes(np.abs, np.zeros(1))
    assert left == pytest.approx(-1.0)
    assert right == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("f", "at", "what", "sides"),
    [
        (np.abs, 0.0, "slope", (-1.0, 1.0)),
        (lambda z: np.maximum(z - 1.25, 0.0), 1.25, "slope", (0.0, 1.0)),
        (np.floor, 2.0, "value", (1.0, 2.0)),
    ],
)
def test_jumps_are_told_with_both_sides(f, at, what, sides):
    jump = find_jump(f, at)
    assert jump.what == what
    assert (jump.left, jump.right) == pytest.approx(sides, abs=1e-3)
    assert find_jump(f, at + 0.1) is None


# Activations ------------------------------------------------------------------------------------------------


def test_a_good_one_passes_everything():
    found = check_activation(Activation("cubic", cubic, cubic_derivative))
    assert {v.outcome for v in found} <= {"passed", "noted", "skipped"}
    details = {v.item: v.detail for v in found}
    assert "df as given" in details["derivative"]
    assert "worst error" in details["derivative"]
    assert "at inf: f = inf, df = inf" in details["range"]
    assert "times relu" in details["speed"]


def test_a_derivative_that_was_left_out_is_said_to_be_derived():
    record = Activation("scaled", scaled, params={"beta": 1.0})
    detail = verdict(record, "derivative").detail
    assert detail.startswith("derived from f")
    assert "also with beta = 1.4" in detail


def test_a_wrong_derivative():
    def wrong(z, a):
        return 1.0 - a

    def tanh(z):
        return math.tanh(z)

    detail = only_failure(Activation("wrong", tanh, wrong), "derivative")
    assert "wrong at" in detail
    assert "df(-20) = 2 where the slope of f is 0" in detail


def test_a_derivative_that_is_slightly_wrong_in_one_place():
    def nearly(z, a):
        return 0.003 * z * z + (1e-6 if 2.0 <= z < 2.001 else 0.0)

    detail = only_failure(Activation("nearly", cubic, nearly), "derivative", UNCOMPILED)
    assert detail.startswith("df as given: wrong at one place: df(2) = 0.012001 where")


def test_a_derivative_that_ignores_a_parameter():
    def without_beta(z, a, beta):
        return 1.0 - a * a

    detail = only_failure(Activation("scaled", scaled, without_beta, params={"beta": 1.0}), "derivative", UNCOMPILED)
    assert "with beta = 1.4" in detail


def sloped(z, alpha):
    return z if z > 0.0 else alpha * z


def test_what_is_learned_is_compared_with_the_slope_in_the_parameter():
    record = Activation("sloped", sloped, params={"alpha": 0.25}, kinks=(0.0,), learn=("alpha",))
    assert verdict(record, "learned").outcome == "passed"
    assert "alpha derived from f" in verdict(record, "learned").detail


def test_a_wrong_derivative_with_respect_to_what_is_learned():
    def by_alpha(z, a, alpha):
        return z

    record = Activation("sloped", sloped, params={"alpha": 0.25}, kinks=(0.0,), learn={"alpha": by_alpha})
    text = only_failure(record, "learned", UNCOMPILED)
    assert "as given: wrong at" in text
    assert "where the slope of f is 0" in text


def test_one_that_hides_nan_is_warned_of():
    found = verdict(Activation("relu", relu, relu_derivative, kinks=(0.0,)), "range", UNCOMPILED)
    assert found.outcome == "noted"
    assert "but f(nan) = 0: divergence may go unnoticed because of it" in found.detail
    assert "0.0 if z < 0.0 else z" in found.detail


def test_a_row_that_hides_nan_is_warned_of():
    def clipped(z, a):
        for k in range(len(z)):
            a[k] = max(0.0, z[k])

    def clipped_backward(z, a, da, dz):
        for k in range(len(z)):
            dz[k] = da[k] if z[k] > 0.0 else 0.0

    found = verdict(RowActivation("clipped", clipped, clipped_backward), "range", UNCOMPILED)
    assert found.outcome == "noted"
    assert "f gives [0, 0, 2] for z = [nan, -1, 2]" in found.detail


def test_an_undeclared_kink():
    detail = only_failure(Activation("relu", relu, relu_derivative), "derivative")
    assert "the slope of f jumps at z = 0 (from 0 to 1)" in detail
    assert "declare kinks=(0.0,)" in detail
    assert not failed(Activation("relu", relu, relu_derivative, kinks=(0.0,)), UNCOMPILED)


def test_undeclared_kinks_are_told_along_with_declared_ones():
    def trapezoid(z):
        return min(max(z, 0.0), 2.0)

    def trapezoid_derivative(z, a):
        return 1.0 if 0.0 < z < 2.0 else 0.0

    record = Activation("trapezoid", trapezoid, trapezoid_derivative, kinks=(2.0,))
    assert "declare kinks=(0.0, 2.0)" in only_failure(record, "derivative", UNCOMPILED)


def test_an_undeclared_jump_of_the_function():
    def step(z):
        return 1.0 if z >= 0.5 else 0.0

    def flat(z, a):
        return 0.0

    detail = only_failure(Activation("step", step, flat), "derivative", UNCOMPILED)
    assert "f jumps at z = 0.5 (from 0 to 1); declare kinks=(0.5,)" in detail


def test_a_slope_that_bends_is_no_kink():
    """The second derivative of z / (1 + |z|) jumps at 0; the first does not."""
    assert not failed(Activation("softsign", softsign), UNCOMPILED)


def test_a_kink_that_a_parameter_moves():
    def shifted(z, start):
        return max(z - start, 0.0)

    def shifted_derivative(z, a, start):
        return 1.0 if z > start else 0.0

    record = Activation("shifted", shifted, shifted_derivative, params={"start": 0.5}, kinks=(0.5,))
    assert not failed(record, UNCOMPILED)


def test_a_function_that_overflows_far_out():
    def careless(z):
        return math.exp(z) / (1.0 + math.exp(z))

    def careless_derivative(z, a):
        return a * (1.0 - a)

    detail = only_failure(Activation("careless", careless, careless_derivative), "range")
    assert "= nan in float64" in detail
    assert "exp of negative numbers" in detail


def test_a_function_that_overflows_in_float32_only():
    def growing(z):
        return math.exp(min(z, 400.0))

    def growing_derivative(z, a):
        return a if z < 400.0 else 0.0

    detail = only_failure(Activation("growing", growing, growing_derivative), "range")
    assert detail.startswith("f(88.8) = inf in float32")


def test_a_function_that_is_not_compiled():
    def with_numpy(z):
        return np.tanh(z)

    def with_numpy_derivative(z, a):
        return 1.0 - a * a

    detail = only_failure(Activation("with_numpy", with_numpy, with_numpy_derivative), "formula")
    assert "np.tanh cannot be compiled" in detail
    assert "math.tanh" in detail
    assert verdict(Activation("with_numpy", with_numpy, with_numpy_derivative), "speed").outcome == "skipped"


def test_a_function_that_cannot_be_derived():
    def with_numpy(z):
        return np.tanh(z)

    record = Activation("with_numpy", with_numpy)
    assert "np.tanh cannot be compiled" in only_failure(record, "formula")
    for item in ("derivative", "range"):
        assert verdict(record, item).detail == "there is no derivative, and it cannot be worked out"


def root_of(precision):
    def newton(z):
        x = 1.0 + abs(z)
        while abs(x * x - 1.0 - abs(z)) > precision:
            x = 0.5 * (x + (1.0 + abs(z)) / x)
        return x

    return newton


def test_a_loop_that_does_not_end():
    line = root_of(0.0).__code__.co_firstlineno
    for precision, where in ((0.0, "for 0.3 in float64"), (1e-9, "for 0.3 in float32")):
        record = Activation("newton", root_of(precision))
        detail = only_failure(record, "formula")
        place, _, text = detail.partition(": in newton: ")
        assert place in {f"{__file__}:{line + k}" for k in (2, 3)}
        assert text.startswith(f"the loop does not end {where}")
        assert "for k in range(20)" in text
        assert verdict(record, "all others").outcome == "skipped"


def test_a_loop_that_does_not_end_when_training_diverges():
    def halvings(z):
        x = abs(z)
        while x > 1.0:
            x = x / 2.0
        return x

    detail = only_failure(Activation("halvings", halvings), "formula", UNCOMPILED)
    assert "does not end for inf in float64" in detail


def test_a_loop_that_ends():
    def newton(z):
        x = 1.0 + abs(z)
        count = 0.0
        while count < 60.0:
            x = 0.5 * (x + (1.0 + abs(z)) / x)
            count = count + 1.0
        return x

    assert verdict(Activation("newton", newton, kinks=(0.0,)), "formula").outcome == "passed"
    assert not failed(Activation("newton", newton, kinks=(0.0,)), UNCOMPILED)


def test_an_index_outside_the_row():
    def outside(z, a):
        for k in range(len(z)):
            a[k] = z[k + 1]

    def backward(z, a, da, dz):
        for k in range(len(z)):
            dz[k] = da[k]

    found = only_failure(RowActivation("outside", outside, backward), "formula", UNCOMPILED)
    assert found.startswith(f"{__file__}:")
    assert "in outside: z[1] is outside the row" in found


def test_a_function_that_loses_its_digits_in_float32():
    def cancelling(z):
        return (z + 1e5) - 1e5

    def one(z, a):
        return 1.0

    detail = only_failure(Activation("cancelling", cancelling, one), "reference = cpu")
    assert "in the reference and" in detail
    found = failed(Activation("cancelling", cancelling, one), backends=("cuda",))
    assert list(found) == ["cuda"] or verdict(Activation("c", cancelling, one), "cuda", ["cuda"]).outcome == "skipped"


# Rows -------------------------------------------------------------------------------------------------------


def share(z, a):
    total = 0.0
    for k in range(len(z)):
        total += abs(z[k]) + 1.0
    for k in range(len(z)):
        a[k] = z[k] / total


def share_backward(z, a, da, dz):
    total = 0.0
    weighted = 0.0
    for k in range(len(z)):
        total += abs(z[k]) + 1.0
        weighted += a[k] * da[k]
    for k in range(len(z)):
        side = 1.0 if z[k] > 0.0 else -1.0
        dz[k] = (da[k] - side * weighted) / total


def test_a_good_row_activation_passes_everything():
    assert {v.outcome for v in check_row_activation(RowActivation("share", share, share_backward))} <= {
        "passed",
        "noted",
        "skipped",
    }


def test_a_wrong_backward():
    def without_the_others(z, a, da, dz):
        for k in range(len(z)):
            dz[k] = da[k]

    detail = only_failure(RowActivation("share", share, without_the_others), "derivative")
    assert "dz[0] for z = [" in detail
    assert "the slope there" in detail


def test_a_row_activation_that_overflows():
    def naive(z, a):
        total = 0.0
        for k in range(len(z)):
            a[k] = math.exp(z[k])
            total += a[k]
        for k in range(len(z)):
            a[k] = a[k] / total

    def naive_backward(z, a, da, dz):
        weighted = 0.0
        for k in range(len(a)):
            weighted += a[k] * da[k]
        for k in range(len(a)):
            dz[k] = a[k] * (da[k] - weighted)

    detail = only_failure(RowActivation("naive", naive, naive_backward), "range")
    assert "subtract the largest number of a row" in detail
