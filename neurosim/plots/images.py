"""Rows that are images, drawn as images."""

from __future__ import annotations

from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from numpy.typing import NDArray

from neurosim.plots.style import plain


def draw_image(
    axes: Axes, image: NDArray[Any], ends: tuple[float, float] | None = None, shades: str = "gray_r"
) -> None:
    """An image (height, width) or (height, width, channels): three channels as colors, others as their mean in gray.

    `ends` are the darkest and the brightest value; left out, those of the image.
    """
    plain(axes)
    low, high = (float(image.min()), float(image.max())) if ends is None else ends
    if image.ndim == 3 and image.shape[2] == 3:
        axes.imshow(((image - low) / ((high - low) or 1.0)).clip(0.0, 1.0), interpolation="nearest")
    else:
        gray = image.mean(axis=2) if image.ndim == 3 else image
        axes.imshow(gray, cmap=colormaps[shades].resampled(256), vmin=low, vmax=high, interpolation="nearest")
