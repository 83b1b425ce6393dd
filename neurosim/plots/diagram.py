"""A small network as a diagram: units as circles, weights as lines."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from neurosim.analysis.diagram import Diagram
from neurosim.plots.style import COLORS, INK, canvas

# A layer with no more weights than this has them written on their lines.
WRITTEN = 12
WIDEST, RADIUS = 5.0, 0.2
COLUMN, ROW = 2.3, 0.56


def network_diagram(shown: Diagram, title: str) -> Figure:
    """From the inputs on the left to the outputs on the right; wide lines are large weights, dashed ones negative."""
    sizes = [len(shown.inputs), *(weight.shape[1] for weight in shown.weights)]
    tall = max(max(sizes) * ROW, 1.6)
    names = 0.25 + 0.085 * max(len(name) for name in shown.inputs)
    after = 0.25 + 0.085 * max(len(name) for name in (*shown.outputs, "output"))
    across = names + (len(sizes) - 1) * COLUMN + 2 * RADIUS + after
    width, height = max(across, 5.8), tall + 2.05
    made = canvas(width, height, title)
    axes = made.add_axes((0.0, 0.62 / height, 1.0, (tall + 0.85) / height))
    axes.set_axis_off()
    left = (width - across) / 2 + names + RADIUS
    axes.set_xlim(0.0, width)
    axes.set_ylim(-tall / 2 - 0.2, tall / 2 + 0.65)
    axes.set_aspect("equal")
    places = [
        [(left + column * COLUMN, ROW * ((size - 1) / 2 - k) * min(1.0, tall / (size * ROW))) for k in range(size)]
        for column, size in enumerate(sizes)
    ]
    # Layers with few weights are spread out, to make room for their numbers.
    for column, size in enumerate(sizes):
        if size < max(sizes):
            step = min(tall / size, 1.15)
            places[column] = [(x, step * ((size - 1) / 2 - k)) for k, (x, _) in enumerate(places[column])]
    largest = max(float(np.abs(weight).max(initial=0.0)) for weight in shown.weights) or 1.0
    for column, weight in enumerate(shown.weights):
        _weights(axes, weight, places[column], places[column + 1], largest)
    _units(axes, shown, places)
    _key(made, largest)
    return made


def _weights(
    axes: Axes,
    weight: np.ndarray,
    sources: list[tuple[float, float]],
    targets: list[tuple[float, float]],
    largest: float,
) -> None:
    written = weight.size <= WRITTEN
    for (i, k), value in np.ndenumerate(weight):
        (x0, y0), (x1, y1) = sources[i], targets[k]
        axes.plot(
            [x0, x1], [y0, y1], linestyle="-" if value >= 0 else (0, (3.5, 1.6)),
            color=COLORS[1] if value >= 0 else COLORS[0],
            linewidth=0.3 + WIDEST * abs(float(value)) / largest, alpha=0.75, solid_capstyle="butt", zorder=1,
        )  # fmt: skip
        if written:
            # Lines from different ends are labeled at different places along them.
            ends, end = (len(sources), i) if len(sources) <= len(targets) else (len(targets), k)
            along = 0.24 * end / max(ends - 1, 1)
            share = 0.58 + along if len(sources) <= len(targets) else 0.42 - along
            axes.text(
                x0 + share * (x1 - x0), y0 + share * (y1 - y0), f"{value:.2g}", fontsize=7.5, color=INK, ha="center",
                va="center", zorder=3, bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"},
            )  # fmt: skip


def _units(axes: Axes, shown: Diagram, places: list[list[tuple[float, float]]]) -> None:
    strongest = max((float(np.nanmax(np.abs(bias))) for bias in shown.biases if not np.isnan(bias).all()), default=0.0)
    for column, layer in enumerate(places):
        for k, (x, y) in enumerate(layer):
            axes.add_patch(Circle((x, y), RADIUS, facecolor="white", edgecolor=INK, linewidth=1.2, zorder=4))
            if column == 0:
                axes.text(x - RADIUS - 0.08, y, shown.inputs[k], fontsize=9, color=INK, ha="right", va="center")
                continue
            bias = float(shown.biases[column - 1][k])
            if np.isnan(bias):
                continue
            color = COLORS[1] if bias >= 0 else COLORS[0]
            share = 0.75 * abs(bias) / (strongest or 1.0)
            axes.add_patch(Circle((x, y), RADIUS, facecolor=color, alpha=share, linewidth=0, zorder=5))
            axes.text(x, y, f"{bias:z.2g}", fontsize=6.5, color=INK, ha="center", va="center", zorder=6)
        top = axes.get_ylim()[1]
        words = "inputs" if column == 0 else shown.activations[column - 1]
        axes.text(layer[0][0], top, words, fontsize=9, color=INK, ha="center", va="top")
    for (x, y), name in zip(places[-1], shown.outputs, strict=False):
        axes.text(x + RADIUS + 0.08, y, name, fontsize=9, color=INK, ha="left", va="center")


def _key(made: Figure, largest: float) -> None:
    """What widths, colors and the numbers in the circles mean."""
    handles = [
        Line2D([], [], color=COLORS[1], linewidth=0.3 + WIDEST, label=f"weight of {largest:.2g}"),
        Line2D([], [], color=COLORS[1], linewidth=0.3 + WIDEST / 4, label=f"of {largest / 4:.2g}"),
        Line2D([], [], color=COLORS[0], linewidth=0.3 + WIDEST / 4, linestyle=(0, (3.5, 1.6)), label="negative"),
        Line2D([], [], color=INK, marker="o", markerfacecolor="white", linestyle="", markersize=9, label="bias inside"),
    ]
    made.legend(handles=handles, loc="lower center", ncols=4, frameon=False, fontsize=8.5, handlelength=2.4)
