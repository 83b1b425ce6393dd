"""AvgPool2d: the mean of the cells under a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from neurosim.network.layers.window import Pool2d


@dataclass(frozen=True)
class AvgPool2d(Pool2d):
    """The mean of the cells under the window; cells of the padding do not count."""

    kind: ClassVar[str] = "avg_pool2d"
