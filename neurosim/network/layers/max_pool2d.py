"""MaxPool2d: the largest of the cells under a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from neurosim.network.layers.window import Pool2d


@dataclass(frozen=True)
class MaxPool2d(Pool2d):
    """The largest of the cells under the window; the first of them where several are equal."""

    kind: ClassVar[str] = "max_pool2d"
