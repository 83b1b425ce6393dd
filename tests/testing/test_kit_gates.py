"""The checks of gates: good ones pass, and each mistake is found by one item."""

import math

import kit

from neurosim.plugin import Gate
from neurosim.testing import check_gate


def gate(u, v, slope):
    return u / (1.0 + math.exp(-slope * v))


def product(u, v):
    return u * v


def only_v(u, v):
    return v


def wrong(u, v):
    return u + 0.5


def overflowing(u, v):
    return u * math.exp(v) / (1.0 + math.exp(v))


def hiding(u, v):
    return u * v if v > 0.0 else 0.0


def test_a_good_one_passes_everything():
    found = check_gate(Gate("mine", gate, params={"slope": 2.0}), backends=kit.COMPILED)
    assert {v.outcome for v in found} <= {"passed", "skipped"}
    details = {v.item: v.detail for v in found}
    assert details["derivative"].startswith("derived from f: the slopes of f in 480 numbers, also with slope = 2.7")
    assert details["formula"] == "f, du, dv: compiled for the CPU"


def test_derivatives_by_hand():
    found = check_gate(Gate("mine", product, du=only_v), backends=kit.UNCOMPILED)
    assert "failed" not in {v.outcome for v in found}
    detail = kit.only_failure(Gate("mine", product, du=only_v, dv=wrong), "derivative", kit.UNCOMPILED)
    assert detail.startswith("as given: wrong in 120 numbers: dv(")


def test_overflow_is_found():
    detail = kit.failed(Gate("mine", overflowing), kit.UNCOMPILED)["range"]
    assert detail == "f(-10000, 10000) is nan; rearrange the formula so that no exponential overflows"


def test_a_gate_that_hides_nan_is_noted():
    verdict = kit.verdict(Gate("mine", hiding), "range")
    assert verdict.outcome == "noted"
    assert "but f(1, nan) = 0: divergence may go unnoticed" in verdict.detail
