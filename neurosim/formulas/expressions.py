"""The reader of expressions: from the syntax tree of an author's function to the checked form.

What a formula cannot contain is refused with the line it stands in and what to write instead. The reader of statements,
`neurosim.formulas.reader`, starts from here.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from neurosim.errors import PluginError
from neurosim.formulas import form
from neurosim.formulas.instead import (
    NO_TEXT,
    by_position,
    of_attribute,
    of_call,
    of_expression,
    of_math,
    of_name,
    of_operator,
)
from neurosim.formulas.kinds import check_integer
from neurosim.formulas.limits import beyond_float32
from neurosim.formulas.python import BINARY, BOOL, COMPARE, UNARY
from neurosim.formulas.rows import OF_A_ROW
from neurosim.formulas.sequences import folded, unused
from neurosim.formulas.source import MATH_CONSTANTS, MATH_FUNCTIONS, OF_TWO, counted, is_table, refuse
from neurosim.formulas.vectors import with_constants

BUILTINS = frozenset({"abs", "min", "max", "float", "int", "len"})
# What to write in place of a sorted row without a name.
_UNNAMED = ("a sorted row needs a name", "write s = sorted(z) on a line of its own, then use s")
_OPERATORS = {kind: sign for signs in (BINARY, UNARY, BOOL, COMPARE) for sign, kind in signs.items()}
_ARITHMETIC = "write scalar arithmetic with math functions"


def read_expression(text: str) -> form.Expression:
    """An expression of ours: names, numbers, built-in functions and those of ``math``."""
    node = ast.parse(text, mode="eval").body
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} - BUILTINS - {"math"}
    return ExpressionReader(read_expression, {**vars(builtins), "math": math}, names, names).value(node)


class ExpressionReader:
    """Reads the expressions of one function.

    Parameters
    ----------
    function : function
        The author's.
    outside : mapping of str to object
        The names that it sees.
    local, params : iterable of str
        The names of its own, and those of its arguments.
    """

    def __init__(
        self, function: Callable[..., Any], outside: Mapping[str, Any], local: Iterable[str], params: Iterable[str]
    ) -> None:
        self.function = function
        self.outside = dict(outside)
        self.local = set(local)
        self.known = set(params)  # names that have a value by now
        self.met = set(params)  # names that have one on some path

    def refuse(self, node: ast.expr | ast.stmt, what: str, instead: str) -> PluginError:
        return refuse(self.function, node.lineno, what, instead)

    # Expressions --------------------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> form.Expression:
        line = node.lineno
        match node:
            case ast.Constant(value=int() | float() as number):
                return form.Const(self.held(node, number), line=line)
            case ast.Constant(value=None):
                raise self.refuse(node, "None is not a number", "use numbers only; an argument is always one")
            case ast.Constant(value=str() as value):
                raise self.refuse(node, f"{value!r} is not a number", f"write it without quotes: {NO_TEXT}")
            case ast.Constant(value=value):
                raise self.refuse(node, f"{value!r} is not a number", "use numbers only")
            case ast.Name():
                return self.name(node)
            case ast.Attribute(value=module, attr=name) if self.is_math(module) and name in MATH_CONSTANTS:
                return form.Named(ast.unparse(node), MATH_CONSTANTS[name], line=line)
            case ast.Attribute():
                what = f"{ast.unparse(node)} cannot be compiled"
                raise self.refuse(node, what, of_attribute(node) or "use numbers, arguments and the math module")
            case ast.Subscript(value=ast.Name(id=row), slice=index) if row in self.local:
                return form.Index(row, self.integer(index), line=line)
            case ast.Subscript(value=ast.Name(id=name), slice=index) if isinstance(
                self.outside.get(name), tuple | list
            ):
                return self.entry(node, name, self.integer(index))
            case ast.Subscript(value=ast.Call(func=ast.Name(id="sorted"))):
                raise self.refuse(node, *_UNNAMED)
            case ast.Subscript(value=ast.Name(id=name)) if isinstance(self.outside.get(name), dict):
                what = f"{ast.unparse(node)} cannot be compiled"
                raise self.refuse(node, what, "define each number in the module, under a name of its own")
            case ast.Subscript():
                instead = "index the row arguments, or a tuple of numbers in the module"
                raise self.refuse(node, f"{ast.unparse(node)} cannot be compiled", instead)
            case ast.BinOp() if instead := of_operator(node):
                raise self.refuse(node, f"{ast.unparse(node)!r} cannot be compiled", instead)
            case ast.BinOp(op=op, left=left, right=right):
                operator = self.operator(node, op)
                return form.Binary(operator, self.value(left), self.value(right), line=line)
            case ast.UnaryOp(op=op, operand=operand):
                operator = self.operator(node, op)
                return form.Unary(operator, self.value(operand), line=line)
            case ast.BoolOp(op=op, values=values):
                return form.Bool(_OPERATORS[type(op)], self.values(values), line=line)
            case ast.Compare(left=left, ops=ops, comparators=others):
                operands = self.values([left, *others])
                if not all(type(op) in _OPERATORS for op in ops):
                    raise self.refuse(node, f"{ast.unparse(node)!r} cannot be compiled", _ARITHMETIC)
                return form.Compare(tuple(_OPERATORS[type(op)] for op in ops), operands, line=line)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return form.Choice(self.value(test), self.value(body), self.value(orelse), line=line)
            case ast.Tuple(elts=items):
                return form.Tuple(self.values(items), line=line)
            case ast.Call():
                return self.call(node)
        raise self.refuse(node, f"{ast.unparse(node)!r} cannot be compiled", of_expression(node) or _ARITHMETIC)

    def held(self, node: ast.expr, number: float) -> float:
        """A number that float32 holds."""
        if fault := beyond_float32(number):
            shown = f"{ast.unparse(node)} = {number:g}" if isinstance(node, ast.Name) else f"{number:g}"
            raise self.refuse(node, f"{shown} {fault[0]}", fault[1])
        return number

    def values(self, nodes: Iterable[ast.expr]) -> tuple[form.Expression, ...]:
        return tuple(self.value(node) for node in nodes)

    def operator(self, node: ast.expr | ast.stmt, operator: ast.operator | ast.unaryop) -> str:
        if type(operator) not in _OPERATORS:
            raise self.refuse(node, "bit and matrix operators cannot be compiled", "use + - * / ** // %")
        return _OPERATORS[type(operator)]

    def name(self, node: ast.Name) -> form.Expression:
        if node.id in self.local:
            if node.id not in self.known and node.id in self.met:
                what = f"{node.id} has no value on some path to here"
                raise self.refuse(node, what, f"assign to {node.id} before the if, or in each of its branches")
            if node.id not in self.known:
                raise self.refuse(node, f"{node.id} has no value yet", "assign to it first, on every path")
            return form.Name(node.id, line=node.lineno)
        value = self.outside.get(node.id)
        if is_table(value):
            raise self.refuse(node, f"the tuple {node.id} is used as a number", f"take one entry, {node.id}[k]")
        if not isinstance(value, int | float) or isinstance(value, bool):
            what = f"{node.id} is not known" if value is None else f"{node.id} is not a number"
            near = of_name(node.id, self.known, self.function) if value is None else ""
            raise self.refuse(node, what, near or "use arguments and numbers; pass settings as params")
        return form.Named(node.id, self.held(node, value), line=node.lineno)

    def entry(self, node: ast.Subscript, name: str, index: form.Expression) -> form.Expression:
        """An entry of a tuple of the module's; a known one is a constant like any other."""
        values = self.outside[name]
        if not is_table(values):
            what = f"{name} is a list" if isinstance(values, list) else f"{name} is not a tuple of numbers"
            raise self.refuse(node, what, f"define it as a tuple of numbers, {name} = (0.5, 1.0, 2.0)")
        place = _known_integer(index)
        if place is None:
            return form.Entry(name, values, index, line=node.lineno)
        if not -len(values) <= place < len(values):
            what = f"{name} has {counted(len(values), 'entry', 'entries')}, there is no {ast.unparse(node)}"
            raise self.refuse(node, what, f"index from 0 to {len(values) - 1}")
        return form.Named(ast.unparse(node), values[place], line=node.lineno)

    def integer(self, node: ast.expr) -> form.Expression:
        """An index, or a bound of a loop."""
        if isinstance(node, ast.Slice | ast.Tuple | ast.Starred):
            what = f"{ast.unparse(node)} is not an integer"
            raise self.refuse(node, what, "index with loop variables, or write int(...)")
        read = self.value(node)
        check_integer(self.function, read)
        return read

    def is_builtin(self, node: ast.expr) -> bool:
        """Whether a name is that of a function of Python's."""
        if not isinstance(node, ast.Name) or node.id in self.local:
            return False
        return self.outside.get(node.id) is getattr(builtins, node.id, self)

    def is_math(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id not in self.local and self.outside.get(node.id) is math

    # Calls --------------------------------------------------------------------------------------------------

    def call(self, node: ast.Call) -> form.Expression:
        if self.is_builtin(node.func) and ast.unparse(node.func) == "sorted":
            raise self.refuse(node, *_UNNAMED)
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            found = self.outside.get(getattr(node.func, "id", ""))
            raise self.refuse(
                node,
                "keyword and * arguments cannot be compiled",
                by_position(node, found) or "pass arguments by position",
            )
        match node.func:
            case ast.Attribute(value=module, attr=name) if self.is_math(module):
                if name not in MATH_FUNCTIONS:
                    what = f"math.{name} cannot be compiled" if hasattr(math, name) else f"math has no {name}"
                    raise self.refuse(node, what, of_math(name, node))
                return self.call_known(node, name)
            case ast.Attribute(value=ast.Name(id="math")) if "math" not in {*self.local, *self.function.__globals__}:
                raise self.refuse(node, "math is not imported", "write import math at the top of the file")
            case ast.Attribute():
                instead = of_call(node) or "use the functions of math, and your own"
                raise self.refuse(node, f"{ast.unparse(node.func)} cannot be compiled", instead)
            case ast.Name(id=name) if name not in self.local:
                found = self.outside.get(name)
                if name in OF_A_ROW and self.is_builtin(node.func) and (len(node.args) == 1 or name == "sum"):
                    return self.call_of_a_row(node, name)
                if name == "len" and len(node.args) == 1 and self.is_table_name(node.args[0]):
                    return form.Const(len(self.outside[ast.unparse(node.args[0])]), line=node.lineno)
                if name in BUILTINS and found is getattr(builtins, name):
                    return self.call_known(node, name)
                if inspect.isbuiltin(found) and found.__module__ == "math" and found.__name__ in MATH_FUNCTIONS:
                    return self.call_known(node, found.__name__)
                if inspect.isfunction(found):
                    return self.call_helper(node, found, name)
                near = of_name(name, self.known, self.function) if found is None else ""
                instead = of_call(node, found) or near or "call math functions or your own"
                raise self.refuse(
                    node.func, f"{name} {'is not known' if found is None else 'cannot be compiled'}", instead
                )
        raise self.refuse(node, f"{ast.unparse(node)!r} cannot be compiled", "call functions by name")

    def is_table_name(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id not in self.local and is_table(self.outside.get(node.id))

    def call_of_a_row(self, node: ast.Call, name: str) -> form.Expression:
        """The sum, the largest or the smallest of a row, of a tuple of the module's or of what a loop gives."""
        match node.args:
            case [ast.Name() as row] if self.is_table_name(row):
                return form.Named(ast.unparse(node), getattr(builtins, name)(self.outside[row.id]), line=node.lineno)
            case [ast.Name() as row]:
                function, given = OF_A_ROW[name], [row]
                written = self.outside_name(function.__name__, function)
            case [ast.GeneratorExp() | ast.ListComp() as loop]:
                # Named after the function that it is a part of, so that no two have one name; a lambda has none.
                own = self.function.__name__
                written = self.outside_name(f"{own}_{name}" if own.isidentifier() else name, None)
                function, given = folded(name, loop, self.function, self.local, self.outside, written, self.refuse)
                self.outside[written] = function
            case _:
                usual = "x + y" if name == "sum" else f"{name}(x, y)"
                instead = of_call(node) or f"{name}(z) for a row z, {name}(v * v for v in z), or {usual}"
                raise self.refuse(node, f"{ast.unparse(node)} cannot be compiled", instead)
        return form.Helper(function, self.values(given), written, line=node.lineno)

    def outside_name(self, wish: str, value: object) -> str:
        """A name for something that the formula calls, other than all that it has."""
        for name, known in self.outside.items():
            if known is value and value is not None and name not in self.local:
                return name
        name = unused(f"{wish}_", {*self.outside, *self.local})
        self.outside[name] = value
        return name

    def call_known(self, node: ast.Call, name: str) -> form.Call:
        """A call of a function of `math`, or of a built-in one."""
        count = len(node.args)
        if name in ("min", "max"):
            if count < 2:
                raise self.refuse(node, f"{name} takes two numbers or more", f"{name}(x, y)")
        elif count != (needed := 2 if name in OF_TWO else 1):
            shown = name if name in BUILTINS else f"math.{name}"
            instead = "math.log(x) / math.log(base)" if name == "log" else f"give it {needed}"
            raise self.refuse(node, f"{shown} takes {counted(needed, 'number')}, not {count}", instead)
        if name == "len" and isinstance(node.args[0], ast.Name) and node.args[0].id in self.local:
            arguments: tuple[form.Expression, ...] = (form.Name(node.args[0].id, line=node.lineno),)
        elif name == "len":
            what = f"{ast.unparse(node)} is not an integer"
            raise self.refuse(node, what, "index with loop variables, or write int(...)")
        else:
            arguments = self.values(node.args)
        return form.Call(name, arguments, ast.unparse(node.func), line=node.lineno)

    def call_helper(self, node: ast.Call, function: Callable[..., Any], written: str) -> form.Helper:
        """A call of another function of the author's."""
        needed, count = function.__code__.co_argcount, len(node.args)
        if count != needed:
            what = f"{function.__name__} takes {counted(needed, 'argument')}, not {count}"
            raise self.refuse(node, what, f"give it {needed}")
        tables = {
            name: self.outside[argument.id]
            for name, argument in zip(function.__code__.co_varnames, node.args, strict=False)
            if isinstance(argument, ast.Name) and self.is_table_name(argument)
        }
        numbers = [argument for argument in node.args if not self.is_table_name(argument)]
        if tables:
            # A function of its own for these tuples, which are constants to it as they are here.
            function = with_constants(function, tables)
            written = self.outside_name(written, function)
        return form.Helper(function, self.values(numbers), written, line=node.lineno)


def _known_integer(node: form.Expression) -> int | None:
    """The value of an index that is known; None for any other."""
    match node:
        case form.Const(value=int() as value) | form.Named(value=int() as value):
            return value
        case form.Unary(operator="-", operand=operand):
            inner = _known_integer(operand)
            return None if inner is None else -inner
    return None
