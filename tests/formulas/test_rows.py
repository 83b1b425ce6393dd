"""Sums, extremes, order and loops over rows, and tuples of numbers: the same on every target, or refused in words."""

import importlib.util
import json
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import support
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import neurosim
from neurosim.backends.uncompiled import machine_math, uncompiled
from neurosim.errors import PluginError
from neurosim.formulas import rows
from neurosim.formulas.derivatives import derive_gradient, derive_slope
from neurosim.formulas.javascript import Script

PACKAGE = Path(neurosim.__file__).parent
PRELUDE = """\
import math

from neurosim import argmax, argmin

TABLE = (0.5, -1.0, 4.0, 2.0)
COUNTS = (3, 1, 2)
SEVERAL = [1.0, 2.0]

def shifted(row, by):
    return sum(v - by for v in row)

def entry(row, k):
    return row[k]

def next_to(row, k):
    return entry(row, k) * entry(row, k - 1)

def filled(row, out):
    for k, v in enumerate(row):
        out[k] = v * v

"""
# What a loss of the rows a and y returns, and the same in NumPy.
VALUES = {
    "return sum(a)": lambda a, y: a.sum(),
    "return max(a) - min(a)": lambda a, y: a.max() - a.min(),
    "return a[argmax(a)] * y[argmin(a)]": lambda a, y: a.max() * y[a.argmin()],
    "k = argmax(y)\n    return a[k] + k": lambda a, y: a[y.argmax()] + y.argmax(),
    "s = sorted(a)\n    return s[0] + 2 * s[1] + 3 * s[-1]": lambda a, y: np.sort(a)[[0, 1, -1]] @ [1, 2, 3],
    "s = sorted(a, reverse=True)\n    return s[0] + 2 * s[1]": lambda a, y: np.sort(a)[::-1][:2] @ [1, 2],
    "s = sorted(a)\n    return sum(k * v for k, v in enumerate(s)) / len(s)": lambda a, y: (
        np.arange(a.size) @ np.sort(a) / a.size
    ),
    "top = max(a)\n    return math.log(sum(math.exp(v - top) for v in a)) + top": lambda a, y: np.logaddexp.reduce(a),
    "return sum(v * w for v, w in zip(a, y, strict=True))": lambda a, y: a @ y,
    "return sum([abs(v - w) for v, w in zip(a, y) if v > w])": lambda a, y: np.maximum(a - y, 0).sum(),
    "return max(v * w for v, w in zip(a, y)) + min(-v for v in a)": lambda a, y: (a * y).max() - a.max(),
    "return sum(u * w for u in a for w in y)": lambda a, y: np.outer(a, y).sum(),
    "return sum(sum(v * w for w in y) for v in a)": lambda a, y: np.outer(a, y).sum(),
    "return sum(a[k] * a[k - 1] for k in range(1, len(a)))": lambda a, y: a[1:] @ a[:-1],
    "t = 0.0\n    for v in a:\n        t += v * v\n    return t": lambda a, y: a @ a,
    "t = 0.0\n    for k, (v, w) in enumerate(zip(a, y)):\n        t += k * v * w\n    return t": lambda a, y: (
        np.arange(a.size) @ (a * y)
    ),
    "t = 0.0\n    for v in reversed(a):\n        t = 0.5 * t + v\n    return t": lambda a, y: (
        0.5 ** np.arange(a.size) @ a
    ),
    "t = 0.0\n    for v in a:\n        if v < 0.0:\n            continue\n        t += v\n    return t": lambda a, y: (
        np.maximum(a, 0).sum()
    ),
    "return shifted(a, 0.25) - shifted(y, a[0])": lambda a, y: (a - 0.25).sum() - (y - a[0]).sum(),
    "return sum(next_to(a, k) for k in range(1, len(a)))": lambda a, y: a[1:] @ a[:-1],
    "return TABLE[1] * a[0] + TABLE[-1] * y[0]": lambda a, y: -a[0] + 2 * y[0],
    "return sum(c * a[0]**k for k, c in enumerate(TABLE))": lambda a, y: np.polyval([2.0, 4.0, -1.0, 0.5], a[0]),
    "return sum(c * v for c, v in zip(TABLE, a))": lambda a, y: np.array([0.5, -1, 4, 2])[: a.size] @ a[:4],
    "return TABLE[int(3.0 * abs(math.tanh(a[0])))]": lambda a, y: np.array([0.5, -1.0, 4.0, 2.0])[
        int(3 * abs(math.tanh(a[0])))
    ],
    "return TABLE[min(argmax(a), 3)]": lambda a, y: [0.5, -1.0, 4.0, 2.0][min(a.argmax(), 3)],
    "return TABLE[COUNTS[0]] + sum(TABLE) + max(COUNTS) + len(TABLE)": lambda a, y: 2.0 + 5.5 + 3 + 4,
}
IDS = [text.splitlines()[-1].strip() for text in VALUES]


@pytest.fixture
def write(tmp_path):
    """A module from its text."""

    def make(text):
        path = tmp_path / f"formulas_{len(list(tmp_path.iterdir()))}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return make


@pytest.fixture
def loss(write):
    def make(body, arguments="a, y"):
        return write(f"{PRELUDE}def f({arguments}):\n    {body}\n").f

    return make


def in_float32(function, *kinds, results=1):
    """The translated function, run by Python."""
    translator = support.Translator()
    name = translator.add(function, kinds, results)
    names = {"F": np.float32, "math": machine_math, "scalar": lambda f: f, "scratch": lambda n: np.empty(n, np.float32)}
    exec(translator.source, names)
    return names[name]


@pytest.mark.parametrize(("body", "expected"), VALUES.items(), ids=IDS)
def test_values_are_those_of_numpy(loss, body, expected):
    random = np.random.default_rng(1)
    function = loss(body)
    translated = in_float32(function, "row", "row")
    for size in (2, 3, 4, 17) if "TABLE, a" not in body else (3, 4):
        a, y = random.normal(size=(2, size))
        assert uncompiled(function)(a, y) == pytest.approx(expected(a, y), rel=1e-12)
        with np.errstate(all="ignore"):
            found = translated(a.astype(np.float32), y.astype(np.float32))
        assert found == pytest.approx(expected(a, y), rel=2e-5, abs=1e-5)


@pytest.mark.parametrize("body", VALUES, ids=IDS)
def test_gradients_are_worked_out(loss, body):
    function = loss(body)
    random = np.random.default_rng(2)
    gradient = uncompiled(derive_gradient(function))
    a, y = random.normal(size=(2, 4))
    found = np.full(4, np.nan)
    gradient(a, y, found)
    for k in range(4):

        def moved(at, k=k):
            return float(uncompiled(function)(np.where(np.arange(4) == k, at, a), y))

        assert found[k] == pytest.approx(support.slope(moved, a[k], 1e-5), rel=1e-6, abs=1e-6)


def test_the_page_computes_the_same(loss):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    script = Script()
    a, y = np.random.default_rng(3).normal(size=(2, 4))
    names = {script.add(loss(body)): function for body, function in VALUES.items()}
    text = (PACKAGE / "report" / "assets" / "lacking.js").read_text()
    calls = ", ".join(f"FORMULAS.{name}({a.tolist()}, {y.tolist()})" for name in names)
    done = subprocess.run([node, "-e", f"{text}\n{script.source}\nconsole.log(JSON.stringify([{calls}]))"],
                          check=True, capture_output=True, text=True)  # fmt: skip
    np.testing.assert_allclose(json.loads(done.stdout), [function(a, y) for function in names.values()], rtol=1e-12)


# NaN and order -----------------------------------------------------------------------------------------------

NUMBERS = st.floats(width=32, allow_subnormal=False)


@given(arrays(np.float64, st.integers(1, 40), elements=NUMBERS))
def test_rows_with_nan_and_infinity(row):
    """As NumPy has it: extremes keep NaN, and in ascending order NaN comes last."""
    np.testing.assert_array_equal(rows.largest(row), row.max())
    np.testing.assert_array_equal(rows.smallest(row), row.min())
    assert (rows.argmax(row), rows.argmin(row)) == (row.argmax(), row.argmin())
    for descending in (False, True):
        ordered = np.zeros(row.size)
        rows.put_in_order(row, ordered, float(descending))
        np.testing.assert_array_equal(ordered, np.sort(row)[:: -1 if descending else 1])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return max(a)", math.nan),
        ("return min(v for v in a)", math.nan),
        ("return sum(a)", math.nan),
        ("s = sorted(a)\n    return s[0]", 1.0),
        ("s = sorted(a)\n    return s[2]", math.nan),
        ("s = sorted(a, reverse=True)\n    return s[0]", math.nan),
        ("return argmax(a)", 1.0),
        ("return max(a[k] for k in range(2, 2))", -math.inf),
        ("return TABLE[int(a[0] + 3.0)]", math.nan),
        ("return TABLE[int(a[0] - 1.0)]", 0.5),
    ],
)
def test_nan_and_nothing_are_the_same_everywhere(loss, body, expected):
    row, function = [1.0, math.nan, 3.0], loss(body, "a")
    found = [uncompiled(function)(np.array(row)), in_float32(function, "row")(np.array(row, np.float32))]
    np.testing.assert_array_equal(found, [expected, expected])


def test_a_table_is_interpolated_and_nan_goes_through(write):
    module = write(
        "import math\n\nTABLE = (0.0, 1.0, 4.0, 9.0)\n\ndef f(z):\n    x = min(max(z, 0.0), 2.999)\n"
        "    k = int(math.floor(x))\n    return TABLE[k] + (x - k) * (TABLE[k + 1] - TABLE[k])\n"
    )
    z = np.array([-1.0, 0.25, 1.5, 2.25, 8.0])
    np.testing.assert_allclose([uncompiled(module.f)(at) for at in z], [0.0, 0.25, 2.5, 5.25, 8.995])
    slopes = [uncompiled(derive_slope(module.f))(at, np.float64(0)) for at in z]
    np.testing.assert_allclose(slopes, [0.0, 1.0, 3.0, 5.0, 0.0])
    with np.errstate(all="ignore"):
        assert math.isnan(uncompiled(module.f)(np.float64(math.nan)))


# Refusals ----------------------------------------------------------------------------------------------------

REFUSED = {
    "return TABLE[4]": "TABLE has 4 entries, there is no TABLE[4]",
    "return TABLE[-5]": "TABLE has 4 entries, there is no TABLE[-5]",
    "return SEVERAL[0]": "SEVERAL is a list",
    "return 2.0 * TABLE": "the tuple TABLE is used as a number",
    "return TABLE[a[0]]": "a[0] is not an integer",
    "k = 0.5 * a[0]\n    return TABLE[k]": "k may hold a number that is not whole",
    "return sum(a[0])": "sum(a[0]) cannot be compiled",
    "x = a[0]\n    return sum(x)": "sum(x) needs a row, and x is a number",
    "x = a[0]\n    return max(x)": "max(x) needs a row, and x is a number",
    "return sum(a, 1.0)": "sum(a, 1.0) cannot be compiled",
    "return max(a, 0.0)": "the row a is used as a number",
    "return max(v for v in a if v > 0.0)": "max of numbers with an if may have nothing to choose from",
    "return sum(a * a for a in a)": "a means two things",
    "return sorted(a)[0]": "a sorted row needs a name",
    "a = sorted(a)\n    return a[0]": "the row a is assigned to",
    "s = sorted(a, key=abs)\n    return s[0]": "sorted with key=abs cannot be compiled",
    "x = a[0]\n    s = sorted(x)\n    return s[0]": "x is a number, not a row",
    "s = sorted(a)\n    s = 1.0\n    return s": "the row s is assigned to",
    "for v in a[0]:\n        pass\n    return 0.0": "a[0] cannot be looped over",
    "for v, w in a:\n        pass\n    return 0.0": "(v, w) does not fit what the loop goes through",
    "for v in zip(a, range(3)):\n        pass\n    return 0.0": "range(3) cannot be looped over",
    "for v in a:\n        pass\n    else:\n        pass\n    return 0.0": "for ... else cannot be compiled",
    "return filled(a, y)": "filled returns nothing",
    "shifted(a, 1.0)\n    return 0.0": "a value is returned",
    "return sum(v.real for v in a)": "v.real cannot be compiled",
}


@pytest.mark.parametrize(("body", "what"), REFUSED.items(), ids=[text.splitlines()[-1].strip() for text in REFUSED])
def test_what_is_refused_names_the_line(loss, body, what):
    function = loss(body)
    with pytest.raises(PluginError) as caught:
        support.Translator().add(function, ("row", "row"), 1)
    assert what in caught.value.message
    line = int(caught.value.message.split(":")[1])
    assert line > 7, caught.value.message
    assert caught.value.hint.startswith("Instead: ")


def test_an_error_inside_a_sum_names_the_authors_function(loss):
    with pytest.raises(PluginError, match=r"in f: math\.gamma cannot be compiled"):
        support.Translator().add(loss("return sum(math.gamma(v) for v in a)"), ("row", "row"), 1)
