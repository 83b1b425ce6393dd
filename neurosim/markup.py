"""Pieces of HTML: every text is escaped here, so text from a scenario or a data file stays text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape as _escape

from neurosim.printable import printable

__all__ = ["OWN_MEASURES", "amount", "escape", "measure", "measure_words", "paragraphs", "table"]

# What neurosim measures by itself on each split, with and without being asked.
OWN_MEASURES = ("loss", "accuracy", "rmse", "r2", "baseline_rmse", "baseline_accuracy")


def escape(text: str) -> str:
    """The text as HTML that shows it literally, between tags and in attributes."""
    return _escape(printable(text))


def measure(name: str, value: float | None) -> str:
    """A measure, formatted according to the end of its name; a dash if there is none."""
    if value is None:
        return "-"
    if name.endswith("rmse"):
        return amount(value)
    return f"{value:.2%}" if name.endswith("accuracy") else f"{value:.5g}"


def amount(value: float) -> str:
    """A number in its own units, such as 286,306 or 0.02146: four significant digits, and all before the point."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:,.4g}"


def rounded(value: float) -> str:
    """A figure such as a speed or a ratio: three significant digits, and all before the point."""
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.3g}"


def measure_words(name: str) -> str:
    """The name of a measure, or a phrase that contains one, in its usual spelling: ``test_r2`` becomes test R²."""
    return re.sub(r"\br2\b", "R²", name.replace("_", " ")).replace("rmse", "RMSE")


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = (), caption: str = "") -> str:
    """A table of texts; the columns in `numeric` are right-aligned."""
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
