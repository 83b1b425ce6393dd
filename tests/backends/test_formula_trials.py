"""No formula reaches beyond its rows or loops forever: what shows before the first use is refused, on every backend."""

import numpy as np
import pytest
import support

from neurosim.errors import PluginError
from neurosim.formulas.float32 import Translator
from neurosim.plugin import Activation, FromLogits, Loss, Optimizer, RowActivation

BACK = "\n\ndef b(z, a, da, dz):\n    for k in range(len(z)):\n        dz[k] = da[k]\n"
ROWS = {
    "beyond the end": ("for k in range(len(z)):\n        a[k] = z[k + 1]  # here", "z[3] is outside the row"),
    "before the start": ("for k in range(len(z)):\n        a[k] = z[k - 1]  # here", "z[-1] is outside the row"),
    "far away": ("for k in range(len(z)):\n        a[k + 100000000] = 1.0  # here", "a[100000000] is outside the row"),
    "an input": ("for k in range(len(z)):\n        z[k] = 1.0  # here\n        a[k] = 2.0", "an entry of z is set"),
    "not all": ("for k in range(1, len(z)):\n        a[k] = z[k]", "a[0] is not set"),
    "added to nothing": ("for k in range(len(z)):\n        a[k] += z[k]", "a[0] is not set, or is read before"),
    "by the numbers": ("for k in range(len(z)):\n        a[k] = z[int(20.0 * z[k])]  # here", "] is outside the row"),
    "forever": (
        "x = z[0]\n    while True:  # here\n        x = x * 1.0\n    for k in range(len(z)):\n        a[k] = x",
        "the loop does not end",
    ),
}


@pytest.mark.parametrize("kind", ["activations", "losses", "optimizers"])
def test_what_is_shipped_needs_no_check(kind):
    """Nor a trial: a run without plugins costs nothing more."""
    for entry in getattr(support.BUILTINS, kind):
        for formula in entry.record.formulas:
            translator = Translator()
            translator.add(formula.function, formula.arguments, formula.results)
            # Indices of targets with a width of their own are always checked.
            assert "short" in formula.arguments or not translator.guards, entry.record.name


def refusal(record, **settings):
    """The one error that all backends give for a network with the record."""
    messages = set()
    for backend in support.BACKENDS:
        net = support.network(1, [support.Dense(3, settings.get("activation", record))], settings.get("loss", "mse"))
        with pytest.raises(PluginError) as caught:
            backend.make(net, support.training(settings.get("optimizer", "sgd"))).prepare()
        messages.add(str(caught.value))
    (message,) = messages
    return message


def line_of(text):
    """The line with the mark; else that of the function."""
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, 1) if "# here" in line), 1)


@pytest.mark.parametrize(("body", "what"), ROWS.values(), ids=ROWS.keys())
def test_row_activations(write, body, what):
    text = f"def f(z, a):\n    {body}\n{BACK}"
    module = write(text)
    message = refusal(RowActivation("x", module.f, module.b))
    assert message.startswith(f"{module.__file__}:{line_of(text)}: in f: ")
    assert what in message


LOSSES = {
    "the class after": ("return -a[y + 1]  # here", "a[3] is outside the row: it has 3 entries, a[0] to a[2]"),
    "outputs set": ("a[y] = 1.0  # here\n    return 0.0", "an entry of a is set, which is an input"),
}


@pytest.mark.parametrize(("body", "what"), LOSSES.values(), ids=LOSSES.keys())
def test_losses(write, body, what):
    text = f"def f(a, y):\n    {body}\n\ndef g(a, y, da):\n    for k in range(len(a)):\n        da[k] = 0.0\n"
    module = write(text)
    message = refusal(None, activation="identity", loss=Loss("x", module.f, module.g, targets="classes"))
    assert message.startswith(f"{module.__file__}:{line_of(text)}: in f: ")
    assert what in message


def test_gradients_and_pairs(write):
    module = write(
        "def f(a, y):\n    return a[y]\n\ndef g(a, y, da):\n    da[y] = 1.0\n\n"
        "def v(z, a, y):\n    return z[y]\n\ndef w(z, a, y, dz):\n    for k in range(len(z)):\n        a[k] = z[k]\n"
    )
    pair = FromLogits("identity", module.v, module.w)
    message = refusal(None, activation="tanh", loss=Loss("x", module.f, module.g, targets="classes"))
    assert ":4: in g: da[1] is not set" in message
    message = refusal(None, activation="tanh", loss=Loss("x", module.f, targets="classes", from_logits=(pair,)))
    assert ":12: in w: an entry of a is set" in message


def test_helpers_are_tried_with_what_calls_them(write):
    module = write(
        "def entry(z, k):\n    return z[k]\n\n"
        f"def f(z, a):\n    for k in range(len(z)):\n        a[k] = entry(z, 2 * k)\n{BACK}"
    )
    assert ":2: in entry: z[4] is outside the row" in refusal(RowActivation("x", module.f, module.b))


def test_loops_of_single_numbers_and_of_updates(write):
    module = write(
        "def f(z):\n    while z == z:\n        z = z * 1.0\n    return z\n\ndef df(z, a):\n    return 1.0\n\n"
        "def u(w, g, t, lr):\n    x = w\n    while x - x == 0.0:\n        x = x * 1.0\n    return x\n"
    )
    assert ":2: in f: the loop does not end for 0" in refusal(Activation("x", module.f, module.df))
    rule = Optimizer("x", module.u, params={"lr": 0.1})
    assert ":11: in u: the loop does not end" in refusal(None, activation="identity", optimizer=(rule, {}))


def outputs(write, f, z, activation=RowActivation):
    """What the backends make of a row of weighted sums."""
    text = f"def f(z{', a' if activation is RowActivation else ''}):\n    {f}\n"
    module = write(text + (BACK if activation is RowActivation else "\n\ndef b(z, a):\n    return 1.0\n"))
    net = support.network(1, [support.Dense(len(z), activation("x", module.f, module.b))])
    for backend in support.BACKENDS:
        bench = backend.make(net, support.training())
        bench.parameters[:] = [0.0] * len(z) + list(z)
        yield bench.forward(np.zeros((1, 1), np.float32))[0]


SORT = (
    "for k in range(len(z)):\n        a[k] = z[k]\n"
    "    for i in range(1, len(a)):\n        x = a[i]\n        j = i\n"
    "        while j > 0:\n            if a[j - 1] <= x:\n                break\n"
    "            a[j] = a[j - 1]\n            j -= 1\n        a[j] = x"
)


def test_checked_indices_and_limited_loops_are_right_where_they_are_right(write):
    for found in outputs(write, SORT, [3.0, -1.0, 2.0, 0.5]):
        assert found.tolist() == [-1.0, 0.5, 2.0, 3.0]


UNSEEN = {
    "read": "a[k] = z[k + int(1e9 * (1.0 if 7.0 < z[k] < 8.0 else 0.0))]",
    "set": "a[k] = z[k]\n        a[int(-7.0 if 7.0 < z[k] < 8.0 else 0.0) + k] = z[k]",
    "loop": "a[k] = z[k]\n        while 7.0 < a[k] < 8.0:\n            a[k] = a[k] * 1.0",
    "not set": "if z[k] < 7.0 or z[k] > 8.0:\n            a[k] = z[k]",
}


@pytest.mark.parametrize("f", UNSEEN.values(), ids=UNSEEN.keys())
def test_what_no_trial_shows_is_nan(write, f):
    """Rows that only some numbers lead out of."""
    f = f"for k in range(len(z)):\n        {f}"
    for right, wrong in zip(outputs(write, f, [1.0, 2.0]), outputs(write, f, [7.5, 2.0]), strict=True):
        assert right.tolist() == [1.0, 2.0]
        assert np.isnan(wrong[0])


def test_a_loop_that_no_trial_shows_is_nan(write):
    for found in outputs(write, "while 7.0 < z < 8.0:\n        z = z * 1.0\n    return z", [1.0, 7.5], Activation):
        assert found[0] == 1.0
        assert np.isnan(found[1])


def test_nested_loops_have_one_budget(write):
    loop = "while 7.0 < z < 8.0:\n        while 7.0 < z < 8.0:\n            z = z * 1.0\n    return z"
    for found in outputs(write, loop, [1.0, 7.5], Activation):
        assert found[0] == 1.0
        assert np.isnan(found[1])


def test_whole_parts_and_divisions_of_anything(write):
    """NaN and infinity have no whole part, and integers can be divided by 0: no index comes of it, and no signal."""
    for f in (
        "z[int(z[k] / 0.0) + k]",
        "z[k // int(0.0 * z[k])]",
        "z[k % int(z[k] * 0.0)]",
        "z[int(-1e30 * z[k] * z[k]) * 7]",
    ):
        with pytest.raises(PluginError, match="outside the row"):
            next(outputs(write, f"for k in range(len(z)):\n        a[k] = {f} + z[k + 9]", [1.0, 2.0]))
        body = f"for k in range(len(z)):\n        a[k] = z[k]\n        if 7.0 < z[k] < 8.0:\n            a[k] = {f}"
        for found in outputs(write, body, [7.5, 2.0]):
            assert found[1] == 2.0


def test_towers_of_powers_are_infinite(write):
    """Python would work out every digit."""
    for found in outputs(write, "n = 9\n    return z * n**9**9**9", [1.0, -1.0], Activation):
        assert found.tolist() == [np.inf, -np.inf]
