"""What the channels of convolutions respond to, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from neurosim.analysis.responses import ChannelResponses
from neurosim.plots.images import draw_image
from neurosim.plots.style import canvas, inset, write

CELL, GAP, TOP, LEFT = 0.42, 0.35, 0.95, 0.2
MOST_LAYERS = 4


def responses(shown: Sequence[ChannelResponses], title: str) -> Figure:
    """For each convolution, from first to last, a row for each channel: the image parts that excite it most."""
    layers = list(shown) if len(shown) <= MOST_LAYERS else [*shown[: MOST_LAYERS - 1], shown[-1]]
    columns = max(layer.patches.shape[1] for layer in layers)
    rows = max(layer.patches.shape[0] for layer in layers)
    width = max(2 * LEFT + len(layers) * columns * CELL + (len(layers) - 1) * GAP, 5.5)
    height = TOP + rows * CELL + 0.45
    made = canvas(width, height, title)
    for place, layer in enumerate(layers):
        left = LEFT + place * (columns * CELL + GAP)
        high, wide = layer.patches.shape[2:4]
        write(made, left, height - TOP + 0.1, f"{layer.layer}\nsees {high} x {wide} pixels")
        _layer(made, layer, left, height - TOP)
    note = "one row for each channel (the first 8 at most): where it answers most, the strongest at the left"
    write(made, LEFT, 0.12, note, 8)
    return made


def _layer(made: Figure, layer: ChannelResponses, left: float, top: float) -> None:
    low, high = float(np.nanmin(layer.patches)), float(np.nanmax(layer.patches))
    for channel, patches in enumerate(layer.patches):
        for number, patch in enumerate(patches):
            axes = inset(made, left + number * CELL, top - (channel + 1) * CELL, 0.92 * CELL, 0.92 * CELL)
            # There is nothing beyond the edge of the image: neither dark nor bright.
            axes.set_facecolor("#f2d9c4")
            draw_image(axes, patch, (low, high), "gray")
            axes.spines[:].set_visible(False)
