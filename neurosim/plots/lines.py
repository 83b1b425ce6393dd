"""Lines of many runs: a look for each variant, means with bands, and axes that fit the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from neurosim.plots.style import COLORS

if TYPE_CHECKING:
    from neurosim.analysis.studies import VariantFacts

# Yellow is illegible on white.
LINES = tuple(color for color in COLORS if color != "#F0E442")
STYLES = ("-", "--", "-.", ":")
MANY_VALUES = 6
# Lines that span more than this factor are drawn on a logarithmic axis.
WIDE = 30.0
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """Color and line style of a variant, the same in all pictures of a study."""

    color: str
    line: str


PLAIN = Look(LINES[0], "-")


def looks(variants: Sequence[VariantFacts]) -> list[Look]:
    """A look for each variant; many numbers on a scale get colors from dark to bright within each group."""
    if len(variants) > MANY_VALUES and all(variant.value is not None for variant in variants):
        groups = list(dict.fromkeys(variant.group for variant in variants))
        sizes = {group: [v for v in variants if v.group == group] for group in groups}
        scale = colormaps["viridis"]
        found = []
        for variant in variants:
            own = sizes[variant.group]
            share = own.index(variant) / max(len(own) - 1, 1)
            found.append(Look(to_hex(scale(0.85 * share)), STYLES[groups.index(variant.group) % len(STYLES)]))
        return found
    return [Look(LINES[k % len(LINES)], STYLES[k // len(LINES) % len(STYLES)]) for k in range(len(variants))]


def band(
    axes: Axes,
    x: Sequence[float] | Array,
    runs: Sequence[Sequence[float | None]],
    look: Look,
    label: str,
    *,
    over_time: bool = True,
) -> None:
    """Mean of some runs over `x`, and a band from the smallest to the largest.

    Some runs may end before others `over_time`. From then on the mean is of those that are left: another number, which
    is drawn thin, and not joined to what was before.
    """
    length = max((len(run) for run in runs), default=0)
    values = np.full((len(runs), length), np.nan)
    for row, run in zip(values, runs, strict=True):
        row[: len(run)] = [np.nan if value is None or not np.isfinite(value) else value for value in run]
    there = ~np.isnan(values).all(axis=0)
    if not there.any():
        return
    xs = np.asarray(x, np.float64)[:length][there]
    shown = values[:, there]
    marker = "o" if len(xs) <= 12 else None
    breaks = _ends(shown) if over_time else []
    for number, part in enumerate(np.split(np.arange(len(xs)), breaks)):
        mean = np.nanmean(shown[:, part], axis=0)
        if number:
            alone = "." if len(part) == 1 else None
            axes.plot(xs[part], mean, look.line, color=look.color, linewidth=0.7, marker=alone, markersize=2)
        else:
            axes.plot(
                xs[part], mean, look.line, color=look.color, label=legend_name(label),
                linewidth=1.6, marker=marker or ("." if len(part) == 1 else None), markersize=3.5,
            )  # fmt: skip
        if len(runs) > 1:
            low, high = np.nanmin(shown[:, part], axis=0), np.nanmax(shown[:, part], axis=0)
            axes.fill_between(xs[part], low, high, color=look.color, alpha=0.09 if number else 0.18, linewidth=0)


def _ends(values: Array) -> list[int]:
    """The places from which on there are fewer runs, whose numbers are the rows."""
    known = ~np.isnan(values)
    # One past the last number of each run; a run without any changes nothing.
    ends = values.shape[1] - np.argmax(known[:, ::-1], axis=1)
    return sorted({int(end) for end, row in zip(ends, known, strict=True) if row.any() and end < values.shape[1]})


def legend_name(name: str) -> str:
    """The name of a line for a legend; matplotlib would leave out one that begins with an underscore."""
    return f"\u200b{name}" if name.startswith("_") else name


def spans_decades(values: Iterable[float | None]) -> bool:
    """Whether all values are positive and differ so much that a logarithmic axis shows them better."""
    known = [value for value in values if value is not None and np.isfinite(value)]
    return bool(known) and min(known) > 0 and max(known) > WIDE * min(known)


def fit_accuracy(axes: Axes, values: Iterable[float]) -> None:
    """A y axis in percent, from 0 on or, where all values are large, from a little below the smallest."""
    low = min(values)
    bottom = max(0.0, low - 0.05) if low > 0.5 else 0.0
    axes.set_ylim(bottom, 1.02)
    # The room above all of them has no share of its own.
    axes.set_yticks([share for share in axes.get_yticks() if bottom <= share < 1.01])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def fit_scale(axes: Axes, values: Sequence[float | None], words: str, *, share: bool = False) -> None:
    """A logarithmic y axis if positive values span much, and its label."""
    numbers = np.array([value for value in values if value is not None and np.isfinite(value)], np.float64)
    positive = numbers[numbers > 0]
    if not share and positive.size and numbers.min() >= 0 and positive.max() / positive.min() > WIDE:
        # Zeros have no place on it.
        axes.set_yscale("log", nonpositive="mask")
        axes.set_ylim(positive.min() / 2, positive.max() * 2)
        words += " (logarithmic)"
    elif numbers.size and numbers.min() >= 0 and not share:
        axes.set_ylim(bottom=0)
    axes.set_ylabel(words)


def legend_beside(made: Figure, axes: Axes, room: float, *, title: str = "") -> None:
    """The lines' names to the right of everything, in the `room` (inches) kept free there."""
    handles, labels = axes.get_legend_handles_labels()
    if not labels:
        return
    width = made.get_size_inches()[0]
    size = 9 if len(labels) <= 14 else 7
    made.legend(
        handles, labels, loc="center left", bbox_to_anchor=(1 - (room - 0.05) / width, 0.5), frameon=False,
        fontsize=size, title=title or None, title_fontsize=size, borderaxespad=0.0, handlelength=3.2,
    )  # fmt: skip


def room_for(names: Sequence[str]) -> float:
    """The width of a legend of these names, in inches."""
    return 0.85 + 0.075 * max((len(name) for name in names), default=0)
