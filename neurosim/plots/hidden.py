"""Where a network puts its rows in the space of its last hidden layer, and how the output layer divides it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from neurosim.analysis.hidden import HiddenMoment, HiddenSpace
from neurosim.plots.style import COLORS, INK, MARKERS, canvas, inset, legend_below, pale, signed, write
from neurosim.printable import labels

GRID_LINE = "#8a8a8a"
# Rows closer to each other than these shares of an axis count as one spot, or share a label.
SAME, NEAR = 0.02, 0.05
# Entries on one line of the key.
KEYS = 5
# Up to this many rows are drawn one by one.
FEW = 10
# Shares of an axis, about: the width of a letter of a name, the height of a name, half a mark, and how far from it a
# name stands.
LETTER, TALL, MARK, OFFSET = 0.016, 0.06, 0.02, 0.042


def hidden_space(shown: HiddenSpace, title: str) -> Figure:
    """Before training on the left, after it on the right."""
    handles = _key(shown)
    below = 1.0 if len(handles) <= KEYS else 1.25
    width, height = 9.6, below + 4.3
    made = canvas(width, height, title, in_words(shown))
    last = len(shown.moments) - 1
    for column, number in enumerate((0, last)):
        left = 0.75 + 4.6 * column
        axes = inset(made, left, below, 4.0, height - below - 1.05)
        draw_hidden(axes, shown, number)
        when = "before training" if number == 0 else "after training"
        # A title of the panel itself would have matplotlib lay out everything twice.
        write(made, left + 2.0, height - 0.98, when + spread_words(shown, number), 10, ha="center")
        axes.set_xlabel(shown.labels[0], fontsize=9)
        if column == 0:
            axes.set_ylabel(shown.labels[1], fontsize=9)
    legend_below(made, handles, [str(handle.get_label()) for handle in handles], KEYS)
    return made


def in_words(shown: HiddenSpace) -> str:
    """What the picture shows."""
    several = len(shown.moments[0].answers) > 1
    if shown.units == 1:
        words = "where the output of the hidden unit puts each row"
    elif shown.units == 2:
        lines = "straight lines through them" if several else "one straight line through them"
        words = f"where the outputs of the two hidden units put each row; the output layer draws {lines}"
    else:
        looks = "most of what" if not shown.whole else "all that"
        plane = f"on a plane with {looks} the output layer sees"
        words = f"where the outputs of the {shown.units} hidden units put each row, {plane}"
    return words + (f" ({len(shown.targets)} of {shown.of} rows)" if len(shown.targets) < shown.of else "")


def spread_words(shown: HiddenSpace, number: int) -> str:
    """How much of the rows' spread a plane of more than two units holds."""
    return f" ({shown.moments[number].spread:.0%} of the rows' spread)" if shown.units > 2 else ""


def draw_hidden(axes: Axes, shown: HiddenSpace, number: int) -> None:
    """The hidden space at one time."""
    moment = shown.moments[number]
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)
    axes.set_xlim(*shown.xs)
    axes.set_ylim(*shown.ys)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    if shown.units == 1:
        axes.set_yticks([])
    axes.add_collection(LineCollection(list(moment.folded), colors=GRID_LINE, linewidths=0.7, alpha=0.8, zorder=2))
    seen = _one_output(axes, shown, moment) if len(moment.answers) == 1 else _several_outputs(axes, shown, moment)
    if not seen:
        axes.text(0.98, 0.02, "the line is outside this picture", transform=axes.transAxes, fontsize=8, color=INK,
                  ha="right", va="bottom")  # fmt: skip
    _rows(axes, shown, moment)


def _one_output(axes: Axes, shown: HiddenSpace, moment: HiddenMoment) -> bool:
    """The answer as a color, and the line at which it changes; returns whether the line can be seen."""
    answers = [entry.answers for entry in shown.moments]
    low, high = min(float(entry.min()) for entry in answers), max(float(entry.max()) for entry in answers)
    # A probability, or a step: the colors always span 0 to 1.
    middle, reach = (0.5, 0.5) if low >= 0 and high <= 1 else (
        shown.threshold, max(high - shown.threshold, shown.threshold - low) or 1.0
    )  # fmt: skip
    axes.imshow(
        moment.answers[0], origin="lower", extent=(*shown.xs, *shown.ys), aspect="auto", cmap=signed(),
        vmin=middle - reach, vmax=middle + reach, alpha=0.5, interpolation="bilinear", zorder=0,
    )  # fmt: skip
    # A linear function: its values at three corners tell where it reaches a level.
    here, right, up = (float(moment.sums[0][corner]) for corner in ((0, 0), (0, 1), (1, 0)))
    levels = [level for level in shown.levels if moment.sums[0].min() < level < moment.sums[0].max()]
    for level in levels:
        ends = np.array([0.0, 1.0])
        if abs(up - here) >= abs(right - here):
            across, upward = ends, (level - here - (right - here) * ends) / (up - here)
        else:
            across, upward = (level - here - (up - here) * ends) / (right - here), ends
        xs, ys = shown.xs[0] + across * np.ptp(shown.xs), shown.ys[0] + upward * np.ptp(shown.ys)
        axes.plot(xs, ys, color=INK, linewidth=1.6, zorder=3)
    return bool(levels)


def _several_outputs(axes: Axes, shown: HiddenSpace, moment: HiddenMoment) -> bool:
    """The region of each class; returns whether there is more than one."""
    answers = moment.answers
    count, up, across = answers.shape
    largest: NDArray[np.int64] = answers.argmax(axis=0)
    axes.imshow(pale(count)[largest], origin="lower", extent=(*shown.xs, *shown.ys), aspect="auto", zorder=0)
    xs, ys = np.linspace(*shown.xs, across), np.linspace(*shown.ys, up)
    regions = np.unique(largest)
    for k in regions if len(regions) > 1 else ():
        ahead = answers[k] - np.delete(answers, k, axis=0).max(axis=0)
        axes.contour(xs, ys, ahead, levels=[0.0], colors=[INK], linewidths=1.0, zorder=3)
    return len(regions) > 1


def _rows(axes: Axes, shown: HiddenSpace, moment: HiddenMoment) -> None:
    """The rows; of those on the same spot, later ones are drawn smaller, on top."""
    places = moment.places
    reach = np.array([np.ptp(shown.xs), np.ptp(shown.ys)])
    if len(places) > FEW:
        for k in np.unique(shown.targets):
            _mark(axes, int(k), places[shown.targets == k], 5.0 if len(places) <= 200 else 3.5, 4)
    else:
        for spot in _together(places / reach, SAME):
            for depth, row in enumerate(spot):
                _mark(axes, int(shown.targets[row]), places[[row]], 10.5 / 1.5**depth, 4 + depth)
    if shown.names:
        for number, spot in enumerate(_together(places / reach, NEAR)):
            names, place = " and ".join(shown.names[row] for row in spot), places[spot[0]]
            outward = (place - places.mean(axis=0)) / reach
            if shown.units == 1:  # all lie on one line: above it and below it in turn
                outward = np.array([0.0, 1.0 if number % 2 else -1.0])
            others = [other for row, other in enumerate(places) if row not in spot]
            _name(axes, shown, names, place, outward, others)


def _mark(axes: Axes, k: int, places: NDArray[np.float64], size: float, order: int) -> None:
    """Rows of one class."""
    axes.plot(
        places[:, 0], places[:, 1], MARKERS[k % len(MARKERS)], markersize=size, color=COLORS[k % len(COLORS)],
        markeredgecolor="white", markeredgewidth=0.9 if size > 5.5 else 0.4, zorder=order,
    )  # fmt: skip


def _together(places: NDArray[np.float64], near: float) -> list[list[int]]:
    """The rows in groups whose members lie near the first one."""
    spots: list[list[int]] = []
    for row, place in enumerate(places):
        for spot in spots:
            if np.abs(places[spot[0]] - place).max() < near:
                spot.append(row)
                break
        else:
            spots.append([row])
    return spots


def _name(
    axes: Axes,
    shown: HiddenSpace,
    name: str,
    place: NDArray[np.float64],
    outward: NDArray[np.float64],
    others: Sequence[NDArray[np.float64]],
) -> None:
    """The name of the rows at a place: away from the others, inside the picture, and on no other row if that can be."""
    length = float(np.linalg.norm(outward))
    right, up = outward / length if length > 0 else (0.0, 1.0)
    reach, low = np.array([np.ptp(shown.xs), np.ptp(shown.ys)]), np.array([shown.xs[0], shown.ys[0]])
    x, wide = (place[0] - shown.xs[0]) / np.ptp(shown.xs), LETTER * len(name) + 0.04
    ways = [_side(x, wide, *way) for way in ((right, up), (up, -right), (-up, right), (-right, -up))]
    rows = [(other - low) / reach for other in others]
    free = (way for way in ways if not any(_covers(way, (place - low) / reach, wide, row) for row in rows))
    side, right, up = next(free, ways[0])
    axes.annotate(
        name, (float(place[0]), float(place[1])), (11 * right, 11 * up), textcoords="offset points",
        fontsize=8.5, color=INK, ha=side, va="bottom" if up > 0.4 else "top" if up < -0.4 else "center", zorder=20,
        bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.6},
    )  # fmt: skip


def _side(x: float, wide: float, right: float, up: float) -> tuple[str, float, float]:
    """How a name is set that lies in a direction: with which of its sides at the place, and where exactly."""
    side = "left" if right > 0.4 else "right" if right < -0.4 else "center"
    free = {"left": 1 - x, "right": x, "center": 2 * min(x, 1 - x)}
    if free[side] < wide:
        return ("left" if x < 0.5 else "right"), 0.0, 1.0 if up >= 0 else -1.0
    return side, right, up


def _covers(way: tuple[str, float, float], place: NDArray[np.float64], wide: float, row: NDArray[np.float64]) -> bool:
    """Whether a name lies on a row; both in parts of the picture."""
    side, right, up = way
    left = place[0] + OFFSET * right - wide * {"left": 0.0, "center": 0.5, "right": 1.0}[side]
    bottom = place[1] + OFFSET * up - TALL * (0.0 if up > 0.4 else 1.0 if up < -0.4 else 0.5)
    inside = bottom >= 0 and bottom + TALL <= 1
    across, upward = row - (left, bottom)
    return not inside or bool(-MARK < across < wide + MARK and -MARK < upward < TALL + MARK)


def _key(shown: HiddenSpace) -> list[Line2D]:
    """What marks and lines mean."""
    handles = []
    named = shown.classes[: len(MARKERS)]
    for k, name in enumerate(labels(named, 24 if len(named) <= 6 else 9)):
        color, mark = COLORS[k % len(COLORS)], MARKERS[k]
        handles.append(Line2D([], [], color=color, marker=mark, linestyle="", label=f"class {name}"))
    if len(shown.classes) > len(MARKERS):
        handles.append(Line2D([], [], linestyle="", label=f"and {len(shown.classes) - len(MARKERS):,} more"))
    border = "where the answer changes" if len(shown.moments[0].answers) == 1 else "where the answers change"
    handles.append(Line2D([], [], color=INK, linewidth=1.6, label=border))
    if len(shown.moments[0].folded):
        handles.append(Line2D([], [], color=GRID_LINE, linewidth=0.9, label="grid on the plane of the inputs"))
    return handles
