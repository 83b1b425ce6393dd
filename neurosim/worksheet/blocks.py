"""What a worksheet is made of, as plain data: sections of text, lines of arithmetic, and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Number:
    """A number in a formula or a table.

    Attributes
    ----------
    value : float
        With all its digits.
    computed : bool
        Whether the sheet has worked it out: on a blank sheet it is a gap.
    """

    value: float
    computed: bool = False


Piece = str | Number
Pieces = tuple[Piece, ...]


@dataclass(frozen=True)
class Line:
    """``name = formula = the same with numbers = value``.

    Attributes
    ----------
    name : str
        What is worked out, such as ``z1[2]``.
    formula : str
        How, in symbols; empty if the name says it all.
    filled : tuple of str and Number
        The formula with the numbers put in; empty if the value follows at once.
    value : float or None
        The simulator's own number; None for a line that states something without one.
    note : str
        A remark after it, such as which case of a condition holds.
    told : bool
        Whether the sheet lacks what it takes to work it out: on a blank sheet the value is printed.
    """

    name: str
    formula: str
    filled: Pieces
    value: float | None
    note: str = ""
    told: bool = False


@dataclass(frozen=True)
class Text:
    """A paragraph; `strong` ones should not be missed."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under a header; numbers are aligned right, text left.

    Attributes
    ----------
    header : tuple of str
        The columns' names; empty for a grid of numbers without any.
    rows : tuple of rows
        Each has as many cells as the header.
    caption : str
        What it shows; empty if the text before says so.
    """

    header: tuple[str, ...]
    rows: tuple[Pieces, ...]
    caption: str = ""


Block = Line | Text | Table


@dataclass
class Section:
    """A heading, blocks, and sections inside it; a section of `answers` is left out of a blank sheet."""

    title: str
    answers: bool = False
    blocks: list[Block] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)

    def say(self, text: str, *, strong: bool = False) -> None:
        """Add a paragraph."""
        self.blocks.append(Text(text, strong))

    def line(self, name: str, formula: str, filled: Sequence[Piece], value: float | None, note: str = "") -> None:
        """Add a line of arithmetic."""
        self.blocks.append(Line(name, formula, tuple(filled), value, note))

    def tell(self, name: str, words: str, value: float) -> None:
        """Add a line whose value is printed on a blank sheet too."""
        self.blocks.append(Line(name, words, (), value, told=True))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Piece]], caption: str = "") -> None:
        """Add a table."""
        self.blocks.append(Table(tuple(header), tuple(tuple(row) for row in rows), caption))

    def section(self, title: str) -> Section:
        """Add a section inside this one, numbered after it where it has a number, and return it."""
        number, dot, _ = self.title.partition(". ")
        place = f"{number}.{len(self.sections) + 1} " if dot and number.isdigit() else ""
        self.sections.append(Section(place + title))
        return self.sections[-1]

    def walk(self) -> Iterator[Section]:
        """This section and all inside it, in order."""
        yield self
        for inner in self.sections:
            yield from inner.walk()


def given(value: float) -> Number:
    """A number that the reader is given."""
    return Number(float(value))


def computed(value: float) -> Number:
    """A number that the sheet works out."""
    return Number(float(value), computed=True)


def in_columns(rows: list[list[Piece]], columns: int) -> list[list[Piece]]:
    """Rows of two cells side by side, to be read downward."""
    high = -(-len(rows) // columns)
    padded = rows + [["", ""]] * (high * columns - len(rows))
    return [[cell for k in range(columns) for cell in padded[k * high + row]] for row in range(high)]
