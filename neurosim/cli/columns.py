"""Tables and running text on a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence


def columns(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> list[str]:
    """A line for each row, its cells below one another: on the left in the columns named, else on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def text_width() -> int:
    """The width of running text: longer lines are hard to read."""
    return min(shutil.get_terminal_size().columns, 88)
