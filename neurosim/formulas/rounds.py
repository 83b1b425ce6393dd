"""Which entries of a row the rounds of a loop get to, and its bounds the other way around."""

from __future__ import annotations

from collections.abc import Mapping

from neurosim.formulas.form import Binary, Call, Const, Expression, Name, Unary
from neurosim.formulas.reversible import NotReversibleError


class Lengths:
    """Which numbers are the lengths of rows.

    Parameters
    ----------
    values : mapping of str to Expression
        What names stand for.
    sorted_rows : mapping of str to str
        Rows that are made by sorting, each with that of which it is made.
    """

    def __init__(self, values: Mapping[str, Expression], sorted_rows: Mapping[str, str]) -> None:
        self._values = values
        self._sorted_rows = sorted_rows

    def is_within(self, last: Expression, row: str) -> bool:
        """Whether the entries before `last` are all there."""
        match last:
            case Call(name="min", arguments=arguments):
                return any(self.is_within(argument, row) for argument in arguments)
            case Binary(operator="-", left=left, right=Const(value=value)) if value >= 0:
                return self.is_within(left, row)
        return self.is_length(last, row)

    def is_length(self, node: Expression, row: str) -> bool:
        """Whether a number is the length of a row."""
        match node:
            case Call(name="len", arguments=[Name(id=name)]):
                return self._first(name) == self._first(row)
            case Name(id=name) if name in self._values:
                return self.is_length(self._values[name], row)
        return False

    def _first(self, row: str) -> str:
        """The row of which one is made, and which has its length."""
        while row in self._sorted_rows:
            row = self._sorted_rows[row]
        return row


def ascending(bounds: tuple[Expression, ...]) -> tuple[Const, Expression] | None:
    """The first entry that a loop gets to, counted from the start, and the one behind the last; None if not known."""
    match bounds:
        case [last]:
            return Const(0), last
        case [Const() as first, last] if float(first.value) >= 0:
            return first, last
        case [
            Binary(operator="-", left=last, right=Const(value=1)),
            before,
            Unary(operator="-", operand=Const(value=1)),
        ]:
            match before:
                case Unary(operator="-", operand=Const(value=1)):
                    return Const(0), last
                case Const(value=value) if value >= 0:
                    return Const(int(value) + 1), last
    return None


def descending(bounds: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """The bounds of a loop that goes the other way."""
    match bounds:
        case [last]:
            first: Expression = Const(0)
        case [first, last]:
            pass
        case _:
            raise NotReversibleError(0, "a loop that hands on something has a step of its own")
    before = Const(int(first.value) - 1) if isinstance(first, Const) else Binary("-", first, Const(1))
    if isinstance(before, Const) and before.value == -1:
        return Binary("-", last, Const(1)), Unary("-", Const(1)), Unary("-", Const(1))
    return Binary("-", last, Const(1)), before, Unary("-", Const(1))
