"""What keeps compiled formulas within their rows and within bounds of time.

Compiled code checks no index and cannot be interrupted in a loop. So where it cannot be shown beforehand that an index
is one of the row, or how often a loop goes around (see `neurosim.formulas.bounds`), a check is printed along:

* what is read beyond a row is NaN, and what is set beyond it makes the row's first entry NaN;
* a function whose loops have gone around too often returns NaN, or fills its row with it;
* a row that may not be filled completely is filled with NaN beforehand: nothing of an earlier row is left in it.

Training notices NaN and says where it came from. A formula that needs none of this is printed without.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from typing import Any

from neurosim.formulas import form, rows
from neurosim.formulas.assignment import stored_rows
from neurosim.formulas.bounds import Bounds, is_written, stored_names
from neurosim.formulas.python import PythonPrinter, called
from neurosim.formulas.reader import read

# How often the loops without a known number of rounds may go around in one call; in rows of n numbers, n * n more.
MOST_ROUNDS = 10_000
# What a formula calls where it is guarded. No name of an author's looks like these: they have an underscore at the end.
GUARDS = {
    "checked_entry": "def checked_entry(row, index):\n    return row[index] if 0 <= index < len(row) else F(math.nan)",
    "checked_set": (
        "def checked_set(row, index, value):\n    if 0 <= index < len(row):\n        row[index] = value\n"
        "    else:\n        row[0] = F(math.nan)"
    ),
    "spent": "def spent(rounds, most):\n    return rounds > most",
    "unset": "def unset(row):\n    for k in range(len(row)):\n        row[k] = F(math.nan)",
    # A float beyond the integers has no whole part in machine code, not even a wrong one.
    "whole": "def whole(x):\n    return int(x) if F(-9e18) < x < F(9e18) else -9223372036854775807 - 1",
    # Of integers, Python would work out every digit.
    "power": "def power(x, y):\n    return x**y",
    "times": "def times(x, y):\n    return x * y",
    "quotient": "def quotient(x, y):\n    return x // y if y != 0 else 0",
    "remainder": "def remainder(x, y):\n    return x % y if y != 0 else 0",
}


class GuardedPrinter(PythonPrinter):
    """Writes a formula with its checks.

    Parameters
    ----------
    formula : Formula
        Checked.
    indices : set of str
        Arguments that are the index of an entry.
    rows_given : set of str
        Arguments that are rows.
    output : str
        The row that it fills; empty where it returns a result.
    short : set of str
        Rows that may have fewer entries than the others.

    Attributes
    ----------
    needed : set of str
        The entries of `GUARDS` that have been used.
    """

    def __init__(
        self,
        formula: form.Formula,
        indices: set[str],
        rows_given: set[str],
        output: str,
        short: Collection[str] = (),
    ) -> None:
        super().__init__(formula)
        self.bounds = Bounds(formula, indices, short)
        self.trusted = is_ours(formula)
        if self.trusted:
            self.bounds.unproven.clear()
            self.bounds.unlimited.clear()
        self.needed: set[str] = set()
        self._rows = [name for name in formula.params if name in rows_given]
        self._full = {*rows_given} - {*short}
        self._output = output

    def guard(self, name: str, *arguments: ast.expr) -> ast.Call:
        """A call of one of `GUARDS`."""
        self.needed.add(name)
        return called(name, *arguments)

    def function(self, name: str, params: Iterable[str], body: Iterable[form.Statement]) -> ast.FunctionDef:
        """The whole function; see `PythonPrinter`."""
        body = tuple(body)
        written = super().function(name, params, body)
        first: list[ast.stmt] = []
        if self.bounds.unlimited:
            first.append(ast.Assign([ast.Name("rounds")], ast.Constant(0)))
        if self._output and not fills(body, self._output, self._full):
            first.append(ast.Expr(self.guard("unset", self.name(self._output))))
        written.body[:0] = [_at(statement, self.formula.line) for statement in first]
        return written

    # Rows -------------------------------------------------------------------------------------------------------

    def _is_unproven(self, node: form.Node) -> bool:
        return id(node) in self.bounds.unproven

    def write_index(self, node: form.Index) -> ast.expr:
        if self._is_unproven(node):
            return self.guard("checked_entry", self.name(node.row), self._place(node))
        return super().write_index(node)

    def _place(self, node: form.Index) -> ast.expr:
        """An index; a negative number counts from the end, but what happens to be negative does not."""
        place: ast.expr = self.integer(node.index)
        span = self.bounds.of(node.index)
        if is_written(node.index) and span is not None and span.low < 0:
            place = ast.BinOp(called("len", self.name(node.row)), ast.Add(), place)
        return place

    def _set(self, node: form.Index, value: ast.expr) -> ast.stmt:
        place = self.guard("checked_set", self.name(node.row), self._place(node), value)
        return _at(ast.Expr(place), node.line)

    def write_assign(self, node: form.Assign) -> Any:
        match node.targets:
            case [form.Index() as only] if self._is_unproven(only):
                return self._set(only, self.number(node.value))
        if not any(map(self._is_unproven, form.walk(node.targets))):
            return super().write_assign(node)
        # Several targets: the values first, each under a name, then one target after the other.
        written: list[ast.stmt] = []
        value = self.number(node.value)
        for number, target in enumerate(node.targets):
            parts = target.items if isinstance(target, form.Tuple) else (target,)
            names: list[ast.expr] = [ast.Name(f"value_{number}_{place}") for place in range(len(parts))]
            written.append(ast.Assign([ast.Tuple(names) if isinstance(target, form.Tuple) else names[0]], value))
            for name, part in zip(names, parts, strict=True):
                if isinstance(part, form.Index) and self._is_unproven(part):
                    written.append(self._set(part, name))
                else:
                    written.append(ast.Assign([self.target(part)], name))
        return [_at(statement, node.line) for statement in written]

    def write_augment(self, node: form.Augment) -> Any:
        if self._is_unproven(node.target):
            return self.write(node.plain)
        return super().write_augment(node)

    # Loops ------------------------------------------------------------------------------------------------------

    def write_while(self, node: form.While) -> Any:
        return self._limited(node, super().write_while(node))

    def write_for(self, node: form.For) -> Any:
        return self._limited(node, super().write_for(node))

    def _limited(self, node: form.Statement, loop: Any) -> Any:
        if id(node) in self.bounds.unlimited:
            most: ast.expr = ast.Constant(MOST_ROUNDS)
            if self._rows:
                length = called("len", self.name(self._rows[0]))
                most = ast.BinOp(most, ast.Add(), ast.BinOp(length, ast.Mult(), length))
            count = ast.AugAssign(ast.Name("rounds"), ast.Add(), ast.Constant(1))
            stop = ast.If(self.guard("spent", ast.Name("rounds"), most), self._given_up(), [])
            loop.body[:0] = [_at(count, node.line), _at(stop, node.line)]
        return loop

    def _given_up(self) -> list[ast.stmt]:
        """The end of a function whose loops take too long."""
        results = [part.value for part in form.walk(self.formula.body) if isinstance(part, form.Return)]
        several = [value for value in results if isinstance(value, form.Tuple)]
        if not any(results):
            stored = [name for name in stored_rows(self.formula) if name in self.formula.params]
            return [*(ast.Expr(self.guard("unset", self.name(name))) for name in stored), ast.Return(None)]
        nothing: ast.expr = self.write(form.Const(float("nan")))
        return [ast.Return(ast.Tuple([nothing] * len(several[0].items)) if several else nothing)]


def is_ours(formula: form.Formula) -> bool:
    """Whether a formula is one of `neurosim.formulas.rows`, which stay within their rows and end."""
    return formula.function.__module__ == rows.__name__


def _at(statement: ast.stmt, line: int) -> ast.stmt:
    """A statement of ours with the author's line."""
    for part in ast.walk(statement):
        if isinstance(part, ast.stmt):
            part.lineno = line
    return statement


def fills(body: Iterable[form.Statement], row: str, full: Collection[str]) -> bool:
    """Whether it can be shown that a block sets every entry of a row before it reads one.

    `full` are the rows of the same length. So it is where ``for k in range(len(row))`` sets ``row[k]`` in every round.
    """
    for statement in body:
        match statement:
            case form.For(name=name, bounds=[count], body=inner) if _is_length(count, full) and not _leaves(
                inner, "break"
            ):
                if _sets(inner, row, {name}):
                    return True
            case form.If(test=test, body=inner, orelse=orelse) if not _mentions([test], row):
                if fills(inner, row, full) and fills(orelse, row, full):
                    return True
            case form.Do(call=form.Helper(function=function, arguments=arguments)):
                callee = read(function)
                given = dict(zip(callee.params, arguments, strict=False))
                params = [param for param, argument in given.items() if argument == form.Name(row)]
                long = {param for param, argument in given.items() if getattr(argument, "id", "") in full}
                if len(params) == 1 and fills(callee.body, params[0], long):
                    return True
        if _mentions([statement], row) or _leaves([statement]):
            return False
    return False


def _leaves(statements: Iterable[form.Statement], *words: str) -> bool:
    """Whether there is a return in a block, or one of these jumps."""
    return any(
        isinstance(part, form.Return) or (isinstance(part, form.Jump) and part.word in words)
        for part in form.walk(statements)
    )


def _is_length(count: form.Expression, full: Collection[str]) -> bool:
    """Whether a number is the length of the rows, those in `full`."""
    match count:
        case form.Call(name="len", arguments=[form.Name(id=row)]):
            return row in full
        case form.Call(name="min" | "max", arguments=arguments):
            return all(_is_length(argument, full) for argument in arguments)
    return False


def _sets(body: Iterable[form.Statement], row: str, index: set[str]) -> bool:
    """Whether a block sets one entry of a row on every path, before it reads any; `index` are names of its index."""
    index = set(index)
    for statement in body:
        match statement:
            case form.Assign(targets=[form.Index(row=stored, index=form.Name(id=name))], value=value) if (
                stored == row and name in index and not _mentions([value], row)
            ):
                return True
            case form.Assign(targets=[form.Name(id=name)], value=form.Name(id=other)) if other in index:
                index.add(name)
                continue
            case form.If(test=test, body=inner, orelse=orelse) if not _mentions([test], row):
                if _sets(inner, row, index) and _sets(orelse, row, index):
                    return True
        if _leaves([statement], "break", "continue") or _mentions([statement], row):
            return False
        index -= set(stored_names([statement]))
    return False


def _mentions(nodes: Iterable[form.Node], row: str) -> bool:
    """Whether a row is named anywhere but in ``len(row)``."""
    for node in nodes:
        match node:
            case form.Call(name="len"):
                continue
            case form.Index(row=name) | form.Name(id=name) if name == row:
                return True
        if _mentions(form.parts(node), row):
            return True
    return False
