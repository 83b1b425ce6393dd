"""From an optimizer that looks at whole arrays to the table that `array_updates` works from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cpu import array_updates
from neurosim.backends.cpu.array_updates import COUNTED, MATRIX, MEAN, ROOT, Field
from neurosim.backends.cpu.groups import params_stride
from neurosim.backends.cpu.kernels import RuleKernels
from neurosim.backends.cpu.updates import CHUNK
from neurosim.network.network import Network
from neurosim.network.training import Settings, Training
from neurosim.plugin.reductions import IS_BIAS, ORTHOGONAL, SCOPES, Reduction

# What is summed up for an operation, and what becomes of it.
_MEASURES = {
    "sum": (array_updates.SUM, 0),
    "mean": (array_updates.SUM, MEAN),
    "l1": (array_updates.ABSOLUTE, 0),
    "l2": (array_updates.SQUARES, ROOT),
    "rms": (array_updates.SQUARES, MEAN | ROOT),
    "largest": (array_updates.LARGEST, 0),
    "count": (array_updates.SUM, COUNTED),
    ORTHOGONAL: (array_updates.SQUARES, 0),
}
# float32 numbers in a cache line.
_LINE = 16


class ArrayTable:
    """The table for one network, with all that it refers to.

    Parameters
    ----------
    network, training : Network, Training
        What is trained, and how.
    kernels : RuleKernels
        Of the optimizer.
    parameters, gradient, state : float32 arrays
        The flat vectors.
    threads : int
        The most that will work on it.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        kernels: RuleKernels,
        parameters: NDArray[np.float32],
        gradient: NDArray[np.float32],
        state: NDArray[np.float32],
        threads: int,
    ) -> None:
        self._keep: list[NDArray[Any]] = []
        rule = training.optimizer.record
        names = list(rule.reductions)
        spread = [name for name, reduction in rule.parsed.items() if reduction.is_spread]
        vectors = {"w": parameters, "g": gradient, "u": gradient, **dict(zip(rule.slots, state, strict=False))}
        arrays, chunks = _divided(network)
        widest = max(array.matrix[1] for array in network.learned)
        orthogonal = any(reduction.operation == ORTHOGONAL for reduction in rule.parsed.values())
        room_for_matrices = max(2 * (a.size + min(a.matrix) ** 2) for a in network.learned) if orthogonal else 0
        places: list[list[int]] = []
        count = 0
        for kernel in kernels.parts:
            room = -(-kernel.count // _LINE) * _LINE + _LINE
            places.append([count, count + room])
            count += 2 * room

        def due(reduction: Reduction) -> list[int]:
            row = spread.index(reduction.name) if reduction.is_spread else 0
            source = vectors[reduction.of].ctypes.data
            scope = MATRIX if reduction.operation == ORTHOGONAL else SCOPES.index(reduction.scope)
            return [names.index(reduction.name), source, *_MEASURES[reduction.operation], scope, row]

        rows = []
        for part, kernel, place in zip(rule.parts, kernels.parts, places, strict=True):
            dues = np.array([due(reduction) for reduction in part.before], np.int64)
            rows.append([kernel.function, kernel.constants, 0, 0, 0, *place, self._address(dues), len(dues)])
        self._training = training
        self._parts = np.array(rows, np.int64)
        self._params: list[NDArray[np.float64]] = []
        self.set_params(training.unscheduled)
        table = np.zeros(len(Field), np.int64)
        table[Field.PARAMETERS], table[Field.GRADIENT] = parameters.ctypes.data, gradient.ctypes.data
        table[Field.STATE], table[Field.SIZE] = state.ctypes.data, network.size
        table[Field.CHUNKS], table[Field.CHUNK_COUNT] = self._address(chunks), len(chunks)
        table[Field.ARRAYS], table[Field.ARRAY_COUNT] = self._address(arrays), len(arrays)
        table[Field.REDUCTION_COUNT] = len(names)
        table[Field.PARTIALS] = self._address(np.zeros((len(chunks), max(len(names), 1))))
        table[Field.VALUES] = self._address(np.zeros((len(arrays), max(len(names), 1)), np.float32))
        table[Field.SPREAD] = self._address(np.zeros((len(spread), network.size), np.float32))
        table[Field.COLUMN_SUMS] = self._address(np.zeros((threads if spread else 0, widest)))
        table[Field.WIDEST] = widest
        table[Field.MATRICES] = self._address(np.zeros((threads, room_for_matrices), np.float32))
        table[Field.MATRIX_COUNT] = room_for_matrices
        table[Field.PARTS], table[Field.PART_COUNT] = self._address(self._parts), len(rows)
        table[Field.CONSTANTS] = self._address(np.zeros((threads, count), np.float32))
        table[Field.CONSTANT_COUNT] = count
        self.address = self._address(table)

    def set_params(self, settings: Settings) -> None:
        """Have the optimizer's parameters for the steps that come next."""
        self._params = []
        for part, row in zip(self._training.optimizer.record.parts, self._parts, strict=True):
            for is_bias, place in ((False, array_updates.WEIGHT_PARAMS), (True, array_updates.BIAS_PARAMS)):
                flags = (float(is_bias),) if IS_BIAS in part.helpers else ()
                numbers = self._training.numbers(settings, is_bias=is_bias, flags=flags)
                self._params.append(numbers)
                row[place] = numbers.ctypes.data
            row[array_updates.PARAMS_STRIDE] = params_stride(numbers)

    def _address(self, array: NDArray[Any]) -> int:
        array = np.ascontiguousarray(array)
        self._keep.append(array)
        return int(array.ctypes.data)


def _divided(network: Network) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The arrays of a network and their chunks, as the table has them."""
    arrays: list[list[int]] = []
    chunks: list[list[int]] = []
    for number, array in enumerate(network.learned):
        first = len(chunks)
        for start in range(array.span.start, array.span.stop, CHUNK):
            chunks.append([number, start, min(CHUNK, array.span.stop - start)])
        arrays.append([first, len(chunks) - first, array.offset, *array.matrix, array.is_bias])
    return np.array(arrays, np.int64), np.array(chunks, np.int64)
