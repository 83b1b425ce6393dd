"""What the channels of convolutions respond to, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from neurosim.analysis.responses import ChannelResponses
from neurosim.plots.images import draw_image
from neurosim.plots.style import INK, canvas

CELL, GAP, TOP, LEFT = 0.42, 0.35, 0.95, 0.2
MOST_LAYERS = 4


def responses(shown: Sequence[ChannelResponses], title: str) -> Figure:
    """For each convolution, first to last, a row for each channel: the image parts that excite it most."""
    layers = list(shown) if len(shown) <= MOST_LAYERS else [*shown[: MOST_LAYERS - 1], shown[-1]]
    columns = max(layer.patches.shape[1] for layer in layers)
    rows = max(layer.patches.shape[0] for layer in layers)
    width = max(2 * LEFT + len(layers) * columns * CELL + (len(layers) - 1) * GAP, 5.5)
    height = TOP + rows * CELL + 0.45
    made = canvas(width, height, title)
    for place, layer in enumerate(layers):
        left = LEFT + place * (columns * CELL + GAP)
        high, wide = layer.patches.shape[2:4]
        made.text(
            left / width, 1 - (TOP - 0.1) / height, f"{layer.layer}\nsees {high} x {wide} pixels",
            fontsize=9, color=INK, ha="left", va="bottom",
        )  # fmt: skip
        _layer(made, layer, left, width, height)
    note = "one row for each channel (the first 8 at most): where it answers most, the strongest at the left"
    made.text(LEFT / width, 0.12 / height, note, fontsize=8, color=INK, ha="left", va="bottom")
    return made


def _layer(made: Figure, layer: ChannelResponses, left: float, width: float, height: float) -> None:
    low, high = float(np.nanmin(layer.patches)), float(np.nanmax(layer.patches))
    for channel, patches in enumerate(layer.patches):
        for number, patch in enumerate(patches):
            x = left + number * CELL
            y = height - TOP - (channel + 1) * CELL
            axes = made.add_axes((x / width, y / height, 0.92 * CELL / width, 0.92 * CELL / height))
            # Beyond the edge of the image there is nothing, which is neither dark nor bright.
            axes.set_facecolor("#f2d9c4")
            draw_image(axes, patch, (low, high), "gray")
            axes.spines[:].set_visible(False)
