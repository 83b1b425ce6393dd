"""Pieces of HTML: every text is escaped here, so what a scenario or a data file says stays text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["escape", "measure", "paragraphs", "table"]


def measure(name: str, value: float | None) -> str:
    """A loss or an accuracy as a reader wants it; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:.2%}" if name.endswith("accuracy") else f"{value:.5g}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = (), caption: str = "") -> str:
    """A table of texts; `numeric` are the columns that stand on the right."""
    lines = [f"<table>{f'<caption>{escape(caption)}</caption>' if caption else ''}"]
    if header:
        lines.append(f"<thead><tr>{_cells(header, 'th', numeric)}</tr></thead>")
    lines.append("<tbody>")
    lines += [f"<tr>{_cells(row, 'td', numeric)}</tr>" for row in rows]
    return "\n".join([*lines, "</tbody></table>"])


def _cells(cells: Sequence[str], tag: str, numeric: Sequence[int]) -> str:
    return "".join(
        f'<{tag} class="number">{escape(cell)}</{tag}>' if place in numeric else f"<{tag}>{escape(cell)}</{tag}>"
        for place, cell in enumerate(cells)
    )


def paragraphs(text: str) -> str:
    """Text with empty lines between its paragraphs."""
    parts = (" ".join(part.split()) for part in text.strip().split("\n\n"))
    return "\n".join(f"<p>{escape(part)}</p>" for part in parts if part)
