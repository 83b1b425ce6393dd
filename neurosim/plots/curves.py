"""Loss and accuracy over the epochs."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurosim.analysis.curves import Curves
from neurosim.markup import measure_words
from neurosim.plots.lines import fit_accuracy, fit_scale
from neurosim.plots.style import TEST, TRAIN, VALIDATION, figure, whole_numbers
from neurosim.training.history import History, metrics_in

MOST_METRICS = 4
LINES = (("train", TRAIN, "-"), ("validation", VALIDATION, "--"), ("test", TEST, "-"))


def learning_curves(shown: Curves, title: str) -> Figure:
    """Loss, accuracy where there is one, and the metrics that were asked for, side by side."""
    history, loss = shown.history, shown.loss
    has_accuracy = any(value is not None for value in history.train_accuracy)
    metrics = list(dict.fromkeys(name.partition("_")[2] for name in metrics_in(history.measures)))[:MOST_METRICS]
    count = 1 + has_accuracy + len(metrics)
    made, panels = figure(4.5 * count if count > 1 else 5.5, 3.8, count, title)
    _panel(panels[0], history, "loss")
    fit_scale(panels[0], _values(history, "loss"), loss)
    if has_accuracy:
        _panel(panels[1], history, "accuracy")
        panels[1].set_ylabel("accuracy")
        fit_accuracy(panels[1], _values(history, "accuracy"))
    for axes, name in zip(panels[1 + has_accuracy :], metrics, strict=True):
        _panel(axes, history, name)
        axes.set_ylabel(measure_words(name))
    return made


def _values(history: History, measure: str) -> list[float]:
    """The values of a measure on all splits."""
    return [value for split, _, _ in LINES for value in getattr(history, f"{split}_{measure}") if value is not None]


def _panel(axes: Axes, history: History, measure: str) -> None:
    epochs = history.epoch
    for split, color, line in LINES:
        values = getattr(history, f"{split}_{measure}")
        if any(value is not None for value in values):
            marker = "o" if len(epochs) <= 20 else None
            axes.plot(epochs, values, line, color=color, label=split, linewidth=1.6, marker=marker, markersize=3.5)
    axes.set_xlabel("epoch")
    whole_numbers(axes.xaxis)
    axes.legend(frameon=False, fontsize=9)
