"""The translation of plain Python functions: same meaning, no float64, and refusals that help."""

import importlib.util
import math
import re

import numba
import numpy as np
import pytest
import support
from numba import types
from numba.core import typed_passes
from numba.core.compiler import run_frontend
from numba.core.ir import Expr
from numba.core.registry import cpu_target

from neurosim.backends import scalars
from neurosim.backends.cpu import vector_math
from neurosim.backends.cpu.jit import FLAGS
from neurosim.backends.cpu.templates import activation_source
from neurosim.backends.invariants import split_update
from neurosim.backends.scalars import translate
from neurosim.backends.uncompiled import uncompiled
from neurosim.errors import PluginError
from neurosim.plugin import Activation, Optimizer, RowActivation

ROW = types.Array(types.float32, 1, "C")


@pytest.fixture
def write(tmp_path):
    """A module from source text, as a plugin file would be."""
    count = 0

    def make(text, name="plugin"):
        nonlocal count
        count += 1
        path = tmp_path / f"{name}_{count}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(f"{name}_{count}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return make


def run(translation, float_type, decorator=lambda function: function, mathematics=math):
    """The translated function, executed as Python text."""
    names = {"F": float_type, "math": mathematics, "scalar": decorator}
    exec(translation.source, names)
    return names[translation.name]


# What is accepted -------------------------------------------------------------------------------------------

LANGUAGE = '''
import math
import math as m
from math import exp, sqrt as root

SLOPE = 3
HALF = 0.5
INDEX = 1
BIG = float("inf")

def helper(x, y):
    """Described."""
    return x * HALF + y

def chain(x):
    return helper(x, SLOPE) + helper(1, 2)

def literals(z):
    return 2 * z + 1e-3 - 7 // 2

def constants(z):
    return math.pi * z + m.e + SLOPE / 2

def module_functions(z):
    return exp(-z * z) + root(abs(z)) + m.tanh(z)

def helpers(z):
    return chain(z) + helper(z, z)

def branches(z):
    if z > 1:
        return z - 1
    elif z < -1:
        return z + 1
    else:
        pass
    return 0

def chained(z):
    return 1 if -1 < z <= 1 and not z == 0 or z > 5 else z

def saturated(z):
    return min(max(z, -1, -2), 1, BIG)

def counting(z):
    total = 0
    for k in range(4):
        total += k * z
    return total / 4

def halving(z):
    n = 5
    while n > 0:
        z = z / 2
        n -= 1
        if z < 0.001:
            break
        continue
    return z + n

def powers(z):
    return z**2 + z**3.0 + (z * z) ** 0.5 + 2**z + 1 / (1 + z**2) ** -1

def casts(z):
    return float(int(z)) + int(2)

def annotated(z: float) -> float:
    """A docstring."""
    y: float = z
    x: int
    y *= 2
    return y

def swapped(z):
    a, b = z, 1
    a, b = b, a
    return a - 2 * b

def made(scale):
    def closure(z):
        return scale * z
    return closure

double = made(2)

def row_sum(a):
    total = 0.0
    for k in range(len(a)):
        total += a[k] * k
    return total / len(a)

def row_ends(a):
    n = len(a)
    last = n - 1
    return a[last] * n + a[INDEX] + a[-1] - a[0] / last

def row_strided(a):
    best = 0
    for k in range(1, len(a), 2):
        if a[k] > a[best]:
            best = k
    return best + 0.5 * a[best]

def row_nested(a):
    total = 0
    for i in range(len(a)):
        for j in range(i + 1, len(a)):
            total += (a[i] - a[j]) * (j - i) / 2
    return total
'''
ON_NUMBERS = [
    "literals",
    "constants",
    "module_functions",
    "helpers",
    "branches",
    "chained",
    "saturated",
    "counting",
    "halving",
    "powers",
    "casts",
    "annotated",
    "swapped",
    "double",
]
ON_ROWS = ["row_sum", "row_ends", "row_strided", "row_nested"]


def test_accepted_functions_mean_the_same(write):
    """Translated text, run with float64 as its number type, gives what the author's code gives."""
    module = write(LANGUAGE)
    numbers = [-3.5, -1.0, -0.2, 0.0, 0.7, 2.25, 6.0]
    for name in ON_NUMBERS:
        function = getattr(module, name)
        translated = run(translate(function), np.float64)
        for z in numbers:
            assert translated(np.float64(z)) == pytest.approx(function(z), rel=1e-14), (name, z)
    for name in ON_ROWS:
        function = getattr(module, name)
        assert run(translate(function), np.float64)(np.array(numbers)) == pytest.approx(function(numbers), rel=1e-14)


def test_accepted_functions_compile_and_mean_the_same(backend, write):
    """The scalars as one activation after the other would be too many kernels: one sum of them all."""
    module = write(
        LANGUAGE
        + "\n\ndef everything(z):\n    return "
        + " + ".join(f"{name}(z)" for name in ON_NUMBERS)
        + "\n\ndef derivative(z, a):\n    return 1\n"
        + "\n\ndef rows(z, a):\n    for k in range(len(z)):\n        a[k] = k + "
        + " + ".join(f"{name}(z)" for name in ON_ROWS)
        + "\n\ndef back(z, a, da, dz):\n    for k in range(len(z)):\n        dz[k] = da[k]\n"
    )
    z = np.array([-3.5, -1.0, -0.2, 0.7, 2.25], np.float32)
    for record, expected in (
        (
            Activation("everything", module.everything, module.derivative),
            [sum(getattr(module, name)(float(value)) for name in ON_NUMBERS) for value in z],
        ),
        (
            RowActivation("rows", module.rows, module.back),
            [k + sum(getattr(module, name)(z.astype(float)) for name in ON_ROWS) for k in range(5)],
        ),
    ):
        bench = backend.make(support.network(1, [support.Dense(5, record)]), support.training())
        bench.parameters[:] = [0.0] * 5 + z.tolist()
        assert support.error(bench.forward(np.zeros((1, 1), np.float32))[0], expected) < 1e-6


@pytest.mark.parametrize("catalog", ["activations", "losses"])
def test_built_in_formulas_are_translated_without_a_change(registry, catalog):
    random = np.random.default_rng(1)
    for entry in getattr(registry, catalog):
        record = entry.record
        for function in record.functions:
            plain = uncompiled(function)
            integers, arguments, outputs = arguments_for(record, function, random)
            translated = run(translate(function, integers), np.float64)
            copies = [value.copy() if isinstance(value, np.ndarray) else value for value in arguments]
            expected, found = plain(*arguments), translated(*copies)
            assert found == expected
            for k in outputs:
                assert (copies[k] == arguments[k]).all()


def arguments_for(record, function, random):
    """Positions of integers, numbers to call a formula with, and positions of rows it fills."""
    params = [np.float64(value) for value in record.params.values()]
    if isinstance(record, Activation):
        count = 1 if function is record.f else 2
        return [], [*(np.float64(value) for value in random.normal(size=count)), *params], []
    count = function.__code__.co_argcount - len(params)
    values = [random.uniform(0.1, 0.9, 4) for _ in range(count)]
    if isinstance(record, RowActivation):
        return [], [*values, *params], [count - 1]
    place = 1 if function in (record.value, record.gradient) else 2
    is_gradient = count == place + 2
    if record.targets == "classes":
        values[place] = 2
        return [place], [*values, *params], [count - 1] if is_gradient else []
    return [], [*values, *params], [count - 1] if is_gradient else []


# No float64 ------------------------------------------------------------------------------------------------


def wide_operations(function, arguments):
    """Operations and results of a compiled function that are not float32: what Numba infers."""
    interpretation = run_frontend(function)
    typing, target = cpu_target.typing_context, cpu_target.target_context
    typing.refresh()
    inferred = typed_passes.type_inference_stage(typing, target, interpretation, arguments, None)
    typemap, result, calls = inferred[:3]
    found = [] if result in (types.float32, types.none) else [f"returns {result}"]
    for expression, signature in calls.items():
        if not isinstance(expression, Expr) or signature is None:
            continue
        if expression.op == "call" and isinstance(typemap[expression.func.name], types.NumberClass):
            continue  # F(0.5): a float64 literal becomes a float32 number at once
        if types.float64 in (*signature.args, signature.return_type):
            found.append(f"{expression}: {signature}")
    return found


def compiled_text(translation):
    return run(translation, np.float32, lambda function: numba.njit(**FLAGS)(function), vector_math).py_func


def test_built_in_formulas_use_float32_only(registry):
    for entry in [*registry.activations, *registry.losses]:
        record = entry.record
        for function in record.functions:
            integers, arguments, _ = arguments_for(record, function, np.random.default_rng(1))
            numba_types = [ROW if isinstance(value, np.ndarray) else types.float32 for value in arguments]
            for place in integers:
                numba_types[place] = types.int32
            wide = wide_operations(compiled_text(translate(function, integers)), tuple(numba_types))
            assert not wide, (record.name, function.__name__, wide)


def test_built_in_updates_use_float32_only(registry):
    for entry in registry.optimizers:
        optimizer = entry.record
        split = split_update(optimizer)
        function = compiled_text(scalars.Translation(split.name, split.update))
        arguments = (types.float32,) * (2 + len(optimizer.slots) + split.count)
        wide = [text for text in wide_operations(function, arguments) if "returns" not in text]
        assert not wide, (optimizer.name, wide)


def test_the_check_sees_float64():
    def careless(z):
        return 0.5 * z

    assert wide_operations(careless, (types.float32,))


def test_accepted_functions_use_float32_only(write):
    module = write(LANGUAGE)
    for name in ON_NUMBERS:
        wide = wide_operations(compiled_text(translate(getattr(module, name))), (types.float32,))
        assert not wide, (name, wide)
    for name in ON_ROWS:
        wide = wide_operations(compiled_text(translate(getattr(module, name))), (ROW,))
        assert not wide, (name, wide)


def test_whole_parts_of_products_use_float32_only(write):
    module = write("def f(z):\n    return z - int(3 * z)\n")
    assert not wide_operations(compiled_text(translate(module.f)), (types.float32,))


def test_whole_parts_may_be_of_any_number(write):
    module = write("import math\n\ndef f(z):\n    return int(math.exp(z))\n")
    assert run(translate(module.f), np.float64)(1.0) == 2.0


TWO_ARGUMENTS = {"atan2", "copysign", "fmod", "hypot", "pow"}


def call_of(name):
    if name.startswith("is"):
        return f"(z if math.{name}(z) else -z)"
    return f"math.{name}(z, 0.75)" if name in TWO_ARGUMENTS else f"math.{name}(z)"


@pytest.mark.parametrize("name", sorted(scalars.MATH_FUNCTIONS))
def test_math_functions_use_float32_only(write, name):
    module = write(f"import math\n\ndef f(z):\n    return z + 0.5 * {call_of(name)}\n")
    assert not wide_operations(compiled_text(translate(module.f)), (types.float32,))


def test_machine_code_of_math_functions_has_no_float64(write):
    """In LLVM, below what Numba's types tell."""
    terms = " + ".join(call_of(name) for name in sorted(scalars.MATH_FUNCTIONS))
    module = write(f"import math\n\ndef f(z):\n    return z**2 + z**3.0 + z**0.5 + 2**z + {terms}\n")
    function = run(translate(module.f), np.float32, lambda function: numba.njit(**FLAGS)(function), vector_math)
    function.compile((types.float32,))
    (text,) = function.inspect_llvm().values()
    # Not the function that Python calls, which takes and gives a Python float.
    bodies = re.findall(r"^define .*?^}", text, re.MULTILINE | re.DOTALL)
    bodies = [body for body in bodies if "cpython" not in body.splitlines()[0]]
    assert bodies
    for body in bodies:
        assert "double" not in body
        assert "fpext" not in body


# What is refused -------------------------------------------------------------------------------------------

REFUSED = {
    "numpy": ("return np.exp(z)  # here", "math.exp"),
    "numpy constant": ("return z * np.pi  # here", "math module"),
    "unknown math": ("return math.gamma(z)  # here", "another function of math"),
    "a lambda": ("f = lambda x: x  # here\n    return f(z)", "math functions"),
    "a comprehension": ("return sum([z for k in range(3)])  # here", "math functions or your own"),
    "a list": ("return [z][0]  # here", "index only the row arguments"),
    "a string": ('return z if z > 0 else "no"  # here', "numbers only"),
    "an f-string": ('return f"{z}"  # here', "scalar arithmetic"),
    "None": ("return z if z is None else 0.0  # here", "numbers only"),
    "printing": ("print(z)  # here\n    return z", "leave it out"),
    "global": ("global COUNT  # here\n    return z", "use assignments, if, for, while and return"),
    "nested def": (
        "def g(x):  # here\n        return x\n    return g(z)",
        "use assignments, if, for, while and return",
    ),
    "try": ("try:  # here\n        return z\n    except ValueError:\n        return 0.0", "use assignments"),
    "with": ("with STATE:  # here\n        return z", "use assignments"),
    "assert": ("assert z > 0  # here\n    return z", "use assignments"),
    "raise": ("raise ValueError  # here", "use assignments"),
    "import": ("import os  # here\n    return z", "use assignments"),
    "keyword arguments": ("return helper(x=z)  # here", "by position"),
    "star arguments": ("return helper(*STATE)  # here", "by position"),
    "global state": ("return z * STATE[0]  # here", "index only the row arguments"),
    "a list as number": ("return z * STATE  # here", "pass settings as params"),
    "unknown name": ("return z * missing  # here", "pass settings as params"),
    "unknown function": ("return missing(z)  # here", "math functions or your own"),
    "a class": ("return Thing(z)  # here", "math functions or your own"),
    "a method": ("return z.real()  # here", "math module"),
    "an attribute": ("return z.real  # here", "math module"),
    "a loop over a list": ("for k in (1, 2):  # here\n        z += k\n    return z", "for k in range(len(z))"),
    "for-else": ("for k in range(3):  # here\n        z += 1\n    else:\n        z = 0\n    return z", "range"),
    "bits": ("return z & 1  # here", "+ - * /"),
    "matrices": ("return z @ z  # here", "+ - * /"),
    "walrus": ("return (y := z) * y  # here", "scalar arithmetic"),
    "a bare literal": ("z + 1\n    3  # here\n    return z", "leave it out"),
    "yield": ("yield z  # here", ""),
    "complex": ("return z * 1j  # here", "numbers only"),
    "round": ("return round(z)  # here", "math functions or your own"),
    "a fraction as index": (
        "total = 0.0\n    for k in range(HALF):  # here\n        total += z\n    return z",
        "integers",
    ),
}
PRELUDE = """\
import math
import numpy as np

STATE = [1.0]
COUNT = 0
HALF = 0.5

class Thing:
    pass

def helper(x):
    return x

"""


@pytest.mark.parametrize(("body", "instead"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals_name_the_line_and_the_way_out(write, body, instead):
    text = f"{PRELUDE}def f(z):\n    {body}\n"
    module = write(text)
    line = next(number for number, part in enumerate(text.splitlines(), 1) if "# here" in part)
    with pytest.raises(PluginError) as caught:
        translate(module.f)
    assert caught.value.message.startswith(f"{module.__file__}:{line}: in f: ")
    assert caught.value.hint.startswith("Instead: ")
    assert instead in caught.value.hint


SIGNATURES = {
    "defaults": "def f(z, beta=1.0):  # here\n    return z",
    "star": "def f(*z):  # here\n    return 1.0",
    "keywords only": "def f(z, *, beta):  # here\n    return z",
    "double star": "def f(z, **beta):  # here\n    return z",
    "decorator": "@decorate\ndef f(z):  # here\n    return z",
}


@pytest.mark.parametrize("text", SIGNATURES.values(), ids=SIGNATURES.keys())
def test_refused_signatures_name_the_line(write, text):
    module = write(f"def decorate(function):\n    return function\n\n{text}\n")
    source = (f"def decorate(function):\n    return function\n\n{text}\n").splitlines()
    line = next(number for number, part in enumerate(source, 1) if "# here" in part)
    with pytest.raises(PluginError, match="Instead: leave") as caught:
        translate(module.f)
    assert caught.value.message.startswith(f"{module.__file__}:{line}: in f: ")


def test_a_refusal_in_a_helper_names_the_helper(write):
    module = write("import numpy as np\n\ndef g(x):\n    return np.exp(x)\n\ndef f(z):\n    return g(z)\n")
    with pytest.raises(PluginError, match=r":4: in g: np.exp is not compiled"):
        translate(module.f)


def test_functions_without_source_are_refused(write):
    namespace = {}
    exec("def f(z):\n    return z\n", namespace)
    with pytest.raises(PluginError, match="the source of f cannot be read"):
        translate(namespace["f"])
    with pytest.raises(PluginError, match="not a plain function"):
        translate(write("f = lambda z: z\n").f)
    with pytest.raises(PluginError):
        translate(math.exp)


def test_what_only_numba_refuses_is_a_plugin_error(write):
    """A name that is a number here and a row there."""
    module = write("def f(z, a):\n    for k in range(len(z)):\n        a[k] = z\n\ndef b(z, a, da, dz):\n    pass\n")
    net = support.network(1, [support.Dense(2, RowActivation("crooked", module.f, module.b))])
    with pytest.raises(PluginError, match="'crooked' cannot be compiled for the CPU"):
        support.COMPILED[0].make(net, support.training()).prepare()


def test_changing_a_setting_in_an_update_is_refused(write):
    module = write("def f(w, g, t, lr):\n    lr = lr / t  # here\n    return w - lr * g\n")
    with pytest.raises(PluginError, match="lr is assigned to") as caught:
        split_update(Optimizer("x", module.f, params={"lr": 0.1}))
    assert "a name of its own" in caught.value.hint


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
    from neurosim.registry import build_registry

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
    from neurosim.registry import build_registry

    path = tmp_path / "edited.py"
    path.write_text(EDITED.format(factor="2.5"))
    record = build_registry([path]).activations.get("edited")
    path.write_text(EDITED.format(factor="3.5"))
    assert "3.5" not in activation_source(record)
