"""Weights as images: blue where they are negative, orange where they are positive."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from neurosim.analysis.weights import Kernels
from neurosim.plots.style import INK, canvas, inset, plain, signed, write

TOP, LEFT = 0.75, 0.2


def first_layer_weights(shown: Kernels, title: str) -> Figure:
    """The weights of each unit over the image, all on one scale."""
    units, inputs = shown.weights.shape[:2]
    # The channels of a unit are side by side.
    columns = max(8 // inputs, 1) * inputs
    rows = -(-units * inputs // columns)
    side, gap = 0.92, 0.26
    width, height = max(LEFT + columns * (side + 0.08) + 1.0, 6.0), TOP + rows * (side + gap) + 0.15
    few = f"{units} of " if units < shown.of_units else ""
    words = f"weights of {few}{shown.of_units} units of the first layer, from each pixel"
    made = canvas(width, height, title, words)
    # A few extreme weights should not make all others pale.
    reach = float(np.quantile(np.abs(shown.weights), 0.995)) or 1.0
    for place, picture in enumerate(shown.weights.reshape(-1, *shown.weights.shape[2:])):
        row, column = divmod(place, columns)
        left, bottom = LEFT + column * (side + 0.08), height - TOP - row * (side + gap) - side
        axes = inset(made, left, bottom, side, side)
        _picture(axes, picture, reach)
        unit, channel = divmod(place, inputs)
        name = f"{shown.units[unit] + 1}" + (f", channel {shown.inputs[channel] + 1}" if inputs > 1 else "")
        axes.set_title(name, fontsize=7, color=INK, pad=2)
    _scale(made, reach, width, height)
    return made


def filters(shown: Sequence[Kernels], title: str) -> Figure:
    """The kernels of each convolution: a column for each output channel, a row for each input channel."""
    cell = 0.34
    columns = max(len(layer.units) for layer in shown)
    heights = [len(layer.inputs) * cell + 0.5 for layer in shown]
    width, height = max(0.75 + columns * cell + 1.0, 6.0), TOP + sum(heights) + 0.1
    words = "kernels: output channels across, input channels down; each layer on its own scale"
    made = canvas(width, height, title, words)
    y = height - TOP
    for layer, tall in zip(shown, heights, strict=True):
        reach = float(np.abs(layer.weights).max()) or 1.0
        high, wide = layer.weights.shape[2:]
        words = f"{layer.layer}: {high} x {wide}, {_few(layer)}, from {-reach:.2g} to {reach:.2g}"
        write(made, LEFT, y, words, 8.5, va="top")
        for (unit, channel), _ in np.ndenumerate(layer.weights[:, :, 0, 0]):
            left, bottom = LEFT + unit * cell, y - 0.24 - (channel + 1) * cell
            axes = inset(made, left, bottom, 0.9 * cell, 0.9 * cell)
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
    """The color bar on the right."""
    tall = min(height - TOP - 0.3, 2.6)
    axes = inset(made, width - 0.8, height - TOP - tall, 0.13, tall)
    bar = made.colorbar(ScalarMappable(Normalize(-reach, reach), signed()), cax=axes)
    bar.set_label("weight", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=7, colors=INK)
    bar.outline.set_visible(False)
