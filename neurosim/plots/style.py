"""One look for all pictures, and how figures are made and saved.

Figures are made without pyplot: nothing global changes, no window opens, and loading is quicker.
Colours are those of Okabe and Ito (2008), which people with colour blindness can tell apart.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from neurosim.files import write_atomically

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#444444")
TRAIN, TEST, VALIDATION = COLOURS[0], COLOURS[1], COLOURS[2]
# Of classes, which are told apart without colours too.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "p", "h")
INK, FAINT = "#222222", "#d9d9d9"


class Picture(Figure):
    """A figure that notebooks show; `savefig` writes it, as any figure of matplotlib."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def figure(
    width: float, height: float, columns: int = 1, title: str = "", below: float = 0.0, beside: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """A figure of `columns` panels side by side; sizes in inches, `below` and `beside` are kept free."""
    made = Picture(figsize=(width, height), dpi=120, facecolor="white")
    FigureCanvasAgg(made)
    # Fixed margins: letting matplotlib work them out would draw everything twice.
    made.subplots_adjust(
        left=0.75 / width,
        right=1 - (0.2 + beside) / width,
        bottom=(0.6 + below) / height,
        top=1 - 0.45 / height,
        wspace=0.28,
    )
    panels = [made.add_subplot(1, columns, k + 1) for k in range(columns)]
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color(INK)
        panel.tick_params(colors=INK, labelsize=9)
        panel.grid(True, color=FAINT, linewidth=0.6)
        panel.set_axisbelow(True)
    if title:
        _entitle(made, title)
    return made, panels


def canvas(width: float, height: float, title: str) -> Figure:
    """A figure without panels; sizes in inches."""
    made = Picture(figsize=(width, height), dpi=120, facecolor="white")
    FigureCanvasAgg(made)
    _entitle(made, title)
    return made


def _entitle(made: Figure, title: str) -> None:
    """The title at the top left, smaller where it is too long for the picture."""
    width, height = made.get_size_inches()
    # A letter of 12 points is about 0.09 inches wide.
    size = min(12.0, max(12.0 * (width - 0.3) / (0.09 * max(len(title), 1)), 6.5))
    made.suptitle(title, fontsize=size, color=INK, x=0.15 / width, y=1 - 0.1 / height, ha="left", va="top")


def plain(axes: Axes) -> None:
    """A frame without numbers, around an image."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("#b0b0b0")
    axes.spines[:].set_linewidth(0.5)


@cache
def signed() -> LinearSegmentedColormap:
    """Colours of numbers with a sign: blue below the middle, orange above."""
    return LinearSegmentedColormap.from_list("signed", [COLOURS[0], "#f7f7f7", COLOURS[1]])


def save(made: Figure, path: Path, title: str) -> Path:
    """Write a figure as PNG, or as SVG where the path ends so; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    if path.suffix == ".svg":
        # Text stays text; names of parts would be random, and the date another one each time.
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "neurosim"}):
            made.savefig(buffer, format="svg", metadata={"Title": title, "Creator": "neurosim", "Date": None})
    else:
        metadata: dict[str, Any] = {"Title": title, "Software": "neurosim"}
        made.savefig(buffer, format="png", metadata=metadata)
    write_atomically(path, buffer.getvalue())
    return path
