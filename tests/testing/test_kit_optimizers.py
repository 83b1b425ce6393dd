"""The kit on optimizers: what is wrong fails its own item, with words that help."""

import math

from kit import UNCOMPILED, failed, only_failure, verdict

from neurosim.plugin import Optimizer
from neurosim.testing import check_optimizer


def momentum(w, g, v, t, lr, decay):
    v = decay * v + g
    return w - lr * v, v


def sign_only(w, g, t, lr):
    return w - lr * (1.0 if g > 0.0 else -1.0 if g < 0.0 else 0.0)


def test_a_good_one_passes_everything():
    found = check_optimizer(Optimizer("momentum", momentum, slots=("v",), params={"lr": 0.1, "decay": 0.9}))
    assert {v.outcome for v in found} <= {"passed", "skipped"}
    details = {v.item: v.detail for v in found}
    assert details["state"].startswith("keeps v (one number per parameter)")
    assert "lr = 0.1 (the default)" in details["quadratic"]


def test_a_rule_that_goes_to_and_fro_around_the_minimum_passes():
    assert not failed(Optimizer("sign_only", sign_only, params={"lr": 0.01}))


def test_a_default_that_is_too_small_for_the_problem_is_said():
    detail = verdict(Optimizer("sign_only", sign_only, params={"lr": 1e-5}), "quadratic").detail
    assert "lr = 0.01 (the default, 1e-05, takes longer or goes too far)" in detail


def test_a_rule_that_climbs():
    def uphill(w, g, t, lr):
        return w + lr * g

    detail = only_failure(Optimizer("uphill", uphill, params={"lr": 0.1}), "quadratic")
    assert "the loss grows" in detail
    assert "go against the gradient?" in detail


def test_a_rule_that_stands_still():
    def idle(w, g, t, lr):
        return w - 1e-6 * lr * g

    detail = only_failure(Optimizer("idle", idle, params={"lr": 0.1}), "quadratic", UNCOMPILED)
    assert "at best 100% of the loss is left" in detail


def test_a_slot_that_is_not_returned():
    def forgetful(w, g, v, t, lr):
        return w - lr * g

    record = Optimizer("forgetful", forgetful, slots=("v",), params={"lr": 0.1})
    found = only_failure(record, "formula")
    assert "1 value returned, 2 expected" in found
    assert "return the new w, then each slot in order" in found


def test_a_division_by_zero_in_the_first_step():
    def normalized(w, g, s, t, lr):
        s = 0.9 * s + 0.1 * g * g
        return w - lr * g / math.sqrt(s), s

    record = Optimizer("normalized", normalized, slots=("s",), params={"lr": 0.01})
    assert only_failure(record, "state") == "w is nan after step 1, with a gradient of 0"


def test_a_rule_that_remembers_elsewhere():
    seen = []

    def random_walk(w, g, t, lr):
        seen.append(g)
        return w - lr * g - 1e-9 * len(seen)

    found = failed(Optimizer("random_walk", random_walk, params={"lr": 0.1}), UNCOMPILED)
    assert found["determinism"] == "two runs with the same gradients differ uncompiled"
    assert "seen" in found["formula"]


def test_rounding_that_float32_cannot_follow():
    def cancelling(w, g, t, lr):
        return (w - lr * g + 1e5) - 1e5

    detail = only_failure(Optimizer("cancelling", cancelling, params={"lr": 0.1}), "reference = cpu")
    assert "updates parameters differ by" in detail
