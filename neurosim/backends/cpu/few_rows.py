"""A data set of few rows for networks side by side, from Python: the table of `lane_rows`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu.stages.base import address
from neurosim.backends.cpu.table import LossField

FEW_ROWS = 8


class FewRows:
    """Few rows that networks side by side share, each in another order.

    Parameters
    ----------
    data : tuple of array
        As `LaneGroup.train` takes it.
    keys : uint64 (lanes,)
        Of the shuffles.
    inputs : float32 array
        The batch of inputs.
    loss : int64
        The loss table.
    by_lane : bool
        Whether targets are arranged network by network innermost, or row by row.
    """

    def __init__(
        self,
        data: tuple[NDArray[Any], ...],
        keys: NDArray[np.uint64],
        inputs: NDArray[np.float32],
        loss: NDArray[np.int64],
        *,
        by_lane: bool,
    ) -> None:
        # Imported, and so compiled, only for groups that need it.
        from neurosim.backends.cpu import lane_rows

        features, values, classes, weights = data
        places = (inputs.ctypes.data, loss[LossField.VALUES], loss[LossField.CLASSES], loss[LossField.ROW_WEIGHTS])
        arrays = (features, values, classes[..., None], weights[..., None])
        sources = [
            (address(array), array.shape[2], int(place), by_lane or place == places[0])
            for array, place in zip(arrays, places, strict=True)
            if array.shape[1]
        ]
        lanes = len(keys)
        self._memory = np.zeros((2, lanes), np.uint64), np.zeros(lanes, np.int32)
        orders, states = self._memory[0]
        head = (features.shape[1], lanes, address(keys), address(orders), address(states), address(self._memory[1]))
        self._table = np.array([*head, len(sources), *(word for source in sources for word in source)], np.int64)
        # What `lanes.train` is told: the two kernels, and the table.
        self.entries = lane_rows.shuffle.address, lane_rows.gather.address, address(self._table)


def are_few(data: tuple[NDArray[Any], ...], keys: NDArray[np.uint64]) -> bool:
    """Whether networks side by side, with these keys of their shuffles, share so few rows."""
    shared, rows = data[0].shape[:2]
    return len(keys) > 1 and shared == 1 and 0 < rows <= FEW_ROWS
