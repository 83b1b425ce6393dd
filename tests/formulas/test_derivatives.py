"""Derived derivatives: against finite differences, the ones written by hand, and what cannot be derived."""

import importlib.util
import math
import textwrap

import numpy as np
import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from neurosim.backends.uncompiled import apply, uncompiled
from neurosim.errors import PluginError
from neurosim.formulas.derivatives import derive_gradient, derive_partial, derive_slope, source_of
from neurosim.formulas.rules import FLAT, RULES
from neurosim.formulas.source import MATH_FUNCTIONS
from neurosim.plugin import Activation, Loss

GRID = np.linspace(-5.0, 5.0, 201) + 1e-3


@pytest.fixture
def write(tmp_path):
    """A function called f from the text of its module."""
    count = 0

    def make(text, name="f"):
        nonlocal count
        count += 1
        path = tmp_path / f"formulas_{count}.py"
        path.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return getattr(module, name)

    return make


def value(function, z, *params):
    return float(apply(function, np.array([z]), params=params)[0])


def derived(function, z, *params):
    z = np.asarray(z, np.float64)
    return apply(derive_slope(function), z, np.zeros_like(z), params=params)


def check(function, grid=GRID, params=(), tolerance=1e-8):
    found = derived(function, grid, *params)
    wide, narrow = (
        np.array([support.slope(lambda at: value(function, at, *params), z, width) for z in grid])
        for width in (1e-3, 7e-4)
    )
    # Differences reach across a kink; there, and only there, two widths disagree.
    smooth = np.abs(wide - narrow) < 1e-7 * (1.0 + np.abs(narrow))
    assert smooth.mean() > 0.9
    np.testing.assert_allclose(found[smooth], narrow[smooth], rtol=tolerance, atol=tolerance)


# Built-ins: the derivatives of the paper ------------------------------------------------------------------

SCALAR = [entry.record for entry in support.BUILTINS.activations if isinstance(entry.record, Activation)]


@pytest.mark.parametrize("record", SCALAR, ids=lambda record: record.name)
def test_derived_equals_written_by_hand(record):
    """Far out too, where a plain chain rule would multiply 0 by infinity."""
    z = np.array([*GRID, -1e4, -1000.0, -720.0, -90.0, 90.0, 720.0, 1000.0, 1e4])
    params = tuple(record.params.values())
    a = apply(record.f, z, params=params)
    np.testing.assert_allclose(derived(record.f, z, *params), apply(record.df, z, a, params=params), 1e-12, 1e-12)


@pytest.mark.parametrize("record", [entry.record for entry in support.BUILTINS.losses], ids=lambda record: record.name)
@pytest.mark.parametrize("units", [1, 4])
def test_derived_gradients_equal_written_by_hand(record, units):
    random = np.random.default_rng(units)
    wide = units * record.outputs_per_target
    for _ in range(30):
        a = random.uniform(0.05, 0.95, wide)
        y = int(random.integers(units)) if record.targets == "classes" else random.integers(0, 2, units).astype(float)
        found, expected = np.full(wide, np.nan), np.zeros(wide)
        uncompiled(derive_gradient(record.value))(a, y, found, *record.params.values())
        uncompiled(record.gradient)(a, y, expected, *record.params.values())
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


# The language -----------------------------------------------------------------------------------------------

FORMULAS = {
    "arithmetic": "return (2 * z - 3) * (z + 1) / (z * z + 2) - z / 4 + 1 / (5 + z * z)",
    "signs": "return -(+z * -z) - -z",
    "whole powers": "return z**3 - 2 * z**2 + z**1 + z**0 + (z * z + 1)**-2",
    "powers": "return (z * z + 1)**0.3 + (z * z + 1)**z + 2**z + (1.5 + z * z)**(0.1 * z)",
    "pow": "return math.pow(z * z + 1, 1.5) + math.pow(2.0, z)",
    "remainders": "return math.fmod(z, 1.7) + z % 2.3 + z // 0.9",
    "steps": "return z * math.floor(z) + math.ceil(z) * z + math.trunc(z) * int(z)",
    "names": "y = z * z\n    x = y + z\n    y = x * y\n    return x - y",
    "reassigned": "z = z * z\n    z = math.sin(z)\n    return z * z",
    "accumulated": "y = z\n    y *= z\n    y += 1\n    y /= 3\n    y -= z\n    return y",
    "annotated": "y: float = z * z\n    return y",
    "swapped": "x, y = z, z * z\n    x, y = y - x, x * y\n    return x * y",
    "if": "if z > 1:\n        return z**2\n    elif z > -1:\n        y = 3 * z\n    else:\n        y = 1\n    return y",
    "choice": "return math.exp(-z) * z if z > 0 and not z > 2 else z * z if z < -1 or z > 3 else 0.0",
    "choice that needs lines": "return (math.exp(math.sin(z) * z) if z > 0 else 2 / (3 + z * z)) * z",
    "nested calls": "return math.tanh(math.log1p(math.exp(z))) * z",
    "max and min": "return max(z, 0.3 * z, -1) + min(z * z, 2.0) + max(1.0, 2.0)",
    "abs": "return abs(z - 0.1) * z + math.fabs(z * z - 2) + abs(-2)",
    "float": "return float(z) * float(2)",
    "series": "total = 0.0\n    term = 1.0\n    for k in range(1, 12):\n        term = term * z / k\n"
    "        total += term\n    return total",
    "loop with ends": "y = z\n    for k in range(10):\n        if k == 7:\n            break\n        if k % 2 == 1:\n"
    "            continue\n        y = y * 0.5 + z * k\n    return y",
    "while": "y = z * z + 1\n    n = 0\n    while n < 4:\n        y = math.sqrt(y + 1)\n        n += 1\n    return y",
    "newton": "y = 1.0\n    for k in range(30):\n        y = y - (y * y * y + y - z) / (3 * y * y + 1)\n    return y",
    "constants": "return SLOPE * z + math.pi * z * z + math.e",
    "helpers": "return twice(z * z) + blend(z, math.cos(z), 0.3) + twice(2.0)",
    "helpers of helpers": "return outer(z) * outer(2 * z)",
    "renamed math": "return e(-z * z) + m.sin(z)",
    "a step": "return (z > 0) * z * z",
    "two arguments": "return math.atan2(z, 2 + z * z) + math.hypot(z, 3.0) + math.copysign(z * z, z)",
    "a loop variable": "total = 0.0\n    for k in range(5):\n        total += k * z**k\n    return total",
    "a loop variable that gets another value": (
        "total = 0.0\n    for k in range(4):\n        k = k * z\n        total += math.sin(k)\n    return total"
    ),
    "names of ours": "t1 = z * z\n    d_z = t1 * z\n    a = d_z + 1\n    return a * t1 * math.exp(z * 0.1)",
}
PRELUDE = """\
import math
import math as m
from math import exp as e

SLOPE = 3

def twice(x):
    return 2 * x * x

def blend(x, y, share):
    if x > y:
        return share * x + (1 - share) * y
    return x * y

def outer(x):
    return twice(x) + x

"""


@pytest.mark.parametrize("body", FORMULAS.values(), ids=FORMULAS.keys())
def test_the_language_is_derived(write, body):
    check(write(f"{PRELUDE}def f(z):\n    {body}\n"))


@pytest.mark.parametrize("body", FORMULAS.values(), ids=FORMULAS.keys())
def test_what_is_derived_is_written_plainly(write, body):
    """It is a formula like any other: one that can be translated."""
    function = derive_slope(write(f"{PRELUDE}def f(z):\n    {body}\n"))
    assert support.translate(function).source
    assert source_of(function).count("def ") >= 1


def test_all_of_them_compile_and_mean_the_same(write):
    """One unit each would be too many kernels: their sum is one activation."""
    bodies = [text for name, text in FORMULAS.items() if name not in ("steps", "remainders")]
    parts = "\n\n".join(f"def part{k}(z):\n    {body}" for k, body in enumerate(bodies))
    terms = " + ".join(f"part{k}(z)" for k in range(len(bodies)))
    record = Activation("all", write(f"{PRELUDE}{parts}\n\ndef f(z):\n    return {terms}\n"))
    z = np.array([-1.6, -0.35, 0.45, 1.9], np.float32)
    net = support.network(1, [support.Dense(4, record)], "mae")
    rows = support.Rows(np.zeros((1, 1), np.float32), np.full((1, 4), 1e6), np.zeros(0, np.int32), "none")
    gradients = []
    for backend in support.BACKENDS:
        bench = backend.make(net, support.training())
        bench.parameters[:] = [0.0] * 4 + z.tolist()
        gradients.append(bench.gradients(rows)[1])
    assert support.error(gradients[1], gradients[0]) < 1e-5
    expected = [support.slope(lambda at: value(record.f, at), float(at)) for at in z]
    np.testing.assert_allclose(-4 * gradients[0][4:], expected, rtol=1e-8)


DOMAINS = {"acosh": (1.1, 5.0), "acos": (-0.9, 0.9), "asin": (-0.9, 0.9), "atanh": (-0.9, 0.9), "tan": (-1.2, 1.2)}
POSITIVE = {"log", "log10", "log1p", "log2", "sqrt"}


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule(write, name):
    low, high = DOMAINS.get(name, (0.1, 5.0) if name in POSITIVE else (-2.0, 2.0))
    function = write(f"import math\n\ndef f(z):\n    return math.{name}(z)\n")
    check(function, np.linspace(low, high, 41))
    chained = write(f"import math\n\ndef f(z):\n    return z * math.{name}(z) / (1 + z * z)\n")
    check(chained, np.linspace(low, high, 41))


def test_the_rules_cover_the_language():
    special = {"atan2", "copysign", "fabs", "fmod", "hypot", "pow"}
    assert set(RULES) | FLAT | special == MATH_FUNCTIONS


@given(st.floats(-3.0, 3.0), st.floats(0.2, 3.0))
def test_parameters_are_constants(z, beta):
    swish = support.BUILTINS.activations.get("swish").f
    expected = support.slope(lambda at: value(swish, at, beta), z)
    assert derived(swish, [z], beta)[0] == pytest.approx(expected, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("record", [record for record in SCALAR if record.params], ids=lambda record: record.name)
def test_with_respect_to_a_parameter(record):
    """What learning it needs."""
    names = list(record.params)
    for place, name in enumerate(names, 1):
        slope = derive_partial(record.f, place)
        assert slope.__name__ == f"{record.f.__name__}_derivative_{name}"
        for z in (-2.3, -0.4, 0.7, 3.1):
            values = [1.1 * default for default in record.params.values()]

            def varied(at, z=z, values=values, place=place):
                return value(record.f, z, *values[: place - 1], at, *values[place:])

            found = float(uncompiled(slope)(z, np.nan, *values))
            assert found == pytest.approx(support.slope(varied, values[place - 1]), rel=1e-8, abs=1e-8)


# Kinks and overflow -----------------------------------------------------------------------------------------


KINKS = {
    # As PyTorch's relu, relu6, hardtanh, abs and softshrink, and the built-in activations.
    "max(z, 0.0)": 0.0,
    "max(0.0, z)": 0.0,
    "max(-z, 0.0)": 0.0,
    "min(z, 0.0)": 0.0,
    "min(0.0, z)": 0.0,
    "min(max(z, 0.0), 6.0)": 0.0,
    "max(min(z + 6.0, 6.0), 0.0)": 0.0,
    "max(z - 0.5, -0.5)": 0.0,
    "max(z, LOW)": 0.0,
    "max(z, 0.0) ** 2": 0.0,
    "max(z, 0.0) * 3.0 + max(2.0 * z, 0.0)": 0.0,
    "abs(z)": 0.0,
    "-abs(z)": 0.0,
    "math.fabs(3.0 * z)": 0.0,
    "abs(2 * z) - abs(z)": 0.0,
    "abs(z) * abs(z)": 0.0,
    "z + abs(z)": 1.0,
    "max(z - 0.5, 0.0) + min(z + 0.5, 0.0)": 0.0,
    # Smooth, though written with kinks.
    "max(z, 0.0) + math.log1p(math.exp(-abs(z)))": 0.5,
    "math.log1p(math.exp(-math.fabs(z))) - min(0.0, -z)": 0.5,
    "max(z, 0.0) + min(0.0, math.exp(z) - 1.0)": 1.0,
    "max(z, 0.0) + min(2.0 * math.expm1(z / 2.0), 0.0)": 1.0,
    "max(z, 0.0) + min(0.0, z)": 1.0,
    "max(z, 0.0) - max(-z, 0.0)": 1.0,
    "positive(z) + math.log1p(math.exp(-size(z)))": 0.5,
    "positive(z)": 0.0,
    "size(z) * positive(3.0)": 0.0,
    "z / (1.0 + abs(z))": 1.0,
    # Equals that both vary: half of each.
    "max(z, 3.0 * z)": 2.0,
    "min(z, 2.0 * z, 4.0 * z)": 2.75,
}


@pytest.mark.parametrize(("body", "expected"), KINKS.items())
def test_at_a_kink_a_derivative_follows_pytorch_and_the_built_ins(write, body, expected):
    helpers = "def positive(x):\n    return max(x, 0.0)\n\ndef size(x):\n    return abs(x)\n\n"
    function = write(f"import math\n\nLOW = 0.0\n\n{helpers}def f(z):\n    return {body}\n")
    assert derived(function, [0.0])[0] == expected
    if math.isnan(value(function, math.nan)):  # not hidden by a slope of 0
        assert derived(function, [math.nan])[0] != 0.0


@pytest.mark.parametrize("record", [record for record in SCALAR if record.kinks], ids=lambda record: record.name)
def test_kinks_of_built_ins(record):
    params = tuple(record.params.values())
    z = np.array(record.kinks)
    expected = apply(record.df, z, apply(record.f, z, params=params), params=params)
    if record.name != "relu":  # a branch, which is derived as it is taken
        assert derived(record.f, z, *params).tolist() == expected.tolist()


POWERS = {
    "total = 0.0\n    for j in range(4):\n        total += 0.3 * z ** j\n    return total": 0.3,
    "total = 0.0\n    for j in range(1, 9, 2):\n        total += math.pow(z, j) / j\n    return total": 1.0,
    "return z**0 + z**1 + z**2": 1.0,
    "return z ** POWER + z": 1.0,
    "return z ** p + 2.0 * z ** (p + 1.0)": 2.0,
    "return power(z, 0) + power(z, 1)": 1.0,
    "return abs(z) ** 2.5": 0.0,
    "return (1.0 + z) ** (2.0 * z) + max(z, 0.0) ** (z + 2.0)": 0.0,
}


@pytest.mark.parametrize(("body", "expected"), POWERS.items())
def test_a_whole_power_has_a_derivative_everywhere(write, body, expected):
    prelude = "import math\n\nPOWER = 3\n\ndef power(x, n):\n    return x ** n\n\n"
    function = write(f"{prelude}def f(z, p):\n    {body}\n")
    for zero in (0.0, -0.0):
        assert derived(function, [zero], 0.0)[0] == expected


def test_a_branch_is_derived_as_it_is_taken(write):
    function = write("def f(z):\n    return z if z > 0.0 else 0.0\n")
    assert derived(function, [0.0, 1.0]).tolist() == [0.0, 1.0]


def test_mish_as_in_the_paper_is_finite_everywhere(write):
    function = write("import math\n\ndef f(z):\n    return z * math.tanh(math.log1p(math.exp(z)))\n")
    slopes = derived(function, [-1e4, -800.0, -100.0, 100.0, 800.0, 1e4])
    np.testing.assert_allclose(slopes, [0, 0, 0, 1, 1, 1], atol=1e-30)


def test_a_wrong_value_is_not_hidden(write):
    """log(1 + exp(z)) overflows, and its derivative says so rather than giving a plausible number."""
    function = write("import math\n\ndef f(z):\n    return math.log1p(math.exp(z))\n")
    assert math.isnan(derived(function, [1e4])[0])


# Losses -----------------------------------------------------------------------------------------------------

VALUES = {
    "weighted": "s = 0.0\n    for k in range(len(a)):\n        s += (k + 1) * (a[k] - y[k])**2\n    return s",
    "neighbors": "s = 0.0\n    for k in range(1, len(a)):\n        s += a[k] * a[k - 1] * y[k]\n    return s",
    "ends": "return a[0] * a[0] - a[len(a) - 1] * y[0]",
    "with helpers": "return distance(a, y) / len(a) + square(a[0])",
    "largest": "best = a[0]\n    for k in range(1, len(a)):\n        best = max(best, a[k])\n    return best * best",
}
HELPERS = """\
def square(x):
    return x * x

def distance(row, target):
    total = 0.0
    for k in range(len(row)):
        total += square(row[k] - target[k])
    return total

"""


@pytest.mark.parametrize("body", VALUES.values(), ids=VALUES.keys())
def test_losses_are_derived(write, body):
    function = write(f"{HELPERS}def f(a, y):\n    {body}\n")
    check_gradient(function, np.random.default_rng(0).normal(size=4))


def check_gradient(function, y, *params):
    random = np.random.default_rng(1)
    for _ in range(5):
        a = random.normal(size=4)
        found = np.full(4, np.nan)
        uncompiled(derive_gradient(function))(a, y, found, *params)
        for k in range(4):

            def moved(at, a=a, k=k):
                return float(uncompiled(function)(np.where(np.arange(4) == k, at, a), y, *params))

            assert found[k] == pytest.approx(support.slope(moved, a[k]), rel=1e-8, abs=1e-8)


def test_a_class_index_reaches_helpers(write):
    """On every backend: the index stays one, however deep."""
    text = """
        import math

        def chosen(row, index):
            return row[index]

        def total(row):
            found = 0.0
            for k in range(len(row)):
                found += math.exp(row[k])
            return found

        def f(a, y, sharpness):
            return sharpness * (math.log(total(a)) - chosen(a, y))
        """
    function = write(text)
    check_gradient(function, 2, 1.5)
    record = Loss("mine", function, targets="classes", params={"sharpness": 1.5})
    net, rows = support.network(3, [support.Dense(4, "tanh")], record), support.rows(6, 3, 4)
    results = [backend.make(net, support.training(), seed=1).gradients(rows)[1] for backend in support.BACKENDS]
    assert support.error(results[1], results[0]) < 1e-5


def test_a_derived_loss_trains_one_output_side_by_side(write):
    """The lanes of small networks too."""
    function = write(
        "def f(a, y, p):\n    s = 0.0\n    for k in range(len(a)):\n        s += abs(a[k] - y[k])**p\n    return s\n"
    )
    given = Loss("given", function, params={"p": 1.5})
    net, rows = support.network(3, [support.Dense(4, "tanh"), support.Dense(1)], given), support.rows(8, 3, 1)
    results = []
    for backend in support.BACKENDS:
        bench = backend.make(net, support.training(batch=4), seed=1)
        for epoch in range(3):
            bench.train_epoch(rows, epoch)
        results.append(bench.parameters)
    assert support.error(results[1], results[0]) < 1e-5


# What cannot be derived -------------------------------------------------------------------------------------

REFUSED = {
    "numpy": "import numpy as np\n\ndef f(z):\n    return np.exp(z)  # here\n",
    "recursion": "def g(x):  # here\n    return g(x - 1) if x > 1 else x\n\ndef f(z):\n    return g(z)\n",
    "two results": "def g(x):\n    return x, x  # here\n\ndef f(z):\n    a, b = g(z), 1\n    return a\n",
    "a list": "def f(z):\n    y = [z]  # here\n    return z\n",
    "an inner function": "def f(z):\n    def g(x):  # here\n        return x\n    return g(z)\n",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_refusals_name_the_line(write, text):
    function = write(text)
    line = next(number for number, part in enumerate(text.splitlines(), 1) if "# here" in part)
    with pytest.raises(PluginError) as caught:
        derive_slope(function)
    assert caught.value.message.startswith(f"{function.__code__.co_filename}:{line}: in ")
    assert caught.value.hint.startswith("Instead: ")


def test_written_derivatives_are_left_alone(write):
    function = write("def f(z):\n    return z\n")
    by_hand = write("def f(z, a):\n    return 7.0\n")
    assert Activation("x", function, by_hand).derivative is by_hand
    assert source_of(by_hand) == ""


def test_the_text_can_be_read(write):
    swish = support.BUILTINS.activations.get("swish").f
    assert source_of(derive_slope(swish)) == textwrap.dedent(
        """\
        def swish_derivative(z, a, beta):
            t1 = -beta
            t2 = t1 * z
            t3 = math.exp(t2)
            t4 = 1.0 + t3
            t5 = z / t4
            return (1.0 - (0.0 if t5 == 0.0 else t5 * (t3 * t1))) / t4
        """
    )
