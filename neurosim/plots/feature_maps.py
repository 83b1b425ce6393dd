"""One image on its way through a convolutional network."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from neurosim.analysis.feature_maps import FeatureMaps
from neurosim.plots.images import draw_image
from neurosim.plots.style import INK, canvas, plain, signed

SIDE, GAP, LEFT, TOP = 0.82, 0.12, 1.75, 0.75


def feature_maps(shown: FeatureMaps, title: str) -> Figure:
    """A row for each layer, its first channels across; the image above."""
    columns = max(len(layer.maps) for layer in shown.layers)
    width = max(LEFT + columns * (SIDE + GAP) + 0.1, 6.0)
    height = TOP + (len(shown.layers) + 1) * (SIDE + GAP) + 0.3
    made = canvas(width, height, title)
    words = f"{shown.name}" + (f", taken for {shown.answer}" if shown.answer else "")
    words += "; orange: above 0, blue: below, each layer on its own scale"
    made.text(0.15 / width, 1 - 0.37 / height, words, fontsize=9, color=INK, ha="left", va="top")
    y = height - TOP - SIDE
    made.text(0.15 / width, (y + SIDE / 2) / height, "input", fontsize=8.5, color=INK, ha="left", va="center")
    draw_image(made.add_axes((LEFT / width, y / height, SIDE / width, SIDE / height)), shown.image)
    for layer in shown.layers:
        y -= SIDE + GAP
        high, wide = layer.maps.shape[1:]
        few = f"{len(layer.maps)} of {layer.of} channels" if len(layer.maps) < layer.of else f"{layer.of} channels"
        label = f"{layer.layer}\n{layer.kind.replace('_', ' ')}\n{high} x {wide}, {few}"
        made.text(0.15 / width, (y + SIDE / 2) / height, label, fontsize=7.5, color=INK, ha="left", va="center")
        reach = float(np.abs(layer.maps).max()) or 1.0
        for column, picture in enumerate(layer.maps):
            left = LEFT + column * (SIDE + GAP)
            axes = made.add_axes((left / width, y / height, SIDE / width, SIDE / height))
            plain(axes)
            axes.imshow(picture, cmap=signed(), vmin=-reach, vmax=reach, interpolation="nearest", aspect="auto")
    if shown.left_out:
        note = f"{shown.left_out} more layers follow"
        made.text(LEFT / width, 0.1 / height, note, fontsize=8, color=INK, ha="left", va="bottom")
    return made
