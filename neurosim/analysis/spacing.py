"""Some of many things, evenly spaced."""

from __future__ import annotations

import numpy as np


def evenly(count: int, most: int) -> list[int]:
    """Up to `most` of the places from 0 to `count` - 1, including the first and the last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist() if count else []
