"""What a network makes of its whole input space, where that has one or two dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from neurosim.plots.style import COLOURS, INK, figure
from neurosim.simulator import Simulator

GRID = 200


def _axis(values: NDArray[Any], count: int) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    margin = 0.15 * ((high - low) or 1.0)
    return np.linspace(low - margin, high + margin, count)


def _points(simulator: Simulator, split: str) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Inputs of a split in the units of the data set, and its targets."""
    data = getattr(simulator.data, split)
    inputs = data.features.astype(np.float64) * simulator.data.scale + simulator.data.shift
    return simulator.data.to_raw(inputs), data.targets


def _label(simulator: Simulator, k: int) -> str:
    names = simulator.data.feature_names
    return names[k] if names else f"input {k + 1}"


def decision_boundary(simulator: Simulator, title: str) -> Figure:
    """The network's answer over the plane of its two inputs, with the data on top."""
    data = simulator.data
    raw, labels = _points(simulator, "train")
    xs, ys = _axis(raw[:, 0], GRID), _axis(raw[:, 1], GRID)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    outputs = simulator.forward(data.to_input(grid)).astype(np.float64)
    made, (axes,) = figure(6.4, 5.0, 1, title)
    axes.grid(False)
    if outputs.shape[1] == 1 and len(data.classes) == 2:
        _two_classes(made, axes, simulator, xs, ys, outputs[:, 0].reshape(GRID, GRID))
    else:
        _many_classes(axes, xs, ys, outputs.argmax(axis=1).reshape(GRID, GRID), len(data.classes))
    _scatter(axes, raw, labels, data.classes, "o")
    if "test" in simulator.splits:
        test_raw, test_labels = _points(simulator, "test")
        _scatter(axes, test_raw, test_labels, data.classes, "^", suffix=" (test)")
    axes.set_xlabel(_label(simulator, 0))
    axes.set_ylabel(_label(simulator, 1))
    axes.set_xlim(xs[0], xs[-1])
    axes.set_ylim(ys[0], ys[-1])
    # Below the picture: inside it would lie on the data.
    made.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return made


def _two_classes(made: Figure, axes: Axes, simulator: Simulator, xs: Any, ys: Any, answer: NDArray[np.float64]) -> None:
    threshold = simulator.network.loss.record.threshold
    middle = threshold if answer.min() <= threshold <= answer.max() else 0.5 * (answer.min() + answer.max())
    reach = max(abs(answer.max() - middle), abs(answer.min() - middle)) or 1.0
    if answer.min() >= 0.0 and answer.max() <= 1.0:
        # A probability, or a step: the colours always span 0 to 1.
        middle, reach = 0.5, 0.5
    colours = LinearSegmentedColormap.from_list("answer", [COLOURS[0], "#f7f7f7", COLOURS[1]])
    shown = axes.pcolormesh(
        xs, ys, answer, cmap=colours, vmin=middle - reach, vmax=middle + reach, alpha=0.55, shading="nearest",
        rasterized=True,
    )  # fmt: skip
    bar = made.colorbar(shown, ax=axes, fraction=0.05, pad=0.02)
    bar.set_label("output of the network", fontsize=9, color=INK)
    bar.outline.set_visible(False)
    if answer.min() < threshold < answer.max():
        axes.contour(xs, ys, answer, levels=[threshold], colors=[INK], linewidths=1.4)


def _many_classes(axes: Axes, xs: Any, ys: Any, answer: NDArray[np.int64], count: int) -> None:
    pale = [tuple(0.65 + 0.35 * part for part in to_rgb(COLOURS[k % len(COLOURS)])) for k in range(count)]
    axes.pcolormesh(
        xs, ys, answer, cmap=ListedColormap(pale), vmin=-0.5, vmax=count - 0.5, shading="nearest", rasterized=True
    )
    axes.contour(xs, ys, answer, levels=np.arange(count - 1) + 0.5, colors=[INK], linewidths=1.0)


def _scatter(axes: Axes, raw: Any, labels: Any, classes: tuple[str, ...], marker: str, suffix: str = "") -> None:
    size = 90 if len(raw) <= 10 else 26 if len(raw) <= 400 else 9
    for k, name in enumerate(classes):
        chosen = labels == k
        axes.scatter(
            raw[chosen, 0],
            raw[chosen, 1],
            s=size,
            marker=marker,
            color=COLOURS[k % len(COLOURS)],
            edgecolors="white",
            linewidths=0.7,
            label=f"class {name}{suffix}",
            zorder=3,
        )


def fitted_curve(simulator: Simulator, title: str) -> Figure:
    """The function a network of one input and one output has learnt, with the data."""
    raw, targets = _points(simulator, "train")
    xs = _axis(raw[:, 0], 400)
    outputs = simulator.forward(simulator.data.to_input(xs[:, None]))
    made, (axes,) = figure(6.4, 4.2, 1, title)
    axes.scatter(raw[:, 0], targets[:, 0], s=14, color=COLOURS[0], alpha=0.7, label="train", linewidths=0)
    if "test" in simulator.splits:
        test_raw, test_targets = _points(simulator, "test")
        axes.scatter(test_raw[:, 0], test_targets[:, 0], s=18, marker="^", color=COLOURS[4], label="test", linewidths=0)
    axes.plot(xs, outputs[:, 0], color=COLOURS[1], linewidth=2.0, label="network")
    axes.axvspan(float(raw.min()), float(raw.max()), color=COLOURS[0], alpha=0.05, linewidth=0)
    axes.set_xlabel(_label(simulator, 0))
    axes.set_ylabel("output")
    axes.legend(frameon=False, fontsize=9)
    return made
