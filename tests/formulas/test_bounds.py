"""Which indices and loops are checked while a formula runs: none that can be shown to be right, all others."""

import importlib.util
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.errors import PluginError
from neurosim.formulas.cost import check_cost
from neurosim.formulas.float32 import Translator
from neurosim.formulas.reader import read

UNCHECKED = {
    "every entry": "for k in range(len(z)):\n        a[k] = z[k]",
    "another row of the same length": "for k in range(len(a)):\n        a[k] = z[k]",
    "the first and the last": "a[0] = z[-1]",
    "the last by its number": "a[len(a) - 1] = z[len(z) - 1]",
    "by a name": "n = len(z)\n    last = n - 1\n    a[last] = z[0]",
    "but the first": "for k in range(1, len(z)):\n        a[k] = z[k - 1]",
    "but the last": "for k in range(len(z) - 1):\n        a[k] = z[k + 1]",
    "pairs": "for i in range(len(z)):\n        for j in range(i + 1, len(z)):\n            a[i] = z[j]",
    "backwards": "for k in range(len(z) - 1, -1, -1):\n        a[k] = z[len(z) - 1 - k]",
    "around": "for k in range(len(z)):\n        a[k] = z[(k + 1) % len(z)]",
    "every other": "for k in range(0, len(z), 2):\n        a[k] = z[k // 2]",
    "the middle": "a[0] = z[len(z) // 2]",
    "the largest so far": "best = 0\n    for k in range(len(z)):\n        if z[k] > z[best]:\n            best = k",
    "bubbles": (
        "for i in range(len(a)):\n        for j in range(len(a) - 1 - i):\n            a[j], a[j + 1] = a[j + 1], a[j]"
    ),
    "rounds that are counted": "x = 0.0\n    for k in range(20):\n        x = x * z[0] + k\n    a[0] = x",
}
CHECKED = {
    "beyond the end": "for k in range(len(z)):\n        a[k] = z[k + 1]",
    "before the start": "for k in range(len(z)):\n        a[k] = z[k - 1]",
    "a fixed entry": "a[1] = z[0]",
    "from the end": "a[-2] = z[0]",
    "one too many": "for k in range(len(z) + 1):\n        a[k] = 0.0",
    "depending on the numbers": "a[0] = z[int(z[0])]",
    "a name that grows": "k = 0\n    for i in range(len(z)):\n        a[k] = z[i]\n        k += 1",
    "a variable that is changed": "for k in range(len(z)):\n        k = k + 1\n        a[k] = 0.0",
    "rows of other lengths": "for k in range(5):\n        a[k] = z[k]",
    "far away": "for k in range(len(z)):\n        a[k + 100000000] = 1.0",
    "a product that overflows": "for k in range(len(z)):\n        a[k * 2147483647 * 2147483647 * 8] = 0.0",
    "a while": "x = 1.0\n    while x > z[0]:\n        x = x / 2.0\n    a[0] = x",
    "rounds by the numbers": "for k in range(int(z[0])):\n        a[0] = 1.0",
    "several at once": "k = int(z[0])\n    a[0], a[k] = z[k], z[0]",
}


@pytest.fixture
def write(tmp_path):
    """A module from source text, as a plugin file would be."""
    numbers = itertools.count()

    def make(text):
        path = tmp_path / f"plugin_{next(numbers)}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return make


def guards(write, body):
    """The checks that a function from a row z to a row a is printed with, but for one that fills a beforehand."""
    translator = Translator()
    translator.add(write(f"def f(z, a):\n    {body}\n").f, ["row", "row"], 0)
    return translator.guards - {"unset"}


@pytest.mark.parametrize("body", UNCHECKED.values(), ids=UNCHECKED.keys())
def test_what_can_be_shown_to_be_right_is_not_checked(write, body):
    assert not guards(write, body)


@pytest.mark.parametrize("body", CHECKED.values(), ids=CHECKED.keys())
def test_all_else_is(write, body):
    assert guards(write, body)


def test_the_class_of_a_row_is_one_of_its_indices(write):
    module = write(
        "def f(a, y):\n    return a[y]\n\ndef g(a, y):\n    return a[y + 1]\n\ndef h(a, y):\n    return f(a, y)\n"
    )
    for name, checked in (("f", False), ("g", True), ("h", False)):
        translator = Translator()
        translator.add(getattr(module, name), ["row", "class"], 1)
        assert bool(translator.guards) == checked, name


def test_what_a_helper_is_given_is_not_taken_for_an_index(write):
    module = write("def entry(a, k):\n    return a[k]\n\ndef f(a):\n    return entry(a, 7)\n")
    translator = Translator()
    translator.add(module.f, ["row"], 1)
    assert "checked_entry" in translator.guards


FILLED = {
    "in a loop": "for k in range(len(z)):\n        a[k] = z[k]",
    "after another loop": (
        "x = 0.0\n    for k in range(len(z)):\n        x += z[k]\n    for k in range(len(a)):\n        a[k] = x"
    ),
    "on both sides": (
        "for k in range(len(z)):\n        if z[k] > 0.0:\n            a[k] = 1.0\n        else:\n            a[k] = 0.0"
    ),
    "and then changed": "for k in range(len(z)):\n        a[k] = z[k]\n    a[0] = a[0] + 1.0",
}
NOT_FILLED = {
    "but one": "for k in range(1, len(z)):\n        a[k] = z[k]",
    "some": "for k in range(len(z)):\n        if z[k] > 0.0:\n            a[k] = z[k]",
    "until it breaks": "for k in range(len(z)):\n        a[k] = z[k]\n        if z[k] > 0.0:\n            break",
    "or left": "if z[0] > 0.0:\n        return\n    for k in range(len(z)):\n        a[k] = z[k]",
    "read before": "for k in range(len(z)):\n        a[k] = a[k] + z[k]",
    "added to": "for k in range(len(z)):\n        a[k] += z[k]",
    "another entry": "for k in range(len(z)):\n        j = k // 2\n        a[j] = z[k]",
}


@pytest.mark.parametrize(
    ("body", "filled"), [*((b, True) for b in FILLED.values()), *((b, False) for b in NOT_FILLED.values())]
)
def test_a_row_that_may_not_be_filled_starts_as_nan(write, body, filled):
    translator = Translator()
    translator.add(write(f"def f(z, a):\n    {body}\n").f, ["row", "row"], 0)
    assert ("unset" in translator.guards) != filled


@pytest.mark.parametrize(("count", "filled"), [("len(a)", True), ("len(y)", False), ("min(len(a), len(y))", False)])
def test_a_row_is_not_filled_as_far_as_a_shorter_one_goes(write, count, filled):
    translator = Translator()
    module = write(f"def f(a, y, da):\n    for k in range({count}):\n        da[k] = a[k]\n")
    translator.add(module.f, ["row", "short", "row"], 0)
    assert ("unset" in translator.guards) != filled


# Whatever the expression: what is not checked never leaves the row.
LEAVES = st.sampled_from(["k", "j", "0", "1", "2", "3", "len(z)"])
INTEGERS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda left, sign, right: f"({left} {sign} {right})", inner, st.sampled_from(["+", "-", "*", "//", "%"]), inner
    ),
    max_leaves=5,
)


@settings(max_examples=300)
@given(
    start=INTEGERS.filter(lambda text: "k" not in text and "j" not in text),
    end=INTEGERS,
    step=st.sampled_from([1, 2, -1]),
    index=INTEGERS,
)
def test_no_unchecked_index_leaves_its_row(tmp_path_factory, start, end, step, index):
    end = end.replace("k", "1")
    text = (
        "def f(z, j):\n    total = 0.0\n"
        f"    for k in range({start}, {end}, {step}):\n        total += z[{index}]\n    return total\n"
    )
    path = tmp_path_factory.mktemp("bounds") / "plugin.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("plugin", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    translator = Translator()
    translator.add(module.f, ["row", "class"], 1)
    if "checked_entry" in translator.guards:
        return
    for n in range(1, 7):
        for j in range(n):
            names = {"len": len, "z": [0] * n, "j": j}
            try:
                for k in itertools.islice(eval(f"range({start}, {end}, {step})", names), 50):
                    place = eval(index, {**names, "k": k})
                    # A negative number that is written out counts from the end.
                    assert 0 <= place < n or (place == -1 and "k" not in index and "j" not in index), (n, j, k)
            except ZeroDivisionError:
                pass


# How long a call can take -----------------------------------------------------------------------------------

HELPERS = (
    "\n\n".join(f"def g{k}(z):\n    return " + " + ".join([f"g{k + 1}(z)"] * 4) for k in range(12))
    + "\n\ndef g12(z):\n    return z\n\ndef g(z):\n    return g0(z)\n"
)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("for i in range(100000000):\n        for j in range(100000000):\n            z = z + 1.0", "operations"),
        ("z = g(z)", "parts"),
    ],
)
def test_what_would_take_forever_is_refused(write, body, why):
    module = write(f"{HELPERS}\n\ndef f(z):\n    {body}\n    return z\n")
    with pytest.raises(PluginError, match=why):
        Translator().add(module.f, ["number"], 1)


def test_wide_rows_may_take_long_too(write):
    loops = "".join(f"{'    ' * (at + 1)}for {name} in range(len(a)):\n" for at, name in enumerate("ijk"))
    text = f"def f(a, y):\n    total = 0.0\n{loops}                total += a[i] * a[j] * a[k]\n    return total\n"
    formula = read(write(text).f)
    check_cost(formula, units=10)
    with pytest.raises(PluginError, match="for a row of 5000"):
        check_cost(formula, units=5000)


# Values -----------------------------------------------------------------------------------------------------

WITHOUT = {
    "on one side only": "if z > 0.0:\n        y = z\n    return y  # here",
    "in a loop that may not run": "for k in range(int(z)):\n        y = z\n    return y  # here",
    "after a while": "while z > 1.0:\n        y = z\n        z = z / 2.0\n    return y  # here",
    "from the last round": (
        "for k in range(3):\n        if k > 0:\n            z = z + y  # here\n        y = z\n    return z"
    ),
}
WITH = {
    "on both sides": "if z > 0.0:\n        y = z\n    else:\n        y = 1.0\n    return y",
    "one side returns": "if z > 0.0:\n        y = z\n    else:\n        return 1.0\n    return y",
    "in a loop that runs": "for k in range(3):\n        y = z * k\n    return y",
    "when a loop is left": (
        "while True:\n        y = z\n        if z < 1.0:\n            break\n        z = z / 2.0\n    return y"
    ),
}


@pytest.mark.parametrize("body", WITHOUT.values(), ids=WITHOUT.keys())
def test_a_name_without_a_value_is_refused(write, body):
    text = f"def f(z):\n    {body}\n"
    line = next(number for number, part in enumerate(text.splitlines(), 1) if "# here" in part)
    with pytest.raises(PluginError, match=f":{line}: in f: y has no value on some path to here"):
        Translator().add(write(text).f, ["number"], 1)


@pytest.mark.parametrize("body", WITH.values(), ids=WITH.keys())
def test_a_name_with_a_value_on_every_path_is_not(write, body):
    assert Translator().add(write(f"def f(z):\n    {body}\n").f, ["number"], 1)


SHORTER = {
    "every entry of the longer one": "for k in range(len(a)):\n        total += y[k]",
    "what is sorted of it": "s = sorted(y)\n    for k in range(len(a)):\n        total += s[k]",
    "an entry that the longer one has": "total = y[-1] + y[len(a) - 1]",
    "in another function": "total = inner(a, y)",
    "beyond it in the longer one": "for k in range(len(y)):\n        total += a[len(y) + k]",
}
WITHIN = {
    "as many of the longer one": "for k in range(len(y)):\n        total += a[k]",
    "the longer one": "for k in range(len(a)):\n        total += a[k]",
}
INNER = "def inner(a, y):\n    found = 0.0\n    for k in range(len(a)):\n        found += y[k]\n    return found\n\n"


@pytest.mark.parametrize(
    ("body", "checked"), [*((body, True) for body in SHORTER.values()), *((body, False) for body in WITHIN.values())]
)
def test_a_row_may_be_shorter_than_the_others(write, body, checked):
    function = write(f"{INNER}def f(a, y):\n    total = 0.0\n    {body}\n    return total\n").f
    translator = Translator()
    translator.add(function, ["row", "short"], 1)
    assert ("checked_entry(" in translator.source) == checked
