"""What came of many seeds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurosim.plots.style import COLOURS, INK, figure

if TYPE_CHECKING:  # the drawing process never sees one
    from neurosim.ensemble import Ensemble

BINS = 40


def ensemble_histogram(ensemble: Ensemble, title: str) -> Figure:
    """Final loss of every network and, where there is a success to wait for, the epochs it took."""
    summary = ensemble.summary()
    epochs = [member.epochs_to_success for member in ensemble.members if member.epochs_to_success is not None]
    losses = [(member.measures["train_loss"], member.success) for member in ensemble.members]
    finite = [(loss, success) for loss, success in losses if loss is not None and math.isfinite(loss)]
    made, panels = figure(9.6 if epochs else 5.5, 3.8, 2 if epochs else 1, title)
    axes = panels[0]
    if finite:
        values = np.array([max(loss, 1e-12) for loss, _ in finite])
        logarithmic = values.max() / values.min() > 30
        edges = np.geomspace if logarithmic else np.linspace
        high = values.max() * (1 + 1e-9)
        bins = edges(values.min(), high if high > values.min() else high + 1e-9, BINS + 1)
        good = np.array([success is not False for _, success in finite])
        groups = [(values[good], COLOURS[0], "success"), (values[~good], COLOURS[1], "failure")]
        shown = [(data, colour, f"{name}: {len(data)}") for data, colour, name in groups if len(data)]
        axes.hist(
            [data for data, _, _ in shown],
            bins=bins.tolist(),
            stacked=True,
            color=[colour for _, colour, _ in shown],
            label=[label for _, _, label in shown],
        )
        axes.set_xscale("log" if logarithmic else "linear")
        if summary["success_rate"] is not None:
            axes.legend(frameon=False, fontsize=9)
    axes.set_xlabel("final training loss")
    axes.set_ylabel("networks")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if epochs:
        axes = panels[1]
        # Most are quick and a few slow: cut the longest tail off the picture, not off the numbers.
        reach = max(int(np.quantile(epochs, 0.99)), min(epochs) + 1)
        width = -(-(reach - min(epochs) + 1) // BINS)
        bins = np.arange(min(epochs), reach + width + 1, width) - 0.5
        axes.hist(np.minimum(epochs, reach), bins=bins.tolist(), color=COLOURS[0])
        median = float(np.median(epochs))
        axes.axvline(median, color=INK, linewidth=1.2)
        axes.text(median, axes.get_ylim()[1], f" median {median:g}", va="top", fontsize=9, color=INK)
        late = sum(value > reach for value in epochs)
        axes.set_xlabel("epochs to success" + (f" (the last bar: {reach} and more)" if late else ""))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return made
