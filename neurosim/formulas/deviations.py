"""Deviations from a mean: their sum is 0, so a mean gets nothing from what is a multiple of them.

A variance depends on the mean in two ways, and one of them has no effect: the derivative of the sum of squares with
respect to what is subtracted is a multiple of the sum of the deviations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neurosim.formulas import form
from neurosim.formulas.activity import assigned_names
from neurosim.formulas.form import Assign, Binary, Call, Const, Expression, Name, Statement, Unary
from neurosim.formulas.steps import Loop, Set, Step, defined
from neurosim.formulas.wholes import Wholes


@dataclass(frozen=True)
class Deviation:
    """``value - mean`` in each round of a loop over the entries of which it is the mean; `changed` are its names."""

    value: Expression
    mean: Name
    changed: frozenset[str]


def deviations(steps: Sequence[Step], wholes: Wholes) -> dict[str, Deviation]:
    """Names that are deviations from a mean."""
    before = {step.name: step.value for step in steps if isinstance(step, Set)}
    sums = wholes.sums()
    found = {}
    for loop in wholes.loops.values():
        for name, node in wholes.inside(loop.name).items():
            match node:
                case Binary(operator="-", left=value, right=Name(id=mean) as right):
                    match before.get(mean):
                        case Binary(operator="/", left=Name(id=total), right=count) if (
                            total in sums
                            and sums[total] == (loop.bounds, wholes.of(value, loop.name))
                            and (before.get(count.id) if isinstance(count, Name) else count,) == _lengths(loop, before)
                        ):
                            found[name] = Deviation(value, right, frozenset(defined([loop])))
    return found


def _lengths(loop: Loop, before: Mapping[str, Expression]) -> tuple[Expression | None, ...]:
    """The bounds of a loop, those that are lengths of rows written out."""
    return tuple(before.get(bound.id) if isinstance(bound, Name) else bound for bound in loop.bounds)


def is_multiple(node: Expression, name: str, deviation: Deviation, written: Sequence[Statement]) -> bool:
    """Whether an expression is the deviation `name` times what is the same in all rounds."""
    count = Counter(other for other, _ in assigned_names(written))
    values = {
        part.targets[0].id: part.value
        for part in written
        if isinstance(part, Assign) and isinstance(part.targets[0], Name) and count[part.targets[0].id] == 1
    }

    def degree(part: Expression) -> int | None:
        """How often the deviation is a factor; None where it is something else, too."""
        match part:
            case Name(id=own) if own == name:
                return 1
            case Name(id=other) if other in values:
                return degree(values[other])
            case Name(id=other):
                return None if other in count or other in deviation.changed else 0
            case Const() | form.Named() | Call(name="len"):
                return 0
            case Unary(operator="-", operand=operand):
                return degree(operand)
            case Binary(operator="*" | "/" as operator, left=left, right=right):
                first, second = degree(left), degree(right)
                if first is None or second is None or (operator == "/" and second):
                    return None
                return first + second
        return None

    return degree(node) == 1
