"""What a network makes of its whole input space, where that has one or two dimensions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from neurosim.analysis.inputs import InputMap, Points
from neurosim.plots.style import COLOURS, INK, figure

# From here on thousands are counted along the axis of the values: 500k.
MANY_DIGITS = 1e4


def decision_boundary(shown: InputMap, title: str) -> Figure:
    """The network's answer over the plane of its two inputs, with the data on top."""
    made, (axes,) = figure(6.6, 5.2, 1, title, below=0.35, beside=0.6 if len(shown.outputs) == 1 else 0.0)
    image = draw_boundary(axes, shown)
    if image is not None:
        bar = made.colorbar(image, ax=axes, fraction=0.05, pad=0.03)
        bar.set_label("output of the network", fontsize=9, color=INK)
        bar.outline.set_visible(False)
    axes.set_xlabel(shown.labels[0])
    axes.set_ylabel(shown.labels[1])
    # Below the picture: inside it would lie on the data.
    made.legend(*axes.get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False, fontsize=9)
    return made


def draw_boundary(axes: Axes, shown: InputMap, *, small: bool = False) -> QuadMesh | None:
    """The answer over the plane and the data; returns what a colour bar is made for, if there is such a thing."""
    axes.grid(False)
    xs, ys = shown.axes
    image = None
    if len(shown.outputs) == 1:
        image = _two_classes(axes, shown)
    else:
        _many_classes(axes, shown)
    _scatter(axes, shown.points["train"], shown.classes, "o", small=small)
    if "test" in shown.points and not small:
        _scatter(axes, shown.points["test"], shown.classes, "^", suffix=" (test)")
    axes.set_xlim(xs[0], xs[-1])
    axes.set_ylim(ys[0], ys[-1])
    return image


def _two_classes(axes: Axes, shown: InputMap) -> QuadMesh:
    xs, ys = shown.axes
    answer, threshold = shown.outputs[0], shown.threshold
    middle = threshold if answer.min() <= threshold <= answer.max() else 0.5 * (answer.min() + answer.max())
    reach = max(abs(answer.max() - middle), abs(answer.min() - middle)) or 1.0
    if answer.min() >= 0.0 and answer.max() <= 1.0:
        # A probability, or a step: the colours always span 0 to 1.
        middle, reach = 0.5, 0.5
    colours = LinearSegmentedColormap.from_list("answer", [COLOURS[0], "#f7f7f7", COLOURS[1]])
    image = axes.pcolormesh(
        xs, ys, answer, cmap=colours, vmin=middle - reach, vmax=middle + reach, alpha=0.55, shading="nearest",
        rasterized=True,
    )  # fmt: skip
    # A step answers 0 or 1, and the threshold itself may be one of them: then the line is half-way.
    level = threshold if answer.min() < threshold < answer.max() else middle
    if answer.min() < level < answer.max():
        axes.contour(xs, ys, answer, levels=[level], colors=[INK], linewidths=1.4)
    return image


def _many_classes(axes: Axes, shown: InputMap) -> None:
    xs, ys = shown.axes
    count = len(shown.outputs)
    answer: NDArray[np.int64] = shown.outputs.argmax(axis=0)
    pale = [tuple(0.65 + 0.35 * part for part in to_rgb(COLOURS[k % len(COLOURS)])) for k in range(count)]
    axes.pcolormesh(
        xs, ys, answer, cmap=ListedColormap(pale), vmin=-0.5, vmax=count - 0.5, shading="nearest", rasterized=True
    )
    axes.contour(xs, ys, answer, levels=np.arange(count - 1) + 0.5, colors=[INK], linewidths=1.0)


def _scatter(
    axes: Axes, points: Points, classes: tuple[str, ...], marker: str, suffix: str = "", *, small: bool = False
) -> None:
    size = 90 if len(points.inputs) <= 10 else 26 if len(points.inputs) <= 400 else 9
    size = size // 3 if small else size
    for k, name in enumerate(classes):
        chosen = points.inputs[points.targets == k]
        axes.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=size,
            marker=marker,
            color=COLOURS[k % len(COLOURS)],
            edgecolors="white",
            linewidths=0.3 if small else 0.7,
            label=f"class {name}{suffix}",
            zorder=3,
        )


def fitted_curve(shown: InputMap, title: str) -> Figure:
    """The function a network of one input and one output has learnt, with the data."""
    made, (axes,) = figure(6.4, 4.2, 1, title)
    draw_fit(axes, shown)
    axes.set_xlabel(shown.labels[0])
    axes.set_ylabel(shown.answer)
    axes.legend(frameon=False, fontsize=9)
    return made


def draw_fit(axes: Axes, shown: InputMap) -> None:
    """The learnt function and the data."""
    train = shown.points["train"]
    axes.scatter(
        train.inputs[:, 0], train.targets[:, 0], s=14, color=COLOURS[0], alpha=0.7, label="train", linewidths=0
    )
    if "test" in shown.points:
        test = shown.points["test"]
        axes.scatter(
            test.inputs[:, 0], test.targets[:, 0], s=18, marker="^", color=COLOURS[4], label="test", linewidths=0
        )
    axes.plot(shown.axes[0], shown.outputs[0], color=COLOURS[1], linewidth=2.0, label="network")
    if float(np.abs(train.targets).max()) >= MANY_DIGITS:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value / 1000:,g}k" if value else "0"))
    # What the network has seen; outside it only guesses.
    axes.axvspan(float(train.inputs.min()), float(train.inputs.max()), color=COLOURS[0], alpha=0.05, linewidth=0)
