"""Which classes are taken for which, and the wrong answers that the network was surest of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from neurosim.analysis.classification import Classification, Mistake
from neurosim.analysis.spacing import evenly
from neurosim.plots.images import draw_image
from neurosim.plots.style import COLORS, INK, canvas, figure, inset, subtitle, write
from neurosim.printable import labels

# With more classes, the counts in the cells cannot be read; with more still, not even all names and shares.
READABLE, NAMED = 12, 60
# With more classes, cells would be too small to see: several classes share a cell.
CELLS = 400
# Names longer than this are cut.
LONGEST = 16


def confusion_matrix(shown: Classification, title: str) -> Figure:
    """True class down, answer across; right answers are blue, wrong ones orange, as shares of the true class."""
    count = len(shown.classes)
    side = 0.56 * count if count <= READABLE else 6.0 if count <= 50 else 7.2
    # Of many classes, only some are named.
    places = np.array(evenly(count, NAMED))
    every = _short(shown)
    names = [every[place] for place in places]
    room = 0.75 + 0.085 * max(map(len, names))
    beside = 0.95
    width = max(room + side + beside, 5.2)
    below = 0.75 if count <= READABLE and max(map(len, names)) <= 4 else 0.45 + 0.08 * max(map(len, names))
    height = 1.15 + side + below
    made = canvas(width, height, title)
    axes = inset(made, room, below, side, side)
    shares = shown.counts / np.maximum(shown.counts.sum(axis=1, keepdims=True), 1)
    right = np.eye(count, dtype=bool)
    # Each has its own scale, so that the many right answers do not hide the wrong ones.
    blue = LinearSegmentedColormap.from_list("right", ["#ffffff", COLORS[0]])
    orange = LinearSegmentedColormap.from_list("wrong", ["#ffffff", COLORS[1]])
    worst = float(shares[~right].max(initial=0.0)) or 1.0
    colors = np.where(right[..., None], blue(0.75 * shares), orange(0.85 * shares / worst))
    together = -(-count // CELLS)
    if together > 1:
        colors = _strongest(colors, np.where(right, shares, 1.0 + shares) * (shares > 0), together)
    axes.imshow(colors, extent=(-0.5, count - 0.5, count - 0.5, -0.5), interpolation="nearest")
    axes.set_xticks(places, names, rotation=0 if below == 0.75 else 90)
    axes.set_yticks(places, names)
    axes.tick_params(length=0, colors=INK, labelsize=9 if count <= READABLE else 6)
    axes.spines[:].set_visible(False)
    few = "" if count == len(places) else f" ({len(places)} of {count:,} are named)"
    axes.set_xlabel("answer of the network")
    axes.set_ylabel(f"true class{few}")
    if count <= READABLE:
        _counts(axes, shown)
    if not few:
        _recalls(axes, shown, small=count > READABLE)
    cells = f"; a cell is {together} x {together} classes" if together > 1 else ""
    outcome = f"{shown.accuracy:.2%} of {int(shown.counts.sum())} {_split(shown)} rows are classified correctly"
    subtitle(made, f"{outcome}\nright answers blue, wrong ones orange{cells}")
    return made


def _strongest(colors: NDArray[Any], strengths: NDArray[np.float64], together: int) -> NDArray[Any]:
    """Blocks of `together` x `together` cells, each in the color of its strongest cell: (rows, columns, 4)."""
    count = len(strengths)
    blocks = -(-count // together)
    filled = np.full((blocks * together, blocks * together), -1.0)
    filled[:count, :count] = strengths
    apart = filled.reshape(blocks, together, blocks, together).swapaxes(1, 2).reshape(blocks, blocks, -1)
    row, column = np.divmod(apart.argmax(axis=2), together)
    first = np.arange(blocks) * together
    found: NDArray[Any] = colors[first[:, None] + row, first[None, :] + column]
    return found


def _split(shown: Classification) -> str:
    return {"train": "training"}.get(shown.split, shown.split)


def _short(shown: Classification) -> tuple[str, ...]:
    return labels(shown.classes, LONGEST)


def _counts(axes: Axes, shown: Classification) -> None:
    """The number of rows in every cell that has some."""
    digits = len(str(int(shown.counts.max())))
    for (row, column), count in np.ndenumerate(shown.counts):
        if count:
            strong = row == column and count >= 0.6 * shown.counts[row].sum()
            axes.text(
                column, row, str(int(count)), ha="center", va="center", fontsize=9 if digits <= 4 else 7,
                color="white" if strong else INK,
            )  # fmt: skip


def _recalls(axes: Axes, shown: Classification, *, small: bool) -> None:
    """The share of each row that is right, next to it."""
    totals = shown.counts.sum(axis=1)
    count = len(totals)
    for row, total in enumerate(totals):
        words = f"{shown.counts[row, row] / total:.1%}" if total else "no rows"
        axes.text(count - 0.3, row, words, fontsize=6 if small else 8, color=INK, ha="left", va="center")
    axes.text(count - 0.3, -0.75, "right", fontsize=6 if small else 8, color=INK, ha="left", va="center")


def worst_mistakes(shown: Classification, title: str) -> Figure:
    """The wrong answers that the network was surest of, as images or as bars of their strengths."""
    return _images(shown, title) if len(shown.image_shape) >= 2 else _bars(shown, title)


def _sure(value: float, shown: Classification) -> str:
    if not shown.probabilities:
        return f"{value:.3g}"
    # What is only nearly certain is not called certain.
    return ">99.9%" if 0.9995 <= value < 1.0 else "<0.1%" if 0.0 < value < 0.0005 else f"{value:.1%}"


def _heading(shown: Classification) -> str:
    wrong = int(shown.counts.sum() - np.trace(shown.counts))
    few = f"the {len(shown.mistakes)} surest of " if wrong > len(shown.mistakes) else ""
    return f"{few}{wrong:,} wrong answer{'s' * (wrong != 1)} on {int(shown.counts.sum()):,} {_split(shown)} rows"


def _images(shown: Classification, title: str) -> Figure:
    columns = min(8, max(len(shown.mistakes), 4))
    rows = -(-len(shown.mistakes) // columns)
    side, caption, top = 1.0, 0.52, 0.72
    width, height = columns * (side + 0.12) + 0.3, top + rows * (side + caption) + 0.1
    made = canvas(max(width, 5.5), height, title, _heading(shown))
    names = _short(shown)
    for place, mistake in enumerate(shown.mistakes):
        row, column = divmod(place, columns)
        left, bottom = 0.2 + column * (side + 0.12), height - top - row * (side + caption) - side
        axes = inset(made, left, bottom, side, side)
        draw_image(axes, mistake.features.reshape(shown.image_shape))
        answer, right = (names[k] for k in (mistake.answer, mistake.right))
        words = f"{answer}: {_sure(mistake.sure, shown)}\nis {right}: {_sure(mistake.chance, shown)}"
        write(made, left + side / 2, bottom - 0.05, words, 8, ha="center", va="top")
    return made


def _bars(shown: Classification, title: str) -> Figure:
    """A line for each mistake: what it was taken for, what it is, and its features if they are few."""
    mistakes = shown.mistakes[:12]
    made, (axes,) = figure(8.4, 1.55 + 0.42 * len(mistakes), 1, title)
    height = made.get_size_inches()[1]
    made.subplots_adjust(left=0.42, top=1 - 0.75 / height, bottom=0.6 / height)
    subtitle(made, _heading(shown))
    places, names = np.arange(len(mistakes)), _short(shown)
    for offset, color, label, values in (
        (-0.19, COLORS[1], "the wrong answer", [mistake.sure for mistake in mistakes]),
        (0.19, COLORS[0], "the true class", [mistake.chance for mistake in mistakes]),
    ):
        axes.barh(places + offset, values, 0.36, color=color, label=label)
    axes.set_yticks(places, [_row_words(mistake, names) for mistake in mistakes])
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set_xlabel("probability" if shown.probabilities else "output")
    if shown.probabilities:
        axes.set_xlim(0.0, 1.0)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, fontsize=8, borderaxespad=0.1)
    return made


def _row_words(mistake: Mistake, names: Sequence[str]) -> str:
    """Which row it is, and what it contains."""
    what = f"row {mistake.row}: {names[mistake.right]} taken for {names[mistake.answer]}"
    if len(mistake.features) > 4:
        return what
    return what + "\n" + ", ".join(f"{value:.3g}" for value in mistake.features)
