"""A printer for one more target needs nothing but itself: here for Lisp, with an interpreter to run what it writes."""

import ast
import importlib.util
import math
import operator
import textwrap

import numpy as np
import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from neurosim.backends.uncompiled import machine_math, uncompiled
from neurosim.errors import PluginError
from neurosim.formulas import form
from neurosim.formulas.javascript import Script
from neurosim.formulas.printer import Printer
from neurosim.formulas.python import PythonPrinter, plain_text
from neurosim.formulas.reader import read


class LispPrinter(Printer):
    """Writes expressions as ``(+ x y)`` and statements as ``(set x ...)``; one list for a function."""

    refusal = ("Lisp does without this", "write something else")
    names = {"fabs": "abs"}  # noqa: RUF012

    def function(self):
        return f"(lambda ({' '.join(self.formula.params)}) {self.block(self.formula.body)})"

    def block(self, statements):
        return f"(do {' '.join(self.write_all(statements))})"

    def write_assign(self, node):
        (target,) = node.targets
        if isinstance(target, form.Tuple):
            raise self.refuse(node)
        word = "put" if isinstance(target, form.Index) else "set"
        place = f"{target.row} {self.write(target.index)}" if word == "put" else target.id
        return f"({word} {place} {self.write(node.value)})"

    def write_return(self, node):
        return f"(return {self.write(node.value)})" if node.value else "(return 0)"

    def write_if(self, node):
        return f"(if {self.write(node.test)} {self.block(node.body)} {self.block(node.orelse)})"

    def write_for(self, node):
        return f"(for {node.name} (range {' '.join(self.write_all(node.bounds))}) {self.block(node.body)})"

    def write_while(self, node):
        return f"(while {self.write(node.test)} {self.block(node.body)})"

    def write_jump(self, node):
        if node.word != "pass":
            raise self.refuse(node)
        return "(do)"

    def write_const(self, node):
        return repr(node.value)

    def write_name(self, node):
        return node.id

    def write_named(self, node):
        return repr(node.value)

    def write_index(self, node):
        return f"(at {node.row} {self.write(node.index)})"

    def write_unary(self, node):
        return f"({node.operator} {self.write(node.operand)})"

    def write_binary(self, node):
        return f"({node.operator} {self.write(node.left)} {self.write(node.right)})"

    def write_bool(self, node):
        return f"({node.operator} {' '.join(self.write_all(node.operands))})"

    def write_compare(self, node):
        sides = self.write_all(node.operands)
        pairs = zip(node.operators, sides, sides[1:], strict=False)
        return "(and " + " ".join(f"({sign} {left} {right})" for sign, left, right in pairs) + ")"

    def write_choice(self, node):
        return f"(if {self.write(node.test)} {self.write(node.body)} {self.write(node.orelse)})"

    def write_call(self, node):
        return f"({self.names.get(node.name, node.name)} {' '.join(self.write_all(node.arguments))})"

    def write_helper(self, node):
        inner = LispPrinter(read(node.function)).function()
        return f"({inner} {' '.join(self.write_all(node.arguments))})"


# A Lisp just large enough -----------------------------------------------------------------------------------


class ReturnedError(Exception):
    """Carries what a function returns."""


def parsed(text):
    """The lists of a text."""
    words = text.replace("(", " ( ").replace(")", " ) ").split()
    stack = [[]]
    for word in words:
        if word == "(":
            stack.append([])
        elif word == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(word)
    return stack[0][0]


BINARY = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne, "at": lambda row, k: row[int(k)],
}  # fmt: skip
OF_ALL = {"abs": abs, "max": max, "min": min, "float": float, "int": int, "len": len, "range": range}


def run(node, names):
    """The value of a list."""
    if isinstance(node, str):
        return names[node] if node in names else number(node)
    head, *rest = node
    if isinstance(head, list):
        return called(head, [run(part, names) for part in rest])
    match head:
        case "do":
            for part in rest:
                run(part, names)
        case "set":
            names[rest[0]] = run(rest[1], names)
        case "put":
            names[rest[0]][int(run(rest[1], names))] = run(rest[2], names)
        case "return":
            raise ReturnedError(run(rest[0], names))
        case "if":
            return run(rest[1 if run(rest[0], names) else 2], names)
        case "for":
            for k in run(rest[1], names):
                names[rest[0]] = k
                run(rest[2], names)
        case "while":
            while run(rest[0], names):
                run(rest[1], names)
        case "and" | "or":
            for part in rest:
                value = run(part, names)
                if bool(value) == (head == "or"):
                    break
            return value
        case "not":
            return not run(rest[0], names)
        case _:
            return arithmetic(head, [run(part, names) for part in rest])
    return None


def arithmetic(head, values):
    if head in ("+", "-") and len(values) == 1:
        return -values[0] if head == "-" else values[0]
    known = {**OF_ALL, **BINARY}
    function = known[head] if head in known else getattr(machine_math, head)
    result = function(*values)
    # NumPy's truth values are no numbers, as Python's are.
    return bool(result) if isinstance(result, np.bool_) else result


def number(word):
    return int(word) if word.lstrip("-").isdigit() else word == "True" or np.float64(word)


def called(function, arguments):
    _, params, body = function
    try:
        run(body, dict(zip(params, arguments, strict=True)))
    except ReturnedError as result:
        return result.args[0]
    return None


# What it writes ---------------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path):
    """A function called f from the text of its module."""

    def make(text):
        path = tmp_path / "formulas.py"
        path.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location("formulas", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.f

    return make


LANGUAGE = """
    import math
    import math as m
    from math import exp as e

    SCALE = 3

    def helper(x, y):
        if x > y and not y > 2 or x == 0:
            return x * y - SCALE
        return x / (1 + y * y)

    def f(z, beta):
        '''Described.'''
        total = 0.0
        term: float = 1
        for k in range(1, 6):
            term *= z / k
            total += term
        n = 3
        while n > 0:
            total = total + n * beta if -1 < z <= 1 else total - 0.5 * n
            n -= 1
        if z > 1:
            total = math.tanh(total)
        elif z > 0:
            total = e(-z * z) ** 2 - m.pi
        else:
            pass
        return helper(total, beta) + max(z, 0, -beta) - math.fabs(z) ** 1.5 + 7 // 2 + z % 2 + math.hypot(z, beta)
    """


def in_lisp(function, *arguments):
    with np.errstate(all="ignore"):
        return called(parsed(LispPrinter(read(function)).function()), arguments)


def test_one_more_printer_needs_no_other_change(write):
    function = write(LANGUAGE)
    random = np.random.default_rng(1)
    for _ in range(50):
        arguments = random.normal(scale=2.0, size=2)
        assert in_lisp(function, *arguments) == uncompiled(function)(*arguments)


LEAVES = st.one_of(
    st.sampled_from([form.Name("x"), form.Name("y"), form.Named("math.pi", math.pi)]),
    st.integers(0, 3).map(form.Const),
    st.floats(0.0, 9.0, width=32).map(form.Const),
)


def grown(inner):
    """Expressions of expressions."""
    two = st.tuples(inner, inner)
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    signs = st.lists(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), min_size=3, max_size=3)
    return st.one_of(
        st.builds(form.Unary, st.sampled_from(["-", "+", "not"]), inner),
        st.builds(lambda sign, pair: form.Binary(sign, *pair), st.sampled_from(["+", "-", "*", "/", "**"]), two),
        st.builds(form.Bool, st.sampled_from(["and", "or"]), several),
        st.builds(lambda sides, signs: form.Compare(tuple(signs[: len(sides) - 1]), sides), several, signs),
        st.builds(form.Choice, inner, inner, inner),
        st.builds(lambda pair: form.Call("max", pair, "max"), two),
        st.builds(lambda part: form.Call("tanh", (part,), "math.tanh"), inner),
    )


@given(st.recursive(LEAVES, grown, max_leaves=20), st.floats(-3.0, 3.0), st.floats(-3.0, 3.0))
def test_printers_agree_on_any_expression(expression, x, y):
    """What one writes as Python and the other as Lisp is the same number, in every bit."""
    numbers = {"x": np.float64(x), "y": np.float64(y)}
    lisp = LispPrinter(form.NOTHING).write(expression)
    with np.errstate(all="ignore"):
        try:
            expected = eval(plain_text(expression), {"math": machine_math, **numbers})
        except (ArithmeticError, TypeError):
            return  # literals alone, which Python works out by itself
        same = run(parsed(f"({lisp})")[0], numbers)
    np.testing.assert_array_equal(same, expected)


def test_rows_too(write):
    function = write("def f(z, a):\n    for k in range(len(z)):\n        a[k] = z[len(z) - 1 - k] * k\n")
    z, a = np.array([1.0, 2.0, 3.0]), np.zeros(3)
    in_lisp(function, z, a)
    assert a.tolist() == [0.0, 2.0, 2.0]


@pytest.mark.parametrize("catalog", ["activations", "losses"])
def test_built_in_formulas(catalog):
    random = np.random.default_rng(2)
    for entry in getattr(support.BUILTINS, catalog):
        for formula in entry.record.formulas:
            count = len(formula.arguments) - len(entry.record.params)
            make = {"number": random.normal, "row": lambda: random.uniform(0.1, 0.9, 4), "class": lambda: 2}
            make["short"] = lambda: random.uniform(0.1, 0.9, 2)
            given = [make[kind]() for kind in formula.arguments[:count]] + list(entry.record.params.values())
            copies = [value.copy() if isinstance(value, np.ndarray) else value for value in given]
            assert in_lisp(formula.function, *given) == uncompiled(formula.function)(*copies)
            for mine, theirs in zip(given, copies, strict=True):
                np.testing.assert_array_equal(mine, theirs)


def test_what_it_does_not_write_is_refused_with_the_line(write):
    function = write("def f(z):\n    for k in range(3):\n        z = 2 * z\n        break\n    return z\n")
    with pytest.raises(PluginError) as caught:
        LispPrinter(read(function)).function()
    assert caught.value.message.endswith("formulas.py:4: in f: Lisp does without this")
    assert caught.value.hint == "Instead: write something else."


def test_javascript_counts_from_the_end_as_python_does(write):
    script = Script()
    script.add(write("def f(a):\n    return a[-1] + a[0]\n"))
    assert "(_a[_a.length + (-1)] + _a[0])" in script.source


# Plain Python -----------------------------------------------------------------------------------------------


def test_a_formula_written_again_is_the_same_formula(write, tmp_path):
    first = read(write(LANGUAGE))
    text = ast.unparse(PythonPrinter(first).function("f", first.params, first.body))
    head = "import math\nimport math as m\nfrom math import exp as e\nSCALE = 3\ndef helper(x, y):\n    return x\n"
    again = read(write(f"{head}\n{text}\n"))
    assert again.params == first.params
    assert ast.unparse(PythonPrinter(again).function("f", again.params, again.body)) == text


@pytest.mark.parametrize(
    "text",
    ["(a + b) * c", "a - (b - c)", "(-a) ** 2", "-a ** 2", "a ** (-b)", "(a if b > c else c) if a > b else c",
     "not (a > b and c > a) or b > c", "(a < b) < c", "2 ** a ** b", "(2 ** a) ** b"],
)  # fmt: skip
def test_parentheses_are_kept_where_they_matter(write, text):
    def form_of(written):
        formula = read(write(f"def f(a, b, c):\n    return {written}\n"))
        return formula, formula.body[0].value

    formula, value = form_of(text)
    assert form_of(ast.unparse(PythonPrinter(formula).write(value)))[1] == value


def test_the_form_keeps_lines_and_order(write):
    formula = read(write("import math\n\ndef f(z):\n    y = (\n        z + 1\n    ) * math.exp(z)\n    return y\n"))
    assign, _ = formula.body
    assert [assign.line, assign.value.right.line] == [4, 6]
    assert [part.value for part in form.walk(formula.body) if isinstance(part, form.Const)] == [1]
    assert isinstance(assign.value.right, form.Call)
    assert math.isclose(formula.function(0.0), 1.0)


def test_a_formula_is_read_again_only_if_what_it_sees_has_changed(write):
    function = write("SCALE = 2.0\n\ndef f(z):\n    return SCALE * z\n")
    formula = read(function)
    assert read(function) is formula
    function.__globals__["SCALE"] = 3.0
    assert read(function).body[0].value.left.value == 3.0
