"""How activations or weights of each layer are spread, over the training of a single run."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from neurosim.plots.style import COLORS, FAINT, INK, canvas
from neurosim.training.recording import Recording

MOST_LAYERS = 6
# Shares of the values below the edges of the bands, from the palest to the strongest.
BANDS = ((0.0, 1.0, 0.14), (0.05, 0.95, 0.25), (0.25, 0.75, 0.45))
PANEL, TALL = 2.5, 2.15


def histograms_over_time(record: Recording, quantity: str, title: str) -> Figure:
    """A panel for each layer: time across, values up; bands hold all, 90% and half of them, a line halves them."""
    places = record.layers_with(quantity)
    count = min(len(places), MOST_LAYERS)
    chosen = [places[k] for k in np.linspace(0, len(places) - 1, count).round().astype(int)]
    columns = min(count, 3)
    rows = -(-count // columns)
    width, height = max(0.75 + columns * PANEL + 0.1, 6.0), 0.85 + rows * TALL + 0.25
    made = canvas(width, height, title)
    what = "activations" if quantity.startswith("activation") else "weights"
    few = f"; {count} of {len(places)} layers" if count < len(places) else ""
    words = f"{what}: the line halves them, the bands hold half, 90% and all of them{few}"
    made.text(0.15 / width, 1 - 0.37 / height, words, fontsize=9, color=INK, ha="left", va="top")
    made.subplots_adjust(
        left=0.62 / width, right=1 - 0.15 / width, bottom=0.5 / height, top=1 - 0.95 / height, hspace=0.42, wspace=0.3
    )
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
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=7.5)
    axes.grid(True, color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.margins(x=0.0)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")


def quantiles(record: Recording, quantity: str, time: int, layer: int, shares: list[float]) -> NDArray[np.float64]:
    """Values below which these shares lie at one time; NaN where nothing was recorded."""
    counts = np.asarray(record.values[quantity][time][layer], np.float64)
    low, high = (float(end) for end in record.values[f"{quantity}_range"][time][layer])
    if not counts.any() or not np.isfinite([low, high]).all():
        return np.full(len(shares), np.nan)
    # Below the left edge of a bin lies all that the bins before it hold.
    below = np.concatenate([[0.0], counts.cumsum()]) / counts.sum()
    edges = np.linspace(low, high, len(below))
    # Empty bins at the ends would make the smallest value any of their edges.
    return np.interp(shares, below, edges)
