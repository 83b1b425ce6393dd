"""A formula as operators of a graph, such as ONNX's: every operation becomes a node.

Nothing is decided while a graph runs, so everything that a formula may do is followed here: both branches of an ``if``
are worked out, and the graph chooses between them number by number; loops are written out, and each entry of a row is
a tensor of its own. What is known already, such as settings and the number of a round, takes no node.
"""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from neurosim.formulas import form
from neurosim.formulas.folding import COMPARED
from neurosim.formulas.form import Formula, Name, Statement
from neurosim.formulas.printer import Printer
from neurosim.formulas.reader import read

# More rounds of a loop than these are not written out, nor rows with more entries.
MOST_ROUNDS = 512


@dataclass(frozen=True)
class Tensor:
    """What a node puts out: numbers, or the outcomes of a test."""

    name: str
    is_test: bool = False


# Of the names of a formula: a tensor, a number that is known, or a row of them.
Number = Tensor | float


class Nodes(Protocol):
    """What a graph offers. The operators have ONNX's names; their inputs are tensors or numbers."""

    def node(self, kind: str, *inputs: Number, is_test: bool = False, **attributes: Any) -> Tensor:
        """Add a node with one output."""

    def parted(self, row: Tensor, count: int) -> list[Number]:
        """Add a node that takes rows apart, into so many parts of the same size."""

    def joined(self, entries: Sequence[Number]) -> Tensor:
        """Add a node that puts numbers together into rows; one of them at least is a tensor."""

    def in_order(self, row: Tensor, count: int, *, descending: bool) -> Tensor:
        """Add a node that puts the numbers of each row in order."""


_ONE = {
    name: name.capitalize()
    for name in ("acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "erf", "exp", "floor")
}
_ONE |= {name: name.capitalize() for name in ("log", "sin", "sinh", "sqrt", "tan", "tanh")}
_ONE |= {"abs": "Abs", "fabs": "Abs"}
_TESTS = {"isinf": "IsInf", "isnan": "IsNaN"}
_ARITHMETIC = {"+": "Add", "-": "Sub", "*": "Mul", "/": "Div"}
_COMPARISONS = {"<": "Less", "<=": "LessOrEqual", ">": "Greater", ">=": "GreaterOrEqual", "==": "Equal"}
_WORKED_OUT: dict[str, Callable[[Any, Any], Any]] = {
    **COMPARED,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
_BUILT_IN: dict[str, Callable[..., Any]] = {"abs": abs, "float": float, "int": int, "max": max, "min": min}
# Natural logarithms of the bases.
_LOGARITHMS = {"log2": 0.6931471805599453, "log10": 2.302585092994046}
_WITHOUT_RESULT = object()


class OperatorPrinter(Printer):
    """Adds the nodes of one formula to a graph.

    Parameters
    ----------
    formula : Formula
        The formula.
    nodes : Nodes
        The graph.
    operators : mapping of function to str
        Operators that do what an author's functions of one number do.
    """

    refusal = (
        "this has no counterpart among the operators of a graph",
        "use arithmetic, if, loops of a known length and functions of math",
    )

    def __init__(
        self, formula: Formula, nodes: Nodes, operators: Mapping[Callable[..., Any], str] | None = None
    ) -> None:
        super().__init__(formula)
        self.nodes = nodes
        self.operators = operators or {}
        self._names: dict[str, Any] = {}

    def result(self, arguments: Sequence[Any]) -> Any:
        """The result for some arguments: numbers, or lists for rows. A row that the formula fills is changed."""
        self._names = dict(zip(self.formula.params, arguments, strict=True))
        found = self._run(self.formula.body)
        return None if found is _WITHOUT_RESULT else found

    def check_length(self, count: int) -> None:
        """Raise PluginError where rows have too many numbers to be written out."""
        if count > MOST_ROUNDS:
            raise self._too_long(self.formula.line, f"a formula of rows of {count:,} numbers")

    # Statements ---------------------------------------------------------------------------------------------

    def _run(self, statements: Iterable[Statement]) -> Any:
        """What the statements return."""
        rest = list(statements)
        while rest:
            node = rest.pop(0)
            match node:
                case form.Return(value):
                    return None if value is None else self.write(value)
                case form.If(test, body, orelse):
                    decided = self.write(test)
                    if not isinstance(decided, Tensor):
                        rest = [*(body if decided else orelse), *rest]
                    elif any(isinstance(part, form.Return) for part in form.walk([node])):
                        return self._either(decided, [*body, *rest], [*orelse, *rest])
                    else:
                        self._either(decided, body, orelse)
                case form.For():
                    rest = [*self._rounds(node), *rest]
                case form.Jump("pass"):
                    pass
                case _:
                    self.write(node)
        return _WITHOUT_RESULT

    def _either(self, test: Tensor, body: Sequence[Statement], orelse: Sequence[Statement]) -> Any:
        """Work out both branches; every name becomes a choice between its values, and so does the result."""
        before = self._names
        outcomes = []
        for branch in (body, orelse):
            self._names = {name: list(value) if isinstance(value, list) else value for name, value in before.items()}
            outcomes.append((self._run(branch), self._names))
        (first, first_names), (second, second_names) = outcomes
        self._names = before
        # In the order in which they were first set, so that a formula always makes the same nodes.
        for name in [name for name in first_names if name in second_names]:
            chosen = self._chosen(test, first_names[name], second_names[name])
            if isinstance(before.get(name), list):
                before[name][:] = chosen
            else:
                before[name] = chosen
        if first is _WITHOUT_RESULT or second is _WITHOUT_RESULT or first is None:
            return first
        return self._chosen(test, first, second)

    def _chosen(self, test: Tensor, first: Any, second: Any) -> Any:
        if isinstance(first, list | tuple):
            return type(first)(self._chosen(test, one, other) for one, other in zip(first, second, strict=True))
        if first == second or first is second:
            return first
        if isinstance(first, Tensor) and first.is_test and isinstance(second, Tensor) and second.is_test:
            yes, no = self._test("And", test, first), self._test("And", self._test("Not", test), second)
            return self._test("Or", yes, no)
        return self._node("Where", test, self._as_number(first), self._as_number(second))

    def _rounds(self, node: form.For) -> list[Statement]:
        """A loop, written out."""
        bounds = [self.write(bound) for bound in node.bounds]
        if any(isinstance(bound, Tensor) for bound in bounds):
            raise self.formula.refuse(node.line, "how often this loop goes around depends on the numbers", _LOOPS)
        if any(isinstance(part, form.Jump) and part.word != "pass" for part in form.walk(node.body)):
            raise self.formula.refuse(node.line, "this loop may be left early", _LOOPS)
        numbers = range(*map(int, bounds))
        if len(numbers) > MOST_ROUNDS:
            raise self._too_long(node.line, f"a loop of {len(numbers):,} rounds")
        return [
            part for number in numbers for part in (form.Assign((Name(node.name),), form.Const(number)), *node.body)
        ]

    def write_assign(self, node: form.Assign) -> None:
        value = self.write(node.value)
        for target in node.targets:
            self._set(target, value)

    def _set(self, target: form.Expression, value: Any) -> None:
        match target:
            case form.Tuple(items):
                for item, part in zip(items, value, strict=True):
                    self._set(item, part)
            case Name(name):
                self._names[name] = value
            case form.Index(name, index):
                row, place = self._names[name], self.write(index)
                if isinstance(place, Tensor):
                    row[:] = [self._chosen(self._is(place, k), value, old) for k, old in enumerate(row)]
                else:
                    row[self._place(row, index, place)] = value

    def write_sorted(self, node: form.Sorted) -> None:
        row = self._names[node.row]
        if not any(isinstance(entry, Tensor) for entry in row):
            self._names[node.name] = sorted(row, reverse=node.descending)
            return
        found = self.nodes.in_order(self.nodes.joined(row), len(row), descending=node.descending)
        self._names[node.name] = self.nodes.parted(found, len(row))

    def write_zeros(self, node: form.Zeros) -> None:
        self._names[node.name] = [0.0] * len(self._names[node.row])

    def write_do(self, node: form.Do) -> None:
        self.write(node.call)

    # Expressions --------------------------------------------------------------------------------------------

    def write_const(self, node: form.Const) -> float:
        return node.value

    def write_named(self, node: form.Named) -> float:
        return node.value

    def write_name(self, node: Name) -> Any:
        return self._names[node.id]

    def write_index(self, node: form.Index) -> Number:
        row, place = self._names[node.row], self.write(node.index)
        if isinstance(place, Tensor):
            return self._entry(row, place)
        found: Number = row[self._place(row, node.index, place)]
        return found

    def write_entry(self, node: form.Entry) -> Number:
        place = self.write(node.index)
        if isinstance(place, Tensor):
            return self._entry(node.values, place)
        return node.values[int(place)] if 0 <= place < len(node.values) else math.nan

    def _entry(self, row: Sequence[Number], place: Tensor) -> Number:
        """The entry of a row whose index is worked out by the graph."""
        found: Number = math.nan
        for k, value in enumerate(row):
            found = self._chosen(self._is(place, k), value, found)
        return found

    def _is(self, place: Tensor, number: int) -> Tensor:
        return self._test("Equal", place, number)

    def _place(self, row: Sequence[Number], index: form.Expression, place: float) -> int:
        number = int(place)
        if isinstance(index, form.Unary) and number < 0:  # counted from the end
            number += len(row)
        if not 0 <= number < len(row):
            raise self.formula.refuse(index.line, f"entry {number} of a row of {len(row)}", "stay within the row")
        return number

    def write_unary(self, node: form.Unary) -> Number:
        operand = self.write(node.operand)
        if not isinstance(operand, Tensor):
            return (not operand) if node.operator == "not" else -operand if node.operator == "-" else operand
        if node.operator == "not":
            return self._test("Not", operand)
        return operand if node.operator == "+" else self._node("Neg", operand)

    def write_binary(self, node: form.Binary) -> Number:
        left, right = self.write(node.left), self.write(node.right)
        if not isinstance(left, Tensor) and not isinstance(right, Tensor):
            # What is infinite, or no number, the graph will find: Python has an error for it, or a complex number.
            with contextlib.suppress(ZeroDivisionError, OverflowError):
                value: float | complex = _WORKED_OUT[node.operator](left, right)
                if not isinstance(value, complex):
                    return value
        match node.operator, right:
            case "**", 2:
                return self._node("Mul", left, left)
            case "**", 0.5:
                return self._node("Sqrt", left)
            case "**", _:
                return self._node("Pow", left, right)
            case "//", _:
                return self._node("Floor", self._node("Div", left, right))
            case "%", _:
                whole = self._node("Floor", self._node("Div", left, right))
                return self._node("Sub", left, self._node("Mul", whole, right))
        return self._node(_ARITHMETIC[node.operator], left, right)

    def write_bool(self, node: form.Bool) -> Number:
        ends, found = node.operator == "or", list[Tensor]()
        for operand in self.write_all(node.operands):
            if isinstance(operand, Tensor):
                found.append(operand)
            elif bool(operand) == ends:
                return ends
        if not found:
            return not ends
        joined = found[0]
        for other in found[1:]:
            joined = self._test("Or" if ends else "And", joined, other)
        return joined

    def write_compare(self, node: form.Compare) -> Number:
        sides = self.write_all(node.operands)
        tests: list[Number] = []
        for left, sign, right in zip(sides, node.operators, sides[1:], strict=False):
            if not isinstance(left, Tensor) and not isinstance(right, Tensor):
                tests.append(_WORKED_OUT[sign](left, right))
            elif sign == "!=":
                tests.append(self._test("Not", self._test("Equal", left, right)))
            else:
                tests.append(self._test(_COMPARISONS[sign], left, right))
        left_open = [test for test in tests if isinstance(test, Tensor)]
        if not all(test for test in tests if not isinstance(test, Tensor)):
            return False
        found: Number = left_open[0] if left_open else True
        for test in left_open[1:]:
            found = self._test("And", found, test)
        return found

    def write_choice(self, node: form.Choice) -> Any:
        test = self.write(node.test)
        if not isinstance(test, Tensor):
            return self.write(node.body if test else node.orelse)
        return self._chosen(test, self.write(node.body), self.write(node.orelse))

    def write_tuple(self, node: form.Tuple) -> tuple[Any, ...]:
        return tuple(self.write_all(node.items))

    def write_helper(self, node: form.Helper) -> Any:
        arguments = self.write_all(node.arguments)
        if node.function in self.operators and isinstance(arguments[0], Tensor):
            return self._node(self.operators[node.function], arguments[0])
        return OperatorPrinter(read(node.function), self.nodes, self.operators).result(arguments)

    def write_call(self, node: form.Call) -> Number:
        arguments = self.write_all(node.arguments)
        if node.name == "len":
            return len(arguments[0])
        if not any(isinstance(argument, Tensor) for argument in arguments):
            function = _BUILT_IN.get(node.name) or getattr(math, node.name)
            try:
                known: float = function(*arguments)
                return known
            except (ValueError, OverflowError):
                pass
        first = self._as_number(arguments[0])
        if node.name in _ONE:
            return self._node(_ONE[node.name], first)
        if node.name in _TESTS:
            return self._test(_TESTS[node.name], first)
        found = _calls(self._node, self._test, node.name, first, *map(self._as_number, arguments[1:]))
        if found is None:
            raise self.refuse(node)
        return found

    # Nodes --------------------------------------------------------------------------------------------------

    def _node(self, kind: str, *inputs: Number, **attributes: Any) -> Tensor:
        numbers = inputs if kind == "Where" else tuple(map(self._as_number, inputs))
        return self.nodes.node(kind, *numbers, **attributes)

    def _test(self, kind: str, *inputs: Number) -> Tensor:
        return self.nodes.node(kind, *inputs, is_test=True)

    def _as_number(self, value: Number) -> Number:
        """The value, 1 or 0 in place of the outcome of a test."""
        if isinstance(value, Tensor):
            return self.nodes.node("Where", value, 1.0, 0.0) if value.is_test else value
        return float(value)

    def _too_long(self, line: int, what: str) -> Exception:
        return self.formula.refuse(line, f"{what} is too long to be written out", _LOOPS)


_LOOPS = f"go around a loop at most {MOST_ROUNDS} times, as often as there are numbers in a row, and to its end"


def _calls(
    node: Callable[..., Tensor], test: Callable[..., Tensor], name: str, x: Number, *others: Number
) -> Number | None:
    """The functions of `math` that take several nodes; None where there is no way to write one."""
    match name, others:
        case "max" | "min", _:
            return node(name.capitalize(), x, *others)
        case "float", ():
            return x
        case "int" | "trunc", ():
            return node("Mul", node("Sign", x), node("Floor", node("Abs", x)))
        case "expm1", ():
            return node("Sub", node("Exp", x), 1.0)
        case "log1p", ():
            return node("Log", node("Add", x, 1.0))
        case "log2" | "log10", ():
            return node("Div", node("Log", x), _LOGARITHMS[name])
        case "erfc", ():
            return node("Sub", 1.0, node("Erf", x))
        case "isfinite", ():
            return test("Not", test("Or", test("IsInf", x), test("IsNaN", x)))
        case "pow", (y,):
            return node("Pow", x, y)
        case "fmod", (y,):
            return node("Mod", x, y, fmod=1)
        case "hypot", (y,):
            return node("Sqrt", node("Add", node("Mul", x, x), node("Mul", y, y)))
        case "copysign", (y,):
            size = node("Abs", x)
            return node("Where", test("Less", y, 0.0), node("Neg", size), size)
        case "atan2", (y,):
            # The angle of the point (y, x), since atan2 takes the height first.
            above = node("Where", test("Less", x, 0.0), -math.pi, math.pi)
            behind = node("Add", node("Atan", node("Div", x, y)), above)
            upright = node("Mul", node("Sign", x), math.pi / 2)
            there = node("Where", test("Greater", y, 0.0), node("Atan", node("Div", x, y)), behind)
            return node("Where", test("Equal", y, 0.0), upright, there)
    return None
