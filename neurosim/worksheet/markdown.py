"""A worksheet as Markdown: headings, tables, and the arithmetic in code blocks, where its columns stay aligned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neurosim.printable import printable
from neurosim.worksheet.blocks import Line, Section, Table, Text
from neurosim.worksheet.layout import Gaps, columns, equation

WIDTH = 90
FENCE = "```"
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>#|$&~"})


def as_markdown(title: str, sections: Sequence[Section], gaps: Gaps) -> str:
    """The sections as a Markdown document."""
    lines = [f"# {escaped(title)}", ""]
    for section in sections:
        lines += _section(section, gaps, 2)
    return printable("\n".join(lines).rstrip() + "\n")


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return text.translate(_SPECIAL)


def _section(section: Section, gaps: Gaps, level: int) -> Iterator[str]:
    yield from (f"{'#' * level} {escaped(section.title)}", "")
    inside = False
    for block in section.blocks:
        if isinstance(block, Line):
            if not inside:
                yield FENCE
            inside = True
            yield from equation(block, gaps, WIDTH)
            continue
        if inside:
            yield from (FENCE, "")
        inside = False
        if isinstance(block, Text):
            words = escaped(block.text)
            yield from (f"**{words}**" if block.strong else words, "")
        else:
            yield from _table(block, gaps)
    if inside:
        yield from (FENCE, "")
    for inner in section.sections:
        yield from _section(inner, gaps, level + 1)


def _table(table: Table, gaps: Gaps) -> Iterator[str]:
    if table.caption:
        yield from (escaped(table.caption), "")
    rows, _, numeric = columns(table, gaps)
    if not rows:
        return
    # Markdown has no table without a header.
    header, body = (rows[0], rows[1:]) if table.header else ([""] * len(rows[0]), rows)
    yield "| " + " | ".join(escaped(cell) for cell in header) + " |"
    yield "|" + "|".join("---:" if right else "---" for right in numeric) + "|"
    for row in body:
        yield "| " + " | ".join(escaped(cell) for cell in row) + " |"
    yield ""
