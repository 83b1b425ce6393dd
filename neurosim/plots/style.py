"""One look for all pictures, and how figures are made and saved.

Figures are made without pyplot: nothing global changes, no window opens, and loading is faster.
The colors are those of Okabe and Ito (2008), which people with color blindness can tell apart.

Text is text: a price of $5 in a title is not a formula, whatever matplotlib would make of it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import Formatter, LogFormatterMathtext, LogFormatterSciNotation, MaxNLocator
from numpy.typing import NDArray

from neurosim.files.atomic import write_atomically
from neurosim.plots.settings import own_settings
from neurosim.printable import headline, printable
from neurosim.printable import labels as shortened
from neurosim.process.unasked import say_what_is_ignored

say_what_is_ignored(drawing=True)

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#444444")
TRAIN, TEST, VALIDATION = COLORS[0], COLORS[1], COLORS[2]
# For classes, which can be told apart without colors too.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "p", "h")
INK, FAINT = "#222222", "#d9d9d9"
# The smallest letters of a title, in points.
SMALLEST = 6.5
_SUPERSCRIPTS = str.maketrans("0123456789-.", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻·")


class Picture(Figure):
    """A figure that notebooks show; `savefig` writes it, like any figure of matplotlib.

    None of its texts is read as a formula, and none contains a control character.
    """

    @own_settings()
    def draw(self, renderer: RendererBase) -> None:
        """Draw it, like any figure."""
        for axes in self.axes:
            for axis in (axes.xaxis, axes.yaxis):
                _without_formulas(axis)
        for text in self.findobj(Text):
            text.set_parse_math(False)
            words = text.get_text()
            if printable(words) != words:
                text.set_text(printable(words))
        with _without_warnings():
            super().draw(renderer)

    @own_settings()
    def savefig(self, *arguments: Any, **options: Any) -> None:
        """Write it, like any figure."""
        super().savefig(*arguments, **options)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Within this, no warning about a letter missing from the font: the box drawn in its place says enough."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


def figure(
    width: float, height: float, columns: int = 1, title: str = "", below: float = 0.0, beside: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """A figure of `columns` panels side by side; sizes in inches; `below` and `beside` are kept free."""
    made = canvas(width, height, title)
    # Fixed margins: to compute them, matplotlib would draw everything twice.
    margins(made, 0.75, 0.2 + beside, 0.6 + below, 0.45, wspace=0.28)
    panels = [made.add_subplot(1, columns, k + 1) for k in range(columns)]
    for panel in panels:
        tidy(panel, 9, 0.6)
        panel.spines[["left", "bottom"]].set_color(INK)
    return made, panels


def canvas(width: float, height: float, title: str, words: str = "") -> Figure:
    """A figure without panels, with `words` below its title; sizes in inches."""
    made = Picture(figsize=(width, height), dpi=120, facecolor="white")
    FigureCanvasAgg(made)
    _entitle(made, title)
    if words:
        subtitle(made, words)
    return made


def subtitle(made: Figure, words: str, **look: Any) -> None:
    """A line below the title."""
    write(made, 0.15, made.get_figheight() - 0.37, words, va="top", **look)


def write(made: Figure, x: float, y: float, words: str, size: float = 9, **look: Any) -> Text:
    """Words at a place in inches from the lower left corner."""
    width, height = made.get_size_inches()
    return made.text(x / width, y / height, words, fontsize=size, color=INK, **{"ha": "left", "va": "bottom"} | look)


def inset(made: Figure, left: float, bottom: float, wide: float, tall: float) -> Axes:
    """A panel at a place in inches from the lower left corner."""
    width, height = made.get_size_inches()
    return made.add_axes((left / width, bottom / height, wide / width, tall / height))


def margins(made: Figure, left: float, right: float, bottom: float, top: float, **gaps: float) -> None:
    """Room around all panels, in inches, and the gaps between them, as shares of a panel."""
    width, height = made.get_size_inches()
    made.subplots_adjust(
        left=left / width, right=1 - right / width, bottom=bottom / height, top=1 - top / height, **gaps
    )


def tidy(axes: Axes, size: float = 8, line: float = 0.5) -> None:
    """A panel without a frame, with small numbers and a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=size)
    axes.grid(True, color=FAINT, linewidth=line)
    axes.set_axisbelow(True)


def _entitle(made: Figure, title: str) -> None:
    """The title at the top left: smaller if it is too long for the picture, and cut if that is not enough."""
    width, height = made.get_size_inches()
    words = headline(title)
    # A letter of 12 points is about 0.09 inches wide.
    size = min(12.0, max(12.0 * (width - 0.3) / (0.09 * max(len(words), 1)), SMALLEST))
    drawn = made.suptitle(
        words, fontsize=size, color=INK, x=0.15 / width, y=1 - 0.1 / height, ha="left", va="top", parse_math=False
    )
    if size < 12.0 or not words.isascii():
        fit(made, drawn, width - 0.25)


def fit(made: Figure, drawn: Text, room: float) -> None:
    """Cut a line of text that is wider than `room` inches."""
    drawn.set_parse_math(False)
    words = drawn.get_text()
    while len(words) > 8:
        with _without_warnings():
            taken = drawn.get_window_extent(made.canvas.get_renderer()).width / made.dpi  # type: ignore[attr-defined]
        if taken <= room:
            return
        words = headline(words, max(min(int(len(words) * room / taken), len(words) - 1), 8))
        drawn.set_text(words)


def legend_below(made: Figure, handles: Sequence[Artist], labels: Sequence[str], most: int = 4) -> None:
    """A legend below everything, in up to `most` columns; names that do not fit are cut."""
    if not labels:
        return
    columns, width = min(len(labels), most), made.get_size_inches()[0]
    # There is room for three lines.
    while columns > 2 and _inches(labels, columns) > width and len(labels) <= 3 * (columns - 1):
        columns -= 1
    if _inches(labels, columns) > width:
        labels = shortened(labels, _letters(width / columns))
    made.legend(handles, labels, loc="lower center", ncols=columns, frameon=False, fontsize=9)


def whole_numbers(axis: Axis) -> None:
    """Have an axis of epochs, layers or counts numbered in ones, twos, fives or tens."""
    axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))


# Inches of a letter of 9 points, about, and of the mark before a name in a legend.
_LETTER, _MARK = 0.075, 0.5


def _inches(names: Sequence[str], columns: int) -> float:
    """How wide a legend is: its columns hold about as many names each, and are as wide as the longest."""
    each, more = divmod(len(names), columns)
    starts = [k * each + min(k, more) for k in range(columns + 1)]
    longest = (max(map(len, names[start:end])) for start, end in pairwise(starts))
    return sum(_MARK + _LETTER * letters for letters in longest)


def _letters(room: float) -> int:
    """How many letters of a name fit into a column of a legend that is `room` inches wide."""
    return max(int((room - _MARK) / _LETTER), 12)


class _PlainLogFormatter(LogFormatterSciNotation):
    """Powers of ten in plain letters, 10⁻², at the ticks that matplotlib would label."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        words = super().__call__(x, pos).removeprefix("$\\mathdefault{").removesuffix("}$")
        base, power, exponent = words.partition("^{")
        raised = exponent.removesuffix("}").translate(_SUPERSCRIPTS) if power else ""
        return base.replace("\\times", "\N{MULTIPLICATION SIGN}") + raised


def _without_formulas(axis: Axis) -> None:
    """Write the numbers of a logarithmic axis in plain letters."""
    major, minor = axis.get_major_formatter(), axis.get_minor_formatter()
    if isinstance(major, LogFormatterMathtext) and not isinstance(major, _PlainLogFormatter):
        axis.set_major_formatter(_plain(major))
    if isinstance(minor, LogFormatterMathtext) and not isinstance(minor, _PlainLogFormatter):
        axis.set_minor_formatter(_plain(minor))


def _plain(formatter: Any) -> Formatter:
    return _PlainLogFormatter(
        formatter._base, formatter.labelOnlyBase, formatter.minor_thresholds, formatter._linthresh
    )


def plain(axes: Axes) -> None:
    """A frame without numbers, around an image."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("#b0b0b0")
    axes.spines[:].set_linewidth(0.5)


def pale(count: int) -> NDArray[np.float64]:
    """The colors of the areas of `count` classes, behind the data: (classes, 3)."""
    return np.array([[0.65 + 0.35 * part for part in to_rgb(COLORS[k % len(COLORS)])] for k in range(count)])


@cache
def signed() -> LinearSegmentedColormap:
    """Colors of signed numbers: blue below the middle, orange above."""
    return LinearSegmentedColormap.from_list("signed", [COLORS[0], "#f7f7f7", COLORS[1]])


def save(made: Figure, path: Path, title: str) -> Path:
    """Write a figure as PNG, or as SVG if the path says so; the same figure gives the same bytes."""
    write_atomically(path, rendered(made, path.suffix.removeprefix("."), title))
    return path


@own_settings()
def rendered(made: Figure, kind: str, title: str) -> bytes:
    """A figure as a file of the kind "png" or "svg"; the same figure gives the same bytes."""
    buffer, title = io.BytesIO(), headline(title)
    if kind == "svg":
        # Text stays text; without a salt and a date, ids would be random and the file different each time.
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "neurosim"}):
            made.savefig(buffer, format="svg", metadata={"Title": title, "Creator": "neurosim", "Date": None})
    else:
        metadata: dict[str, Any] = {"Title": title, "Software": "neurosim"}
        # Less compression takes half the time, and the file is hardly larger.
        made.savefig(buffer, format="png", metadata=metadata, pil_kwargs={"compress_level": 4})
    return buffer.getvalue()
