"""What each operation of a formula adds to the adjoints of what it reads, given the adjoint of its value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from neurosim.formulas import form
from neurosim.formulas.activity import whole_power
from neurosim.formulas.form import Binary, Call, Choice, Const, Expression, Index, Name, Unary
from neurosim.formulas.names import Names
from neurosim.formulas.rules import RULES, RULES_OF_TWO
from neurosim.formulas.tangents import TangentOf, Varied
from neurosim.formulas.terms import ZERO, added, filled, is_float, negative, number_of, read_ours
from neurosim.formulas.versions import Versions


class Operations:
    """Writes what operations contribute.

    Parameters
    ----------
    versions : Versions
        Knows the formula's names.
    tangent_of : function (function, varied) -> function
        Gives the tangents of functions that it calls.
    known : mapping of str to Expression
        Names whose values can be read somewhere.
    bind : function (Expression) -> Expression
        Gives a name to a value that is needed more than once.
    add : function (Expression, Expression or None) -> None
        Adds to the adjoint of a name or of an entry of a row.
    """

    def __init__(
        self,
        versions: Versions,
        tangent_of: TangentOf,
        known: Mapping[str, Expression],
        bind: Callable[[Expression], Expression],
        add: Callable[[Expression, Expression | None], None],
    ) -> None:
        self.versions = versions
        self.names: Names = versions.names
        self._tangent_of = tangent_of
        self._known = known
        # Numbers by which entries are divided in a loop, each with the name of its logarithm: what they get from every
        # entry is divided by them once, behind the loop.
        self.logarithms: dict[str, str] = {}
        # Rows of shares, which lie between 0 and 1: no product with them overflows.
        self.bounded: set[str] = set()
        # Names of quotients, each with its numerator and its divisor.
        self.quotients: dict[str, tuple[Expression, str]] = {}
        self._bind = bind
        self._add = add

    def _fill(self, text: str, **values: Expression) -> Expression:
        return filled(read_ours(text), values, self.names.math)  # type: ignore[no-any-return]

    def _varies(self, node: Expression) -> bool:
        return self.versions.depends(node, self.versions.active)

    def pull(self, name: str, node: Expression, adjoint: Expression) -> None:
        """Add to the adjoints of what an operation reads, given that of its value."""
        value = self._known.get(name, Name(name))
        match node:
            case Name() | Index():
                self._add(node, adjoint)
            case Unary(operator=sign, operand=operand):
                self._add(operand, negative(adjoint) if sign == "-" else adjoint)
            case Binary(operator="**", left=left, right=right) | Call(name="pow", arguments=[left, right]):
                self._power(value, left, right, adjoint)
            case Call(name="abs" | "fabs", arguments=[x]):
                # A choice of two, which compilers make no jump of.
                slope = self._times(self._fill("math.copysign(1.0, x)", x=x), adjoint, tame=True)
                self._add(x, self._fill("b if x != 0.0 else x", x=x, b=slope))
            case Call(name="max" | "min" as kind, arguments=[left, right]):
                self._extreme(kind, left, right, adjoint, shared=name in self.versions.shared)
            case Choice(test=test, body=body, orelse=orelse):
                b = self._bind(adjoint)
                self._add(body, Choice(test, b, ZERO))
                self._add(orelse, Choice(test, ZERO, b))
            case form.Helper():
                self._helper(node, self._bind(adjoint))
            case Binary(operator="*", left=x, right=y) if x == y:
                tame = self.versions.is_tame(node, self.versions.tame)
                self._add(x, self._times(Binary("*", Const(2.0), x), adjoint, tame=tame))
            case Binary(operator="/", left=left, right=Name(id=divisor)) if divisor in self.logarithms:
                b = self._bind(adjoint)
                tame = self.versions.is_tame(node, self.versions.tame)
                self._add(Name(self.logarithms[divisor]), negative(self._times(value, b, tame=tame)))
                self._add(left, Binary("/", b, Name(divisor)))
            case Binary(operator=operator, left=left, right=right):
                self._by_rule(node, RULES_OF_TWO[operator].tangent, {"x": left, "y": right, "v": value}, adjoint)
            case Call(name=called, arguments=[x]):
                self._by_rule(node, RULES[called].tangent, {"x": x, "v": value}, adjoint)
            case Call(name=called, arguments=[x, y]):
                self._by_rule(node, RULES_OF_TWO[called].tangent, {"x": x, "y": y, "v": value}, adjoint)

    def _by_rule(self, node: Expression, rule: str, values: dict[str, Expression], adjoint: Expression) -> None:
        tame = self.versions.is_tame(node, self.versions.tame)
        varied = {name for name in ("x", "y") if name in values and self._varies(values[name])}

        def parts(terms: Expression, b: Expression) -> Iterator[tuple[str, Expression]]:
            match terms:
                case Name(id=name) if name[1:] in varied:
                    yield name[1:], b
                case Unary(operand=operand):
                    for name, part in parts(operand, b):
                        yield name, negative(part) or ZERO
                case Binary(operator="+" | "-" as sign, left=left, right=right):
                    b = self._bind(b)
                    yield from parts(left, b)
                    for name, part in parts(right, b):
                        yield name, (negative(part) or ZERO) if sign == "-" else part
                case Binary(operator="*", left=factor, right=Name(id=name)) if name[1:] in varied:
                    yield name[1:], self._times(filled(factor, values, self.names.math), b, tame=tame)
                case Binary(operator="/", left=left, right=divisor):
                    if any(
                        isinstance(part, Name) and part.id[1:] in varied and part.id[0] == "d"
                        for part in form.walk([left])
                    ):
                        yield from parts(left, Binary("/", b, filled(divisor, values, self.names.math)))

        for name, part in parts(read_ours(rule), adjoint):
            self._add(values[name], part)

    def together(self, waiting: Expression, adjoint: Expression | None) -> Expression:
        """The sum of two adjoints; of quotients with one divisor a quotient."""
        match waiting, adjoint:
            case Binary(operator="/", left=left, right=Name(id=one)), Name(id=name) if name in self.quotients:
                right, other = self.quotients[name]
                if one == other:
                    return Binary("/", self._bind(Binary("+", left, right)), Name(one))
        return added(waiting, adjoint) or ZERO

    def _times(self, factor: Expression, adjoint: Expression, *, tame: bool) -> Expression:
        """`factor` times an adjoint; one of exactly 0 makes it 0 even where the factor has overflowed."""
        if is_float(adjoint, 1.0):
            return factor
        if is_float(adjoint, -1.0):
            return negative(factor) or ZERO
        if is_float(factor, 1.0):
            return adjoint
        match factor, adjoint:
            case Binary(operator="*", left=left, right=Name(id=known)), Name(id=name) if name in self.quotients:
                numerator, divisor = self.quotients[name]
                if known == divisor:
                    return self._times(left, numerator, tame=tame)
        tame = tame or (isinstance(factor, Index) and factor.row in self.bounded)
        if tame or number_of(adjoint) is not None or number_of(factor) is not None:
            return Binary("*", factor, adjoint)
        return self._fill("0.0 if b == 0.0 else x * b", b=self._bind(adjoint), x=factor)

    def _power(self, value: Expression, x: Expression, y: Expression, adjoint: Expression) -> None:
        adjoint = self._bind(adjoint)
        whole = whole_power(y)
        if whole is not None:
            factors = {0: "0.0", 1: "1.0", 2: "2.0 * x"}
            factor = self._fill(factors.get(whole, f"{float(whole)!r} * x ** {whole - 1}"), x=x)
            self._add(x, self._times(factor, adjoint, tame=whole >= 0))
            return
        if self._varies(x):
            # With the exponent 0 it is 1 everywhere, also at 0, where the formula would divide by it.
            factor = self._fill("0.0 if y == 0.0 else y * x ** (y - 1.0)", x=x, y=y)
            self._add(x, self._times(factor, adjoint, tame=False))
        if self._varies(y):
            factor = self._fill("0.0 if v == 0.0 else v * math.log(x)", v=value, x=x)
            self._add(y, self._times(factor, adjoint, tame=False))

    def _extreme(self, kind: str, x: Expression, y: Expression, adjoint: Expression, *, shared: bool) -> None:
        b = self._bind(adjoint)
        sign = ">" if kind == "max" else "<"
        varies = self._varies(x), self._varies(y)
        # As `max` and `min` choose: the second only where a comparison holds, which for NaN it does not.
        if shared or all(varies):
            self._add(x, self._fill(f"b if x {sign} y else 0.0 if y {sign} x else 0.5 * b", x=x, y=y, b=b))
            self._add(y, self._fill(f"0.0 if x {sign} y else b if y {sign} x else 0.5 * b", x=x, y=y, b=b))
        elif varies[0]:
            self._add(x, self._fill(f"0.0 if y {sign}= x else b", x=x, y=y, b=b))
        else:
            self._add(y, self._fill(f"b if y {sign} x else 0.0", x=x, y=y, b=b))

    def _helper(self, node: form.Helper, adjoint: Expression) -> None:
        """A function of numbers: its tangent in the direction of each argument that varies."""
        for place, argument in enumerate(node.arguments):
            if self._varies(argument):
                varied: list[Varied] = ["number" if k == place else "" for k in range(len(node.arguments))]
                tangent = self._tangent_of(node.function, tuple(varied))
                name = self.names.of_value(tangent.__name__, tangent)
                self._add(argument, form.Helper(tangent, (*node.arguments, adjoint), name))
