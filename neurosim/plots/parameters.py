"""The weights and biases of a small network over time: how they settle, or go around in circles."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurosim.analysis.parameters import ParameterPaths
from neurosim.plots.style import COLORS, INK, canvas, inset, tidy, whole_numbers

STYLES = ("-", "--", ":", "-.")


def parameters(shown: ParameterPaths, title: str) -> Figure:
    """A line for each parameter; for a unit with two inputs, the path of its two weights next to them."""
    plane = bool(shown.weights)
    width, height = 9.6 if plane else 6.4, 4.4
    made = canvas(width, height, title, in_words(shown))
    axes = inset(made, 0.75, 0.6, 4.9 if plane else 5.4, height - 1.4)
    tidy(axes, 9, 0.6)
    # Each stays the same until the next step changes it.
    for k, name in enumerate(shown.names):
        axes.plot(
            shown.epochs, shown.values[:, k], STYLES[k // len(COLORS) if len(shown.names) > 3 else k],
            color=COLORS[k % len(COLORS)], linewidth=1.6, label=name, drawstyle="steps-post",
        )  # fmt: skip
    whole_numbers(axes.xaxis)
    axes.set_xlim(0, float(shown.epochs[-1]) or 1.0)
    axes.set_xlabel("epoch")
    axes.set_ylabel("weights and biases" if len(shown.names) > 3 else "weights and bias")
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    if plane:
        _path(inset(made, 6.45, 0.6, 2.95, height - 1.4), shown)
    return made


def in_words(shown: ParameterPaths) -> str:
    """Whether they come to rest."""
    if shown.rest is not None:
        return f"at rest from epoch {shown.rest:g} on"
    if shown.circle is not None:
        since, period = shown.circle
        often = "every epoch" if period == 1 else f"every {period:g} epochs"
        return f"round in circles from epoch {since:g} on: {often} exactly the same numbers come back"
    return "still moving at the end"


def _path(axes: Axes, shown: ParameterPaths) -> None:
    """The two weights as a point that moves."""
    tidy(axes, 9, 0.6)
    across, up = shown.weights
    xs, ys = shown.values[:, across], shown.values[:, up]
    axes.plot(xs, ys, color=COLORS[7], linewidth=1.2, zorder=2)
    circling = shown.epochs >= shown.circle[0] if shown.circle is not None else None
    if circling is not None:
        axes.plot(xs[circling], ys[circling], color=COLORS[1], linewidth=2.4, zorder=3, label="the circle")
    axes.plot(xs[:1], ys[:1], "o", color=INK, markersize=7, zorder=4, label="start")
    axes.plot(xs[-1:], ys[-1:], "*", color=COLORS[1], markersize=13, zorder=5, label="end")
    axes.margins(0.12)
    axes.set_xlabel(shown.names[across])
    axes.set_ylabel(shown.names[up])
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), columnspacing=1.0)
