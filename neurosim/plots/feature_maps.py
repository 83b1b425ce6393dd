"""One image on its way through a convolutional network."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from neurosim.analysis.feature_maps import FeatureMaps
from neurosim.plots.images import draw_image
from neurosim.plots.style import canvas, inset, plain, signed, write

SIDE, GAP, LEFT, TOP = 0.82, 0.12, 1.75, 0.75


def feature_maps(shown: FeatureMaps, title: str) -> Figure:
    """A row for each layer, with its first channels across, below the image."""
    columns = max(len(layer.maps) for layer in shown.layers)
    width = max(LEFT + columns * (SIDE + GAP) + 0.1, 6.0)
    height = TOP + (len(shown.layers) + 1) * (SIDE + GAP) + 0.3
    words = f"{shown.name}" + (f", taken for {shown.answer}" if shown.answer else "")
    words += "; orange: above 0, blue: below, each layer on its own scale"
    made = canvas(width, height, title, words)
    y = height - TOP - SIDE
    write(made, 0.15, y + SIDE / 2, "input", 8.5, va="center")
    draw_image(inset(made, LEFT, y, SIDE, SIDE), shown.image)
    for layer in shown.layers:
        y -= SIDE + GAP
        high, wide = layer.maps.shape[1:]
        few = f"{len(layer.maps)} of {layer.of} channels" if len(layer.maps) < layer.of else f"{layer.of} channels"
        label = f"{layer.layer}\n{layer.kind.replace('_', ' ')}\n{high} x {wide}, {few}"
        write(made, 0.15, y + SIDE / 2, label, 7.5, va="center")
        reach = float(np.abs(layer.maps).max()) or 1.0
        for column, picture in enumerate(layer.maps):
            axes = inset(made, LEFT + column * (SIDE + GAP), y, SIDE, SIDE)
            plain(axes)
            axes.imshow(picture, cmap=signed(), vmin=-reach, vmax=reach, interpolation="nearest", aspect="auto")
    if shown.left_out:
        write(made, LEFT, 0.1, f"{shown.left_out} more layers follow", 8)
    return made
