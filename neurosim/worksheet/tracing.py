"""An author's formula as lines of arithmetic: every statement in symbols, and with the numbers put in.

The function's own source is followed, statement by statement, with the numbers of one call, so a plugin's
activation or optimizer is explained as the built-in ones are. Terms that a parameter of exactly 0 switches off
are left out. What cannot be followed (loops, rows) is told by its result alone; see `trace`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.backends.uncompiled import machine_math, uncompiled
from neurosim.errors import PluginError
from neurosim.formulas.source import MATH_CONSTANTS, math_function, namespace, parse
from neurosim.worksheet.blocks import Line, Number, Piece, Pieces

_NAMES = {"log": "ln", "fabs": "abs"}
_OPERATORS: dict[type[ast.operator], tuple[str, int]] = {
    ast.Add: (" + ", 1), ast.Sub: (" - ", 1), ast.Mult: ("·", 2), ast.Div: (" / ", 2), ast.Pow: ("^", 4),
}  # fmt: skip
# How a comparison is written, how its opposite, and what it does.
_COMPARISONS: dict[type[ast.cmpop], tuple[str, str, Callable[[Any, Any], Any]]] = {
    ast.Gt: (" > ", " <= ", lambda a, b: a > b), ast.GtE: (" >= ", " < ", lambda a, b: a >= b),
    ast.Lt: (" < ", " >= ", lambda a, b: a < b), ast.LtE: (" <= ", " > ", lambda a, b: a <= b),
    ast.Eq: (" = ", " != ", lambda a, b: a == b), ast.NotEq: (" != ", " = ", lambda a, b: a != b),
}  # fmt: skip
_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = 1, 2, 3, 4, 5


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
            walk = _Walk(function, arguments, results)
            lines = walk.follow()
            followed = bool(lines) and np.array_equal(walk.outcome, outcome, equal_nan=True)
        except (_UnclearError, PluginError):
            followed = False
    if not followed:
        names = ", ".join(argument.symbol for argument in arguments if not argument.setting)
        called = f"{function.__name__}({names})"
        lines = [Line(name, called, (), value) for name, value in zip(results, outcome, strict=True)]
    return Traced(tuple(lines), outcome)


class _Walk:
    """One call, statement by statement."""

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Argument], results: Sequence[str]) -> None:
        self._node = parse(function)
        self._outside: Mapping[str, Any] = namespace(function)
        self._results = results
        self._lines: list[Line] = []
        self._notes: list[str] = []
        self._known: dict[str, _Term] = {}
        self.outcome: list[float] = []
        for entry, argument in zip(self._node.args.args, arguments, strict=True):
            value = np.float64(argument.value)
            filled = (Number(float(value), argument.computed),)
            nothing = argument.setting and value == 0.0
            self._known[entry.arg] = _Term(argument.symbol, filled, value, nothing=nothing)

    def follow(self) -> list[Line]:
        if not self._block(self._node.body):
            raise _UnclearError
        return self._lines

    def _block(self, body: Sequence[ast.stmt]) -> bool:
        """Follow statements; whether one of them returned."""
        for statement in body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._assign(name, value)
                case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                    left = ast.Name(target.id, ast.Load())
                    self._assign(name, ast.BinOp(left, op, value))
                case ast.If(test=test, body=then, orelse=other):
                    if self._block(then if self._holds(test) else other):
                        return True
                case ast.Return(value=ast.Tuple(elts=parts)):
                    self._return(parts)
                    return True
                case ast.Return(value=ast.expr() as value):
                    self._return([value])
                    return True
                case _:
                    raise _UnclearError
        return False

    def _assign(self, name: str, value: ast.expr) -> None:
        term = self._term(value)
        if term.rank == _ATOM and term.symbols in {known.symbols for known in self._known.values()}:
            # Another name for what is there already.
            self._known[name] = term
            return
        self._add(name, term)
        self._known[name] = _Term(name, (Number(float(term.value), computed=True),), term.value, nothing=False)

    def _return(self, parts: Sequence[ast.expr]) -> None:
        if len(parts) != len(self._results):
            raise _UnclearError
        for name, part in zip(self._results, parts, strict=True):
            term = self._term(part)
            self.outcome.append(float(term.value))
            if isinstance(part, ast.Name) and len(parts) > 1 and part.id in self._known:
                continue  # worked out above
            self._add(name, term)

    def _add(self, name: str, term: _Term) -> None:
        # A formula that is a bare number or name has nothing to be put in.
        plain = len(term.filled) == 1 and not term.symbols[:1].isalpha()
        filled = () if plain else term.filled
        self._lines.append(Line(name, term.symbols, filled, float(term.value), "; ".join(self._notes)))
        self._notes = []

    def _holds(self, test: ast.expr) -> bool:
        """Whether a condition holds; the case is noted at the next line, unless only settings decide it."""
        match test:
            case ast.Compare(left=left, ops=ops, comparators=rest):
                terms = [self._term(part) for part in (left, *rest)]
            case _:
                raise _UnclearError
        found = True
        words = terms[0].symbols
        for op, before, after in zip(ops, terms, terms[1:], strict=False):
            if type(op) not in _COMPARISONS:
                raise _UnclearError
            sign, _, compare = _COMPARISONS[type(op)]
            found = found and bool(compare(before.value, after.value))
            words += sign + after.symbols
        if any(isinstance(piece, Number) and piece.computed for term in terms for piece in term.filled):
            sign, opposite, _ = _COMPARISONS[type(ops[0])]
            otherwise = words.replace(sign, opposite) if len(ops) == 1 else f"not {words}"
            self._notes.append(f"as {words if found else otherwise}")
        return found

    def _term(self, node: ast.expr) -> _Term:
        match node:
            case ast.Constant(value=bool() | str()):
                raise _UnclearError
            case ast.Constant(value=int() | float() as value):
                number = np.float64(value) if isinstance(value, float) else value
                return _Term(f"{value:g}", (f"{value:g}",), number)
            case ast.Name(id=name):
                return self._name(name)
            case ast.Attribute(attr=name) if name in MATH_CONSTANTS:
                symbol = {"pi": "π"}.get(name, name)
                return _Term(symbol, (symbol,), np.float64(MATH_CONSTANTS[name]))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self._term(operand).within(_SIGN)
                return _Term(f"-{inner.symbols}", ("-", *inner.filled), -inner.value, _SIGN, inner.nothing)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._term(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return self._operation(self._term(left), op, self._term(right))
            case ast.IfExp(test=test, body=then, orelse=other):
                return self._term(then if self._holds(test) else other)
            case ast.Call(func=function, args=arguments, keywords=[]):
                return self._call(function, [self._term(argument) for argument in arguments])
        raise _UnclearError

    def _name(self, name: str) -> _Term:
        if name in self._known:
            return self._known[name]
        value = self._outside.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _UnclearError
        return _Term(name, (Number(float(value)),), np.float64(value))

    def _operation(self, left: _Term, op: ast.operator, right: _Term) -> _Term:
        if type(op) not in _OPERATORS:
            raise _UnclearError
        sign, rank = _OPERATORS[type(op)]
        value = _result(op, left.value, right.value)
        off = left.nothing or (right.nothing and isinstance(op, ast.Mult))
        if isinstance(op, ast.Mult | ast.Div) and off and value == 0.0:
            return _Term("0", ("0",), value, nothing=True)
        if isinstance(op, ast.Add | ast.Sub):
            if right.nothing:
                return _Term(left.symbols, left.filled, value, left.rank)
            if left.nothing and isinstance(op, ast.Add):
                return _Term(right.symbols, right.filled, value, right.rank)
        # A power, a difference and a quotient are not the same bracketed the other way round.
        first = left.within(rank + 1 if isinstance(op, ast.Pow) else rank)
        second = right.within(rank if isinstance(op, ast.Add | ast.Mult | ast.Pow) else rank + 1)
        return _Term(f"{first.symbols}{sign}{second.symbols}", (*first.filled, sign, *second.filled), value, rank)

    def _call(self, function: ast.expr, arguments: Sequence[_Term]) -> _Term:
        name = math_function(function, self._outside, self._known)
        values = [argument.value for argument in arguments]
        if name:
            value = getattr(machine_math, name)(*values)
        elif isinstance(function, ast.Name) and function.id in ("abs", "min", "max", "float"):
            name = function.id
            known: dict[str, Callable[..., Any]] = {"abs": abs, "min": min, "max": max, "float": np.float64}
            value = known[name](*values)
            if name == "float":
                return arguments[0]
        elif isinstance(function, ast.Name) and callable(self._outside.get(function.id)):
            name = function.id
            value = uncompiled(self._outside[name])(*values)
        else:
            raise _UnclearError
        shown = _NAMES.get(name, name)
        filled: list[Piece] = [f"{shown}("]
        for place, argument in enumerate(arguments):
            filled += [", " if place else "", *argument.filled]
        symbols = ", ".join(argument.symbols for argument in arguments)
        return _Term(f"{shown}({symbols})", (*filled, ")"), value)


def _result(op: ast.operator, left: Any, right: Any) -> Any:
    match op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return np.float64(left) / right
        case _:
            return np.float64(left) ** right
