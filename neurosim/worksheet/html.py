"""A worksheet as a single HTML page that prints well and loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neurosim.markup import escape
from neurosim.worksheet.blocks import Line, Section, Table, Text
from neurosim.worksheet.layout import Gaps, columns, equation

WIDTH = 84
STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --faint: #d9d9d9; --accent: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #17191c; --faint: #44484d; --accent: #56b4e9; }
}
body { font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 52rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; }
h2 { font-size: 1.25rem; margin-top: 2.2rem; padding-bottom: .2rem; border-bottom: 2px solid var(--accent); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
pre { font: .84rem/1.55 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-x: auto; margin: .4rem 0;
  padding-left: .8rem; border-left: 3px solid var(--faint); }
table { border-collapse: collapse; font: .84rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  margin: .6rem 0; display: block; overflow-x: auto; }
caption { text-align: left; font: 1rem/1.5 system-ui, sans-serif; }
th, td { padding: .1rem .7rem; text-align: left; border-bottom: 1px solid var(--faint); white-space: nowrap; }
.number { text-align: right; }
@media print {
  :root { --ink: #000; --paper: #fff; --faint: #bbb; --accent: #000; }
  body { max-width: none; margin: 0; font-size: 10.5pt; }
  pre, table { font-size: 8.5pt; overflow: visible; }
  h2, h3 { break-after: avoid; }
  pre, tr { break-inside: avoid; }
}
""".strip()


def as_html(title: str, sections: Sequence[Section], gaps: Gaps) -> str:
    """The sections as a page of their own."""
    title, body = escape(title), as_fragment(sections, gaps)
    lines = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>",
    ]
    return "\n".join([*lines, body, "</main>\n</body>\n</html>"]) + "\n"


def as_fragment(sections: Sequence[Section], gaps: Gaps, level: int = 2) -> str:
    """The sections for a page that brings its own style; `level` is that of their headings."""
    return "\n".join(line for section in sections for line in _section(section, gaps, level))


def _section(section: Section, gaps: Gaps, level: int) -> Iterator[str]:
    yield f"<section>\n<h{level}>{escape(section.title)}</h{level}>"
    arithmetic: list[str] = []
    for block in section.blocks:
        if isinstance(block, Line):
            arithmetic += equation(block, gaps, WIDTH)
            continue
        yield from _pre(arithmetic)
        arithmetic = []
        if isinstance(block, Text):
            words = escape(block.text)
            yield f"<p><strong>{words}</strong></p>" if block.strong else f"<p>{words}</p>"
        else:
            yield from _table(block, gaps)
    yield from _pre(arithmetic)
    for inner in section.sections:
        yield from _section(inner, gaps, min(level + 1, 6))
    yield "</section>"


def _pre(lines: list[str]) -> Iterator[str]:
    if lines:
        yield "<pre>" + escape("\n".join(lines)) + "</pre>"


def _table(table: Table, gaps: Gaps) -> Iterator[str]:
    rows, _, numeric = columns(table, gaps)
    yield "<table>" + (f"<caption>{escape(table.caption)}</caption>" if table.caption else "")
    for place, row in enumerate(rows):
        tag = "th" if table.header and place == 0 else "td"
        cells = (
            f"<{tag}{' class=number' if right else ''}>{escape(cell)}</{tag}>"
            for cell, right in zip(row, numeric, strict=True)
        )
        yield "<tr>" + "".join(cells) + "</tr>"
    yield "</table>"
