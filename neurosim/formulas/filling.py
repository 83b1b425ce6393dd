"""The rows that a derived function fills: its statements add to them, and the first of them are to set them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from neurosim.formulas.form import Assign, Binary, Call, Const, Expression, For, Index, Name, Statement
from neurosim.formulas.names import Names, names_in
from neurosim.formulas.reversible import NotReversibleError
from neurosim.formulas.rounds import Lengths, ascending
from neurosim.formulas.terms import ZERO, negative


class Filling:
    """Has rows filled.

    Parameters
    ----------
    names : Names
        Of the function that is written.
    lengths : Lengths
        Of its rows.
    rows : mapping of str to str
        For each varied row, the one to fill.
    keeps : bool
        Whether the row to fill first keeps numbers.
    """

    def __init__(self, names: Names, lengths: Lengths, rows: Mapping[str, str], *, keeps: bool) -> None:
        self.names = names
        self.lengths = lengths
        self.rows = rows
        self.keeps = keeps

    def filled(self, statements: list[Statement]) -> list[Statement]:
        """Statements that fill rows rather than add to them: the first that does all entries, or zeros before."""
        for row, filled_row in self.rows.items():
            if self.keeps:
                return self._filling_after_keeping(statements, row, filled_row)
            place = next((k for k, node in enumerate(statements) if filled_row in names_in(node)), len(statements))
            first = statements[place] if place < len(statements) else None
            if isinstance(first, For) and (changed := self._first_filling(first, row, filled_row)):
                statements[place : place + 1] = changed
            else:
                statements.insert(place, self._zeros(row, filled_row))
        return statements

    def _filling_after_keeping(self, statements: list[Statement], row: str, filled_row: str) -> list[Statement]:
        """The same where the row first keeps numbers, each of which is read once before its place is filled."""
        places = [k for k, node in enumerate(statements) if filled_row in names_in(node)]
        if len(places) < 2:
            raise NotReversibleError(0, "")
        keeping, filling = (statements[place] for place in places[:2])
        if isinstance(keeping, For) and isinstance(filling, For) and keeping.name == filling.name:
            entry = Index(filled_row, Name(filling.name))
            match [node for node in filling.body if filled_row in names_in(node)]:
                case [Assign(targets=[Name(id=start)], value=kept), *others] if kept == entry:
                    rest = replace(
                        filling,
                        body=tuple(node for node in filling.body if node in others or filled_row not in names_in(node)),
                    )
                    filled = self._first_filling(rest, row, filled_row)
                    if len(filled) == 1 and isinstance(filled[0], For):
                        first = Assign((Name(start),), entry)
                        statements[places[1]] = replace(filled[0], body=(first, *filled[0].body))
                        return statements
        raise NotReversibleError(0, "")

    def _zeros(self, row: str, filled_row: str, *first: Expression) -> For:
        k = Name(self.names.fresh("k"))
        return For(k.id, (*first, Call("len", (Name(row),), "len")), (Assign((Index(filled_row, k),), ZERO),))

    def _first_filling(self, loop: For, row: str, filled_row: str) -> list[Statement]:
        """A loop that adds to one entry in each round as one that sets them, and the others as zeros before."""
        entry = Index(filled_row, Name(loop.name))
        bounds = ascending(loop.bounds)
        if bounds is None or not self.lengths.is_within(bounds[1], row):
            return []
        uses = [node for node in loop.body if filled_row in names_in(node)]
        match uses:
            case [Assign(targets=[target], value=Binary(operator="+" | "-" as sign, left=left, right=right))]:
                if target == left == entry and filled_row not in names_in(right):
                    value = right if sign == "+" else negative(right) or ZERO
                    done = Assign((entry,), value)
                    body = tuple(done if node is uses[0] else node for node in loop.body)
                    filling = replace(loop, body=body)
                    if bounds[0] == Const(0) and self.lengths.is_length(bounds[1], row):
                        return [filling]
                    shortest = isinstance(bounds[1], Call) and bounds[0] == Const(0)
                    return [self._zeros(row, filled_row, *([bounds[1]] if shortest else [])), filling]
        return []
