"""The evidence of one finding: numbers beside their limit, or over the epochs."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from neurosim.diagnosis.finding import Bars, Finding, Lines
from neurosim.plots.style import COLOURS, INK, figure

MOST_BARS = 30


def evidence_picture(finding: Finding) -> Figure:
    """The picture of a finding."""
    shown = finding.picture
    return _lines(shown, finding.title) if isinstance(shown, Lines) else _bars(shown, finding.title)


def _bars(shown: Bars, title: str) -> Figure:
    names, values = shown.names[:MOST_BARS], shown.values[:MOST_BARS]
    made, (axes,) = figure(6.4, 1.5 + 0.28 * len(names), 1, f"{title}\n{shown.title}", beside=0.5)
    longest = max(map(len, names), default=0)
    made.subplots_adjust(left=min(0.05 + 0.013 * longest, 0.4), top=1 - 0.62 / made.get_figheight())
    finite = [value for value in values if math.isfinite(value) and value > 0]
    # What is infinite or 0 has no place on the axis: it reaches to its end, or has no bar.
    most = 10 * max(finite, default=1.0)
    places = np.arange(len(names))[::-1]
    lengths = [value if math.isfinite(value) else most for value in values]
    axes.barh(places, lengths, color=COLOURS[0], height=0.7)
    for place, value, length in zip(places, values, lengths, strict=True):
        axes.annotate(f"{value:.3g}", (length, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(places, names)
    axes.grid(visible=False, axis="y")
    if shown.logarithmic and finite:
        axes.set_xscale("log")
        axes.set_xlim(min([*finite, shown.threshold or math.inf]) / 3, max([*finite, shown.threshold or 0.0]) * 10)
    if shown.threshold is not None:
        axes.axvline(shown.threshold, color=COLOURS[1], linewidth=1.6)
        axes.annotate(
            f"limit {shown.threshold:g}", (shown.threshold, 1.0), (3, 2), xycoords=("data", "axes fraction"),
            textcoords="offset points", color=COLOURS[1], fontsize=8,
        )  # fmt: skip
    return made


def _lines(shown: Lines, title: str) -> Figure:
    made, (axes,) = figure(6.4, 3.8, 1, f"{title}\n{shown.title}", below=0.2)
    made.subplots_adjust(top=1 - 0.62 / made.get_figheight())
    for (name, values), colour in zip(shown.lines.items(), COLOURS, strict=False):
        found = np.array([math.nan if value is None else value for value in values], np.float64)
        axes.plot(shown.epochs, found, color=colour, label=name, marker="o" if len(values) == 1 else "")
    if shown.mark is not None:
        axes.axvline(shown.mark, color=INK, linewidth=1.2, linestyle="--", label=f"epoch {shown.mark}")
    known = [value for values in shown.lines.values() for value in values if value is not None and math.isfinite(value)]
    if known and min(known) > 0 and max(known) > 30 * min(known):
        axes.set_yscale("log")
    if known:
        axes.legend(frameon=False, fontsize=9)
    else:
        axes.text(0.5, 0.5, "no epoch was completed", transform=axes.transAxes, ha="center", color=INK)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    return made
