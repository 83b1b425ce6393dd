"""How the activations or weights of each layer are distributed, over the training of a single run."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from neurosim.analysis.spacing import evenly
from neurosim.plots.style import COLORS, INK, canvas, margins, tidy
from neurosim.training.recording import Recording

MOST_LAYERS = 6
# Shares of the values below the edges of the bands, from the palest to the strongest.
BANDS = ((0.0, 1.0, 0.14), (0.05, 0.95, 0.25), (0.25, 0.75, 0.45))
PANEL, TALL = 2.5, 2.15


def histograms_over_time(record: Recording, quantity: str, title: str) -> Figure:
    """A panel for each layer: time across, values up; a line for the median, bands for all, 90% and half of them."""
    places = record.layers_with(quantity)
    chosen = some_layers(record, quantity)
    count = len(chosen)
    columns = min(count, 3)
    rows = -(-count // columns)
    width, height = max(0.75 + columns * PANEL + 0.1, 6.0), 0.85 + rows * TALL + 0.25
    few = f"; {count} of {len(places)} layers" if count < len(places) else ""
    words = f"{what_of(quantity)}: the line is the median; the bands hold half, 90% and all of them{few}"
    made = canvas(width, height, title, words)
    margins(made, 0.62, 0.15, 0.5, 0.95, hspace=0.42, wspace=0.3)
    for place, layer in enumerate(chosen):
        axes = made.add_subplot(rows, columns, place + 1)
        _panel(axes, record, quantity, layer)
        axes.set_title(f"layer {places.index(layer) + 1} ({record.layers[layer]})", fontsize=8.5, color=INK)
        if place // columns == rows - 1 or place + columns >= count:
            axes.set_xlabel("epoch", fontsize=8.5)
    return made


def _panel(axes: Axes, record: Recording, quantity: str, layer: int) -> None:
    epochs = np.array(record.epochs)
    edges = sorted({share for low, high, _ in BANDS for share in (low, high)} | {0.5})
    found = np.array([quantiles(record, quantity, time, layer, edges) for time in range(len(record))])
    by_share = dict(zip(edges, found.T, strict=True))
    for low, high, strength in BANDS:
        axes.fill_between(epochs, by_share[low], by_share[high], color=COLORS[0], alpha=strength, linewidth=0)
    axes.plot(epochs, by_share[0.5], color=COLORS[1], linewidth=1.5)
    tidy(axes, 7.5)
    axes.margins(x=0.0)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")


def what_of(quantity: str) -> str:
    """What a histogram is of."""
    return "activations" if quantity.startswith("activation") else "weights"


def some_layers(record: Recording, quantity: str) -> list[int]:
    """The layers that have a quantity; of many, some from the first to the last."""
    places = record.layers_with(quantity)
    return [places[k] for k in evenly(len(places), MOST_LAYERS)]


def bars(axes: Axes, record: Recording, quantity: str, time: int, layer: int, **look: Any) -> None:
    """The histogram of a layer at one time, as tall as any other, however narrow; nothing where none was recorded."""
    counts = np.asarray(record.values[quantity][time][layer], np.float64)
    low, high = (float(end) for end in record.values[f"{quantity}_range"][time][layer])
    if counts.any() and np.isfinite([low, high]).all():
        if high <= low:
            low, high = low - 0.5, high + 0.5
        axes.stairs(counts / counts.max(), np.linspace(low, high, len(counts) + 1), **look)
    axes.set_ylim(0, 1.08)


def quantiles(record: Recording, quantity: str, time: int, layer: int, shares: list[float]) -> NDArray[np.float64]:
    """Values below which these shares lie at one time; NaN if nothing was recorded."""
    counts = np.asarray(record.values[quantity][time][layer], np.float64)
    low, high = (float(end) for end in record.values[f"{quantity}_range"][time][layer])
    if not counts.any() or not np.isfinite([low, high]).all():
        return np.full(len(shares), np.nan)
    # Everything in the bins before it lies below the left edge of a bin.
    below = np.concatenate([[0.0], counts.cumsum()]) / counts.sum()
    edges = np.linspace(low, high, len(below))
    # Empty bins at the ends would make the smallest value any of their edges.
    return np.interp(shares, below, edges)
