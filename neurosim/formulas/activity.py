"""Which names of a formula depend on what is varied, and which of them stay finite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from neurosim.formulas import form
from neurosim.formulas.form import Formula
from neurosim.formulas.rows import PLACES
from neurosim.formulas.rules import FLAT, RULES

_FINITE = frozenset({"fabs", "abs", "min", "max", "float", *(name for name, rule in RULES.items() if rule.tame)})


class Activity:
    """Asked of expressions while their tangents are written.

    Attributes
    ----------
    formula : Formula
        The function.
    rows : set of str
        Arguments of which one entry is varied.
    active : set of str
        Names that depend on what is varied.
    tame : set of str
        Names whose values and tangents stay finite while the arguments do.
    """

    formula: Formula
    rows: set[str]
    active: set[str]
    tame: set[str]

    def find_active(self, active: set[str]) -> set[str]:
        """Names that depend on what is varied."""
        assigned = list(assigned_names(self.formula.body))
        while True:
            reached = {name for name, value in assigned if value is not None and self.depends(value, active)}
            if reached <= active:
                return active
            active = active | reached

    def depends(self, node: form.Node, active: set[str]) -> bool:
        """Whether an expression depends on what is varied, the names in `active` being those that do."""
        match node:
            case form.Name(id=name):
                return name in active
            case form.Index(row=name):
                return name in self.rows
            case form.Compare() | form.Bool() | form.Unary(operator="not") | form.Binary(operator="//"):
                return False
            case form.Choice(body=body, orelse=orelse):
                return self.depends(body, active) or self.depends(orelse, active)
            case form.Call(name=name) if name in FLAT or name in ("len", "int"):
                return False
            # An index is constant between its jumps.
            case form.Entry():
                return False
            case form.Helper(function=function) if function in PLACES:
                return False
            case form.Helper(arguments=arguments) if any(self.is_row(part) for part in arguments):
                return True
        return any(self.depends(part, active) for part in form.parts(node))

    def is_row(self, node: form.Expression) -> bool:
        """Whether an expression is a row of which one entry is varied."""
        return isinstance(node, form.Name) and node.id in self.rows

    def find_tame(self, arguments: set[str]) -> set[str]:
        """Names whose values and tangents stay finite."""
        assigned = list(assigned_names(self.formula.body))
        tame = arguments | {name for name, _ in assigned}
        while True:
            wild = {name for name, value in assigned if value is not None and not self.is_tame(value, tame)}
            if not wild & tame:
                return tame
            tame = tame - wild

    def is_tame(self, node: form.Expression, tame: set[str]) -> bool:
        """Whether an expression and its tangent stay finite, as the names in `tame` do."""
        if not self.depends(node, self.active):
            return True
        match node:
            case form.Name(id=name):
                return name in tame
            case form.Index():
                return True
            case form.Binary(operator="+" | "-" | "*" | "%", left=left, right=right):
                return self.is_tame(left, tame) and self.is_tame(right, tame)
            case form.Binary(operator="/", left=left, right=right) if not self.depends(right, self.active):
                return self.is_tame(left, tame)
            case form.Binary(operator="**", left=left, right=right) if (whole_power(right) or -1) >= 0:
                return self.is_tame(left, tame)
            case form.Unary(operand=operand):
                return self.is_tame(operand, tame)
            case form.Choice(body=body, orelse=orelse):
                return self.is_tame(body, tame) and self.is_tame(orelse, tame)
            case form.Call(name=name, arguments=arguments) if name in _FINITE:
                return all(self.is_tame(argument, tame) for argument in arguments)
        return False


def with_sorted(body: Iterable[form.Statement], rows: set[str]) -> set[str]:
    """The rows, and those that are made of them by sorting."""
    found = set(rows)
    for part in form.walk(body):  # one that is sorted again comes later
        if isinstance(part, form.Sorted) and part.row in found:
            found.add(part.name)
    return found


def assigned_names(body: Iterable[form.Statement]) -> Iterator[tuple[str, form.Expression | None]]:
    """Each name that is assigned to with what it gets; None for a loop variable."""
    for part in form.walk(body):
        match part:
            case form.Assign(targets=[form.Name(id=name)], value=value):
                yield name, value
            case form.Assign(targets=[form.Tuple(items=targets)], value=form.Tuple(items=values)):
                for target, value in zip(targets, values, strict=False):
                    if isinstance(target, form.Name):
                        yield target.id, value
            case form.Augment(target=form.Name(id=name), plain=plain):
                yield name, plain.value
            case form.For(name=name):
                yield name, None


def whole_power(node: form.Expression) -> int | None:
    """The value of a constant whole exponent, such as 3 or -1; None for anything else."""
    match node:
        case form.Named(value=power) if math.isfinite(power) and power == int(power):
            return int(power)
        case form.Const(value=int() | float() as power) if not isinstance(power, bool) and power == int(power):
            return int(power)
        case form.Unary(operator="-", operand=form.Const(value=int() | float() as power)) if power == int(power):
            return -int(power)
    return None
