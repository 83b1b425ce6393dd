"""Authors' code as it comes: any names, overflow as the machine has it, files edited after they were loaded."""

import inspect
import math

import numpy as np
import pytest
import support

from neurosim.backends.cpu.activation_templates import activation_source
from neurosim.backends.uncompiled import uncompiled
from neurosim.plugin import Activation, Optimizer

# Names that clash ------------------------------------------------------------------------------------------


def same_on_both(record, z=(-1.5, 0.5, 2.0)):
    """Outputs and gradient of one layer with an activation of the test's own."""
    net = support.network(1, [support.Dense(len(z), record)], "mae")
    results = []
    for entry in support.BACKENDS:
        bench = entry.make(net, support.training())
        bench.parameters[:] = [0.0] * len(z) + list(z)
        rows = support.Rows(np.zeros((1, 1), np.float32), np.full((1, len(z)), 99.0), np.zeros(0, np.int32), "none")
        results.append(np.concatenate([bench.forward(rows.features).ravel(), bench.gradients(rows)[1]]))
    return support.error(results[1], results[0]) < 1e-6


def test_names_of_kernels_may_be_used_by_authors(write):
    module = write("def forward(z):\n    return 2 * z\n\ndef backward(z, a):\n    return 2\n")
    assert same_on_both(Activation("x", module.forward, module.backward))


@pytest.mark.parametrize("name", ["scalar", "kernel", "floats", "F"])
def test_any_name_may_be_used_for_a_function(write, name):
    module = write(f"def {name}(z):\n    return 2 * z\n\ndef derivative(z, a):\n    return 2\n")
    assert same_on_both(Activation("x", getattr(module, name), module.derivative))


def test_any_name_may_be_used_for_a_variable(write):
    module = write("def f(z):\n    F = 2 * z\n    return F * 0.5\n\ndef derivative(z, a):\n    return 1\n")
    assert same_on_both(Activation("x", module.f, module.derivative))


def test_value_and_derivative_may_have_one_name(write):
    module = write(
        "def value():\n    def inner(z):\n        return 2 * z\n    return inner\n\n"
        "def slope():\n    def inner(z, a):\n        return 2\n    return inner\n"
    )
    assert same_on_both(Activation("x", module.value(), module.slope()))


def test_helpers_of_one_name_stay_apart(write):
    module = write(
        "def value():\n    def helper(x):\n        return x * x\n"
        "    def f(z):\n        return helper(z)\n    return f\n\n"
        "def slope():\n    def helper(x):\n        return 2 * x\n"
        "    def df(z, a):\n        return helper(z)\n    return df\n"
    )
    assert same_on_both(Activation("x", module.value(), module.slope()))


def same_update(write, text, **params):
    module = write(text)
    rule = Optimizer("x", module.f, params=params)
    net, rows = support.network(2, [support.Dense(2)]), support.rows(4, 2, 2)
    results = []
    for entry in support.BACKENDS:
        bench = entry.make(net, support.training((rule, params)))
        for _ in range(3):
            bench.train_step(rows)
        results.append(bench.parameters)
    return support.error(results[1], results[0]) < 1e-6


def test_updates_may_branch_and_use_the_step(write):
    text = (
        "import math\n\ndef f(w, g, t, lr, decay):\n    rate = lr / (1 + decay * t)\n"
        "    if t > 1.5:\n        return w - rate * g / math.sqrt(t)\n    return w - lr * g * t\n"
    )
    assert same_update(write, text, lr=0.1, decay=0.5)


def test_the_step_may_have_any_name(write):
    text = "def f(w, g, step, lr):\n    return w - lr / (1 + step) * g\n"
    assert same_update(write, text, lr=0.1)


@pytest.mark.parametrize("name", ["p", "out"])
def test_any_name_may_be_used_for_a_param(write, name):
    text = f"def f(w, g, t, lr, {name}, q):\n    return w - lr * {name} * q * g\n"
    assert same_update(write, text, **{"lr": 0.1, name: 0.5, "q": 0.5})


def test_an_update_may_have_many_constants(write):
    terms = " + ".join(f"g * (lr * {k}.5)" for k in range(70))
    assert same_update(write, f"def f(w, g, t, lr):\n    return w - ({terms})\n", lr=1e-4)


# The uncompiled arithmetic ------------------------------------------------------------------------------------


def value(function, z):
    with np.errstate(all="ignore"):
        return uncompiled(function)(np.float64(z))


def test_overflow_carries_on_uncompiled(write):
    module = write(
        "import math\nfrom math import exp\n\ndef helper(z):\n    return math.exp(z)\n\n"
        "def a(z):\n    return 1 / (1 + math.exp(-z))\n\ndef b(z):\n    return 1 / (1 + exp(-z))\n\n"
        "def c(z):\n    return 1 / helper(-z)\n\ndef d(z):\n    return math.log(z - z)\n"
    )
    assert value(module.a, -1e4) == value(module.b, -1e4) == value(module.c, -1e4) == 0.0
    assert value(module.d, 1.0) == -math.inf


def test_renamed_math_functions_carry_on_uncompiled(write):
    module = write("from math import exp as e\n\ndef f(z):\n    return 1 / (1 + e(-z))\n")
    assert value(module.f, -1e4) == 0.0


def test_helpers_in_a_closure_carry_on_uncompiled(write):
    module = write(
        "import math\n\ndef make():\n    def helper(z):\n        return math.exp(z)\n"
        "    def f(z):\n        return 1 / (1 + helper(-z))\n    return f\n"
    )
    assert value(module.make(), -1e4) == 0.0


def test_division_by_a_literal_zero_carries_on_uncompiled(write):
    module = write("def relu(z):\n    return z if z > 0.0 else 0.0\n\ndef f(z):\n    return 1.0 / relu(z)\n")
    assert value(module.f, -1.0) == math.inf


def test_floor_of_infinity_carries_on_uncompiled(write):
    module = write("import math\n\ndef f(z):\n    return math.floor(z)\n")
    assert value(module.f, math.inf) == math.inf


# Edited files ------------------------------------------------------------------------------------------------

EDITED = """\
from neurosim.plugin import Activation, hookimpl

def helper(z):
    return {factor} * z

def f(z):
    return helper(z)

def df(z, a):
    return {factor}

@hookimpl
def neurosim_activations():
    return [Activation("edited", f, df)]
"""


def test_an_edited_helper_is_compiled_anew(tmp_path):
    from neurosim.backends.cpu.kernels import activation_kernels
    from neurosim.plugin.host import build_registry

    path, seen = tmp_path / "edited.py", []
    for factor in ("2.0", "3.0", "2.0"):
        path.write_text(EDITED.format(factor=factor))
        record = build_registry([path]).activations.get("edited")
        bench = support.COMPILED[0].make(support.network(1, [support.Dense(1, record)]), support.training())
        bench.parameters[:] = [1.0, 0.0]
        assert bench.forward(np.ones((1, 1), np.float32))[0, 0] == float(factor)
        seen.append(activation_kernels(record).module.__name__)
    assert seen[0] == seen[2] != seen[1]


def test_a_loaded_plugin_keeps_its_text_when_the_file_is_edited(tmp_path):
    from neurosim.plugin.host import build_registry

    path = tmp_path / "edited.py"
    path.write_text(EDITED.format(factor="2.5"))
    record = build_registry([path]).activations.get("edited")
    path.write_text(EDITED.format(factor="3.5"))
    assert "3.5" not in activation_source(record).text


# As fast as a built-in ---------------------------------------------------------------------------------------


def test_a_plugin_compiles_to_what_a_built_in_of_its_formula_compiles_to(write):
    """Not about as fast: the same text, and so the same machine code."""
    swish = support.BUILTINS.activations.get("swish")
    text = "import math\n\n" + "\n\n".join(map(inspect.getsource, (swish.f, swish.df)))
    module = write(text)
    mine = Activation("swish", module.swish, module.swish_derivative, params={"beta": 1.0})
    assert mine.f is not swish.f
    assert activation_source(mine).text == activation_source(swish).text
