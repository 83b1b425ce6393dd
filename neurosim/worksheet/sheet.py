"""A worksheet, and three ways to print it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from neurosim.markup import escape
from neurosim.worksheet.blocks import Line, Section
from neurosim.worksheet.html import as_fragment, as_html
from neurosim.worksheet.layout import Gaps
from neurosim.worksheet.markdown import as_markdown
from neurosim.worksheet.text import as_text

PRINTERS = {"text": as_text, "markdown": as_markdown, "html": as_html}


@dataclass
class Sheet:
    """A worksheet.

    Attributes
    ----------
    title : str
        Of the scenario.
    name : str
        Short name for files, such as ``xor-seed-7``.
    sections : list of Section
        In order; the first ones say what is given.
    """

    title: str
    name: str
    sections: list[Section] = field(default_factory=list)

    def section(self, title: str, *, answers: bool = False) -> Section:
        """Add a section, and return it."""
        self.sections.append(Section(title, answers))
        return self.sections[-1]

    def asked(self, *, blank: bool) -> list[Section]:
        """The sections of the sheet; a blank one has none with answers."""
        return [section for section in self.sections if not (blank and section.answers)]

    def lines(self) -> Iterator[Line]:
        """All lines of arithmetic, in order."""
        for section in self.sections:
            for part in section.walk():
                yield from (block for block in part.blocks if isinstance(block, Line))

    @property
    def values(self) -> dict[str, float]:
        """What was worked out, by name; of several lines with one name, the first."""
        found: dict[str, float] = {}
        for line in self.lines():
            if line.value is not None:
                found.setdefault(line.name, line.value)
        return found

    def printed(self, form: str = "text", *, blank: bool = False, part: str = "") -> str:
        """The whole sheet as "text", "markdown" or "html"; with gaps if `blank`, and `part` named in its title."""
        title = f"{self.title}: {part}" if part else self.title
        return PRINTERS[form](title, self.asked(blank=blank), Gaps(blank))

    def fragment(self) -> str:
        """The sections as HTML, for a page that brings its own style."""
        return as_fragment(self.sections, Gaps(), 3)

    def __repr__(self) -> str:
        return f"<Sheet {self.name}: {sum(1 for _ in self.lines())} lines; print() shows them>"

    def __str__(self) -> str:
        return self.printed()

    def _repr_html_(self) -> str:
        """The whole sheet, for notebooks."""
        return f"<h2>{escape(self.title)}</h2>{self.fragment()}"
