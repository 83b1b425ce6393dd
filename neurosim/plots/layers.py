"""What was recorded of the layers: by layer, over the epochs, and as histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from neurosim.analysis.failures import RAISED, Failures
from neurosim.plots.histograms import MOST_LAYERS, bars, some_layers, what_of
from neurosim.plots.lines import PLAIN, Look, band, fit_scale, legend_beside, room_for
from neurosim.plots.style import COLORS, INK, canvas, figure, margins, tidy, whole_numbers, write
from neurosim.training.recording import Recording
from neurosim.training.recording.recording import HISTOGRAMS

WORDS = {
    "gradient_norm": "gradient norm",
    "weight_norm": "weight norm",
    "update_ratio": "update / weight",
    "activation_mean": "mean activation",
    "activation_std": "deviation of activations",
    "dead": "share of dead units",
    "saturated": "share of saturated answers",
    "selectivity": "class selectivity",
}
SHARES = ("dead", "saturated", "selectivity")
# For these, the two ends of the network tell more than a mean.
BY_ENDS = ("gradient_norm", "update_ratio")
MOST_VARIANTS = 8
Recorded = Sequence[tuple[str, Sequence[Recording]]]


def layer_pictures(
    title: str, recorded: Recorded, variant_looks: Sequence[Look], failures: Failures = RAISED
) -> dict[str, Figure]:
    """A picture for each recorded quantity, by its name; several recordings of a variant are a mean and a band.

    An exception while one is drawn goes into `failures`.
    """
    found: dict[str, Figure] = {}
    for quantity in WORDS:
        entries = [(name, [r for r in records if quantity in r.quantities]) for name, records in recorded]
        entries = [(name, [r for r in records if r.layers_with(quantity)]) for name, records in entries]
        looks = [look for (_, records), look in zip(entries, variant_looks, strict=False) if records]
        entries = [entry for entry in entries if entry[1]]
        if entries:
            with failures.kept(quantity):
                found[quantity] = layer_picture(title, quantity, entries, looks)
    for quantity in HISTOGRAMS:
        shown = [(name, records[0]) for name, records in recorded if records and quantity in records[0].quantities]
        shown = [(name, record) for name, record in shown if record.layers_with(quantity)]
        if shown:
            with failures.kept(quantity):
                found[quantity] = _histograms(title, quantity, shown)
    return found


def by_layer(shown: Recording, quantity: str, title: str) -> Figure:
    """A recorded quantity of a single run."""
    return layer_picture(title, quantity, [("", [shown])], [PLAIN])


def layer_picture(title: str, quantity: str, entries: Recorded, looks: Sequence[Look]) -> Figure:
    """By layer at the start (thin) and at the end, and over the epochs."""
    names = [name for name, _ in entries]
    room = room_for([*names, "at the end"])
    # A single layer leaves nothing to draw by layer.
    several = any(len(records[0].layers_with(quantity)) > 1 for _, records in entries)
    made, panels = figure(
        9.0 + room if several else 5.5 + room, 4.0, 2 if several else 1, title, below=0.2, beside=room
    )
    over_time = panels[-1]
    drawn: list[list[float]] = [[], []] if several else [[]]
    for (name, records), look in zip(entries, looks, strict=True):
        if several:
            drawn[0] += _by_layer(panels[0], quantity, records, look, name or "at the end")
        ends = several and quantity in BY_ENDS
        for layer, line in (("first", look.line), ("last", ":")) if ends else (("mean", look.line),):
            runs = [[] if (found := record.over_time(quantity, layer)) is None else list(found) for record in records]
            times = max((record.epochs for record in records), key=len)
            band(over_time, times, runs, Look(look.color, line), name if layer != "last" else "")
            drawn[-1] += [value for run in runs for value in run]
    for axes, values in zip(panels, drawn, strict=True):
        share = quantity in SHARES
        fit_scale(axes, values, WORDS[quantity], share=share)
        if share:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            axes.set_ylim(-0.02, 1.04)
    if several:
        panels[0].set_xlabel("layer (1 = first); thin and dashed: before training")
        whole_numbers(panels[0].xaxis)
    which = "first layer; dotted: last layer" if quantity in BY_ENDS else "mean of the layers"
    over_time.set_xlabel(f"epoch ({which})" if several else "epoch")
    whole_numbers(over_time.xaxis)
    legend_beside(made, panels[0], room)
    return made


def _by_layer(axes: Axes, quantity: str, records: Sequence[Recording], look: Look, label: str) -> list[float]:
    """Lines over the layers, before training and at the end; returns the numbers that were drawn."""
    places = records[0].layers_with(quantity)
    numbers = list(range(1, len(places) + 1))
    last = [_last_known(record, quantity, places) for record in records]
    band(axes, numbers, last, look, label)
    start = np.mean([record.series(quantity)[0][places] for record in records], axis=0)
    if len(records[0]) > 1 and not np.isnan(start).all():
        axes.plot(numbers, start, color=look.color, linewidth=0.9, linestyle=(0, (4, 2)), alpha=0.9)
    return [*start, *(value for run in last for value in run)]


def _last_known(record: Recording, quantity: str, places: Sequence[int]) -> list[float]:
    """The latest known number of each layer: at the end of a run that stopped early there is no update."""
    series = record.series(quantity)[:, places]
    known = np.flatnonzero(~np.isnan(series).all(axis=1))
    return [float(value) for value in series[known[-1]]]


def _histograms(title: str, quantity: str, shown: Sequence[tuple[str, Recording]]) -> Figure:
    """Variants in rows, layers in columns: filled at the end, outlined before training."""
    rows = shown[:MOST_VARIANTS]
    columns = max(min(len(record.layers_with(quantity)), MOST_LAYERS) for _, record in rows)
    left = 0.35 + 0.085 * max(len(name) for name, _ in rows)
    few = f"the first {MOST_VARIANTS} of {len(shown)}" if len(shown) > MOST_VARIANTS else ""
    top = 1.1 if few else 0.9
    width, height = max(left + 1.45 * columns + 0.2, 5.5), top - 0.05 + 1.05 * len(rows) + 0.3
    made = canvas(width, height, title)
    words = f"{what_of(quantity)} by layer: filled at the end, outlined before training\n{few}".rstrip()
    write(made, 0.15, height - 0.33, words, 10, va="top")
    margins(made, left, 0.15, 0.3, top, hspace=0.45, wspace=0.18)
    for row, (name, record) in enumerate(rows):
        places = record.layers_with(quantity)
        for column, place in enumerate(some_layers(record, quantity)):
            axes = made.add_subplot(len(rows), columns, row * columns + column + 1)
            _histogram(axes, record, quantity, place)
            if row == 0:
                axes.set_title(f"layer {places.index(place) + 1}", fontsize=9, color=INK)
            if column == 0:
                axes.set_ylabel(name, fontsize=9, color=INK, rotation=0, ha="right", va="center")
    return made


def _histogram(axes: Axes, record: Recording, quantity: str, place: int) -> None:
    tidy(axes, 7)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    for time, filled in ((len(record) - 1, True), (0, False)):
        color, strength = (COLORS[0], 0.6) if filled else (INK, 1.0)
        bars(axes, record, quantity, time, place, fill=filled, color=color, alpha=strength, linewidth=0.9)
