"""What a network answers over its whole input space, if that has one or two dimensions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from neurosim.analysis.inputs import InputMap, Points
from neurosim.plots.style import COLORS, INK, MARKERS, figure, legend_below, pale, signed, subtitle
from neurosim.printable import labels as shortened

# From here on, the axis of values is numbered in thousands: 500k.
MANY_DIGITS = 1e4
# A legend below a picture has room for this many classes; of more, it names this many.
MOST_NAMED, OF_MORE = 10, 7
# The strength of the colors behind the data.
PALE = 0.55
# Colors of values, from dark to bright, which keep their order in gray.
VALUES = "viridis"


def decision_boundary(shown: InputMap, title: str) -> Figure:
    """The network's answer over the plane of its two inputs, with the data on top."""
    made, axes = _plane(shown, title, beside=0.6 if len(shown.outputs) == 1 else 0.0)
    image = draw_boundary(axes, shown)
    if image is not None:
        _bar(made, axes, image, "output of the network", PALE)
    handles, labels = axes.get_legend_handles_labels()
    if len(shown.classes) > MOST_NAMED:
        handles.append(Line2D([], [], linestyle=""))
        labels.append(f"{len(shown.classes) - OF_MORE:,} more")
    # Below the picture: inside, it would cover data.
    legend_below(made, handles, labels)
    return made


def fitted_surface(shown: InputMap, title: str) -> Figure:
    """The learned value over the plane of two inputs; each row is filled with the color of its own value."""
    made, axes = _plane(shown, title, beside=0.75)
    made.subplots_adjust(top=1 - 0.65 / made.get_figheight())
    image = draw_surface(axes, shown)
    _bar(made, axes, image, shown.answer)
    legend_below(made, *axes.get_legend_handles_labels())
    subtitle(made, "a row that stands out from its surroundings is not fitted")
    return made


def _plane(shown: InputMap, title: str, beside: float) -> tuple[Figure, Axes]:
    """A panel for two inputs, with room for a legend below."""
    made, (axes,) = figure(6.6, 5.2, 1, title, below=0.35, beside=beside)
    axes.set_xlabel(shown.labels[0])
    axes.set_ylabel(shown.labels[1])
    return made, axes


def _bar(made: Figure, axes: Axes, image: ScalarMappable, words: str, alpha: float = 1.0) -> None:
    bar = made.colorbar(image, ax=axes, fraction=0.05, pad=0.03, alpha=alpha)
    bar.set_label(words, fontsize=9, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, colors=INK)


def draw_boundary(axes: Axes, shown: InputMap, *, small: bool = False) -> ScalarMappable | None:
    """The answer over the plane, and the data; returns the mappable for a color bar, if there is one."""
    axes.grid(False)
    xs, ys = shown.axes
    image = None
    if len(shown.outputs) == 1:
        image = _two_classes(axes, shown)
    else:
        _many_classes(axes, shown)
    size = _size(shown.points["train"], small=small)
    _scatter(axes, shown.points["train"], shown.classes, size)
    if "test" in shown.points and not small:
        _scatter(axes, shown.points["test"], shown.classes, size, test=True)
    axes.set_xlim(xs[0], xs[-1])
    axes.set_ylim(ys[0], ys[-1])
    return image


def draw_surface(axes: Axes, shown: InputMap, *, small: bool = False) -> ScalarMappable:
    """The learned value over the plane, and the data in the same colors; returns the mappable for a color bar."""
    axes.grid(False)
    xs, ys = shown.axes
    splits = ["train", "test"] if "test" in shown.points and not small else ["train"]
    targets = np.concatenate([shown.points[split].targets[:, 0] for split in splits])
    low, high = min(float(shown.outputs.min()), targets.min()), max(float(shown.outputs.max()), targets.max())
    # Beyond the data, a network may answer anything: the colors cover the values in the data.
    room = 0.25 * float(np.ptp(targets)) or 1.0
    low, high = max(low, float(targets.min()) - room), min(high, float(targets.max()) + room)
    scale = Normalize(low, high if high > low else low + 1.0)
    axes.imshow(
        shown.outputs[0], origin="lower", extent=_extent(xs, ys), aspect="auto", cmap=VALUES, norm=scale,
        interpolation="bilinear",
    )  # fmt: skip
    if np.ptp(shown.outputs) > 0:
        levels = MaxNLocator(8).tick_values(low, high)
        axes.contour(xs, ys, shown.outputs[0], levels=levels, colors=["white"], linewidths=0.6, alpha=0.7)
    size = _size(shown.points["train"], small=small)
    for split in splits:
        points = shown.points[split]
        axes.scatter(
            points.inputs[:, 0], points.inputs[:, 1], c=points.targets[:, 0], cmap=VALUES, norm=scale, s=size,
            marker="o" if split == "train" else "^", edgecolors="white", linewidths=0.7, label=split, zorder=3,
        )  # fmt: skip
    axes.set_xlim(xs[0], xs[-1])
    axes.set_ylim(ys[0], ys[-1])
    return ScalarMappable(scale, VALUES)


def _extent(xs: NDArray[np.float64], ys: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """The edges of an image whose pixels are centered on a grid."""
    across, up = (xs[1] - xs[0]) / 2, (ys[1] - ys[0]) / 2
    return xs[0] - across, xs[-1] + across, ys[0] - up, ys[-1] + up


def _two_classes(axes: Axes, shown: InputMap) -> ScalarMappable:
    xs, ys = shown.axes
    answer, threshold, away = shown.outputs[0], shown.threshold, _sides(shown)[0]
    middle = threshold if answer.min() <= threshold <= answer.max() else 0.5 * (answer.min() + answer.max())
    reach = max(abs(answer.max() - middle), abs(answer.min() - middle)) or 1.0
    if answer.min() >= 0.0 and answer.max() <= 1.0:
        # A probability, or a step: the colors always span 0 to 1.
        middle, reach = 0.5, 0.5
    scale = Normalize(middle - reach, middle + reach)
    two_sided = away.min() < 0.0 < away.max()
    if two_sided and len(np.unique(answer)) == 2:
        # A step has one color on each side, and a sharp edge in between.
        colors = [signed()(scale(float(value))) for value in (answer[away < 0].min(), answer[away > 0].max())]
        axes.contourf(xs, ys, away, levels=[away.min() - 1.0, 0.0, away.max() + 1.0], colors=colors, alpha=PALE)
    else:
        axes.imshow(
            answer, origin="lower", extent=_extent(xs, ys), aspect="auto", cmap=signed(), norm=scale, alpha=PALE,
            interpolation="bilinear",
        )  # fmt: skip
    if two_sided:
        axes.contour(xs, ys, away, levels=[0.0], colors=[INK], linewidths=1.4)
    return ScalarMappable(scale, signed())


def _many_classes(axes: Axes, shown: InputMap) -> None:
    xs, ys = shown.axes
    away = _sides(shown)
    answer: NDArray[np.int64] = away.argmax(axis=0)
    colors = pale(len(away))
    # Drawn below the areas, which leave a gap where three of them meet.
    axes.imshow(colors[answer], origin="lower", extent=_extent(xs, ys), aspect="auto", interpolation="nearest")
    # A class that is at best level with another one has no edge.
    edged = [k for k in np.unique(answer) if away[k].min() < 0.0 < away[k].max()]
    for k in edged:
        axes.contourf(xs, ys, away[k], levels=[0.0, away[k].max()], colors=[colors[k]])
    for k in edged:
        axes.contour(xs, ys, away[k], levels=[0.0], colors=[INK], linewidths=1.0)


def _sides(shown: InputMap) -> NDArray[np.float64]:
    """How far each place is from another answer."""
    if shown.sides is not None:
        return shown.sides
    if len(shown.outputs) == 1:
        return shown.outputs - shown.threshold
    order = np.sort(shown.outputs, axis=0)
    away: NDArray[np.float64] = shown.outputs - np.where(shown.outputs == order[-1], order[-2], order[-1])
    return away


def _size(points: Points, *, small: bool) -> int:
    """How large a mark may be."""
    size = 90 if len(points.inputs) <= 10 else 26 if len(points.inputs) <= 400 else 12
    return size // 3 if small else size


def _scatter(axes: Axes, points: Points, classes: tuple[str, ...], size: int, *, test: bool = False) -> None:
    """The rows of a split: each class has a color and a shape, and test rows are hollow. Of many, some are named."""
    looks, named = len(COLORS) * len(MARKERS), len(classes) if len(classes) <= MOST_NAMED else OF_MORE
    # Letters of a name in the legend.
    names = shortened(classes[:named], 24 if named <= 6 else 9)
    # If there are more classes than looks, those that look alike are drawn together.
    for k in range(min(len(classes), looks)):
        chosen = points.inputs[points.targets % looks == k]
        color = COLORS[k % len(COLORS)]
        axes.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=size,
            marker=MARKERS[k % len(MARKERS)],
            facecolors="white" if test else color,
            edgecolors=color if test else "white",
            linewidths=(1.1 if test else 0.7) if size > 20 else 0.8 if test else 0.3,
            label=f"class {names[k]}" + (" (test)" if test else "") if k < named else None,
            zorder=3,
        )


def fitted_curve(shown: InputMap, title: str) -> Figure:
    """The learned function of one input, with the data; of several targets each in a panel of its own."""
    count = len(shown.outputs)
    made, panels = figure(6.4 if count == 1 else 4.0 * count, 4.5, count, title, below=0.3)
    for target, axes in enumerate(panels):
        draw_fit(axes, shown, target)
        axes.set_xlabel(shown.labels[0])
        axes.set_ylabel(shown.answers[target])
    legend_below(made, *panels[0].get_legend_handles_labels())
    return made


def draw_fit(axes: Axes, shown: InputMap, target: int = 0) -> None:
    """The learned function, that of one of the targets, and the data."""
    train = shown.points["train"]
    axes.scatter(
        train.inputs[:, 0], train.targets[:, target], s=14, color=COLORS[0], alpha=0.7, label="train", linewidths=0
    )
    if "test" in shown.points:
        test = shown.points["test"]
        axes.scatter(
            test.inputs[:, 0], test.targets[:, target], s=18, marker="^", color=COLORS[4], label="test", linewidths=0
        )
    axes.plot(shown.axes[0], shown.outputs[target], color=COLORS[1], linewidth=2.0, label="network")
    if float(np.abs(train.targets[:, target]).max()) >= MANY_DIGITS:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value / 1000:,g}k" if value else "0"))
    # The range that the network has seen; outside, it only guesses.
    axes.axvspan(float(train.inputs.min()), float(train.inputs.max()), color=COLORS[0], alpha=0.05, linewidth=0)
