"""The outcomes of many seeds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from neurosim.markup import measure_words
from neurosim.plots.lines import spans_decades
from neurosim.plots.settings import own_settings
from neurosim.plots.style import COLORS, INK, figure, whole_numbers

if TYPE_CHECKING:  # the drawing process never sees one
    from neurosim.training.ensemble import Ensemble

BINS = 40
# What the colors mean: members that met every expectation, and the others.
SUCCESS = ("success", "failure")
FAILURE = ("did not learn it, as expected", "not as expected")


@own_settings()
def ensemble_histogram(ensemble: Ensemble, title: str) -> Figure:
    """The final loss of every network, and next to it what they were meant to show.

    That is the number of epochs to success or, if failure is expected, how far they got.
    """
    failing = ensemble.scenario.expects_failure
    epochs = [member.epochs_to_success for member in ensemble.members if member.epochs_to_success is not None]
    beside = failing or bool(epochs)
    made, panels = figure(9.6 if beside else 5.5, 3.8, 2 if beside else 1, title)
    _losses(panels[0], ensemble, FAILURE if failing else SUCCESS)
    panels[0].set_ylabel("networks")
    if failing:
        _measure(panels[1], ensemble, next(iter(ensemble.scenario.expect)))
    elif epochs:
        _epochs(panels[1], epochs)
    for axes in panels:
        whole_numbers(axes.yaxis)
    return made


def _losses(axes: Axes, ensemble: Ensemble, names: tuple[str, str]) -> None:
    """How the final losses are distributed."""
    axes.set_xlabel("final training loss")
    losses = [(member.measures["train_loss"], member.as_expected) for member in ensemble.members]
    finite = [(loss, met) for loss, met in losses if loss is not None and math.isfinite(loss)]
    if not finite:
        return
    values = np.array([max(loss, 1e-12) for loss, _ in finite])
    logarithmic = spans_decades(values)
    edges = np.geomspace if logarithmic else np.linspace
    high = values.max() * (1 + 1e-9)
    bins = edges(values.min(), high if high > values.min() else high + 1e-9, BINS + 1)
    good = np.array([met is not False for _, met in finite])
    groups = [(values[good], COLORS[0], names[0]), (values[~good], COLORS[1], names[1])]
    shown = [(data, color, f"{name}: {len(data)}") for data, color, name in groups if len(data)]
    axes.hist(
        [data for data, _, _ in shown],
        bins=bins.tolist(),
        stacked=True,
        color=[color for _, color, _ in shown],
        label=[label for _, _, label in shown],
    )
    axes.set_xscale("log" if logarithmic else "linear")
    if ensemble.scenario.expect:
        _make_room(axes)
        axes.legend(frameon=False, fontsize=9, loc="upper right")


def _make_room(axes: Axes) -> None:
    """For words above the bars."""
    axes.set_ylim(top=1.2 * axes.get_ylim()[1])


def _epochs(axes: Axes, epochs: list[int]) -> None:
    """How many epochs success took."""
    # Most are quick and a few are slow: the longest tail is cut off the picture, not off the numbers.
    reach = max(int(np.quantile(epochs, 0.99, method="higher")), min(epochs) + 1)
    width = -(-(reach - min(epochs) + 1) // BINS)
    bins = np.arange(min(epochs), reach + width + 1, width) - 0.5
    axes.hist(np.minimum(epochs, reach), bins=bins.tolist(), color=COLORS[0])
    median = float(np.median(epochs))
    _make_room(axes)
    axes.axvline(median, color=INK, linewidth=1.2)
    axes.text(median, axes.get_ylim()[1], f" median {median:g}", va="top", fontsize=9, color=INK)
    late = sum(value > reach for value in epochs)
    axes.set_xlabel("epochs to success" + (f" (the last bar: {reach} and more)" if late else ""))


def _measure(axes: Axes, ensemble: Ensemble, name: str) -> None:
    """How a measure that is expected to be poor is distributed, and the bound that no network should pass."""
    share, bound = name.endswith("accuracy"), ensemble.scenario.expect[name]
    # If failure is expected, these have an upper bound; losses and errors have a lower one.
    is_most = name.endswith(("accuracy", "r2"))
    found = [member.measures.get(name) for member in ensemble.members]
    values = np.array([value for value in found if value is not None and math.isfinite(value)])
    limit = bound.at_most if is_most else bound.at_least
    assert limit is not None
    if share:
        # Each bar is centered on the accuracy that it counts.
        centers, counts = np.unique(values, return_counts=True)
        gaps = np.diff(centers)
        axes.bar(centers, counts, width=min(0.05, float(gaps.min()) if len(gaps) else 0.05), color=COLORS[0])
        axes.set_xlim(-0.03, 1.03)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    elif len(values):
        axes.hist(values, bins=BINS, color=COLORS[0])
    axes.axvline(limit, color=INK, linewidth=1.2, linestyle="--")
    shown = f"{100 * limit:.4g}%" if share else f"{limit:.4g}"
    words = f"expected: at most {shown} " if is_most else f" expected: at least {shown}"
    side = "right" if is_most else "left"
    axes.text(limit, axes.get_ylim()[1], words, va="top", ha=side, fontsize=9, color=INK)
    axes.set_xlabel(f"final {measure_words(name)}")
