"""Forward-mode differentiation of a formula's source: each number carries its derivative along.

For every variable x of a function that depends on what is varied, the function written here has a
second one, ``d_x``, its tangent (Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 3).
Branches and loops stay as they are. The result is again plain Python on scalars: it runs uncompiled
and is translated for the compilers like what an author writes.

Two choices are made where the chain rule alone would mislead.

At a kink (``abs`` at 0, ``max`` of equals) the derivative is what `neurosim.formulas.kinks` says.

A factor of exactly 0 makes a product 0 even where the tangent has overflowed: the derivative of
``1 / (1 + exp(-z))`` is 0 far on the left, where ``exp(-z)`` and its tangent are infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from neurosim.errors import PluginError
from neurosim.formulas import form
from neurosim.formulas.activity import Activity, assigned_names, whole_power
from neurosim.formulas.form import Binary, Call, Choice, Const, Expression, Name, Statement, Unary
from neurosim.formulas.kinks import Kinks
from neurosim.formulas.printer import Printer
from neurosim.formulas.python import plain_text
from neurosim.formulas.reader import read
from neurosim.formulas.rules import RULES, RULES_OF_TWO, Rule
from neurosim.formulas.terms import ONE, ZERO, added, filled, is_float, live_terms, negative, number_of, read_ours

# What is varied in an argument: nothing, the number itself, or one entry of the row.
Varied = Literal["", "number", "row"]
# Finds the tangent of a function that another one calls: a function of the arguments, the tangents of the varied
# numbers, and the index in varied rows.
TangentOf = Callable[[Callable[..., Any], tuple[Varied, ...]], Callable[..., Any]]


@dataclass(frozen=True)
class Dual:
    """A value and its tangent; no tangent means that it is 0.

    `tame` says that both are finite while the arguments are: no overflow to guard against.
    """

    value: Expression
    tangent: Expression | None = None
    tame: bool = True

    @property
    def slope(self) -> Expression:
        """The tangent, written out."""
        return self.tangent or ZERO


class TangentPrinter(Printer, Activity):
    """Writes the function that computes the tangent of another one's result: expressions become duals.

    Parameters
    ----------
    function : function
        The author's.
    varied : sequence of Varied
        For each argument, what of it is varied. A single varied number has the tangent 1.
    tangent_of : function (function, varied) -> function
        Gives the tangents of functions that it calls.
    unit : bool
        Whether the tangent of what is varied is 1, rather than an argument.
    formula : Formula, optional
        The function in other words, to be derived in its place.

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
        self,
        function: Callable[..., Any],
        varied: Sequence[Varied],
        tangent_of: TangentOf,
        *,
        unit: bool = False,
        formula: form.Formula | None = None,
    ) -> None:
        super().__init__(formula or read(function))
        self.tangent_of = tangent_of
        self.outside = dict(self.formula.outside)
        names = self.formula.params
        self._taken = {*self.formula.local, *self.outside, *function.__globals__}
        self.rows = {name for name, kind in zip(names, varied, strict=True) if kind == "row"}
        numbers = [name for name, kind in zip(names, varied, strict=True) if kind == "number"]
        self.math = self._math_module()
        self.active = self.find_active(set(numbers))
        self.tame = self.find_tame(set(names))
        self.kinks = Kinks(self.formula.body, lambda node: self.depends(node, self.active))
        self.tangents: dict[str, Expression] = {name: Name(self.fresh(f"d_{name}")) for name in sorted(self.active)}
        stored = {name for name, _ in assigned_names(self.formula.body)}
        self._written: list[Statement] = []
        passed = [] if unit else [plain_text(self.tangents[name]) for name in numbers]
        for name in numbers if unit else []:
            if name in stored:
                self.assign(self.tangents[name], ONE)
            else:
                self.tangents[name] = ONE
        for name in names:
            if name in self.active and name not in numbers:
                self.assign(self.tangents[name], ZERO)
        self.index = self.fresh("index") if self.rows else ""
        self.arguments = [*names, *passed, *([self.index] if self.rows else [])]

    def body(self) -> list[Statement]:
        """The written function's body."""
        self.write_all(self.formula.body)
        return self._written

    # Names --------------------------------------------------------------------------------------------------

    def fresh(self, wish: str) -> str:
        """A name that is not in use, `wish` if possible."""
        return unused(wish, self._taken)

    def _temporary(self) -> Name:
        number = 1
        while f"t{number}" in self._taken:
            number += 1
        return Name(self.fresh(f"t{number}"))

    def _math_module(self) -> str:
        for name, value in self.outside.items():
            if value is math and name not in self.formula.local:
                return name
        name = self.fresh("math") if "math" in self._taken else "math"
        self.outside[name] = math
        return name

    def refuse(self, node: form.Node, what: str = "") -> PluginError:
        """The error for a part that cannot be derived."""
        what = what or f"{plain_text(node)!r} cannot be differentiated"
        instead = "write it with arithmetic and math functions, or give the derivative"
        return self.formula.refuse(node.line, what, instead)

    # Writing ------------------------------------------------------------------------------------------------

    def assign(self, target: Expression, value: Expression) -> None:
        """Write an assignment."""
        self._written.append(form.Assign((target,), value))

    @contextmanager
    def _deeper(self) -> Iterator[list[Statement]]:
        """Collect what is written in a block of its own."""
        around, self._written = self._written, []
        yield self._written
        self._written = around

    def _block(self, statements: Sequence[Statement]) -> tuple[Statement, ...]:
        with self._deeper() as written:
            self.write_all(statements)
        return tuple(written)

    def bind(self, value: Expression) -> Expression:
        """A name (or number) for a value that is needed more than once."""
        if isinstance(value, Name | Const) or number_of(value) is not None:
            return value
        if isinstance(value, form.Named) and value.written.isidentifier():
            return value
        name = self._temporary()
        self.assign(name, value)
        return name

    def times(self, factor: Expression | None, dual: Dual, *, varies: bool = True) -> Expression | None:
        """`factor` times the tangent of `dual`; `varies` tells whether the factor may become 0."""
        tangent = dual.tangent
        if tangent is None or factor is None:
            return None
        if is_float(tangent, 1.0):
            return factor
        if is_float(tangent, -1.0):
            return negative(factor)
        if is_float(factor, 1.0):
            return tangent
        if dual.tame or not varies or number_of(factor) is not None:
            return Binary("*", factor, tangent)
        factor = self.bind(factor)
        return self.fill("0.0 if x == 0.0 else x * d", x=factor, d=tangent)

    # Statements ---------------------------------------------------------------------------------------------

    def write_assign(self, node: form.Assign) -> None:
        match node:
            case form.Assign(targets=[Name(id=name)], value=value):
                self._assign(name, value)
            case form.Assign(targets=[form.Tuple(items=targets)], value=form.Tuple(items=values)):
                names = [target.id for target in targets if isinstance(target, Name)]
                if not len(names) == len(targets) == len(values):
                    raise self.refuse(node)
                self._assign_several(names, values)
            case _:
                raise self.refuse(node)

    def write_augment(self, node: form.Augment) -> None:
        if not isinstance(node.target, Name):
            raise self.refuse(node)
        self.write(node.plain)

    def write_return(self, node: form.Return) -> None:
        if node.value is None or isinstance(node.value, form.Tuple):
            raise self.refuse(node)
        self._written.append(form.Return(self.write(node.value).slope))

    def write_if(self, node: form.If) -> None:
        self._written.append(replace(node, body=self._block(node.body), orelse=self._block(node.orelse)))

    def write_while(self, node: form.While) -> None:
        self._written.append(replace(node, body=self._block(node.body)))

    def write_for(self, node: form.For) -> None:
        body = self._block(node.body)
        if node.name in self.active:  # it gets another value somewhere
            body = (form.Assign((self.tangents[node.name],), ZERO), *body)
        self._written.append(replace(node, body=body))

    def write_jump(self, node: form.Jump) -> None:
        if node.word != "pass":
            self._written.append(node)

    def _assign(self, name: str, value: Expression) -> None:
        if name not in self.active:
            self.assign(Name(name), value)
            return
        dual = self.write(value)
        # The tangent first: it may be written with the old value of the name.
        self.assign(self.tangents[name], dual.slope)
        self.assign(Name(name), dual.value)

    def _assign_several(self, names: Sequence[str], values: Sequence[Expression]) -> None:
        """``a, b = b, a``: all values are worked out before the first is assigned."""
        kept = []
        for dual in self.write_all(values):
            pair = []
            for part in (dual.value, dual.slope):
                pair.append(self._temporary())
                self.assign(pair[-1], part)
            kept.append(pair)
        for name, (value, tangent) in zip(names, kept, strict=True):
            self.assign(Name(name), value)
            if name in self.active:
                self.assign(self.tangents[name], tangent)

    # Expressions --------------------------------------------------------------------------------------------

    def write(self, node: form.Node) -> Any:
        """What a statement or an expression becomes; lines that an expression needs are written before."""
        if isinstance(node, Expression):
            if self.is_row(node):
                what = f"the row {plain_text(node)} can only be indexed where a derivative is to be worked out"
                raise self.refuse(node, what)
            if not self.depends(node, self.active):
                return Dual(node)
        return super().write(node)

    def _dual(self, node: Expression, value: Expression, tangent: Expression | None) -> Dual:
        return Dual(value, tangent, self.is_tame(node, self.tame))

    def write_name(self, node: Name) -> Dual:
        return self._dual(node, node, self.tangents[node.id])

    def write_index(self, node: form.Index) -> Dual:
        place = node.index
        match place:
            case Unary(operator="-", operand=operand):  # counted from the end
                place = Binary("-", Call("len", (Name(node.row),), "len"), operand)
        return self._dual(node, node, self.fill("1.0 if k == index else 0.0", k=place, index=Name(self.index)))

    def write_unary(self, node: Unary) -> Dual:
        inner: Dual = self.write(node.operand)
        if node.operator == "+":
            return inner
        return self._dual(node, Unary("-", inner.value), negative(inner.tangent))

    def write_binary(self, node: Binary) -> Dual:
        left, right = self.write(node.left), self.write(node.right)
        if node.operator == "**":
            return self._power(node, node.right, left, right)
        return self._by_rule(node, RULES_OF_TWO[node.operator], left, right)

    def _by_rule(self, node: Binary | Call, rule: Rule, *operands: Dual) -> Dual:
        """What an operation becomes by a rule of the table."""
        duals = dict(zip("xy", operands, strict=False))
        terms = live_terms(read_ours(rule.tangent), {f"d{name}" for name, dual in duals.items() if dual.tangent})
        needed = {part.id for part in form.walk([terms] if terms else []) if isinstance(part, Name)}
        # What appears again in the tangent gets a name, and so do arguments.
        named = isinstance(node, Call) or node.operator == "%"
        values = {name: self.bind(d.value) if named or name in needed else d.value for name, d in duals.items()}
        given = tuple(values.values())
        value: Expression = (
            replace(node, arguments=given) if isinstance(node, Call) else replace(node, left=given[0], right=given[1])
        )
        values["v"] = value = self.bind(value) if "v" in needed else value
        steady = {Name(name) for name, dual in duals.items() if isinstance(node, Binary) and not dual.tangent}

        def filled_in(terms: Expression | None) -> Expression | None:
            match terms:
                case Name(id=name):
                    return duals[name[1:]].tangent
                case Unary(operand=operand):
                    return negative(filled_in(operand))
                case Binary(operator="+" | "-" as sign, left=left, right=right):
                    second = filled_in(right)
                    return added(filled_in(left), negative(second) if sign == "-" else second)
                case Binary(operator="*", left=factor, right=Name(id=name)):
                    return self.times(filled(factor, values, self.math), duals[name[1:]], varies=factor not in steady)
                case Binary(operator="/", left=left, right=divisor):
                    return Binary("/", filled_in(left) or ZERO, filled(divisor, values, self.math))
            return None

        return self._dual(node, value, filled_in(terms))

    def fill(self, text: str, **values: Expression) -> Expression:
        """Python of ours in some names, with values for them."""
        return filled(read_ours(text), values, self.math)  # type: ignore[no-any-return]

    def _power(self, node: Expression, exponent: Expression, left: Dual, right: Dual) -> Dual:
        x, y = self.bind(left.value), self.bind(right.value)
        whole = whole_power(exponent)
        if whole is not None:
            factors = {0: "0.0", 1: "1.0", 2: "2.0 * x"}
            factor = self.fill(factors.get(whole, f"{float(whole)!r} * x ** {whole - 1}"), x=x)
            return self._dual(node, self.fill(f"x ** {whole}", x=x), self.times(factor, left))
        value = self.fill("x ** y", x=x, y=y)
        # With the exponent 0 it is 1 everywhere, also at 0, where the formula would divide by it.
        along = self.fill("0.0 if y == 0.0 else y * x ** (y - 1.0)", x=x, y=y)
        if right.tangent is None:
            return self._dual(node, value, self.times(along, left))
        value = self.bind(value)
        tangent = self.times(self.fill("0.0 if v == 0.0 else v * math.log(x)", v=value, x=x), right)
        return self._dual(node, value, added(self.times(along, left), tangent))

    def write_choice(self, node: Choice) -> Dual:
        """``x if test else y``; lines that only one side needs are written under an ``if``."""
        at = len(self._written)
        body, orelse = self.write(node.body), self.write(node.orelse)
        if len(self._written) == at:
            tangent = Choice(node.test, body.slope, orelse.slope)
            return self._dual(node, Choice(node.test, body.value, orelse.value), tangent)
        del self._written[at:]
        names = self._temporary(), self._temporary()
        sides = []
        for side in (node.body, node.orelse):
            with self._deeper() as written:
                dual = self.write(side)
                self.assign(names[0], dual.value)
                self.assign(names[1], dual.slope)
            sides.append(tuple(written))
        self._written.append(form.If(node.test, *sides))
        return self._dual(node, *names)

    def write_call(self, node: Call) -> Dual:
        match node.name:
            case "float":
                inner: Dual = self.write(node.arguments[0])
                return inner
            case "abs" | "fabs":
                return self._absolute(node)
            case "max" | "min":
                return self._extreme(node)
            case "pow":
                return self._power(node, node.arguments[1], *self.write_all(node.arguments))
        return self._by_rule(node, {**RULES, **RULES_OF_TWO}[node.name], *self.write_all(node.arguments))

    def _absolute(self, node: Call) -> Dual:
        inner = self.write(node.arguments[0])
        x = self.bind(inner.value)
        # A choice of two, which compilers make no jump of.
        slope = self.times(self.fill("math.copysign(1.0, x)", x=x), replace(inner, tame=True)) or ZERO
        tangent = self.fill("d if x != 0.0 else x", x=x, d=slope)
        return self._dual(node, replace(node, arguments=(x,)), tangent)

    def _extreme(self, node: Call) -> Dual:
        sign = ">" if node.name == "max" else "<"
        first = node.arguments[0]
        chosen: Dual = self.write(first)
        for argument in node.arguments[1:]:
            other = self.write(argument)
            x, y = self.bind(chosen.value), self.bind(other.value)
            dx, dy = self.bind(chosen.slope), self.bind(other.slope)
            # As `max` and `min` choose: the second only where a comparison holds, which for NaN it does not.
            if (chosen.tangent and other.tangent) or self.kinks.is_shared(node.name, first, argument):
                text, both = (
                    f"dx if x {sign} y else dy if y {sign} x else 0.5 * e",
                    added(chosen.tangent, other.tangent),
                )
                tangent = self.fill(text, x=x, y=y, dx=dx, dy=dy, e=both or ZERO)
            else:
                equal = "=" if chosen.tangent else ""
                tangent = self.fill(f"dy if y {sign}{equal} x else dx", x=x, y=y, dx=dx, dy=dy)
            chosen = self._dual(node, Call(node.name, (x, y), node.name), tangent)
            first = Call(node.name, (first, argument), node.name)
        return chosen

    def write_helper(self, node: form.Helper) -> Dual:
        """A call of another function of the author's: its value, and its tangent by a function of its own."""
        varied: list[Varied] = []
        arguments: list[Expression] = []
        tangents: list[Expression] = []
        index: list[Expression] = []
        for argument in node.arguments:
            if self.is_row(argument):
                varied.append("row")
                arguments.append(argument)
                index = [Name(self.index)]
                continue
            dual = self.write(argument)
            arguments.append(self.bind(dual.value))
            varied.append("number" if dual.tangent else "")
            tangents += [dual.tangent] if dual.tangent else []
        tangent = self.tangent_of(node.function, tuple(varied))
        name = next((key for key, value in self.outside.items() if value is tangent), "")
        if not name:
            name = self.fresh(tangent.__name__)
            self.outside[name] = tangent
        passed = (*arguments, *tangents, *index)
        return self._dual(node, replace(node, arguments=tuple(arguments)), form.Helper(tangent, passed, name))


def unused(wish: str, taken: set[str]) -> str:
    """A name that is not taken, `wish` if possible; it is taken from now on."""
    while wish in taken:
        wish += "_"
    taken.add(wish)
    return wish
