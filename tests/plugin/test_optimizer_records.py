"""Wrong records of optimizers: what is wrong with their reductions and functions, and what to write instead."""

import numpy as np
import pytest
import support

from neurosim.errors import PluginError
from neurosim.plugin import Optimizer

LR = {"lr": 0.1}


def plain(w, g, t, lr):
    return w - lr * g


def normed(w, g, g_norm, t, lr):
    return w - lr * g / (1.0 + g_norm)


def forward(w, g, t, lr):
    return g


def finish(w, u, u_norm, t, lr):
    return w - lr * u / (1.0 + u_norm)


def flagged(w, g, is_bias, t, lr):
    return w - lr * (1.0 - is_bias) * g


def misspelled(w, g, g_nrom, t, lr):
    return w - lr * g


def early(w, g, u_norm, t, lr):
    return g / (1.0 + u_norm)


def after_t(w, g, t, g_norm, lr):
    return w


def is_bais(w, g, is_bais, t, lr):
    return w


@pytest.mark.parametrize(
    ("update", "given", "words"),
    [
        (normed, {"g_norm": "norm(g)"}, ["'g_norm'", "unknown operation, 'norm'", "largest, count, orthogonal"]),
        (normed, {"g_norm": "l2 (grad)"}, ["unknown array, 'grad'", "there are w, g"]),
        (normed, {"g_norm": "l2(g) per colum"}, ["unknown scope, 'colum'", 'did you mean "column"?']),
        (normed, {"g_norm": "orthogonal(g) per row"}, ["an operation on whole arrays", "'orthogonal(g)'"]),
        (normed, {"g_norm": "l2"}, ["'l2' is no reduction; write it like 'l2(w)'"]),
        (normed, {"g_norm": 2.0}, ["2.0 is no reduction"]),
        (normed, {"g_norm": "l2(u)"}, ["unknown array, 'u'", "u is what the function direction returns"]),
        (normed, {"g norm": "l2(g)"}, ["'g norm' must be an identifier"]),
        (normed, {"lr": "l2(g)"}, ["'lr' is a reduction and something else too", "Call it something else"]),
        (normed, {"t": "l2(g)"}, ["'t' is a reduction and something else too"]),
        (normed, "l2(g)", ['reductions must be like {"w_norm": "l2(w)"}']),
        (plain, {"g_norm": "l2(g)"}, ["'g_norm' is used by no function", "Add g_norm to its arguments, before t"]),
        (misspelled, {"g_norm": "l2(g)"}, ["update takes 'g_nrom' before t", '"g_norm"?', "[reductions], t, lr"]),
        (after_t, {"g_norm": "l2(g)"}, ["update takes (w, g, t, g_norm, lr)", "expected (w, g, [reductions], t, lr)"]),
        (is_bais, {}, ["update takes 'is_bais' before t", 'did you mean "is_bias"?']),
        (misspelled, {}, ["update takes (w, g, g_nrom, t, lr), expected (w, g, t, lr)"]),
    ],
)  # fmt: skip
def test_wrong_reductions(update, given, words):
    with pytest.raises(PluginError) as caught:
        Optimizer("mine", update, params=LR, reductions=given)
    text = f"{caught.value.message} {caught.value.hint}"
    assert text.startswith("optimizer 'mine': ")
    for word in words:
        assert word in text, text


@pytest.mark.parametrize(
    ("update", "direction", "given", "words"),
    [
        (finish, early, {"u_norm": "l2(u)"}, ["direction takes 'u_norm'", "of the direction itself", "in update"]),
        (plain, normed, {}, ["direction takes 'g_norm' before t, which is no reduction; there are is_bias"]),
        (finish, 3.0, {"u_norm": "l2(u)"}, ["direction must be a function, not 3.0"]),
        (finish, forward, {}, ["update takes 'u_norm' before t"]),
    ],
)  # fmt: skip
def test_wrong_directions(update, direction, given, words):
    with pytest.raises(PluginError) as caught:
        Optimizer("mine", update, params=LR, direction=direction, reductions=given)
    text = f"{caught.value.message} {caught.value.hint}"
    for word in words:
        assert word in text, text


def test_a_slot_may_be_called_u_but_not_beside_a_direction(backend):
    def rule(w, g, u, u_norm, t, lr):
        u = u + g
        return w - lr * u / (1.0 + u_norm), u

    net = support.network(2, [support.Dense(1)], "mse")
    record = Optimizer("mine", rule, slots=("u",), params=LR, reductions={"u_norm": "l2(u)"})
    bench = backend.make(net, support.training(record))
    bench.train_step(support.rows(3, 2, 1))
    first = bench.state.copy()
    bench.train_step(support.rows(3, 2, 1))
    assert np.abs(bench.state).min() > 0.0
    assert (first != bench.state).any()
    with pytest.raises(PluginError, match="a slot is called 'u', as the direction is"):
        Optimizer("mine", finish, slots=("u",), params=LR, direction=forward, reductions={"u_norm": "l2(u)"})


def test_what_a_record_asks_for():
    assert not Optimizer("mine", plain, params=LR).looks_at_arrays
    assert Optimizer("mine", flagged, params=LR).looks_at_arrays
    assert Optimizer("mine", normed, params=LR, reductions={"g_norm": " l2( g )"}).reductions == {"g_norm": "l2(g)"}
    record = Optimizer("mine", finish, params=LR, direction=forward, reductions={"u_norm": "rms(u) per network"})
    assert [formula.role for formula in record.formulas] == ["direction", "update"]
