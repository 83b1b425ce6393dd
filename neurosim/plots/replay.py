"""Two futures of a run: as it was, and with one thing changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurosim.plots.lines import fit_accuracy, fit_scale
from neurosim.plots.settings import own_settings
from neurosim.plots.style import COLORS, INK, figure, legend_below, whole_numbers
from neurosim.printable import label as shortened
from neurosim.training.history import History

WAS, CHANGED, BEFORE = COLORS[0], COLORS[1], "#888888"


@own_settings()
def futures(title: str, change: str, fork: float, was: History, changed: History) -> Figure:
    """Loss and accuracy of a run and of its replay.

    Parameters
    ----------
    title, change : str
        Title of the scenario, and what was changed.
    fork : float
        Where they diverge, in epochs.
    was, changed : History
        The epochs of both, which are the same up to the fork.
    """
    split = "test" if any(value is not None for value in was.test_loss) else "train"
    measures = [f"{split}_loss"]
    if any(value is not None for value in getattr(was, f"{split}_accuracy")):
        measures.append(f"{split}_accuracy")
    made, panels = figure(4.6 * len(measures) + 0.6, 4.2, len(measures), title, below=0.4)
    for axes, measure in zip(panels, measures, strict=True):
        _panel(axes, measure, change, fork, was, changed)
    legend_below(made, *panels[0].get_legend_handles_labels())
    return made


def _panel(axes: Axes, measure: str, change: str, fork: float, was: History, changed: History) -> None:
    common = int(fork)
    old, new = getattr(was, measure), getattr(changed, measure)
    if common:
        _line(axes, was.epoch[:common], old[:common], BEFORE, "before")
    first = max(common - 1, 0)
    _line(axes, was.epoch[first:], old[first:], WAS, "as it was", offset=common - first)
    _line(axes, changed.epoch[first:], new[first:], CHANGED, shortened(change, 60), offset=common - first)
    axes.axvline(fork, color=INK, linewidth=1.2, linestyle="--", label="fork")
    share = measure.endswith("_accuracy")
    fit_scale(axes, [*old, *new], measure.replace("train_", "training_").replace("_", " "), share=share)
    known = [value for value in (*old, *new) if value is not None]
    if share and known:
        fit_accuracy(axes, known)
    axes.set_xlabel("epoch")
    whole_numbers(axes.xaxis)


def _line(
    axes: Axes, epochs: Sequence[int], values: Sequence[float | None], color: str, label: str, offset: int = 0
) -> None:
    """A line, or a dot if it is one epoch long. The first `offset` epochs only join it to what came before."""
    found = [np.nan if value is None else value for value in values]
    axes.plot(epochs, found, color=color, label=label, marker="o" if len(found) - offset == 1 else "", markersize=4)
