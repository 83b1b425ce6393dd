"""Weights as images: blue where they are negative, orange where they are positive."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from neurosim.analysis.weights import Kernels
from neurosim.plots.style import INK, canvas, plain, signed

TOP, LEFT = 0.75, 0.2


def first_layer_weights(shown: Kernels, title: str) -> Figure:
    """The weights of each unit over the image, all on one scale."""
    units, inputs = shown.weights.shape[:2]
    # Channels of one unit stand beside each other.
    columns = max(8 // inputs, 1) * inputs
    rows = -(-units * inputs // columns)
    side, gap = 0.92, 0.26
    width, height = max(LEFT + columns * (side + 0.08) + 1.0, 6.0), TOP + rows * (side + gap) + 0.15
    made = canvas(width, height, title)
    few = f"{units} of " if units < shown.of_units else ""
    words = f"weights of {few}{shown.of_units} units of the first layer, from each pixel"
    made.text(0.15 / width, 1 - 0.37 / height, words, fontsize=9, color=INK, ha="left", va="top")
    # A few extreme weights do not make all others pale.
    reach = float(np.quantile(np.abs(shown.weights), 0.995)) or 1.0
    for place, picture in enumerate(shown.weights.reshape(-1, *shown.weights.shape[2:])):
        row, column = divmod(place, columns)
        left, bottom = LEFT + column * (side + 0.08), height - TOP - row * (side + gap) - side
        axes = made.add_axes((left / width, bottom / height, side / width, side / height))
        _picture(axes, picture, reach)
        unit, channel = divmod(place, inputs)
        name = f"{shown.units[unit] + 1}" + (f", channel {shown.inputs[channel] + 1}" if inputs > 1 else "")
        axes.set_title(name, fontsize=7, color=INK, pad=2)
    _scale(made, reach, width, height)
    return made


def filters(shown: Sequence[Kernels], title: str) -> Figure:
    """For each convolution its kernels: a column for each output channel, a row for each input channel."""
    cell = 0.34
    columns = max(len(layer.units) for layer in shown)
    heights = [len(layer.inputs) * cell + 0.5 for layer in shown]
    width, height = max(0.75 + columns * cell + 1.0, 6.0), TOP + sum(heights) + 0.1
    made = canvas(width, height, title)
    words = "kernels: output channels across, input channels down; each layer on its own scale"
    made.text(0.15 / width, 1 - 0.37 / height, words, fontsize=9, color=INK, ha="left", va="top")
    y = height - TOP
    for layer, tall in zip(shown, heights, strict=True):
        reach = float(np.abs(layer.weights).max()) or 1.0
        high, wide = layer.weights.shape[2:]
        words = f"{layer.layer}: {high} x {wide}, {_few(layer)}, from {-reach:.2g} to {reach:.2g}"
        made.text(LEFT / width, y / height, words, fontsize=8.5, color=INK, ha="left", va="top")
        for (unit, channel), _ in np.ndenumerate(layer.weights[:, :, 0, 0]):
            left, bottom = LEFT + unit * cell, y - 0.24 - (channel + 1) * cell
            axes = made.add_axes((left / width, bottom / height, 0.9 * cell / width, 0.9 * cell / height))
            _picture(axes, layer.weights[unit, channel], reach)
        y -= tall
    return made


def _few(layer: Kernels) -> str:
    def part(shown: int, of: int, what: str) -> str:
        return f"{shown} of {of} {what}" if shown < of else f"{of} {what}"

    return f"{part(len(layer.units), layer.of_units, 'out')}, {part(len(layer.inputs), layer.of_inputs, 'in')}"


def _picture(axes: Axes, picture: np.ndarray, reach: float) -> None:
    plain(axes)
    axes.imshow(picture, cmap=signed(), vmin=-reach, vmax=reach, interpolation="nearest", aspect="auto")


def _scale(made: Figure, reach: float, width: float, height: float) -> None:
    """The color bar at the right."""
    tall = min(height - TOP - 0.3, 2.6)
    axes = made.add_axes(((width - 0.8) / width, (height - TOP - tall) / height, 0.13 / width, tall / height))
    bar = made.colorbar(ScalarMappable(Normalize(-reach, reach), signed()), cax=axes)
    bar.set_label("weight", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=7, colors=INK)
    bar.outline.set_visible(False)
