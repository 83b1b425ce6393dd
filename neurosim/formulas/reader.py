"""The one reader of formulas: from an author's function to its checked form.

A formula is a plain Python function of scalars (or of rows) that uses arithmetic, ``if``, loops over ``range`` and over
rows, functions of `math` and other functions of the same kind. Anything else is refused with the line it stands in and
what to write instead.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.expressions import ExpressionReader
from neurosim.formulas.rows import OF_A_ROW
from neurosim.formulas.sequences import as_range
from neurosim.formulas.source import DERIVATION, counted, namespace, parse

# Where a function keeps the names that it saw when it was read, and its checked form.
_READ = "__neurosim_formula__"

_PLAIN = "use assignments, if, for, while and return"
_NO_EFFECT = "leave it out: a formula gets and returns numbers; settings are params, and an optimizer has slots"
_ALONE = "leave it out: a formula has no effect but its result, and remembers nothing from call to call"
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
    reader = _StatementReader(function, outside, local, params)
    body = reader.block(node.body)
    own = (*local, *sorted(reader.local.difference(local)))
    formula = form.Formula(function, node.name, params, body, own, reader.outside, node.lineno)
    function.__dict__[_READ] = outside, formula
    return formula


def _are_same(names: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether names stand for the same things; a constant or a helper may have been defined anew."""
    return names.keys() == others.keys() and all(names[name] is value for name, value in others.items())


class _StatementReader(ExpressionReader):
    """Reads the statements of one function."""

    def block(self, statements: Iterable[ast.stmt]) -> tuple[form.Statement, ...]:
        return tuple(self.statement(statement) for statement in statements)

    def statement(self, node: ast.stmt) -> form.Statement:
        line = node.lineno
        match node:
            case ast.Assign(value=ast.Call(func=ast.Name(id="sorted")) as call) if self.is_builtin(call.func):
                return self.in_order(node, call)
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.BinOp(
                    ast.List([ast.Constant(0.0)]), ast.Mult(), ast.Call(ast.Name("len"), [ast.Name(id=row)])
                ),
            ) if DERIVATION in self.function.__globals__:
                self.known.add(name)
                return form.Zeros(name, row, line=line)
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


def _leaves(statements: Iterable[form.Statement]) -> bool:
    """Whether nothing after a block is reached through it."""
    for statement in statements:
        match statement:
            case form.Return() | form.Jump(word="break" | "continue"):
                return True
            case form.If(body=body, orelse=orelse) if _leaves(body) and _leaves(orelse):
                return True
    return False
