"""Takes out of a formula what depends on some of its arguments only, to be worked out once for many calls.

``m / (1 - beta1**t)`` is written per parameter, as in the paper, but ``1 - beta1**t`` is one number a step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.form import Expression, Formula


@dataclass(frozen=True)
class Lifted:
    """A formula in two pieces.

    Attributes
    ----------
    statements : tuple of (str, Expression)
        Names that the constants are made of, in the order in which they are worked out.
    constants : dict of str to Expression
        The constants, by what `rest` calls them.
    rest : Formula
        The remainder; its arguments are the others and the constants.
    """

    statements: tuple[tuple[str, Expression], ...]
    constants: dict[str, Expression]
    rest: Formula


def lifted(formula: Formula, invariant: Iterable[str], *, reciprocals: bool = False) -> Lifted:
    """Take the largest expressions of `invariant` arguments out of a formula.

    An argument that the formula assigns to varies, and stays one of `rest`. With `reciprocals` a division by a constant
    becomes a multiplication, which is faster and rounds otherwise.
    """
    assigned = Counter(assigned_names(formula))
    constant = [name for name in invariant if name not in assigned]
    lifter = _Lifter(formula, constant, assigned, reciprocals)
    body = tuple(kept for statement in formula.body if (kept := lifter.statement(statement)) is not None)
    names = {name: node for node, name in lifter.names.items()}
    params = (*(name for name in formula.params if name not in constant), *names)
    gone = {*formula.params, *dict(lifter.statements)}
    local = (*params, *(name for name in formula.local if name not in gone))
    rest = replace(formula, params=params, body=body, local=local)
    return Lifted(tuple(lifter.statements), names, rest)


def assigned_names(formula: Formula) -> Iterator[str]:
    """Each name that a formula assigns to, as often as it does."""
    for part in form.walk(formula.body):
        match part:
            case form.Assign(targets=targets):
                yield from (target.id for target in form.walk(targets) if isinstance(target, form.Name))
            case form.Augment(target=form.Name(id=name)) | form.For(name=name):
                yield name


def _indices(formula: Formula) -> Iterator[str]:
    """The names in indices."""
    entries = [part.index for part in form.walk(formula.body) if isinstance(part, form.Entry | form.Index)]
    return (part.id for part in form.walk(entries) if isinstance(part, form.Name))


class _Lifter:
    def __init__(self, formula: Formula, invariant: Iterable[str], assigned: Counter[str], reciprocals: bool) -> None:
        self.statements: list[tuple[str, Expression]] = []
        self.names: dict[Expression, str] = {}
        self._invariant = set(invariant)
        self._taken = set(formula.local)
        # What stands in an index stays the integer that it is.
        others = {*formula.params, *_indices(formula)}
        self._once = {name for name, count in assigned.items() if count == 1 and name not in others}
        self._reciprocals = reciprocals

    def statement(self, node: form.Statement) -> form.Statement | None:
        """A statement of the body without what is invariant; None where all of it is."""
        match node:
            case form.Assign(targets=[form.Name(id=name)], value=value) if name in self._once and self._lifts(value):
                self.statements.append((name, value))
                self._invariant.add(name)
                return None
        kept: form.Statement = self._lift(node)
        return kept

    def _lift(self, node: form.Node) -> Any:
        """A node with constants in place of what is invariant."""
        match node:
            case form.Assign():
                return replace(node, value=self._lift(node.value))
            case Expression() if self._lifts(node) and self._has_name(node):
                return self._constant(node)
            case form.Binary(operator="/", left=left, right=right) if (
                self._reciprocals and self._lifts(right) and self._has_name(right)
            ):
                reciprocal = form.Binary("/", form.Const(1.0), right)
                return replace(node, operator="*", left=self._lift(left), right=self._constant(reciprocal))
        return form.rebuilt(node, self._lift)

    def _constant(self, node: Expression) -> form.Name:
        if node not in self.names:
            name = f"constant{len(self.names)}"
            while name in self._taken:
                name += "_"
            self.names[node] = name
        return form.Name(self.names[node], line=node.line)

    def _has_name(self, node: Expression) -> bool:
        return any(isinstance(part, form.Name) and part.id in self._invariant for part in form.walk([node]))

    def _lifts(self, node: Expression) -> bool:
        """Whether the expression is made of invariant names, numbers and functions of `math` only."""
        for part in form.walk([node]):
            match part:
                case form.Name(id=name) if name not in self._invariant:
                    return False
                case form.Named(written=written) | form.Call(written=written) if "." not in written:
                    return False
                case form.Index() | form.Helper() | form.Entry():
                    return False
        return True
