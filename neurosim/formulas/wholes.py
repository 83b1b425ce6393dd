"""What is worked out in a loop as whole expressions, in terms of entries of rows and of what is known before it.

By them it can be seen that two loops work out the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence

from neurosim.formulas import form
from neurosim.formulas.activity import whole_power
from neurosim.formulas.form import Binary, Call, Expression, Name
from neurosim.formulas.names import renamed
from neurosim.formulas.steps import Add, Loop, Set, Step, defined
from neurosim.formulas.terms import ZERO

# The variable of any loop.
PLACE = Name("#")
# Expressions with more parts than this are not compared.
_LARGEST = 300


class Wholes:
    """The whole expressions of the loops of a formula.

    Parameters
    ----------
    steps : sequence of Step
        The formula's.

    Attributes
    ----------
    loops : dict of str to Loop
        Those that are in no other, by their variables.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        count = Counter(defined(steps))
        self.loops = {step.name: step for step in steps if isinstance(step, Loop)}
        self._before = {step.name: step.value for step in steps if isinstance(step, Set) and count[step.name] == 1}
        self._values = {step.name: step.value for step in steps if isinstance(step, Set)}
        self._changed = {variable: Counter(defined([loop])) for variable, loop in self.loops.items()}

    def inside(self, variable: str) -> dict[str, Expression]:
        """The names that have one value in each round of a loop."""
        if variable not in self.loops:
            return {}
        count = self._changed[variable]
        return {
            step.name: step.value
            for step in self.loops[variable].body
            if isinstance(step, Set) and count[step.name] == 1
        }

    def of(self, node: Expression, variable: str, *, before: bool = True) -> Expression | None:
        """An expression in a loop; None where it is too long, or made of what changes in other ways.

        `before` says whether numbers that are known before the loop are taken apart, too.
        """
        inside, changed = self.inside(variable), self._changed[variable]
        left = _LARGEST

        def expanded(part: form.Node) -> form.Node:
            nonlocal left
            left -= 1
            if left < 0:
                raise _TooMuchError
            match part:
                case Name(id=name):
                    if name == variable:
                        return PLACE
                    if name in inside:
                        return expanded(inside[name])
                    if name in changed:
                        raise _TooMuchError
                    return expanded(self._before[name]) if before and name in self._before else part
            return form.rebuilt(part, expanded)  # type: ignore[no-any-return]

        try:
            return expanded(node)  # type: ignore[return-value]
        except _TooMuchError:
            return None

    def sums(self) -> Mapping[str, tuple[tuple[Expression, ...], Expression | None]]:
        """What loops add up from 0 on: the bounds of the loop and the whole expression of what is added."""
        found = {}
        for variable, loop in self.loops.items():
            for step in loop.body:
                match step:
                    case Add(name=name, sign="+", value=value) if self._changed[variable][name] == 1:
                        if self._first(name) == ZERO:
                            found[name] = loop.bounds, self.of(value, variable)
        return found

    def shares(self) -> set[str]:
        """Names of entries divided by the sum of all, of which none is negative: they are between 0 and 1."""
        sums = self.sums()
        found = set()
        for variable, loop in self.loops.items():
            for name, value in self.inside(variable).items():
                match value:
                    case Binary(operator="/", left=left, right=Name(id=total)) if total in sums:
                        whole = self.of(left, variable)
                        if sums[total] == (loop.bounds, whole) and _is_positive(whole):
                            found.add(name)
        return found

    def _first(self, name: str) -> Expression | None:
        """The value that a name has first."""
        value = self._values.get(name)
        while isinstance(value, Name):
            value = self._values.get(value.id)
        return value

    def twins(self, live: Container[str]) -> Mapping[str, tuple[str, str, str]]:
        """Names with the same value as one in `live` of an earlier loop over the same entries, and that.

        Each comes with the variables of both loops.
        """
        found: dict[str, tuple[str, str, str]] = {}
        first: dict[tuple[object, ...], tuple[str, str]] = {}
        for variable, loop in self.loops.items():
            own: dict[tuple[object, ...], tuple[str, str]] = {}
            for name, value in self.inside(variable).items():
                if name not in live or isinstance(value, Name | form.Const | form.Index):
                    continue
                whole = self.of(value, variable, before=False)
                if whole is None or PLACE not in form.walk([whole]):
                    continue
                key = (whole, loop.bounds)
                if key in first:
                    other, place = first[key]
                    found[name] = variable, other, place
                else:
                    own.setdefault(key, (name, variable))
            first |= own
        return found


class _TooMuchError(Exception):
    """An expression is too long, or changes in other ways."""


def at(whole: Expression, place: Expression) -> Expression:
    """A whole expression for one place."""
    return renamed(whole, {PLACE.id: place})  # type: ignore[no-any-return]


def _is_positive(node: Expression | None) -> bool:
    """Whether an expression is never negative."""
    match node:
        case Call(name="exp" | "abs" | "fabs"):
            return True
        case Binary(operator="*", left=left, right=right):
            return left == right
        case Binary(operator="**", right=right):
            power = whole_power(right)
            return power is not None and power % 2 == 0
    return False
