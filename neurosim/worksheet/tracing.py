"""An author's formula as lines of arithmetic: every statement in symbols, and with the numbers put in.

The function's own source is followed, statement by statement, with the numbers of one call, so a plugin's
activation or optimizer is explained as the built-in ones are. Terms that a parameter of exactly 0 switches off
are left out. What cannot be followed (loops, rows) is told by its result alone; see `trace`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.backends.uncompiled import machine_math, uncompiled
from neurosim.errors import PluginError
from neurosim.formulas import form
from neurosim.formulas.printer import Printer
from neurosim.formulas.reader import read
from neurosim.worksheet.blocks import Line, Number, Piece, Pieces

_NAMES = {"log": "ln", "fabs": "abs"}
# How tightly expressions bind.
_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = 1, 2, 3, 4, 5
# How an operation is written, how tightly it binds, and what it does.
_OPERATORS: dict[str, tuple[str, int, Callable[[Any, Any], Any]]] = {
    "+": (" + ", _SUM, operator.add), "-": (" - ", _SUM, operator.sub), "*": ("·", _PRODUCT, operator.mul),
    "/": (" / ", _PRODUCT, lambda a, b: np.float64(a) / b), "**": ("^", _POWER, lambda a, b: np.float64(a) ** b),
}  # fmt: skip
# How a comparison is written, how its opposite, and what it does.
_COMPARISONS: dict[str, tuple[str, str, Callable[[Any, Any], Any]]] = {
    ">": (" > ", " <= ", operator.gt), ">=": (" >= ", " < ", operator.ge),
    "<": (" < ", " >= ", operator.lt), "<=": (" <= ", " > ", operator.le),
    "==": (" = ", " != ", operator.eq), "!=": (" != ", " = ", operator.ne),
}  # fmt: skip


@dataclass(frozen=True)
class Argument:
    """What a formula is called with: how the sheet names it, its value, and what kind of number it is.

    `computed` numbers are gaps on a blank sheet; a `setting` of exactly 0 leaves out what it multiplies.
    """

    symbol: str
    value: float
    computed: bool = False
    setting: bool = False


@dataclass(frozen=True)
class Traced:
    """The lines of one call, and what it returned: one entry for each result."""

    lines: tuple[Line, ...]
    results: tuple[float, ...]


class _UnclearError(Exception):
    """Something that is not followed."""


@dataclass(frozen=True)
class _Term:
    """An expression in symbols, with numbers, and its value."""

    symbols: str
    filled: Pieces
    value: Any
    rank: int = _ATOM
    nothing: bool = False  # switched off by a setting of 0

    def within(self, rank: int) -> _Term:
        """In brackets where an expression around it of this rank needs them."""
        if self.rank >= rank:
            return self
        return _Term(f"({self.symbols})", ("(", *self.filled, ")"), self.value, _ATOM, self.nothing)


def trace(function: Callable[..., Any], arguments: Sequence[Argument], results: Sequence[str]) -> Traced:
    """Follow ``function(*arguments)``; the results are named by `results`.

    Where the function has parts that are not followed, there is one line for each result, with its value.
    """
    values = [np.float64(argument.value) for argument in arguments]
    with np.errstate(all="ignore"):
        found = uncompiled(function)(*values)
        outcome = tuple(float(value) for value in (found if isinstance(found, tuple) else (found,)))
        try:
            sheet = _SheetPrinter(read(function), arguments, results)
            lines = sheet.follow()
            followed = bool(lines) and np.array_equal(sheet.outcome, outcome, equal_nan=True)
        except (_UnclearError, PluginError):
            followed = False
    if not followed:
        names = ", ".join(argument.symbol for argument in arguments if not argument.setting)
        called = f"{function.__name__}({names})"
        lines = [Line(name, called, (), value) for name, value in zip(results, outcome, strict=True)]
    return Traced(tuple(lines), outcome)


class _SheetPrinter(Printer):
    """Writes one call, statement by statement, with its numbers; expressions become terms.

    A statement becomes whether the function has returned.
    """

    def __init__(self, formula: form.Formula, arguments: Sequence[Argument], results: Sequence[str]) -> None:
        super().__init__(formula)
        self._results = results
        self._lines: list[Line] = []
        self._notes: list[str] = []
        self._known: dict[str, _Term] = {}
        self.outcome: list[float] = []
        for name, argument in zip(formula.params, arguments, strict=True):
            value = np.float64(argument.value)
            filled = (Number(float(value), argument.computed),)
            nothing = argument.setting and value == 0.0
            self._known[name] = _Term(argument.symbol, filled, value, nothing=nothing)

    def follow(self) -> list[Line]:
        if not self._block(self.formula.body):
            raise _UnclearError
        return self._lines

    # Statements ---------------------------------------------------------------------------------------------

    def _block(self, body: Sequence[form.Statement]) -> bool:
        return any(self.write(statement) for statement in body)

    def write_assign(self, node: form.Assign) -> bool:
        match node.targets:
            case [form.Name(id=name)]:
                term = self.write(node.value)
            case _:
                raise _UnclearError
        if term.rank == _ATOM and term.symbols in {known.symbols for known in self._known.values()}:
            # Another name for what is there already.
            self._known[name] = term
            return False
        self._add(name, term)
        self._known[name] = _Term(name, (Number(float(term.value), computed=True),), term.value, nothing=False)
        return False

    def write_if(self, node: form.If) -> bool:
        return self._block(node.body if self._holds(node.test) else node.orelse)

    def write_return(self, node: form.Return) -> bool:
        parts = node.value.items if isinstance(node.value, form.Tuple) else [node.value] if node.value else []
        if len(parts) != len(self._results):
            raise _UnclearError
        for name, part in zip(self._results, parts, strict=True):
            term = self.write(part)
            self.outcome.append(float(term.value))
            if isinstance(part, form.Name) and len(parts) > 1:
                continue  # worked out above
            self._add(name, term)
        return True

    def _add(self, name: str, term: _Term) -> None:
        # A formula that is a bare number or name has nothing to be put in.
        plain = len(term.filled) == 1 and not term.symbols[:1].isalpha()
        filled = () if plain else term.filled
        self._lines.append(Line(name, term.symbols, filled, float(term.value), "; ".join(self._notes)))
        self._notes = []

    def _holds(self, test: form.Expression) -> bool:
        """Whether a condition holds; the case is noted at the next line, unless only settings decide it."""
        if not isinstance(test, form.Compare):
            raise _UnclearError
        terms = self.write_all(test.operands)
        found = True
        words = terms[0].symbols
        for op, before, after in zip(test.operators, terms, terms[1:], strict=False):
            sign, _, compare = _COMPARISONS[op]
            found = found and bool(compare(before.value, after.value))
            words += sign + after.symbols
        if any(isinstance(piece, Number) and piece.computed for term in terms for piece in term.filled):
            sign, opposite, _ = _COMPARISONS[test.operators[0]]
            otherwise = words.replace(sign, opposite) if len(test.operators) == 1 else f"not {words}"
            self._notes.append(f"as {words if found else otherwise}")
        return found

    # Expressions --------------------------------------------------------------------------------------------

    def write_const(self, node: form.Const) -> _Term:
        if isinstance(node.value, bool):
            raise _UnclearError
        number = np.float64(node.value) if isinstance(node.value, float) else node.value
        return _Term(f"{node.value:g}", (f"{node.value:g}",), number)

    def write_name(self, node: form.Name) -> _Term:
        if node.id not in self._known:
            raise _UnclearError
        return self._known[node.id]

    def write_named(self, node: form.Named) -> _Term:
        module, _, name = node.written.rpartition(".")
        value = np.float64(node.value)
        if not module:
            return _Term(name, (Number(float(value)),), value)
        symbol = {"pi": "π"}.get(name, name)
        return _Term(symbol, (symbol,), value)

    def write_unary(self, node: form.Unary) -> _Term:
        if node.operator == "+":
            return self.write(node.operand)  # type: ignore[no-any-return]
        if node.operator != "-":
            raise _UnclearError
        inner = self.write(node.operand).within(_SIGN)
        return _Term(f"-{inner.symbols}", ("-", *inner.filled), -inner.value, _SIGN, inner.nothing)

    def write_binary(self, node: form.Binary) -> _Term:
        op, left, right = node.operator, self.write(node.left), self.write(node.right)
        if op not in _OPERATORS:
            raise _UnclearError
        sign, rank, work_out = _OPERATORS[op]
        value = work_out(left.value, right.value)
        off = left.nothing or (right.nothing and op == "*")
        if op in "*/" and off and value == 0.0:
            return _Term("0", ("0",), value, nothing=True)
        if op in "+-":
            if right.nothing:
                return _Term(left.symbols, left.filled, value, left.rank)
            if left.nothing and op == "+":
                return _Term(right.symbols, right.filled, value, right.rank)
        # A power, a difference and a quotient are not the same bracketed the other way round.
        first = left.within(rank + 1 if op == "**" else rank)
        second = right.within(rank + 1 if op in "-/" else rank)
        return _Term(f"{first.symbols}{sign}{second.symbols}", (*first.filled, sign, *second.filled), value, rank)

    def write_choice(self, node: form.Choice) -> _Term:
        return self.write(node.body if self._holds(node.test) else node.orelse)  # type: ignore[no-any-return]

    def write_call(self, node: form.Call) -> _Term:
        arguments = self.write_all(node.arguments)
        if node.name == "float":
            return arguments[0]  # type: ignore[no-any-return]
        if node.name == "len":
            raise _UnclearError
        known: dict[str, Callable[..., Any]] = {"abs": abs, "int": int, "min": min, "max": max}
        function = known.get(node.name) or getattr(machine_math, node.name)
        return self._called(_NAMES.get(node.name, node.name), function, arguments)

    def write_helper(self, node: form.Helper) -> _Term:
        return self._called(node.written, uncompiled(node.function), self.write_all(node.arguments))

    def _called(self, name: str, function: Callable[..., Any], arguments: Sequence[_Term]) -> _Term:
        filled: list[Piece] = [f"{name}("]
        for place, argument in enumerate(arguments):
            filled += [", " if place else "", *argument.filled]
        symbols = ", ".join(argument.symbols for argument in arguments)
        value = function(*(argument.value for argument in arguments))
        return _Term(f"{name}({symbols})", (*filled, ")"), value)

    def refuse(self, node: form.Node) -> _UnclearError:
        return _UnclearError()
