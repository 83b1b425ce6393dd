"""Forward-mode differentiation of a formula's source: each number carries its derivative along.

For every variable x of a function that depends on what is varied, the function written here has a
second one, ``d_x``, its tangent (Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 3).
Branches and loops stay as they are. The result is again plain Python on scalars: it runs uncompiled
and is translated for the compilers like what an author writes.

Two choices are made where the chain rule alone would mislead.

At a kink (``abs`` at 0, ``max`` of equals) the derivative is the one from the right. Formulas
that are smooth but written with kinks, such as ``max(z, 0) + log1p(exp(-abs(z)))``, so get their
true derivative there.

A factor of exactly 0 makes a product 0 even where the tangent has overflowed: the derivative of
``1 / (1 + exp(-z))`` is 0 far on the left, where ``exp(-z)`` and its tangent are infinite.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from neurosim.errors import PluginError
from neurosim.formulas.activity import Activity, assigned_names, whole_power
from neurosim.formulas.rules import RULES
from neurosim.formulas.source import MATH_FUNCTIONS, namespace, parse, refuse
from neurosim.formulas.texts import added, is_atom, is_number, negative

# What is varied in an argument: nothing, the number itself, or one entry of the row.
Varied = Literal["", "number", "row"]


@dataclass(frozen=True)
class Dual:
    """Text of a value and of its tangent; no tangent means that it is 0.

    `tame` says that both are finite while the arguments are: no overflow to guard against.
    """

    value: str
    tangent: str = ""
    tame: bool = True


class Helpers(Protocol):
    """Finds the tangent of a function that another one calls."""

    def tangent_of(self, function: Callable[..., Any], varied: tuple[Varied, ...]) -> Callable[..., Any]:
        """A function of the arguments, the tangents of the varied numbers, and the index in varied rows."""


class TangentWriter(Activity):
    """Writes the function that computes the tangent of another one's result.

    Parameters
    ----------
    function : function
        The author's.
    varied : sequence of Varied
        For each argument, what of it is varied. A single varied number has the tangent 1.
    helpers : Helpers
        Gives the tangents of functions that it calls.

    Attributes
    ----------
    arguments : list of str
        Names of the written function's arguments: those of `function`; then, unless the first
        argument is all that is varied, the tangents of varied numbers; then the index of the
        varied entry where a row is varied.
    outside : dict
        Names that the written function needs besides its own.
    """

    def __init__(
        self, function: Callable[..., Any], varied: Sequence[Varied], helpers: Helpers, *, unit: bool = False
    ) -> None:
        self.function = function
        self.helpers = helpers
        self.outside = namespace(function)
        self.node = parse(function)
        names = [argument.arg for argument in self.node.args.args]
        self.local = set(names) | {name for name, _ in assigned_names(self.node)}
        self._taken = {*self.local, *self.outside, *function.__globals__}
        self.rows = {name for name, kind in zip(names, varied, strict=True) if kind == "row"}
        numbers = [name for name, kind in zip(names, varied, strict=True) if kind == "number"]
        self.math = self._math_module()
        self.active = self.find_active(set(numbers))
        self.tame = self.find_tame(set(names))
        self.tangents = {name: self.fresh(f"d_{name}") for name in sorted(self.active)}
        stored = {name for name, _ in assigned_names(self.node)}
        self._start: list[str] = []
        if unit:
            for name in numbers:
                if name in stored:
                    self._start.append(f"{self.tangents[name]} = 1.0")
                else:
                    self.tangents[name] = "1.0"
        self.index = self.fresh("index") if self.rows else ""
        passed = [] if unit else [self.tangents[name] for name in numbers]
        self.arguments = [*names, *passed, *([self.index] if self.rows else [])]
        self._lines: list[str] = []
        self._depth = 1

    def body(self) -> list[str]:
        """The lines of the written function's body, indented."""
        self._lines = []
        for line in self._start:
            self.emit(line)
        for statement in self.node.body:
            self.statement(statement)
        return self._lines

    # Names --------------------------------------------------------------------------------------------------

    def fresh(self, wish: str) -> str:
        """A name that is not in use, `wish` if possible."""
        name = wish
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def _temporary(self) -> str:
        number = 1
        while f"t{number}" in self._taken:
            number += 1
        return self.fresh(f"t{number}")

    def _math_module(self) -> str:
        import math

        for name, value in self.outside.items():
            if value is math and name not in self.local:
                return name
        name = self.fresh("math") if "math" in self._taken else "math"
        self.outside[name] = math
        return name

    def refuse(self, node: ast.AST, what: str = "") -> PluginError:
        """The error for a piece that cannot be derived."""
        what = what or f"{ast.unparse(node)!r} cannot be derived"
        return refuse(self.function, node, what, "write it with arithmetic and math functions, or give the derivative")

    # Writing ------------------------------------------------------------------------------------------------

    def emit(self, line: str) -> None:
        """Add a line at the present depth."""
        self._lines.append("    " * self._depth + line)

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        yield
        self._depth -= 1

    def bind(self, text: str) -> str:
        """A name (or number) for a value that is needed more than once."""
        if is_atom(text):
            return text
        name = self._temporary()
        self.emit(f"{name} = {text}")
        return name

    def times(self, factor: str, dual: Dual, *, varies: bool = True) -> str:
        """Text of `factor` times the tangent of `dual`; `varies` tells whether the factor may become 0."""
        tangent = dual.tangent
        if not tangent or tangent == "1.0":
            return factor if tangent else ""
        if tangent == "-1.0":
            return negative(factor)
        if factor == "1.0":
            return tangent
        if dual.tame or not varies or is_number(factor):
            return f"({factor}) * ({tangent})"
        factor = self.bind(factor)
        return f"(0.0 if {factor} == 0.0 else {factor} * ({tangent}))"

    # Statements ---------------------------------------------------------------------------------------------

    def statement(self, node: ast.stmt) -> None:
        """Write one statement with the tangents of what it assigns."""
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._assign(name, value)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if len(targets) == len(
                values
            ) and all(isinstance(target, ast.Name) for target in targets):
                self._assign_several([target.id for target in targets], values)  # type: ignore[attr-defined]
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                self._assign(name, ast.copy_location(ast.BinOp(ast.Name(name, ast.Load()), op, value), node))
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                if value is not None:
                    self._assign(name, value)
            case ast.Return(value=value) if value is not None and not isinstance(value, ast.Tuple):
                self.emit(f"return {self.dual(value).tangent or '0.0'}")
            case ast.If(test=test, body=body, orelse=orelse):
                self._block(f"if {ast.unparse(test)}:", body)
                if orelse:
                    self._block("else:", orelse)
            case ast.For(target=target, iter=over, body=body, orelse=[]):
                self._block(f"for {ast.unparse(target)} in {ast.unparse(over)}:", body)
            case ast.While(test=test, body=body, orelse=[]):
                self._block(f"while {ast.unparse(test)}:", body)
            case ast.Break() | ast.Continue() | ast.Pass():
                self.emit(ast.unparse(node))
            case _:
                raise self.refuse(node)

    def _block(self, head: str, body: list[ast.stmt]) -> None:
        self.emit(head)
        with self._deeper():
            for statement in body:
                self.statement(statement)
            self.emit("pass")

    def _assign(self, name: str, value: ast.expr) -> None:
        if name not in self.active:
            self.emit(f"{name} = {ast.unparse(value)}")
            return
        dual = self.dual(value)
        # The tangent first: it may be written with the old value of the name.
        self.emit(f"{self.tangents[name]} = {dual.tangent or '0.0'}")
        self.emit(f"{name} = {dual.value}")

    def _assign_several(self, names: list[str], values: list[ast.expr]) -> None:
        """``a, b = b, a``: all values are worked out before the first is assigned."""
        duals = [self.dual(value) for value in values]
        kept = []
        for dual in duals:
            pair = []
            for text in (dual.value, dual.tangent or "0.0"):
                pair.append(self._temporary())
                self.emit(f"{pair[-1]} = {text}")
            kept.append(pair)
        for name, (value, tangent) in zip(names, kept, strict=True):
            self.emit(f"{name} = {value}")
            if name in self.active:
                self.emit(f"{self.tangents[name]} = {tangent}")

    # Expressions --------------------------------------------------------------------------------------------

    def dual(self, node: ast.expr) -> Dual:
        """Text of an expression and of its tangent; lines that they need are written before."""
        if isinstance(node, ast.Name) and node.id in self.rows:
            raise self.refuse(node, f"the row {node.id} can only be indexed where a derivative is to be worked out")
        if not self.depends(node, self.active):
            return Dual(ast.unparse(node))
        tame = self.is_tame(node, self.tame)
        match node:
            case ast.Name(id=name):
                return Dual(name, self.tangents[name], tame)
            case ast.Subscript(slice=index):
                chosen = f"(1.0 if {ast.unparse(index)} == {self.index} else 0.0)"
                return Dual(ast.unparse(node), chosen, tame)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.dual(operand)
                return Dual(f"-({inner.value})", negative(inner.tangent), tame)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.dual(operand)
            case ast.BinOp():
                return self._binary(node, tame)
            case ast.IfExp():
                return self._choice(node, tame)
            case ast.Call():
                return self._call(node, tame)
        raise self.refuse(node)

    def _binary(self, node: ast.BinOp, tame: bool) -> Dual:
        left, right = self.dual(node.left), self.dual(node.right)
        match node.op:
            case ast.Add():
                return Dual(f"({left.value}) + ({right.value})", added(left.tangent, right.tangent), tame)
            case ast.Sub():
                tangent = added(left.tangent, negative(right.tangent))
                return Dual(f"({left.value}) - ({right.value})", tangent, tame)
            case ast.Mult():
                # A factor appears again in the other one's tangent.
                left = Dual(self.bind(left.value), left.tangent, left.tame) if right.tangent else left
                right = Dual(self.bind(right.value), right.tangent, right.tame) if left.tangent else right
                tangent = added(
                    self.times(right.value, left, varies=bool(right.tangent)),
                    self.times(left.value, right, varies=bool(left.tangent)),
                )
                return Dual(f"({left.value}) * ({right.value})", tangent, tame)
            case ast.Div():
                divisor = self.bind(right.value)
                quotient = f"({left.value}) / {divisor}"
                if not right.tangent:
                    return Dual(quotient, f"({left.tangent}) / {divisor}", tame)
                quotient = self.bind(quotient)
                numerator = added(left.tangent, negative(self.times(quotient, right)))
                return Dual(quotient, f"({numerator}) / {divisor}", tame)
            case ast.Pow():
                return self._power(node.right, left, right, tame)
            case ast.Mod():
                dividend, divisor = self.bind(left.value), self.bind(right.value)
                whole = f"{self.math}.floor({dividend} / {divisor})" if right.tangent else ""
                tangent = added(left.tangent, negative(self.times(whole, right)))
                return Dual(f"{dividend} % {divisor}", tangent, tame)
        raise self.refuse(node)

    def _power(self, exponent: ast.expr, left: Dual, right: Dual, tame: bool) -> Dual:
        base, power = self.bind(left.value), self.bind(right.value)
        whole = whole_power(exponent)
        if whole is not None:
            factors = {0: "0.0", 1: "1.0", 2: f"2.0 * {base}"}
            factor = factors.get(whole, f"{float(whole)!r} * {base} ** {whole - 1}")
            return Dual(f"{base} ** {whole}", self.times(factor, left), tame)
        if not right.tangent:
            return Dual(f"{base} ** {power}", self.times(f"{power} * {base} ** ({power} - 1.0)", left), tame)
        value = self.bind(f"{base} ** {power}")
        tangent = self.times(f"{value} * {self.math}.log({base})", right)
        if left.tangent:
            tangent = added(self.times(f"{power} * {base} ** ({power} - 1.0)", left), tangent)
        return Dual(value, tangent, tame)

    def _choice(self, node: ast.IfExp, tame: bool) -> Dual:
        """``x if test else y``; lines that only one side needs are written under an ``if``."""
        test = ast.unparse(node.test)
        at = len(self._lines)
        body, orelse = self.dual(node.body), self.dual(node.orelse)
        if len(self._lines) == at:
            tangent = f"({body.tangent or '0.0'}) if {test} else ({orelse.tangent or '0.0'})"
            return Dual(f"(({body.value}) if {test} else ({orelse.value}))", f"({tangent})", tame)
        del self._lines[at:]
        value, tangent = self._temporary(), self._temporary()
        for head, side in ((f"if {test}:", node.body), ("else:", node.orelse)):
            self.emit(head)
            with self._deeper():
                dual = self.dual(side)
                self.emit(f"{value} = {dual.value}")
                self.emit(f"{tangent} = {dual.tangent or '0.0'}")
        return Dual(value, tangent, tame)

    def _call(self, node: ast.Call, tame: bool) -> Dual:
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise refuse(self.function, node, "keyword and * arguments are not compiled", "pass arguments by position")
        name, builtin = self.math_name(node), self.builtin(node)
        if name in RULES and len(node.args) == 1:
            return self._ruled(node, name, tame)
        if (name == "fabs" or builtin is abs) and len(node.args) == 1:
            return self._absolute(node, tame)
        if builtin in (min, max) and len(node.args) >= 2:
            return self._extreme(node, builtin is max, tame)
        if builtin is float and len(node.args) == 1:
            return self.dual(node.args[0])
        if name in MATH_FUNCTIONS and len(node.args) == 2:
            return self._of_two(node, name, tame)
        if not name and builtin is None:
            return self._helper(node, tame)
        raise self.refuse(node)

    def _ruled(self, node: ast.Call, name: str, tame: bool) -> Dual:
        rule, inner = RULES[name], self.dual(node.args[0])
        x = self.bind(inner.value)
        value = f"{ast.unparse(node.func)}({x})"
        text = rule.times or rule.over
        if "{v}" in text:
            value = self.bind(value)
        text = text.format(x=x, v=value, math=self.math)
        return Dual(value, self.times(text, inner) if rule.times else f"({inner.tangent}) / ({text})", tame)

    def _absolute(self, node: ast.Call, tame: bool) -> Dual:
        inner = self.dual(node.args[0])
        x, d = self.bind(inner.value), self.bind(inner.tangent)
        if is_number(d):
            sign = f"({d} if {x} > 0.0 or ({x} == 0.0 and {d} > 0.0) else -({d}))" if d != "1.0" else ""
            tangent = sign or f"(1.0 if {x} >= 0.0 else -1.0)"
        else:
            tangent = f"({d} if {x} > 0.0 else -{d} if {x} < 0.0 else abs({d}))"
        return Dual(f"{ast.unparse(node.func)}({x})", tangent, tame)

    def _extreme(self, node: ast.Call, largest: bool, tame: bool) -> Dual:
        name, sign = ("max", ">") if largest else ("min", "<")
        chosen = self.dual(node.args[0])
        for argument in node.args[1:]:
            other = self.dual(argument)
            x, y = self.bind(chosen.value), self.bind(other.value)
            dx, dy = self.bind(chosen.tangent or "0.0"), self.bind(other.tangent or "0.0")
            if is_number(dx) and is_number(dy):
                first = (float(dx) >= float(dy)) if largest else (float(dx) <= float(dy))
                # As `max` and `min` choose: the second only where the comparison holds, which for NaN it does not.
                tangent = f"({dy} if {y} {sign}{'' if first else '='} {x} else {dx})"
            else:
                tangent = f"({dx} if {x} {sign} {y} else {dy} if {y} {sign} {x} else {name}({dx}, {dy}))"
            chosen = Dual(f"{name}({x}, {y})", tangent, tame)
        return chosen

    def _of_two(self, node: ast.Call, name: str, tame: bool) -> Dual:
        left, right = (self.dual(argument) for argument in node.args)
        if name == "pow":
            return self._power(node.args[1], left, right, tame)
        x, y = self.bind(left.value), self.bind(right.value)
        call = f"{ast.unparse(node.func)}({x}, {y})"
        match name:
            case "atan2":
                across = added(self.times(y, left), negative(self.times(x, right)))
                return Dual(call, f"({across}) / ({x} * {x} + {y} * {y})", tame)
            case "hypot":
                length = self.bind(call)
                along = added(self.times(x, left), self.times(y, right))
                return Dual(length, f"({along}) / {length}", tame)
            case "copysign":
                flip = f"{self.math}.copysign(1.0, {x}) * {self.math}.copysign(1.0, {y})"
                return Dual(call, self.times(flip, left), tame)
            case "fmod":
                whole = f"{self.math}.trunc({x} / {y})" if right.tangent else ""
                return Dual(call, added(left.tangent, negative(self.times(whole, right))), tame)
        raise self.refuse(node)

    def _helper(self, node: ast.Call, tame: bool) -> Dual:
        """A call of another function of the author's: its value, and its tangent by a function of its own."""
        import inspect

        target = self.outside.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if not isinstance(node.func, ast.Name) or node.func.id in self.local or not inspect.isfunction(target):
            raise self.refuse(node, f"{ast.unparse(node.func)} cannot be called here")
        varied: list[Varied] = []
        arguments, tangents, index = [], [], ""
        for argument in node.args:
            if isinstance(argument, ast.Name) and argument.id in self.rows:
                varied.append("row")
                arguments.append(argument.id)
                index = self.index
                continue
            dual = self.dual(argument)
            arguments.append(self.bind(dual.value))
            varied.append("number" if dual.tangent else "")
            tangents += [dual.tangent] if dual.tangent else []
        tangent = self.helpers.tangent_of(target, tuple(varied))
        name = next((key for key, value in self.outside.items() if value is tangent), "")
        if not name:
            name = self.fresh(tangent.__name__)
            self.outside[name] = tangent
        passed = [*arguments, *tangents, *([index] if index else [])]
        return Dual(f"{node.func.id}({', '.join(arguments)})", f"{name}({', '.join(passed)})", tame)
