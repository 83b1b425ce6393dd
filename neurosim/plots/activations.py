"""Activations and their derivatives: a single one side by side with its derivative, or all on one sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from neurosim.analysis.activations import ActivationCurves
from neurosim.plots.settings import own_settings
from neurosim.plots.style import COLORS, INK, canvas, figure, margins, write

# Widths of lines.
STRONG, FAINT = 2.2, 1.3
# Other values of a parameter are dashed or dotted, so that they can be told apart in gray too.
STYLES = ("-", "--", ":")
# A jump smaller than this share of the panel cannot be seen.
VISIBLE = 0.01
# What varies less is drawn as a straight line in the middle.
FLAT = 1e-6


@own_settings()
def activation_figure(shown: ActivationCurves) -> Figure:
    """The function on the left, its derivative on the right."""
    made, (left, right) = figure(9.0, 3.8, 2, shown.name)
    functions = [(curve.a, [at[0] for at in curve.at_kinks]) for curve in shown.curves]
    slopes = [(curve.slope, [at[1] for at in curve.at_kinks]) for curve in shown.curves]
    _panel(left, shown, functions, COLORS[0])
    _panel(right, shown, slopes, COLORS[1])
    left.set_ylabel("output  f(z)")
    right.set_ylabel("derivative  f\N{PRIME}(z)" + (", derived from f" if shown.derived else ""))
    if shown.curves[0].label:
        lines, labels = left.get_legend_handles_labels()
        # Drawn last, to lie on top, but listed first.
        left.legend(lines[-1:] + lines[:-1], labels[-1:] + labels[:-1], frameon=False, fontsize=9)
    return made


@own_settings()
def activation_sheet(shown: Sequence[ActivationCurves], title: str) -> Figure:
    """Several activations on one page, each with its default parameters and with its derivative."""
    columns = min(max(math.ceil(math.sqrt(1.3 * len(shown))), 1), 5)
    rows = -(-len(shown) // columns)
    width, height = max(0.4 + 2.15 * columns, 5.5), 1.25 + 1.75 * rows
    made = canvas(width, height, title)
    margins(made, 0.45, 0.15, 0.75, 0.75, hspace=0.5, wspace=0.28)
    for place, entry in enumerate(shown):
        axes = made.add_subplot(rows, columns, place + 1)
        axes.axhline(0.0, color=INK, linewidth=0.6)
        axes.axvline(0.0, color=INK, linewidth=0.6)
        curve = entry.curves[0]
        axes.plot(entry.z, curve.slope, "--", color=COLORS[1], linewidth=1.3, label="derivative  f\N{PRIME}(z)")
        axes.plot(entry.z, curve.a, "-", color=COLORS[0], linewidth=1.8, label="output  f(z)")
        settings = f" ({curve.label})" if curve.label else ""
        axes.set_title(entry.name + settings, fontsize=8.5, color=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK, labelsize=7)
        axes.margins(x=0.0)
        low, high = axes.get_ylim()
        # They differ near 0; what grows without bound is cut off.
        axes.set_ylim(max(low, -3.0), min(high, 3.5))
    handles, labels = made.axes[0].get_legend_handles_labels()
    made.legend(handles[::-1], labels[::-1], loc="lower right", ncols=2, frameon=False, fontsize=9)
    write(made, 0.15, 0.16, "across: weighted sum  z")
    return made


def _panel(
    axes: Axes, shown: ActivationCurves, lines: Sequence[tuple[NDArray[np.float64], Sequence[float]]], color: str
) -> None:
    """A curve for each choice of parameters; each line comes with its values at the kinks."""
    axes.axhline(0.0, color=INK, linewidth=0.7)
    axes.axvline(0.0, color=INK, linewidth=0.7)
    for k in (*range(1, len(lines)), 0):
        label = shown.curves[k].label + (" (default)" if k == 0 else "")
        width, strength = (STRONG, 1.0) if k == 0 else (FAINT, 0.55)
        axes.plot(shown.z, lines[k][0], STYLES[k], color=color, linewidth=width, alpha=strength, label=label)
    axes.margins(x=0.0)
    axes.set_xlabel("weighted sum  z")
    low, high = axes.dataLim.intervaly
    if high - low < FLAT:
        axes.set_ylim(low - 1.0, high + 1.0)
    line, at_kinks = lines[0]
    for kink, value in zip(shown.kinks, at_kinks, strict=True):
        place = int(np.searchsorted(shown.z, kink))
        ends = (line[place - 1], line[place + 1])
        if abs(ends[1] - ends[0]) <= VISIBLE * (high - low):
            continue
        # Where a line breaks: a filled circle where the function is, an open one where it is not.
        for end in ends:
            inside = color if abs(end - value) <= VISIBLE * (high - low) else "white"
            axes.plot([kink], [end], "o", markersize=5, color=color, markerfacecolor=inside, zorder=4)
