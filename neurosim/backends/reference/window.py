"""Kernels that slide over maps."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from neurosim.backends.reference.trace import Array
from neurosim.network.layers import Window


def _padded(x: Array, window: Window, value: float) -> Array:
    top, bottom, left, right = window.padding
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def windows(x: Array, window: Window, value: float = 0.0) -> Array:
    """The cells under the kernel at each place: (rows, height out, width out, channels, kernel height, width)."""
    down, across = window.stride
    return sliding_window_view(_padded(x, window, value), window.kernel, axis=(1, 2))[:, ::down, ::across]


def spread(parts: Array, window: Window) -> Array:
    """Sum of the parts (shaped as `windows` gives them) that belong to each cell of the map."""
    rows, (height, width, channels) = parts.shape[0], window.input_shape
    top, bottom, left, right = window.padding
    dx = np.zeros((rows, height + top + bottom, width + left + right, channels))
    (high, wide), (down, across) = window.output_size, window.stride
    for i in range(window.kernel[0]):
        for j in range(window.kernel[1]):
            dx[:, i : i + down * high : down, j : j + across * wide : across] += parts[..., i, j]
    return dx[:, top : top + height, left : left + width]
