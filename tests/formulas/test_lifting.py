"""What is the same for all parameters is taken out of an optimizer's update."""

import pytest

from neurosim.backends.invariants import split_update
from neurosim.formulas.form import Name
from neurosim.formulas.lifting import lifted
from neurosim.formulas.python import plain_text
from neurosim.formulas.reader import read
from neurosim.plugin import Optimizer

SCALES = (1.0, 0.5)


def several(w, g, t, lr, beta):
    correction = 1.0 - beta**t
    constant0 = w * g
    return constant0 - lr / correction * g / (1.0 - beta)


def changed(w, g, t, lr):
    lr = lr / t
    return w - lr * g


def of_a_table(w, g, t, lr):
    first = 0
    return w - lr * SCALES[first] * g * SCALES[int(t) % 2]


@pytest.mark.parametrize("reciprocals", [False, True])
def test_names_and_expressions(reciprocals):
    found = lifted(read(several), ("t", "lr", "beta"), reciprocals=reciprocals)
    assert [(name, plain_text(value)) for name, value in found.statements] == [("correction", "1.0 - beta ** t")]
    last = "1.0 / (1.0 - beta)" if reciprocals else "1.0 - beta"
    # The author has a constant0 already.
    assert {name: plain_text(value) for name, value in found.constants.items()} == {
        "constant0_": "lr / correction",
        "constant1": last,
    }
    assert found.rest.params == ("w", "g", "constant0_", "constant1")
    assert found.rest.local == (*found.rest.params, "constant0")


def test_an_argument_that_is_assigned_to_varies():
    found = lifted(read(changed), ("t", "lr"))
    assert found.rest.params == ("w", "g", "lr", "constant0")
    assert found.constants == {"constant0": Name("t")}


def test_tables_and_their_indices_stay():
    split = split_update(Optimizer("x", of_a_table, params={"lr": 0.1}))
    assert split.constants == ["out[0] = F(lr_)", "out[1] = F(t_)"]
    assert "first_ = 0" in split.update
