"""Formulas for whole arrays: the same numbers as entry by entry, and no more text than is needed."""

import importlib.util
import math
import textwrap

import numpy as np
import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from neurosim.backends.uncompiled import uncompiled
from neurosim.errors import PluginError
from neurosim.formulas import form
from neurosim.formulas.arrays import NUMPY, PYTHON, TORCH, ArrayPrinter
from neurosim.formulas.entrywise import entry_of_row, entry_of_sum
from neurosim.formulas.folding import Folding
from neurosim.formulas.reader import read
from neurosim.formulas.straight import straight
from neurosim.plugin import RowActivation


@pytest.fixture
def write(tmp_path):
    """A function called f from the text of its module."""

    def make(text):
        path = tmp_path / "formulas.py"
        path.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.f

    return make


def printed(function, known=None, arrays=("z", "a"), library=NUMPY, folding=None, longest=88):
    """The lines of a formula."""
    formula = read(function)
    found = straight(formula, known or {}, folding or Folding(), arrays)
    printer = ArrayPrinter(formula, library, arrays)
    return printer.lines(found.body, longest), found.arguments, printer.needed


def called(lines, arguments, **given):
    """What the printed lines return."""
    names = {"np": np, "math": math, "erf": np.vectorize(math.erf), "erfc": np.vectorize(math.erfc)}
    exec("\n".join([f"def f({', '.join(arguments)}):", *lines]), names)
    with np.errstate(all="ignore"):
        return names["f"](*(given[name] for name in arguments))


def entry_by_entry(function, z, *others):
    with np.errstate(all="ignore"):
        return [uncompiled(function)(entry, *others) for entry in z]


LANGUAGE = """
    import math
    SCALE = 3
    def helper(x, y):
        if x < y:
            return SCALE * x
        return y
    def f(z, beta):
        total: float = 1
        for k in range(1, 4):
            total *= z / k
        low, high = -1.0, beta
        if total > high:
            total = math.tanh(total)
        elif total < low and not z > 0:
            total = math.exp(-z * z) ** 2 - math.pi
        else:
            pass
        if -1 < z <= 1 or z > 2:
            return helper(total, beta) + max(z, 0, )
        s = total - (z - (beta - 1)) - (-z) ** 2
        return s / (2 * z) / 3 + abs(z) + math.hypot(z, beta)
"""


@pytest.mark.parametrize("longest", [200, 60])
def test_branches_loops_and_helpers_become_choices(write, longest):
    function = write(LANGUAGE.replace("max(z, 0, )", "max(z, 0)"))
    z = np.random.default_rng(1).normal(scale=2.0, size=200)
    lines, arguments, _ = printed(function, {"beta": form.Const(0.5)}, longest=longest)
    assert max(map(len, lines)) <= longest
    np.testing.assert_allclose(called(lines, arguments, z=z), entry_by_entry(function, z, 0.5), rtol=1e-12)


ACTIVATIONS = [one for one in support.BUILTINS.activations if not isinstance(one.record, RowActivation)]


@pytest.mark.parametrize("entry", ACTIVATIONS, ids=lambda one: one.record.name)
def test_built_in_activations(entry):
    record = entry.record
    z, values = np.linspace(-4.0, 4.0, 41), tuple(record.params.values())
    known = {name: form.Const(value) for name, value in record.params.items()}
    lines, arguments, _ = printed(record.f, known)
    # Where the tangent is close to -1, 1 + tanh cancels most of its digits.
    error = {"rtol": 1e-13, "atol": 1e-14 if record.name == "gelu_tanh" else 0.0}
    a = np.array(entry_by_entry(record.f, z, *values))
    np.testing.assert_allclose(called(lines, arguments, z=z) * np.ones(41), a, **error)
    lines, arguments, _ = printed(record.derivative, known)
    slopes = [uncompiled(record.derivative)(*pair, *values) for pair in zip(z, a, strict=True)]
    np.testing.assert_allclose(called(lines, arguments, z=z, a=a) * np.ones(41), slopes, **error)


LEAVES = st.one_of(
    st.sampled_from([form.Name("z"), form.Name("t"), form.Named("math.pi", math.pi)]),
    st.sampled_from([0, 1, 2, 0.5]).map(form.Const),
)


def grown(inner):
    """Expressions of expressions."""
    two = st.tuples(inner, inner)
    signs = st.sampled_from(["<", "<=", ">", ">="])
    test = st.builds(lambda sides, sign: form.Compare((sign,), sides), two, signs)
    tests = st.one_of(
        test,
        st.builds(form.Unary, st.just("not"), test),
        st.builds(form.Bool, st.sampled_from(["and", "or"]), st.tuples(test, test)),
    )
    return st.one_of(
        st.builds(form.Unary, st.sampled_from(["-", "+"]), inner),
        st.builds(lambda sign, pair: form.Binary(sign, *pair), st.sampled_from(["+", "-", "*", "/"]), two),
        st.builds(lambda base: form.Binary("**", base, form.Const(2)), inner),
        st.builds(form.Choice, tests, inner, inner),
        st.builds(lambda pair: form.Call("max", pair, "max"), two),
    )


@given(st.recursive(LEAVES, grown, max_leaves=12), st.floats(0.1, 3.0), st.floats(-3.0, -0.1))
def test_any_expression_is_worth_what_it_was_and_needs_no_more_parentheses(expression, t, z):
    """Folding and printing keep the value; what is printed is read as it is meant."""
    folded = Folding().folded(expression, {})
    names = {"np": np, "math": math, "z": np.array([z]), "t": np.float64(t)}
    with np.errstate(all="ignore"):
        text = ArrayPrinter(form.NOTHING, NUMPY, ["z"]).text(folded)
        whole = ArrayPrinter(form.NOTHING, NUMPY, ["z", "t"]).text(expression)
        try:
            same, value = (np.float64(np.ravel(eval(one, dict(names)))[0]) for one in (text, whole))
        except ZeroDivisionError:
            return  # literals alone
    if np.isfinite(value):
        np.testing.assert_allclose(same, value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "settings", "printed_as"),
    [
        ("m * v + g", {"m": 0}, ["return g"]),
        ("m * v + g", {"m": 1}, ["return v + g"]),
        ("(1.0 - 0.0) * v + 3.0 - 1.0", {}, ["return v + 3 - 1"]),
        ("v - -g", {}, ["return v + g"]),
        ("v if m > 0.5 else g", {"m": 0.9}, ["return v"]),
        ("v * v - (g * g) ** 2", {}, ["return v**2 - (g**2) ** 2"]),
        ("-(v ** 2) - (-g) ** 2", {}, ["return -(v**2) - (-g) ** 2"]),
        ("1e-8 + v", {}, ["return 1e-8 + v"]),
        ("v if not (v > 0 and g > 0) else g", {}, ["return np.where(~((v > 0) & (g > 0)), v, g)"]),
        ("v if t > 3 else g", {}, ["return v if t > 3 else g"]),
    ],
)
def test_what_is_known_is_left_out(write, text, settings, printed_as):
    function = write(f"def f(v, g, t, m):\n    return {text}\n")
    known = {name: form.Const(value) for name, value in settings.items()}
    assert [line.strip() for line in printed(function, known, "vg")[0]] == printed_as


def test_a_setting_that_stays_decides_tests_by_its_value(write):
    function = write("def f(v, m):\n    if m > 0.5:\n        return m * v\n    return v\n")
    lines, arguments, _ = printed(function, {"m": form.Name("M")}, "v", folding=Folding({"M": 0.9}))
    assert lines == ["    return M * v"]
    assert arguments == ("v",)


def test_pytorch_takes_two_arrays(write):
    function = write("import math\n\ndef f(z, m):\n    return math.atan2(m, z) + math.hypot(z, z) + math.pow(2.0, z)\n")
    lines, _, _ = printed(function, {"m": form.Const(0.5)}, "z", TORCH)
    assert lines == ["    return torch.atan2(torch.tensor(0.5), z) + torch.hypot(z, z) + torch.pow(2, z)"]


def test_one_entry_of_a_sum_and_of_a_row(write):
    function = write("""
        def f(a, y, s):
            total = 0.0
            for k in range(len(a)):
                if a[k] > y[k]:
                    total += s * (a[k] - y[k]) ** 2
                else:
                    total -= (a[k] - y[k]) / len(a)
            return total / len(a)
    """)
    formula = entry_of_sum(read(function), 4)
    found = straight(formula, {"s": form.Const(3.0)}, Folding(), "ay")
    lines = ArrayPrinter(formula, NUMPY, "ay").lines(found.body, 88)
    a, y = np.random.default_rng(1).normal(size=(2, 4))
    assert np.sum(called(lines, found.arguments, a=a, y=y)) == pytest.approx(function(a, y, 3.0))
    fill = read(write("def f(a, y, da):\n    for k in range(len(a)):\n        da[k] = 2 * a[k] / len(a)\n"))
    assert entry_of_row(fill, "da", 4).params == ("a", "y")


@pytest.mark.parametrize(
    "body",
    [
        "total = 0.0\n    for k in range(len(a)):\n        total += a[k - 1]\n    return total",
        "total = 0.0\n    for k in range(len(a)):\n        total += k * a[k]\n    return total",
        "total = 0.0\n    for k in range(1, len(a)):\n        total += a[k]\n    return total",
        "total = 0.0\n    for k in range(len(a)):\n        total += a[k]\n    return total ** 2",
        "total = 1.0\n    for k in range(len(a)):\n        total *= a[k]\n    return total",
        "return a[0]",
    ],
)
def test_what_is_no_sum_over_entries_is_refused(write, body):
    with pytest.raises(PluginError, match=r"formulas\.py:\d: in f: "):
        entry_of_sum(read(write(f"def f(a, y):\n    {body}\n")), 3)


def test_a_branch_on_a_number_stays_a_branch(write):
    function = write("def f(v, t):\n    r = 2 * t\n    if r > 5:\n        return v\n    return v / r\n")
    lines, _, _ = printed(function, {}, "v", PYTHON)
    assert lines == ["    r = 2 * t", "    if r > 5:", "        return v", "    return v / r"]


@pytest.mark.parametrize(
    "body",
    ["while z > 1:\n        z = z / 2\n    return z", "for k in range(99):\n        z = z / 2\n    return z",
     "a, b = 2 * z, 3 * z\n    a, b = b, a\n    return a / b"],
)  # fmt: skip
def test_what_has_no_such_form_is_refused_with_its_line(write, body):
    with pytest.raises(PluginError, match=r"formulas\.py:\d: in f: "):
        printed(write(f"def f(z):\n    {body}\n"))
