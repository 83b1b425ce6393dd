"""The kit on losses: what is wrong fails its own item, with words that help."""

import math

import numpy as np
import pytest
from kit import UNCOMPILED, failed, only_failure, verdict

from neurosim import build_registry, hookimpl
from neurosim.plugin import Activation, FromLogits, Loss
from neurosim.testing import check_loss
from neurosim.testing.gradients import GradientCheck


def squares(a, y):
    total = 0.0
    for k in range(len(a)):
        total += (a[k] - y[k]) ** 2
    return total


def squares_gradient(a, y, da):
    for k in range(len(a)):
        da[k] = 2.0 * (a[k] - y[k])


def half_as_much(a, y, da):
    for k in range(len(a)):
        da[k] = a[k] - y[k]


def test_a_good_one_passes_everything():
    found = check_loss(Loss("squares", squares, squares_gradient))
    assert {v.outcome for v in found} <= {"passed", "skipped"}
    assert "gradient as given" in found[1].detail
    assert "for any outputs" in found[1].detail


def test_a_gradient_that_was_left_out_is_said_to_be_derived():
    assert verdict(Loss("squares", squares), "gradient").detail.startswith("derived from value")


def test_a_gradient_that_is_off_by_two():
    detail = only_failure(Loss("squares", squares, half_as_much), "gradient")
    assert "wrong in" in detail
    assert "da[0] for a = [" in detail
    assert "the slope there" in detail


def test_a_gradient_that_is_wrong_far_out_only():
    """Not taken for a loss of probabilities: there is no logarithm in it."""

    def huber(a, y, delta):
        total = 0.0
        for k in range(len(a)):
            distance = abs(a[k] - y[k])
            total += 0.5 * distance * distance if distance <= delta else delta * (distance - 0.5 * delta)
        return total

    def never_clipped(a, y, da, delta):
        for k in range(len(a)):
            da[k] = a[k] - y[k]

    assert "for any outputs" in only_failure(Loss("huber", huber, never_clipped, params={"delta": 1.0}), "gradient")


def test_a_gradient_that_ignores_a_parameter():
    def scaled(a, y, factor):
        return factor * a[0] * a[0]

    def as_if_one(a, y, da, factor):
        for k in range(len(a)):
            da[k] = 2.0 * a[k] if k == 0 else 0.0

    only_failure(Loss("scaled", scaled, as_if_one, params={"factor": 1.0}), "gradient", UNCOMPILED)


def test_comparisons_at_kinks_are_left_out_but_not_too_many():
    check = GradientCheck()
    for distance in (0.0, 0.5, 0.5, 0.5, 0.5):
        check.add(lambda row: abs(row[0] - 1.0), np.ones(1), np.array([1.0 + distance]), str)
    assert (check.compared, check.left_out, check.right) == (5, 1, True)
    check.add(lambda row: abs(row[0]), np.ones(1), np.zeros(1), str)
    assert not check.wrong
    assert check.too_many_kinks
    assert not check.right


def test_kinks_are_stepped_around(registry):
    assert verdict(registry.losses.get("mae"), "gradient").outcome == "passed"


# Domains ----------------------------------------------------------------------------------------------------


def test_a_loss_of_rates_is_tried_above_zero():
    def poisson(a, y):
        total = 0.0
        for k in range(len(a)):
            total += a[k] - y[k] * math.log(max(a[k], 1e-30))
        return total

    def poisson_gradient(a, y, da):
        for k in range(len(a)):
            da[k] = 1.0 - y[k] / max(a[k], 1e-30)

    record = Loss("poisson", poisson, poisson_gradient)
    assert "for outputs above 0" in verdict(record, "gradient").detail
    assert not failed(record, UNCOMPILED)


def test_a_wrong_loss_of_probabilities():
    def entropy(a, y):
        total = 0.0
        for k in range(len(a)):
            total -= y[k] * math.log(max(a[k], 1e-30)) + (1.0 - y[k]) * math.log(max(1.0 - a[k], 1e-30))
        return total

    def forgets_one_side(a, y, da):
        for k in range(len(a)):
            da[k] = -y[k] / max(a[k], 1e-30)

    assert "for outputs between 0 and 1" in only_failure(Loss("entropy", entropy, forgets_one_side), "gradient")


def test_a_logarithm_of_zero():
    def entropy(a, y):
        return -math.log(a[y])

    def entropy_gradient(a, y, da):
        for k in range(len(a)):
            da[k] = 0.0
        da[y] = -1.0 / a[y]

    detail = only_failure(Loss("entropy", entropy, entropy_gradient, targets="classes"), "range")
    assert "the value for a = [" in detail
    assert "max(..., 1e-30)" in detail


def test_a_division_by_zero_where_output_and_target_are_the_same():
    def distance(a, y):
        return math.sqrt(squares(a, y))

    def distance_gradient(a, y, da):
        root = math.sqrt(squares(a, y))
        for k in range(len(a)):
            da[k] = (a[k] - y[k]) / root

    detail = only_failure(Loss("distance", distance, distance_gradient), "range")
    assert detail.startswith("the gradient for a = [")


def test_an_exponential_of_outputs_is_a_note():
    def rates(a, y):
        return math.exp(a[0]) - y[0] * a[0]

    found = verdict(Loss("rates", rates), "range")
    assert found.outcome == "noted"
    assert found.detail.startswith("finite for outputs from -40 to 40 in float64, but the value for a = [")


def test_a_pole_outside_of_probabilities_is_a_note():
    def dice(a, y):
        both = 0.0
        total = 0.0
        for k in range(len(a)):
            both += a[k] * y[k]
            total += a[k] + y[k]
        return 1.0 - (2.0 * both + 1.0) / (total + 1.0)

    found = verdict(Loss("dice", dice), "range")
    assert found.outcome == "noted"
    assert found.detail.startswith("finite for outputs from 0 to 10000 in float64, but the value for a = [-1")


def test_one_that_hides_nan_is_warned_of():
    def margin(a, y):
        total = 0.0
        for k in range(len(a)):
            total += max(0.0, 1.0 - y[k] * a[k])
        return total

    found = verdict(Loss("margin", margin), "range", UNCOMPILED)
    assert found.outcome == "noted"
    assert "but the value for a = [nan" in found.detail
    assert "may go unnoticed" in found.detail


def test_a_loss_that_is_never_finite():
    def never(a, y):
        return math.log(-abs(a[0]) - 1.0)

    detail = only_failure(Loss("never", never), "gradient", UNCOMPILED)
    assert "not finite for any kind of outputs" in detail


# Pairs ------------------------------------------------------------------------------------------------------


def entropy_of(activation, value, gradient, record):
    pair = FromLogits(activation, value, gradient)
    return Loss("entropy", record.value, record.gradient, params=record.params, from_logits=(pair,))


def wrong_slope(z, a, y, dz, label_smoothing):
    for k in range(len(z)):
        dz[k] = a[k] - y[k]


def overflowing(z, a, y, label_smoothing):
    total = 0.0
    for k in range(len(z)):
        total += math.log(1.0 + math.exp(z[k])) - z[k] * y[k]
    return total / len(z)


def test_a_pair_with_a_wrong_gradient(registry):
    bce = registry.losses.get("binary_cross_entropy")
    record = entropy_of("sigmoid", bce.from_logits[0].value, wrong_slope, bce)
    assert "dz[0] for z = [" in only_failure(record, "from logits of sigmoid")


def test_a_pair_that_is_another_loss(registry):
    def plain(z, a, y, label_smoothing):
        return squares(z, y)

    def plain_gradient(z, a, y, dz, label_smoothing):
        for k in range(len(z)):
            dz[k] = 2.0 * (z[k] - y[k])

    record = entropy_of("sigmoid", plain, plain_gradient, registry.losses.get("binary_cross_entropy"))
    detail = only_failure(record, "from logits of sigmoid")
    assert detail.startswith("the value for z = [")
    assert "sigmoid followed by entropy" in detail


def test_a_pair_that_overflows(registry):
    bce = registry.losses.get("binary_cross_entropy")
    record = entropy_of("sigmoid", overflowing, bce.from_logits[0].gradient, bce)
    detail = only_failure(record, "from logits of sigmoid")
    assert "exp gets only negative numbers" in detail


def test_a_pair_with_an_activation_that_is_not_there(registry):
    bce = registry.losses.get("binary_cross_entropy")
    record = entropy_of("sigmoidal", bce.from_logits[0].value, bce.from_logits[0].gradient, bce)
    found = verdict(record, "from logits of sigmoidal")
    assert found.outcome == "skipped"
    assert 'unknown activation "sigmoidal"' in found.detail


def half(z):
    return 0.5 * z


def half_derivative(z, a):
    return 0.5


class OwnPair:
    """A plugin with an activation and a loss that has a pair with it."""

    @hookimpl
    def neurosim_activations(self):
        return [Activation("half", half, half_derivative)]

    @hookimpl
    def neurosim_losses(self):
        def value(z, a, y):
            return squares(a, y)

        def gradient(z, a, y, dz):
            for k in range(len(z)):
                dz[k] = a[k] - y[k]

        return [Loss("own", squares, squares_gradient, from_logits=(FromLogits("half", value, gradient),))]


def test_a_pair_with_an_activation_of_the_same_plugin():
    registry = build_registry(entry_points=False, environment=False)
    registry.register(OwnPair())
    record = registry.losses.get("own")
    assert not failed(record, registry=registry)
    assert verdict(record, "from logits of half", registry=registry).outcome == "passed"


@pytest.mark.parametrize("name", ["binary_cross_entropy", "perceptron"])
def test_extreme_sums_of_pairs_are_tried(registry, name):
    record = registry.losses.get(name)
    assert (
        "finite for weighted sums of +-1e4"
        in verdict(record, f"from logits of {record.from_logits[0].activation}").detail
    )
