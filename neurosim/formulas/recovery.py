"""What need not be worked out again in ``backward`` of a row activation, because it follows from the outputs.

Where an output is an earlier entry divided by a number, that entry is their product; where it is an exponential, so is
that of anything that differs from its argument by the logarithm of a number only. So softmax and its logarithm take no
exponential twice, whatever was subtracted before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from neurosim.formulas.form import Binary, Call, Expression, Index, Name, Unary
from neurosim.formulas.names import renamed
from neurosim.formulas.steps import Set, Step
from neurosim.formulas.terms import filled, read_ours
from neurosim.formulas.wholes import PLACE, Wholes, at

# An expression as a sum: how often each of its terms is in it.
Sum = Mapping[Expression, int]


class Recovery:
    """Finds names whose values follow from the outputs.

    Parameters
    ----------
    steps : sequence of Step
        The formula's.
    math : str
        The name that the module ``math`` has in the formula.
    """

    def __init__(self, steps: Sequence[Step], math: str) -> None:
        self._math = math
        self._wholes = Wholes(steps)
        self._numbers = {step.name for step in steps if isinstance(step, Set)}
        # What is known of entries, and of exponentials: whole expressions in terms of the place.
        self._values: dict[Expression, Expression] = {}
        self._exponentials: list[tuple[Sum, Expression]] = []
        self._found: dict[str, Expression] = {}

    def found(
        self, last: str, variable: str, output: str, copies: Iterable[tuple[str, str, str, str]]
    ) -> dict[str, Expression]:
        """The names, each with an expression for its value.

        Parameters
        ----------
        last, variable : str
            What the loop over `variable` leaves in the row.
        output : str
            The row.
        copies : iterable of (str, str, str, str)
            Names that are worked out again in a loop, with its variable, and the same of what they were first.
        """
        self._follow(last, variable, Index(output, Name(variable)))
        for copy, place, first, place_first in copies:
            if copy in self._found:
                self._follow(first, place_first, renamed(self._found[copy], {place: Name(place_first)}))
        for name in [last, *self._found]:
            self._learn(name, variable)
        for place in self._wholes.loops:
            for name, node in self._wholes.inside(place).items():
                value = None if name in self._found else self._recovered(node, place)
                if value is not None:
                    self._found[name] = at(value, Name(place))
        return self._found

    def _follow(self, name: str, variable: str, value: Expression) -> None:
        """From an entry that is known to those from which it was made."""
        loop = self._wholes.loops.get(variable)
        inside = {step.name: step.value for step in loop.body if isinstance(step, Set)} if loop else {}
        while name in inside:
            self._found[name] = value
            match inside[name]:
                case Name(id=before):
                    name = before
                case Binary(operator="/", left=Name(id=before), right=Name(id=number)) if number in self._numbers:
                    name, value = before, Binary("*", value, Name(number))
                case _:
                    return

    def _learn(self, name: str, variable: str) -> None:
        """Keep what is known of a name as something that is known of the same in other loops."""
        if name not in self._found or name not in self._wholes.inside(variable):
            return
        value = renamed(self._found[name], {variable: PLACE})
        whole = self._wholes.of(Name(name), variable)
        if whole is None:
            return
        self._values.setdefault(whole, value)
        exponential = filled(read_ours("math.exp(x)"), {"x": value}, self._math)
        match whole:
            case Call(name="exp", arguments=[argument]):
                self._exponentials.append((_sum(argument), value))
            case Binary(operator="+" | "-"):
                self._exponentials.append((_sum(whole), exponential))

    def _recovered(self, node: Expression, variable: str) -> Expression | None:
        whole = self._wholes.of(node, variable) if isinstance(node, Call) else None
        if whole is None:
            return None
        if isinstance(whole, Call) and whole.name == "exp":
            own = _sum(whole.arguments[0])
            for known, value in self._exponentials:
                more = {term: own.get(term, 0) - known.get(term, 0) for term in {**own, **known}}
                match [(term, count) for term, count in more.items() if count]:
                    case []:
                        return value
                    case [(Call(name="log", arguments=[Name() as number]), 1)]:
                        return Binary("*", value, number)
        return self._values.get(whole)


def _sum(node: Expression) -> dict[Expression, int]:
    found: Counter[Expression] = Counter()
    for term, sign in _terms(node, 1):
        found[term] += sign
    return dict(found)


def _terms(node: Expression, sign: int) -> Iterator[tuple[Expression, int]]:
    match node:
        case Binary(operator="+" | "-" as operator, left=left, right=right):
            yield from _terms(left, sign)
            yield from _terms(right, sign if operator == "+" else -sign)
        case Unary(operator="-", operand=operand):
            yield from _terms(operand, -sign)
        case _:
            yield node, sign
