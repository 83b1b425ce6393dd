"""The evidence for a finding, as numbers with their limit or over the epochs, and next to it what was tried."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurosim.diagnosis.finding import Bars, Finding, Lines
from neurosim.diagnosis.words import number
from neurosim.plots.lines import spans_decades
from neurosim.plots.settings import own_settings
from neurosim.plots.style import COLORS, INK, figure, whole_numbers

MOST_BARS = 30


@own_settings()
def evidence_picture(finding: Finding) -> Figure:
    """The picture of a finding: its evidence, and the losses with the remedy that was tried."""
    shown, tried = finding.picture, None if finding.tried is None else finding.tried.losses
    wide = 10.4 if tried is not None else 6.4
    bars = len(shown.names[:MOST_BARS]) if isinstance(shown, Bars) else 0
    height = 1.5 + 0.28 * bars if bars and tried is None else max(3.8, 1.5 + 0.28 * bars)
    made, panels = figure(wide, height, 1 if tried is None else 2, finding.title, below=0.2, beside=0.5)
    top = 1 - 0.72 / made.get_figheight()
    left = min(0.05 + 0.013 * max(map(len, shown.names), default=0), 0.4) if isinstance(shown, Bars) else 0.11
    made.subplots_adjust(left=left * 6.4 / wide, top=top, wspace=0.3)
    if isinstance(shown, Lines):
        _lines(panels[0], shown)
    else:
        _bars(panels[0], shown)
    if tried is not None:
        _lines(panels[1], tried)
    return made


def _bars(axes: Axes, shown: Bars) -> None:
    names, values = shown.names[:MOST_BARS], shown.values[:MOST_BARS]
    # Leave room for the limit above the axes.
    axes.set_title(shown.title, fontsize=9, pad=6 if shown.threshold is None else 16)
    finite = [value for value in values if math.isfinite(value) and value > 0]
    # Infinity and 0 have no place on the axis: an infinite bar reaches its end, and 0 has no bar.
    most = 10 * max(finite, default=1.0)
    places = np.arange(len(names))[::-1]
    lengths = [value if math.isfinite(value) else math.copysign(most, value) for value in values]
    axes.barh(places, lengths, color=COLORS[0], height=0.7)
    for place, value, length in zip(places, values, lengths, strict=True):
        axes.annotate(number(value, 3), (length, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(places, names)
    axes.grid(visible=False, axis="y")
    if shown.logarithmic and finite:
        axes.set_xscale("log")
        axes.set_xlim(min([*finite, shown.threshold or math.inf]) / 3, max([*finite, shown.threshold or 0.0]) * 10)
    if shown.threshold is not None:
        axes.axvline(shown.threshold, color=COLORS[1], linewidth=1.6)
        axes.annotate(
            f"limit {shown.threshold:g}", (shown.threshold, 1.0), (3, 2), xycoords=("data", "axes fraction"),
            textcoords="offset points", color=COLORS[1], fontsize=8,
        )  # fmt: skip


def _lines(axes: Axes, shown: Lines) -> None:
    axes.set_title(shown.title, fontsize=9)
    # If two lines are the same, the first one is on top, as in the legend.
    for (name, values), color, on_top in zip(shown.lines.items(), COLORS, range(9, 0, -1), strict=False):
        found = np.array([math.nan if value is None else value for value in values], np.float64)
        marker = "o" if len(values) == 1 or shown.logarithmic else ""
        axes.plot(
            shown.across[: len(found)], found, color=color, label=name, marker=marker, markersize=4, zorder=2 + on_top
        )
    if shown.mark is not None:
        axes.axvline(shown.mark, color=INK, linewidth=1.2, linestyle="--", label=f"{shown.label} {shown.mark:g}")
    known = [value for values in shown.lines.values() for value in values if value is not None and math.isfinite(value)]
    if spans_decades(known):
        axes.set_yscale("log")
    if shown.logarithmic:
        axes.set_xscale("log")
    elif shown.label == "epoch":
        whole_numbers(axes.xaxis)
    if known:
        axes.legend(frameon=False, fontsize=9)
    else:
        axes.text(0.5, 0.5, "no epoch was completed", transform=axes.transAxes, ha="center", color=INK)
    axes.set_xlabel(shown.label)
    axes.set_ylabel("loss")
