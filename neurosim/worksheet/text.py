"""A worksheet as plain text, at most 80 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from neurosim.printable import printable
from neurosim.worksheet.blocks import Block, Line, Section, Table, Text
from neurosim.worksheet.layout import Gaps, columns, equation

WIDTH = 79
INDENT = "  "


def as_text(title: str, sections: Sequence[Section], gaps: Gaps) -> str:
    """The sections with their headings underlined."""
    lines = [*textwrap.wrap(title, WIDTH), "=" * min(len(title), WIDTH), ""]
    for section in sections:
        lines += [section.title, "-" * len(section.title), *_section(section, gaps)]
    return printable("\n".join(line.rstrip() for line in lines).rstrip() + "\n")


def _section(section: Section, gaps: Gaps) -> Iterator[str]:
    before: Block | None = None
    for block in section.blocks:
        # Lines of arithmetic stand together.
        if before is not None and not (isinstance(before, Line) and isinstance(block, Line)):
            yield ""
        yield from _block(block, gaps)
        before = block
    yield ""
    for inner in section.sections:
        yield inner.title
        yield from _section(inner, gaps)


def _block(block: Block, gaps: Gaps) -> Iterator[str]:
    if isinstance(block, Text):
        yield from textwrap.wrap(block.text, WIDTH)
    elif isinstance(block, Line):
        yield from equation(block, gaps, WIDTH)
    else:
        yield from _table(block, gaps)


def _table(table: Table, gaps: Gaps) -> Iterator[str]:
    if table.caption:
        yield from textwrap.wrap(table.caption, WIDTH)
    rows, widths, numeric = columns(table, gaps)
    for row in rows:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        yield INDENT + "  ".join(cells)
