"""What all ways of printing a sheet share: numbers in their places, gaps, and broken lines."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from neurosim.worksheet.blocks import Line, Number, Piece, Table
from neurosim.worksheet.numbers import written

GAP = "_______"
# Room for the number of a line.
MARGIN = 5
# After one of these, a negative number is put in brackets.
_OPERATORS = "+-·/^"


@dataclass
class Gaps:
    """How the numbers that the sheet has worked out are written, and the count of its lines.

    Attributes
    ----------
    blank : bool
        Whether they are left out, for the reader to fill in.
    count : int
        How many lines of arithmetic have been written so far.
    """

    blank: bool = False
    count: int = 0

    def inside(self, piece: Number) -> str:
        """A number in a formula or a table."""
        return GAP if self.blank and piece.computed else written(piece.value)

    def result(self, line: Line) -> str:
        """The value of a line."""
        assert line.value is not None
        return GAP if self.blank and not line.told else written(line.value)

    def number(self) -> str:
        """The number of the next line; its answer has the same number."""
        self.count += 1
        return f"({self.count})".rjust(MARGIN)


def fill(pieces: Sequence[Piece], gaps: Gaps) -> str:
    """A formula with its numbers; negative ones after an operator are in brackets."""
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
            continue
        number = gaps.inside(piece)
        behind = text.rstrip()[-1:] in _OPERATORS and bool(text.strip())
        text += f"({number})" if behind and number.startswith("-") else number
    return text


def steps_of(line: Line, gaps: Gaps) -> list[str]:
    """What follows the name of a line, each after an equals sign: symbols, numbers, value."""
    bare = line.value is not None and line.formula == written(line.value)
    found = [line.formula] if line.formula and not bare else []
    filled = fill(line.filled, gaps)
    if filled and filled != line.formula:
        found.append(filled)
    if line.value is not None:
        value = gaps.result(line)
        # A formula that is a single number says it already.
        if value != filled:
            found.append(value)
    return found


def equation(line: Line, gaps: Gaps, width: int) -> list[str]:
    """A numbered line of arithmetic in lines of at most `width` characters, with aligned equals signs."""
    first, *others = _equation(line, gaps, width - MARGIN - 1)
    return [f"{gaps.number()} {first}", *(" " * (MARGIN + 1) + other for other in others)]


def _equation(line: Line, gaps: Gaps, width: int) -> list[str]:
    steps = steps_of(line, gaps)
    note = f"   ({line.note})" if line.note else ""
    whole = " = ".join([line.name, *steps]) + note
    if len(whole) <= width:
        return [whole]
    indent = " " * min(len(line.name), width // 3)
    found: list[str] = []
    for place, step in enumerate(steps):
        first = f"{line.name} = " if place == 0 else f"{indent} = "
        found += _wrapped(step, first, " " * (len(indent) + 3) + "  ", width)
    if note and len(found[-1] + note) <= width:
        found[-1] += note
    elif note:
        found.append(f"{indent}   {note.strip()}")
    return found


def _wrapped(text: str, first: str, other: str, width: int) -> list[str]:
    """A formula over several lines."""
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=other, break_long_words=False, break_on_hyphens=False
    ) or [first.rstrip()]


def columns(table: Table, gaps: Gaps) -> tuple[list[list[str]], list[int], list[bool]]:
    """The cells of a table as text, header first; the width of each column, and whether it holds numbers."""
    cells = [[gaps.inside(cell) if isinstance(cell, Number) else cell for cell in row] for row in table.rows]
    rows = ([list(table.header)] if table.header else []) + cells
    count = len(rows[0]) if rows else 0
    widths = [max(len(row[place]) for row in rows) for place in range(count)]
    numeric = [any(isinstance(row[place], Number) for row in table.rows) for place in range(count)]
    return rows, widths, numeric
