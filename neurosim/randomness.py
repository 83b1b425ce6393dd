"""Random numbers that are a function of their purpose.

Every random number in neurosim is a hash of (seed, purpose, index): no generator has a state. So a shuffle or a
dropout mask is the same on every backend, for any number of threads, and after a resume, and one purpose never
disturbs another.

* `key` folds a seed and a purpose into 64 bits with the finalizer of SplitMix64 (Steele, Lea and
  Flood 2014).
* `Stream` draws host-side numbers (initial values, data sets, splits) from SplitMix64 at a counter.
* `row_keys` and `uniform_bits` define the 32-bit numbers of dropout: two words per row, then one
  keyed integer hash per unit (the low-bias hash of Wellons 2018). The compiled backends reimplement these two and
  `permutation`; tests compare them with this file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.elementary import cos, log

MASK64 = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
Shape = int | Sequence[int]


def mix64(value: int) -> int:
    """The finalizer of SplitMix64 on a 64-bit integer."""
    value &= MASK64
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK64
    return value ^ (value >> 31)


def key(seed: int, *purpose: int | str) -> int:
    """Fold a seed and a purpose (words and numbers) into a 64-bit key."""
    state = mix64(seed + GOLDEN)
    for word in _words_of(purpose):
        state = fold(state, word)
    return state


def _words_of(purpose: Sequence[int | str]) -> Iterator[int]:
    """The numbers of a purpose; a word is its length and its bytes."""
    for part in purpose:
        yield from [part] if isinstance(part, int) else [len(part), *part.encode()]


def fold(state: int, word: int) -> int:
    """The key of a purpose that has one more word than the purpose of the key `state`."""
    return mix64((state ^ (word & MASK64)) + GOLDEN)


def keys(seeds: Sequence[int], *purpose: int | str) -> NDArray[np.uint64]:
    """The `key` of each seed for one purpose, shape (seeds,)."""
    golden = np.uint64(GOLDEN)
    states = _mix64_array(np.array(seeds, np.uint64) + golden)
    for word in _words_of(purpose):
        states = _mix64_array((states ^ np.uint64(word & MASK64)) + golden)
    return states


def _mix64_array(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def words(stream_key: int | NDArray[np.uint64], start: int, count: int) -> NDArray[np.uint64]:
    """The 64-bit words from number `start` to `start + count` of the stream with this key, shape (count,).

    For a column of keys, a row of words for each.
    """
    counter = np.arange(start + 1, start + count + 1, dtype=np.uint64)
    first = stream_key if isinstance(stream_key, np.ndarray) else np.uint64(stream_key)
    return _mix64_array(first + counter * np.uint64(GOLDEN))


def permutation(stream_key: int, count: int) -> NDArray[np.int64]:
    """A permutation of ``range(count)``: Fisher-Yates, swap number i using word i of the key."""
    order = list(range(count))
    high = (words(stream_key, 0, count) >> np.uint64(32)).tolist()
    for last in range(count - 1, 0, -1):
        other = (high[last] * (last + 1)) >> 32
        order[last], order[other] = order[other], order[last]
    return np.array(order, dtype=np.int64)


def row_keys(stream_key: int, rows: NDArray[Any]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The two 32-bit keys of each row, for `uniform_bits`; `rows` are row numbers (any shape)."""
    word = _mix64_array(np.uint64(stream_key) + (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN))
    return (word >> np.uint64(32)).astype(np.uint32), word.astype(np.uint32)


def uniform_bits(stream_key: int, rows: NDArray[Any], units: int) -> NDArray[np.uint32]:
    """32 random bits for each unit of each row, shape (rows, units)."""
    first, second = (part[:, None] for part in row_keys(stream_key, rows))
    bits = np.arange(units, dtype=np.uint32)[None, :] + first
    bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(0x7FEB352D)
    bits = (bits ^ (bits >> np.uint32(15)) ^ second) * np.uint32(0x846CA68B)
    return bits ^ (bits >> np.uint32(16))


def drop_below(rate: float) -> int:
    """A unit is dropped if its 32 bits are below this: a share `rate` of all 2**32 values."""
    return min(round(rate * 2**32), 2**32 - 1)


class Stream:
    """Random numbers for one purpose, drawn one after another.

    Parameters
    ----------
    seed : int
        The seed of the scenario, or of its data.
    *purpose : int or str
        The purpose of the numbers; different purposes give independent streams.
    """

    def __init__(self, seed: int, *purpose: int | str) -> None:
        self._key = key(seed, *purpose)
        self._position = 0

    def _words(self, count: int) -> NDArray[np.uint64]:
        start, self._position = self._position, self._position + count
        return words(self._key, start, count)

    def __getattr__(self, name: str) -> Any:
        # Authors of plugins know other generators.
        has = "uniform(low, high, shape), normal(mean, deviation, shape) and permutation(count)"
        raise AttributeError(f"random has no {name!r}; it has {has}")

    def uniform(self, low: float = 0.0, high: float = 1.0, shape: Shape = ()) -> NDArray[np.float64]:
        """Uniform float64 numbers in [low, high)."""
        _check_numbers("uniform(low, high, shape)", low, high)
        count = math.prod(shape) if isinstance(shape, Sequence) else shape
        unit = (self._words(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return self._shaped(low + (high - low) * unit, shape)

    def normal(self, mean: float = 0.0, deviation: float = 1.0, shape: Shape = ()) -> NDArray[np.float64]:
        """Normal float64 numbers (Box and Muller 1958)."""
        _check_numbers("normal(mean, deviation, shape)", mean, deviation)
        count = math.prod(shape) if isinstance(shape, Sequence) else shape
        # Not the uniform numbers themselves, of which one may be 0.
        radius = np.sqrt(-2.0 * log(1.0 - self.uniform(shape=count)))
        angle = 2.0 * np.pi * self.uniform(shape=count)
        return self._shaped(mean + deviation * radius * cos(angle), shape)

    def _shaped(self, numbers: NDArray[np.float64], shape: Shape) -> NDArray[np.float64]:
        return numbers.reshape(shape)

    def permutation(self, count: int) -> NDArray[np.int64]:
        """A permutation of ``range(count)``."""
        return permutation(int(self._words(1)[0]), count)


class Streams(Stream):
    """The streams of many seeds for one purpose; what is drawn has a first axis of seeds.

    Each seed's numbers are those of its own `Stream`.
    """

    def __init__(self, seeds: Sequence[int], *purpose: int | str) -> None:
        self._keys = keys(seeds, *purpose)[:, np.newaxis]
        self._position = 0

    def _words(self, count: int) -> NDArray[np.uint64]:
        start, self._position = self._position, self._position + count
        return words(self._keys, start, count)

    def _shaped(self, numbers: NDArray[np.float64], shape: Shape) -> NDArray[np.float64]:
        return numbers.reshape((len(self._keys), *(shape if isinstance(shape, Sequence) else (shape,))))


def _check_numbers(call: str, *numbers: object) -> None:
    if any(isinstance(number, tuple | list) for number in numbers):
        raise TypeError(f"call it as random.{call}: there is a shape where a number should be")
