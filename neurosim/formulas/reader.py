"""The one reader of formulas: from an author's function to its checked form.

A formula is a plain Python function of scalars (or of rows) that uses arithmetic, ``if``, loops over ``range`` and over
rows, functions of `math` and other functions of the same kind. Anything else is refused with the line it stands in and
what to write instead.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from neurosim.formulas.sequences import as_range, folded, unused
from neurosim.formulas.source import (
    MATH_CONSTANTS,
    MATH_FUNCTIONS,
    OF_TWO,
    counted,
    is_table,
    namespace,
    parse,
    refuse,
)

BUILTINS = frozenset({"abs", "min", "max", "float", "int", "len"})
_OPERATORS = {kind: sign for signs in (BINARY, UNARY, BOOL, COMPARE) for sign, kind in signs.items()}

# Where a function keeps the names that it saw when it was read, and its checked form.
_READ = "__neurosim_formula__"

_PLAIN = "use assignments, if, for, while and return"
_NO_EFFECT = "leave it out: a formula gets and returns numbers; settings are params, and an optimizer has slots"
_ALONE = "leave it out: a formula has no effect but its result, and remembers nothing from call to call"
_ARITHMETIC = "write scalar arithmetic with math functions"
_UNNAMED = ("a sorted row needs a name", "write s = sorted(z) on a line of its own, then use s")
# Statements that authors try, in their words.
_OUTSIDE: dict[type[ast.stmt], tuple[str, str]] = {
    ast.Global: ("a formula cannot change a name outside it (global)", _NO_EFFECT),
    ast.Nonlocal: ("a formula cannot change a name outside it (nonlocal)", _NO_EFFECT),
    ast.FunctionDef: ("a function inside the function cannot be compiled", f"define it in the module; {_PLAIN}"),
    ast.ClassDef: ("a class inside the function cannot be compiled", _PLAIN),
    ast.Try: (
        "try cannot be compiled",
        f"leave it out: nothing raises an error here, results are infinity or NaN; {_PLAIN}",
    ),
    ast.Raise: ("raise cannot be compiled", f"return math.nan; {_PLAIN}"),
    ast.Assert: ("assert cannot be compiled", f"test it with if; {_PLAIN}"),
    ast.Import: ("import cannot be compiled", f"import at the top of the file; {_PLAIN}"),
    ast.ImportFrom: ("import cannot be compiled", f"import at the top of the file; {_PLAIN}"),
    ast.With: ("with cannot be compiled", _PLAIN),
    ast.Match: ("match cannot be compiled", _PLAIN),
}


def read(function: Callable[..., Any]) -> form.Formula:
    """The checked form of an author's function; it is read again only if a name that it sees has another value.

    The functions that it calls are read when a printer gets to them, and what its arguments are (numbers, rows,
    classes) is for `neurosim.formulas.kinds.check_kinds`.

    Raises
    ------
    PluginError
        Naming file and line, for what a formula cannot contain.
    """
    seen, known = getattr(function, "__dict__", {}).get(_READ, ({}, None))
    if isinstance(known, form.Formula) and known.function is function and _are_same(seen, namespace(function)):
        return known
    node = parse(function)
    outside = namespace(function)
    params = tuple(argument.arg for argument in node.args.args)
    # Names that a generator expression sees are kept apart by Python.
    local = tuple(dict.fromkeys([*function.__code__.co_varnames, *function.__code__.co_cellvars]))
    reader = _Reader(function, outside, local, params)
    body = reader.block(node.body)
    own = (*local, *sorted(reader.local.difference(local)))
    formula = form.Formula(function, node.name, params, body, own, reader.outside, node.lineno)
    function.__dict__[_READ] = outside, formula
    return formula


def _are_same(names: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether names stand for the same things; a constant or a helper may have been defined anew."""
    return names.keys() == others.keys() and all(names[name] is value for name, value in others.items())


def read_expression(text: str) -> form.Expression:
    """An expression of ours: names, numbers, built-in functions and those of ``math``."""
    node = ast.parse(text, mode="eval").body
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} - BUILTINS - {"math"}
    return _Reader(read_expression, {**vars(builtins), "math": math}, names, names).value(node)


class _Reader:
    """Reads statements and expressions of one function."""

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

    # Statements ---------------------------------------------------------------------------------------------

    def block(self, statements: Iterable[ast.stmt]) -> tuple[form.Statement, ...]:
        return tuple(self.statement(statement) for statement in statements)

    def statement(self, node: ast.stmt) -> form.Statement:
        line = node.lineno
        match node:
            case ast.Assign(value=ast.Call(func=ast.Name(id="sorted")) as call) if self.is_builtin(call.func):
                return self.in_order(node, call)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self.check_count(node, target, value)
                read = self.value(value)
                return form.Assign(tuple(self.target(target) for target in targets), read, line=line)
            case ast.AnnAssign(value=None):
                return form.Jump("pass", line=line)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                read = self.value(value)
                return form.Assign((self.target(target),), read, line=line)
            case ast.AugAssign(target=target, op=operator, value=value):
                read = self.value(value)
                if isinstance(target, ast.Name):
                    self.name(target)
                place = self.target(target)
                assert isinstance(place, form.Name | form.Index)
                return form.Augment(place, self.operator(node, operator), read, line=line)
            case ast.Return(value=value):
                return form.Return(None if value is None else self.value(value), line=line)
            case ast.If(test=test, body=body, orelse=orelse):
                return form.If(self.value(test), *self.branches(body, orelse), line=line)
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=bounds), orelse=[]):
                read_bounds = self.bounds_of(node, bounds)
                return form.For(name, read_bounds, self.loop(node), line=line)
            case ast.For(orelse=[]):
                # Python's own, which the author may have had no use for.
                self.outside = {"len": len, "min": min, **self.outside}
                return self.statement(as_range(node, self.local, self.outside, self.refuse))
            case ast.For():
                raise self.refuse(node.orelse[0], "for ... else cannot be compiled", "put it after the loop")
            case ast.While(orelse=[]):
                body_read = self.loop(node)
                return form.While(self.value(node.test), body_read, line=line)
            case ast.While():
                raise self.refuse(node.orelse[0], "while ... else cannot be compiled", "put it after the loop")
            case ast.Break() | ast.Continue() | ast.Pass():
                return form.Jump(ast.unparse(node), line=line)
            case ast.Expr(value=ast.Call() as call):
                if isinstance(call.func, ast.Attribute) and not self.is_math(call.func.value):
                    raise self.refuse(node, f"{ast.unparse(node)} cannot be compiled", _ALONE)
                done = self.value(call)
                if isinstance(done, form.Helper) and done.function not in OF_A_ROW.values():
                    return form.Do(done, line=line)
                raise self.refuse(node, f"{ast.unparse(node)!r} does nothing here", "leave it out")
            case ast.Expr(value=ast.Constant()):
                raise self.refuse(node, f"{ast.unparse(node)!r} does nothing here", "leave it out")
            case ast.Expr(value=value):
                self.value(value)
                return form.Jump("pass", line=line)
        raise self.refuse(node, *_OUTSIDE.get(type(node), ("this statement cannot be compiled", _PLAIN)))

    def branches(
        self, body: Iterable[ast.stmt], orelse: Iterable[ast.stmt]
    ) -> tuple[tuple[form.Statement, ...], tuple[form.Statement, ...]]:
        """Both branches of an ``if``; after it, names have a value that have one at the end of each."""
        before, ends = self.known, []
        read = []
        for statements in (body, orelse):
            self.known = set(before)
            read.append(self.block(statements))
            if not _leaves(read[-1]):
                ends.append(self.known)
        self.known = set.intersection(*ends) if ends else before
        return read[0], read[1]

    def check_count(self, node: ast.Assign, target: ast.expr, value: ast.expr) -> None:
        """Refuse several names that get another number of values."""
        if not isinstance(target, ast.Tuple) or (isinstance(value, ast.Call) and not self.is_builtin(value.func)):
            return
        names, count = len(target.elts), len(value.elts) if isinstance(value, ast.Tuple) else 1
        if names != count and not isinstance(value, ast.Call):
            what = f"{names} names get {counted(count, 'value')}"
            raise self.refuse(node, what, "give each name one value: a, b = x, y")

    def bounds_of(self, node: ast.For, bounds: Sequence[ast.expr]) -> tuple[form.Expression, ...]:
        """The arguments of ``range``, whose step is a number."""
        if "range" in self.local or self.outside.get("range", range) is not range:
            raise self.refuse(node, "range is a name of the function's own here", "give it another name")
        if not 1 <= len(bounds) <= 3:
            raise self.refuse(node, f"range takes 1 to 3 integers, not {len(bounds)}", "for k in range(len(z))")
        read = tuple(self.integer(bound) for bound in bounds)
        match read[2:]:
            case ():
                return read
            case (form.Const(value=step) | form.Named(value=step) | form.Unary(operand=form.Const(value=step)),) if (
                step
            ):
                return read
        what = f"range steps by {ast.unparse(bounds[2])}, which is not a number other than 0"
        raise self.refuse(node, what, "write the step as a number, as in range(0, len(z), 2)")

    def loop(self, node: ast.For | ast.While) -> tuple[form.Statement, ...]:
        """The body of a loop, in which a name may have got its value in an earlier round."""
        stored = (part for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store))
        self.known |= {part.id for part in stored}
        self.met |= self.known
        return self.block(node.body)

    def target(self, node: ast.expr) -> form.Expression:
        match node:
            case ast.Name(id=name):
                self.known.add(name)
                self.met.add(name)
                return form.Name(name, line=node.lineno)
            case ast.Tuple(elts=targets):
                return form.Tuple(tuple(self.target(target) for target in targets), line=node.lineno)
        place = self.value(node)
        if isinstance(place, form.Index):
            return place
        what = f"{ast.unparse(node)} cannot be set"
        raise self.refuse(node, what, "assign to a name, or to an entry of the row that is to be filled")

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

    def in_order(self, node: ast.Assign, call: ast.Call) -> form.Sorted:
        """``s = sorted(z)``, also with ``reverse=True``."""
        descending = False
        for keyword in call.keywords:
            match keyword:
                case ast.keyword(arg="reverse", value=ast.Constant(value=bool() as descending)):
                    pass
                case _:
                    what = f"sorted with {ast.unparse(keyword)} cannot be compiled"
                    raise self.refuse(call, what, "sorted(z) or sorted(z, reverse=True)")
        match node.targets, call.args:
            case [ast.Name(id=name)], [ast.Name(id=row)] if row in self.local and name != row:
                self.name(call.args[0])  # type: ignore[arg-type]
                self.known.add(name)
                return form.Sorted(name, row, descending, line=node.lineno)
            case [ast.Name(id=name)], [ast.Name(id=row)] if name == row:
                raise self.refuse(node, f"the row {row} is assigned to", f"use another name: ordered = sorted({row})")
        raise self.refuse(
            node, f"{ast.unparse(node)!r} cannot be compiled", "sort one row, into one name: s = sorted(z)"
        )

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
        return form.Helper(function, self.values(node.args), written, line=node.lineno)


def _leaves(statements: Iterable[form.Statement]) -> bool:
    """Whether nothing after a block is reached through it."""
    for statement in statements:
        match statement:
            case form.Return() | form.Jump(word="break" | "continue"):
                return True
            case form.If(body=body, orelse=orelse) if _leaves(body) and _leaves(orelse):
                return True
    return False


def _known_integer(node: form.Expression) -> int | None:
    """The value of an index that is known; None for any other."""
    match node:
        case form.Const(value=int() as value) | form.Named(value=int() as value):
            return value
        case form.Unary(operator="-", operand=operand):
            inner = _known_integer(operand)
            return None if inner is None else -inner
    return None
