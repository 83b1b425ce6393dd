"""What each unit of a network answers over its one or two inputs, layer by layer."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurosim.analysis.inputs import Points
from neurosim.analysis.units import LayerMaps, UnitMaps
from neurosim.plots.style import COLORS, INK, canvas, fit, inset, signed, write

CELL, GAP, LEFT, TOP = 0.98, 0.14, 1.15, 0.78
COLUMNS = 8


def unit_maps(shown: UnitMaps, title: str) -> Figure:
    """One or two rows for each layer, from the inputs at the top."""
    lines = [(layer, first) for layer in shown.layers for first in range(0, len(layer.units), COLUMNS)]
    columns = max(min(len(layer.units), COLUMNS) for layer in shown.layers)
    width = max(LEFT + columns * (CELL + GAP) + 0.1, 6.2)
    heads = sum(first == 0 for _, first in lines)
    height = TOP + len(lines) * (CELL + GAP) + 0.26 * heads + 0.35
    flat = len(shown.axes) == 2
    what = (
        "answers below 0 (of a sigmoid 0.5) blue, above it orange; line: weighted sum 0"
        if flat
        else "answer of each unit"
    )
    left_out = f"; {shown.left_out} layers between are left out" if shown.left_out else ""
    made = canvas(width, height, title, what + left_out)
    y = height - TOP
    for layer, first in lines:
        if first == 0:
            y -= 0.26
            few = f"\n{len(layer.units)} of {layer.of}" if len(layer.units) < layer.of else ""
            name = "output" if layer is shown.layers[-1] else f"layer {shown.layers.index(layer) + 1}"
            write(made, 0.15, y - CELL / 2, f"{name}\n{layer.activation}{few}", 8.5, va="center")
        y -= CELL
        for column, place in enumerate(range(first, min(first + COLUMNS, len(layer.units)))):
            axes = inset(made, LEFT + column * (CELL + GAP), y, CELL, CELL)
            (_plane if flat else _curve)(axes, shown, layer, place)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_color("#b0b0b0")
            if len(layer.units) > 1:
                axes.set_title(f"unit {layer.units[place] + 1}", fontsize=7, color=INK, pad=2)
        y -= GAP
    note = f"across: {shown.labels[0]}" + (f", up: {shown.labels[1]}" if flat else ", up: answer")
    fit(made, write(made, LEFT, 0.1, note, 8), width - LEFT - 0.05)
    return made


def _plane(axes: Axes, shown: UnitMaps, layer: LayerMaps, place: int) -> None:
    """The answer over the plane, in colors around the middle of the activation's range."""
    xs, ys = shown.axes
    answer = layer.answers[place]
    low, high = float(layer.answers.min()), float(layer.answers.max())
    # The middle of a sigmoid or a step is one half.
    middle = 0.5 if layer.activation in ("sigmoid", "step", "hard_sigmoid", "softmax") else 0.0
    reach = max(high - middle, middle - low) or 1.0
    axes.imshow(
        answer, origin="lower", extent=(xs[0], xs[-1], ys[0], ys[-1]), aspect="auto", cmap=signed(),
        vmin=middle - reach, vmax=middle + reach, interpolation="bilinear",
    )  # fmt: skip
    sums = layer.sums[place]
    if sums.min() < 0 < sums.max():
        axes.contour(xs, ys, sums, levels=[0.0], colors=[INK], linewidths=1.0)
    _data(axes, shown.points)
    axes.set_xlim(xs[0], xs[-1])
    axes.set_ylim(ys[0], ys[-1])


def _data(axes: Axes, points: Points) -> None:
    """Some of the rows: by class, or small and plain if they have values."""
    inputs, targets = points.inputs, points.targets
    chosen = np.linspace(0, len(inputs) - 1, min(len(inputs), 80)).astype(int)
    if targets.ndim > 1:
        axes.plot(inputs[chosen, 0], inputs[chosen, 1], "o", markersize=1.6, color=INK, markeredgewidth=0, alpha=0.6)
        return
    marks = ("o", "s", "^", "D")
    for k in np.unique(targets[chosen]):
        own = chosen[targets[chosen] == k]
        axes.plot(
            inputs[own, 0], inputs[own, 1], marks[int(k) % 4], markersize=2.4 if len(inputs) > 10 else 5, color=INK,
            markerfacecolor=COLORS[int(k) % len(COLORS)], markeredgewidth=0.3,
        )  # fmt: skip


def _curve(axes: Axes, shown: UnitMaps, layer: LayerMaps, place: int) -> None:
    low, high = float(layer.answers.min()), float(layer.answers.max())
    margin = 0.08 * ((high - low) or 1.0)
    axes.axhline(0.0, color="#b0b0b0", linewidth=0.7)
    axes.plot(shown.axes[0], layer.answers[place], color=COLORS[0], linewidth=1.5)
    axes.set_xlim(shown.axes[0][0], shown.axes[0][-1])
    axes.set_ylim(low - margin, high + margin)
