"""The translation of plain Python functions: same meaning, and no float64."""

import math

import numba
import numpy as np
import pytest
import support
from numba import types
from support import translate

from neurosim.backends.cpu.jit import FLAGS, INNER
from neurosim.backends.cpu.purity import wide_in, wide_instructions, wide_operations
from neurosim.backends.uncompiled import machine_math, uncompiled
from neurosim.formulas.float32 import Translator
from neurosim.formulas.source import MATH_FUNCTIONS
from neurosim.plugin import Activation, RowActivation


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
        assert run(translate(function, ["row"]), np.float64)(np.array(numbers)) == pytest.approx(
            function(numbers), rel=1e-14
        )


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
        for formula in record.formulas:
            function, plain = formula.function, uncompiled(formula.function)
            _, arguments, outputs = arguments_for(record, formula, random)
            translated = run(translate(function, formula.arguments), np.float64, mathematics=machine_math)
            copies = [value.copy() if isinstance(value, np.ndarray) else value for value in arguments]
            expected, found = plain(*arguments), translated(*copies)
            assert found == expected
            for k in outputs:
                assert (copies[k] == arguments[k]).all()


def arguments_for(record, formula, random):
    """Positions of integers, numbers to call a formula with, and positions of rows it fills."""
    count = len(formula.arguments) - len(record.params)
    params = [np.float64(value) for value in record.params.values()]
    make = {
        "number": lambda: np.float64(random.normal()),
        "row": lambda: random.uniform(0.1, 0.9, 4),
        "short": lambda: random.uniform(0.1, 0.9, 2),
        "class": lambda: 2,
    }
    values = [make[kind]() for kind in formula.arguments[:count]]
    integers = [place for place, kind in enumerate(formula.arguments) if kind == "class"]
    return integers, [*values, *params], [] if formula.results else [count - 1]


# No float64 ------------------------------------------------------------------------------------------------


def wide(function, kinds=("number",)):
    """What is float64 in a function, compiled."""
    translator = Translator()
    return wide_in(translator, translator.add(function, kinds), kinds)


def test_accepted_functions_use_float32_only(write):
    terms = [*(f"{name}(a[0])" for name in ON_NUMBERS), *(f"{name}(a)" for name in ON_ROWS)]
    module = write(LANGUAGE + f"\n\ndef everything(a):\n    return {' + '.join(terms)}\n")
    assert not wide(module.everything, ["row"])


def test_whole_parts_of_products_use_float32_only(write):
    assert not wide(write("def f(z):\n    return z - int(3 * z)\n").f)


def test_whole_parts_may_be_of_any_number(write):
    module = write("import math\n\ndef f(z):\n    return int(math.exp(z))\n")
    assert run(translate(module.f), np.float64)(1.0) == 2.0


TWO_ARGUMENTS = {"atan2", "copysign", "fmod", "hypot", "pow"}


def call_of(name):
    if name.startswith("is"):
        return f"(z if math.{name}(z) else -z)"
    return f"math.{name}(z, 0.75)" if name in TWO_ARGUMENTS else f"math.{name}(z)"


def test_math_functions_use_float32_only(write):
    """In what Numba infers, and below that in LLVM."""
    terms = " + ".join(call_of(name) for name in sorted(MATH_FUNCTIONS))
    module = write(f"import math\n\ndef f(z):\n    return z**2 + z**3.0 + z**0.5 + 2**z + 0.5 * z + {terms}\n")
    assert not wide(module.f)


def careless(z):
    return 0.5 * z


def test_the_check_sees_float64_in_what_numba_infers():
    (line, operation), (_, result) = wide_operations(careless, (types.float32,))
    assert line == careless.__code__.co_firstlineno + 1
    assert operation == "mul is (float64, float64) -> float64"
    assert result == "the result is float64"


def test_the_check_sees_float64_in_machine_code():
    found = wide_instructions(numba.njit(**INNER, **FLAGS)(careless), (types.float32,))
    assert any("fmul" in line and "double" in line for line in found)


def test_the_check_sees_float64_in_a_function_that_is_called(write):
    """Where it is told by the author's line."""
    module = write("def helper(x):\n    return x / 3\n\ndef f(z):\n    return helper(z) + 1\n")
    translator = Translator()
    name = translator.add(module.f)
    translator.texts[:] = [text.replace("F(3.0)", "3.0") for text in translator.texts]
    found = wide_in(translator, name, ["number"])
    assert found[0] == f"{module.__file__}:2: truediv is (float64, float64) -> float64"
