"""Kernels that slide over maps."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from neurosim.backends.reference.trace import Array
from neurosim.network.layers import Window


def windows(x: Array, window: Window, value: float = 0.0) -> Array:
    """The cells under the kernel at each place: (rows, height out, width out, channels, kernel height, width)."""
    top, bottom, left, right = window.border
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)
    seen = sliding_window_view(padded, window.reach, axis=(1, 2))
    (down, across), (below, beside) = window.stride, window.dilation
    return seen[:, ::down, ::across, :, ::below, ::beside]


def spread(parts: Array, window: Window) -> Array:
    """Sum of the parts (shaped as `windows` gives them) that belong to each cell of the map."""
    rows, (height, width, channels) = parts.shape[0], window.input_shape
    top, bottom, left, right = window.border
    dx = np.zeros((rows, height + top + bottom, width + left + right, channels))
    (high, wide), (down, across), (below, beside) = window.output_size, window.stride, window.dilation
    for i in range(window.kernel[0]):
        for j in range(window.kernel[1]):
            y, x = i * below, j * beside
            dx[:, y : y + down * high : down, x : x + across * wide : across] += parts[..., i, j]
    return dx[:, top : top + height, left : left + width]
